//! What a request asks for, in short.

use bytes::Bytes;
use ottla_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use ottla_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use ottla_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use ottla_protocol::records::Batch;
use ottla_protocol::types::{TopicName, Uuid};

/// Rows of one summary; a request with more says how many are missing.
const MAX_SUMMARY_ROWS: usize = 100;

/// What a request asks for, as far as tests have asked about it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestSummary {
    /// Any other API: what it is about is in its answer.
    Other,
    /// Produce.
    Produce {
        /// `acks`.
        acks: i16,
        /// The first partitions that it has batches for.
        partitions: Vec<ProducedPartition>,
        /// How many more there are.
        left_out: usize,
    },
    /// Fetch.
    Fetch {
        /// Its session; 0 is none.
        session_id: i32,
        /// Where the session is.
        session_epoch: i32,
        /// The first partitions that it names; its session may have more.
        partitions: Vec<FetchedPartition>,
        /// How many more it names.
        left_out: usize,
    },
    /// OffsetCommit.
    OffsetCommit {
        /// The group.
        group: String,
        /// The member; empty for a consumer that is in no group.
        member_id: String,
        /// Its generation; -1 for a consumer that is in no group.
        generation_id: i32,
        /// The first offsets.
        partitions: Vec<CommittedPartition>,
        /// How many more there are.
        left_out: usize,
    },
    /// JoinGroup, SyncGroup, Heartbeat, LeaveGroup.
    Member {
        /// The group.
        group: String,
        /// The member; empty before it has an id, and for several at once.
        member_id: String,
        /// Its generation, where the API has one.
        generation_id: Option<i32>,
    },
}

/// A partition of a Produce request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProducedPartition {
    /// The topic's name, or its id where the request has no name.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// Bytes of its batch.
    pub bytes: usize,
    /// What the batch's header says; `None` if it has none that can be read.
    pub header: Option<ProducedHeader>,
}

/// What the header of a batch says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProducedHeader {
    /// The producer's id; -1 without one.
    pub producer_id: i64,
    /// The producer's epoch; -1 without one.
    pub producer_epoch: i16,
    /// The sequence of the first record; -1 without one.
    pub base_sequence: i32,
    /// How many records.
    pub record_count: i32,
    /// The checksum that the producer made.
    pub crc: u32,
}

/// A partition of a Fetch request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchedPartition {
    /// The topic's name, or its id where the request has no name.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// From where on.
    pub fetch_offset: i64,
    /// The leader epoch that the client believes in; -1 for none.
    pub current_leader_epoch: i32,
}

/// A partition of an OffsetCommit request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommittedPartition {
    /// The topic's name, or its id where the request has no name.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}

impl RequestSummary {
    pub(crate) fn member(group: &str, member_id: &str, generation_id: Option<i32>) -> Self {
        Self::Member { group: group.to_owned(), member_id: member_id.to_owned(), generation_id }
    }
}

/// The first of many rows, and how many are left out.
pub(crate) fn summary_rows<T>(rows: impl Iterator<Item = T>) -> (Vec<T>, usize) {
    let mut rows = rows;
    (rows.by_ref().take(MAX_SUMMARY_ROWS).collect(), rows.count())
}

impl ProducedPartition {
    pub(crate) fn new(topic: &TopicProduceData, data: &PartitionProduceData) -> Self {
        Self {
            topic: name_or_id(&topic.name, topic.topic_id),
            partition: data.index,
            bytes: data.records.as_ref().map_or(0, Bytes::len),
            header: data.records.as_ref().and_then(ProducedHeader::read),
        }
    }
}

impl ProducedHeader {
    fn read(records: &Bytes) -> Option<Self> {
        let batch = Batch::parse(records.clone()).ok()?;
        let header = batch.header()?;
        Some(Self {
            producer_id: header.producer_id,
            producer_epoch: header.producer_epoch,
            base_sequence: header.base_sequence,
            record_count: header.record_count,
            crc: header.crc,
        })
    }
}

impl FetchedPartition {
    pub(crate) fn new(topic: &FetchTopic, asked: &FetchPartition) -> Self {
        Self {
            topic: name_or_id(&topic.topic, topic.topic_id),
            partition: asked.partition,
            fetch_offset: asked.fetch_offset,
            current_leader_epoch: asked.current_leader_epoch,
        }
    }
}

impl CommittedPartition {
    pub(crate) fn new(topic: &OffsetCommitRequestTopic, asked: &OffsetCommitRequestPartition) -> Self {
        Self {
            topic: name_or_id(&topic.name, topic.topic_id),
            partition: asked.partition_index,
            offset: asked.committed_offset,
        }
    }
}

fn name_or_id(name: &TopicName, id: Uuid) -> String {
    if name.is_empty() { id.to_string() } else { name.to_string() }
}
