//! Brokers as tests see them over a socket of their own, since tests of a client should not prepare themselves with
//! that client: topics are made and waited for, batches and groups looked at. Not an admin client: a few requests in
//! fixed versions that every broker since Kafka 2.8 has; those for topics since 2.1.

use bytes::{Bytes, BytesMut};
use ottla_protocol::compression::Compression;
use ottla_protocol::frame::{FrameBuf, decode_response_header, encode_request, split_frame};
use ottla_protocol::message::{Message, Request};
use ottla_protocol::messages::create_topics_request::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use ottla_protocol::messages::describe_groups_request::DescribeGroupsRequest;
use ottla_protocol::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use ottla_protocol::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};
use ottla_protocol::messages::metadata_response::MetadataResponse;
use ottla_protocol::records::{Batch, RecordSet};
use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(30);

/// A topic to be made.
#[derive(Clone, Debug)]
pub struct NewTopic<'a> {
    /// Its name.
    pub name: &'a str,
    /// How many partitions.
    pub partitions: i32,
    /// How many replicas of each.
    pub replicas: i16,
    /// Its configs.
    pub configs: &'a [(&'a str, &'a str)],
}

/// Creates a topic that keeps records of any age, and waits until every broker knows the leaders of all partitions.
///
/// # Panics
/// If the cluster does not do it.
pub fn create_topic(bootstrap_servers: &str, topic: &NewTopic<'_>) {
    let mut creatable = CreatableTopic::default();
    creatable.name = topic.name.into();
    creatable.num_partitions = topic.partitions;
    creatable.replication_factor = topic.replicas;
    for (name, value) in [("retention.ms", "-1")].iter().chain(topic.configs) {
        let mut config = CreatableTopicConfig::default();
        config.name = (*name).into();
        config.value = Some((*value).into());
        creatable.configs.push(config);
    }
    let mut request = CreateTopicsRequest::default();
    request.topics.push(creatable);
    let first = bootstrap_servers.split(',').next().expect("an address");
    let response = Peer::connect(first).ask(&request, 3);
    let result = &response.topics[0];
    assert_eq!(result.error_code, 0, "cannot create {}: {:?}", topic.name, result.error_message);
    wait_for(bootstrap_servers, topic.name, topic.partitions);
}

/// Whether a topic exists, as the first broker sees it; asking does not create it.
///
/// # Panics
/// If no broker answers.
#[must_use]
pub fn topic_exists(bootstrap_servers: &str, name: &str) -> bool {
    let first = bootstrap_servers.split(',').next().expect("an address");
    let response = describe(&mut Peer::connect(first), name);
    response.topics[0].error_code == 0
}

/// A batch as it lies in a log.
#[derive(Clone, Debug)]
pub struct StoredBatch {
    /// By what it is compressed.
    pub compression: Compression,
    /// How many records it has.
    pub records: i32,
    /// Its bytes, compressed, with its header.
    pub bytes: usize,
}

/// The compressions of the first batches of a topic's first partition.
///
/// # Panics
/// If no broker has them.
#[must_use]
pub fn compressions(bootstrap_servers: &str, name: &str) -> BTreeSet<Compression> {
    stored_batches(bootstrap_servers, name, 0).iter().map(|batch| batch.compression).collect()
}

/// The first batches of a partition, 8 MiB of them.
///
/// # Panics
/// If no broker has them.
#[must_use]
pub fn stored_batches(bootstrap_servers: &str, name: &str, partition: i32) -> Vec<StoredBatch> {
    let mut wanted = FetchPartition::default();
    wanted.partition = partition;
    wanted.partition_max_bytes = 8 << 20;
    let mut topic = FetchTopic::default();
    topic.topic = name.into();
    topic.partitions.push(wanted);
    let mut request = FetchRequest::default();
    request.max_bytes = 8 << 20;
    request.topics.push(topic);
    let answers = bootstrap_servers.split(',').map(|address| {
        let mut response = Peer::connect(address).ask(&request, 12);
        response.responses[0].partitions.remove(0)
    });
    let mut leaders = answers.filter(|answer| answer.error_code == 0);
    let answer = leaders.next().unwrap_or_else(|| panic!("nobody leads {name}-{partition}"));
    let batches = RecordSet::new(answer.records.unwrap_or_default());
    batches.map(|batch| stored(&batch.expect("a whole batch"))).collect()
}

