//! DeleteRecords, v0 to v2.
//!
//! Answered as soon as the leader has moved its log start; Kafka waits until all live replicas have.

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::message::VersionRange;
use ottla_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};
use ottla_protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsResponse, DeleteRecordsTopicResult,
};
use ottla_protocol::types::TopicName;

use crate::cluster::{Answer, Call, Cluster};
use crate::faults::At;
use crate::subject::{About, Part};

pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 2);

/// The offset that stands for the high watermark.
const HIGH_WATERMARK: i64 = -1;

impl About for DeleteRecordsRequest {
    fn parts(&self, _cluster: &Cluster, _call: &Call) -> Vec<Part> {
        let of_topic = |topic: &DeleteRecordsTopic| {
            let part =
                |asked: &DeleteRecordsPartition| Part::partition(Some(&topic.name), asked.partition_index);
            topic.partitions.iter().map(part).collect::<Vec<_>>()
        };
        self.topics.iter().flat_map(of_topic).collect()
    }
}

pub(crate) fn handle(
    cluster: &mut Cluster,
    call: &Call,
    request: DeleteRecordsRequest,
) -> Answer<DeleteRecordsResponse> {
    let mut response = DeleteRecordsResponse::default();
    for topic in request.topics {
        let mut answer = DeleteRecordsTopicResult::default();
        for asked in &topic.partitions {
            let mut row = DeleteRecordsPartitionResult::default();
            row.partition_index = asked.partition_index;
            match delete(cluster, call, &topic.name, asked.partition_index, asked.offset) {
                Ok(low_watermark) => row.low_watermark = low_watermark,
                Err(error) => {
                    row.low_watermark = -1;
                    row.error_code = error.0;
                }
            }
            answer.partitions.push(row);
        }
        answer.name = topic.name;
        response.topics.push(answer);
    }
    Answer::Now(response)
}

fn delete(
    cluster: &mut Cluster,
    call: &Call,
    name: &TopicName,
    index: i32,
    offset: i64,
) -> Result<i64, ErrorCode> {
    let at = At::partition(Some(name), index);
    call.fault(at)?;
    let topic = cluster.topics.named(name).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
    let partition = topic.partition(index).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
    let replica = partition.led_by(call.node, -1)?;
    if !topic.config.delete {
        return Err(ErrorCode::POLICY_VIOLATION);
    }
    let offset = if offset == HIGH_WATERMARK { replica.high_watermark() } else { offset };
    if offset < 0 || offset > replica.high_watermark() {
        return Err(ErrorCode::OFFSET_OUT_OF_RANGE);
    }
    let id = (topic.id, index);
    cluster.delete_records(id, call.node, offset);
    call.fault_after(at)?;
    let partition = cluster.topics.partition(id).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
    Ok(partition.led_by(call.node, -1)?.log.start_offset())
}
