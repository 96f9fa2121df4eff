//! ListOffsets, v1 to v11.

use std::collections::BTreeSet;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::message::VersionRange;
use ottla_protocol::messages::list_offsets_request::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use ottla_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsResponse, ListOffsetsTopicResponse,
};

use crate::cluster::{Answer, Call, Cluster};
use crate::faults::At;
use crate::log::OffsetAt;
use crate::replica::Replica;
use crate::subject::{About, Part};

pub(crate) const VERSIONS: VersionRange = VersionRange::new(1, 11);

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
/// KIP-734, from v7 on.
const MAX_TIMESTAMP: i64 = -3;
/// The first offset on the broker's own disk (KIP-405), from v8 on: all of them are.
const EARLIEST_LOCAL: i64 = -4;
/// The last offset in tiered storage (KIP-1005), from v9 on: there is none.
const LATEST_TIERED: i64 = -5;
/// The first offset that tiered storage does not have yet (KIP-1023), from v11 on.
const EARLIEST_PENDING_UPLOAD: i64 = -6;
/// The first version with leader epochs in its answer.
const FIRST_VERSION_WITH_EPOCH: i16 = 4;
/// The first version with an error of its own for a leader that is too new to know (KIP-207).
const FIRST_VERSION_WITH_NOT_AVAILABLE: i16 = 5;

impl About for ListOffsetsRequest {
    fn parts(&self, _cluster: &Cluster, _call: &Call) -> Vec<Part> {
        let of_topic = |topic: &ListOffsetsTopic| {
            let part =
                |asked: &ListOffsetsPartition| Part::partition(Some(&topic.name), asked.partition_index);
            topic.partitions.iter().map(part).collect::<Vec<_>>()
        };
        self.topics.iter().flat_map(of_topic).collect()
    }
}

pub(crate) fn handle(
    cluster: &mut Cluster,
    call: &Call,
    request: ListOffsetsRequest,
) -> Answer<ListOffsetsResponse> {
    let mut response = ListOffsetsResponse::default();
    let mut seen = BTreeSet::new();
    for topic in request.topics {
        let found = cluster.topics.named(&topic.name);
        let mut answer = ListOffsetsTopicResponse::default();
        for asked in &topic.partitions {
            let is_first = seen.insert((topic.name.clone(), asked.partition_index));
            let partition = found
                .and_then(|topic| topic.partition(asked.partition_index))
                .ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
            let result = call
                .fault_of_read(At::partition(Some(&topic.name), asked.partition_index))
                .and(partition)
                .and_then(|partition| {
                    // Looking a timestamp up can cost much: once per partition, as in Kafka.
                    is_first.then_some(()).ok_or(ErrorCode::INVALID_REQUEST)?;
                    // Consumers read positions from the leader only.
                    let replica = partition.led_by(call.node, asked.current_leader_epoch)?;
                    look_up(call.version, replica, asked)
                });
            let mut row = ListOffsetsPartitionResponse::default();
            row.partition_index = asked.partition_index;
            match result {
                Ok(Some(at)) => {
                    row.offset = at.offset;
                    row.timestamp = at.timestamp;
                    if call.version >= FIRST_VERSION_WITH_EPOCH {
                        row.leader_epoch = at.leader_epoch;
                    }
                }
                // No record is that young: success without an offset.
                Ok(None) => {}
                Err(error) => row.error_code = error.0,
            }
            answer.partitions.push(row);
        }
        answer.name = topic.name;
        response.topics.push(answer);
    }
    Answer::Now(response)
}

fn look_up(
    version: i16,
    replica: &Replica,
    asked: &ListOffsetsPartition,
) -> Result<Option<OffsetAt>, ErrorCode> {
    let log = &replica.log;
    let at = |offset, leader_epoch| Some(OffsetAt { offset, timestamp: -1, leader_epoch });
    let start = || at(log.start_offset(), replica.epochs.epoch_of(log.start_offset()).unwrap_or(-1));
    let high_watermark = replica.high_watermark();
    // A new leader does not know yet what its predecessor has committed: an answer could go back.
    let is_known =
        replica.leading.as_ref().is_some_and(|leading| leading.epoch_start_offset <= high_watermark);
    let unknown = if version >= FIRST_VERSION_WITH_NOT_AVAILABLE {
        ErrorCode::OFFSET_NOT_AVAILABLE
    } else {
        ErrorCode::LEADER_NOT_AVAILABLE
    };
    let committed = |found: Option<OffsetAt>| match found {
        Some(at) if at.offset < high_watermark => Ok(Some(at)),
        _ if is_known => Ok(None),
        _ => Err(unknown),
    };
    match asked.timestamp {
        // Without transactions read_committed ends there too.
        LATEST if is_known => Ok(at(high_watermark, replica.epochs.latest().unwrap_or(-1))),
        LATEST => Err(unknown),
        EARLIEST => Ok(start()),
        MAX_TIMESTAMP if version >= 7 => committed(log.max_timestamp()),
        EARLIEST_LOCAL if version >= 8 => Ok(start()),
        LATEST_TIERED if version >= 9 => Ok(at(-1, -1)),
        EARLIEST_PENDING_UPLOAD if version >= 11 => Ok(at(-1, -1)),
        timestamp if timestamp < 0 => Err(ErrorCode::UNSUPPORTED_VERSION),
        timestamp => committed(log.first_at_or_after(timestamp)),
    }
}