fn stored(batch: &Batch) -> StoredBatch {
    let compression = Compression::from_id(batch.attributes().compression_id()).expect("a known compression");
    let records = batch.record_count().expect("a batch of today's format");
    StoredBatch { compression, records, bytes: batch.size_in_bytes() }
}

/// Waits until a group has exactly so many members and none is on its way, on a cluster of one broker.
///
/// # Panics
/// If that takes too long.
pub fn wait_for_members(bootstrap_servers: &str, group: &str, count: usize) {
    let mut request = DescribeGroupsRequest::default();
    request.groups.push(group.into());
    let mut peer = Peer::connect(bootstrap_servers);
    let deadline = Instant::now() + LIMIT;
    loop {
        let found = peer.ask(&request, 5).groups.remove(0);
        if found.group_state == *"Stable" && found.members.len() == count {
            return;
        }
        let (state, members) = (&found.group_state, found.members.len());
        assert!(Instant::now() < deadline, "{group} is {state} with {members} members after {LIMIT:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A partition as one broker sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionState {
    /// The node that leads it; negative for none.
    pub leader: i32,
    /// The replicas that are in sync.
    pub in_sync: Vec<i32>,
}

/// How the broker at this address sees a topic's partitions; it may be dead.
///
/// # Errors
/// No connection, or no answer within two seconds.
///
/// # Panics
/// If the answer is none.
pub fn partition_states(address: &str, topic: &str) -> io::Result<Vec<PartitionState>> {
    let mut peer = Peer::try_connect(address, Duration::from_secs(2))?;
    let response = peer.try_ask(&topic_request(topic), METADATA_VERSION)?;
    let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
    let state = partitions.map(|partition| PartitionState {
        leader: partition.leader_id.0,
        in_sync: partition.isr_nodes.iter().map(|node| node.0).collect(),
    });
    Ok(state.collect())
}

fn wait_for(bootstrap_servers: &str, name: &str, partitions: i32) {
    let deadline = Instant::now() + LIMIT;
    for address in bootstrap_servers.split(',') {
        let mut peer = Peer::connect(address);
        while led(&describe(&mut peer, name)) != partitions as usize {
            assert!(Instant::now() < deadline, "{address} does not know {name} after {LIMIT:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn led(response: &MetadataResponse) -> usize {
    let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
    partitions.filter(|partition| partition.error_code == 0 && partition.leader_id.0 >= 0).count()
}

const METADATA_VERSION: i16 = 7;

fn describe(peer: &mut Peer, name: &str) -> MetadataResponse {
    peer.ask(&topic_request(name), METADATA_VERSION)
}

fn topic_request(name: &str) -> MetadataRequest {
    let mut topic = MetadataRequestTopic::default();
    topic.name = Some(name.into());
    let mut request = MetadataRequest::default();
    request.topics = Some(vec![topic]);
    request.allow_auto_topic_creation = false;
    request
}

struct Peer {
    stream: TcpStream,
    received: BytesMut,
}

impl Peer {
    fn connect(address: &str) -> Self {
        Self::try_connect(address, LIMIT).unwrap_or_else(|error| panic!("{address}: {error}"))
    }

    fn try_connect(address: &str, limit: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(limit))?;
        Ok(Self { stream, received: BytesMut::new() })
    }

    fn ask<R: Request>(&mut self, request: &R, version: i16) -> R::Response {
        self.try_ask(request, version).expect("the broker answers")
    }

    fn try_ask<R: Request>(&mut self, request: &R, version: i16) -> io::Result<R::Response> {
        let mut frame = FrameBuf::new();
        encode_request(&mut frame, request, version, 1, None).expect("a request of that version");
        self.stream.write_all(&frame.into_bytes())?;
        let frame = self.read_frame()?;
        let api = R::API_KEY.api().expect("a known API");
        let (_, body) =
            decode_response_header(&frame, api.response_header_version(version)).expect("a header");
        Ok(R::Response::decode(&body, version).expect("an answer"))
    }

    fn read_frame(&mut self) -> io::Result<Bytes> {
        let mut buffer = [0; 4096];
        loop {
            if let Some(frame) = split_frame(&mut self.received, 1 << 24).expect("a frame") {
                return Ok(frame);
            }
            let read = self.stream.read(&mut buffer)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.received.extend_from_slice(&buffer[..read]);
        }
    }
}
