//! OffsetForLeaderEpoch, v2 to v4: where consumers check that their position was not truncated (KIP-320).

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::message::VersionRange;
use ottla_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use ottla_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderEpochResponse, OffsetForLeaderTopicResult,
};

use crate::cluster::{Answer, Call, Cluster};
use crate::faults::At;
use crate::subject::{About, Part};

pub(crate) const VERSIONS: VersionRange = VersionRange::new(2, 4);

impl About for OffsetForLeaderEpochRequest {
    fn parts(&self, _cluster: &Cluster, _call: &Call) -> Vec<Part> {
        let of_topic = |topic: &OffsetForLeaderTopic| {
            let part =
                |asked: &OffsetForLeaderPartition| Part::partition(Some(&topic.topic), asked.partition);
            topic.partitions.iter().map(part).collect::<Vec<_>>()
        };
        self.topics.iter().flat_map(of_topic).collect()
    }
}

pub(crate) fn handle(
    cluster: &mut Cluster,
    call: &Call,
    request: OffsetForLeaderEpochRequest,
) -> Answer<OffsetForLeaderEpochResponse> {
    let mut response = OffsetForLeaderEpochResponse::default();
    for topic in request.topics {
        let found = cluster.topics.named(&topic.topic);
        let mut answer = OffsetForLeaderTopicResult::default();
        for asked in &topic.partitions {
            let partition = found
                .and_then(|topic| topic.partition(asked.partition))
                .ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
            let result = call
                .fault_of_read(At::partition(Some(&topic.topic), asked.partition))
                .and(partition)
                .and_then(|partition| {
                    let replica = partition.led_by(call.node, asked.current_leader_epoch)?;
                    // An epoch that the leader does not know ends nowhere.
                    Ok(replica.end_of_epoch(asked.leader_epoch).unwrap_or((-1, -1)))
                });
            let mut row = EpochEndOffset::default();
            row.partition = asked.partition;
            match result {
                Ok((leader_epoch, end_offset)) => {
                    row.leader_epoch = leader_epoch;
                    row.end_offset = end_offset;
                }
                Err(error) => row.error_code = error.0,
            }
            answer.partitions.push(row);
        }
        answer.topic = topic.topic;
        response.topics.push(answer);
    }
    Answer::Now(response)
}
