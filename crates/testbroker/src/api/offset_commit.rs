//! OffsetCommit, v2 to v10 (topic ids from v10 on, KIP-848). Retention times, which v2 to v4 may carry, are ignored.

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::message::VersionRange;
use ottla_protocol::messages::offset_commit_request::{OffsetCommitRequest, OffsetCommitRequestPartition};
use ottla_protocol::messages::offset_commit_response::{
    OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};

use crate::cluster::{Answer, Call, Cluster};
use crate::coordinators::CoordinatorKind;
use crate::group::{Identity, MemberId};
use crate::offsets::CommittedOffset;
use crate::topic::TopicKey;

pub(crate) const VERSIONS: VersionRange = VersionRange::new(2, 10);

/// The first version that names topics by id.
const FIRST_VERSION_BY_ID: i16 = 10;

pub(crate) fn handle(
    cluster: &mut Cluster,
    call: &Call,
    request: OffsetCommitRequest,
) -> Answer<OffsetCommitResponse> {
    let checked = check(cluster, call, &request);
    cluster.settle_group(&request.group_id);
    let mut response = OffsetCommitResponse::default();
    for topic in request.topics {
        let key = TopicKey::of(call.version, FIRST_VERSION_BY_ID, &topic.name, topic.topic_id);
        let found = cluster.topics.find(&key).ok_or(key.unknown());
        let mut answer = OffsetCommitResponseTopic::default();
        for asked in topic.partitions {
            let mut row = OffsetCommitResponsePartition::default();
            row.partition_index = asked.partition_index;
            let result = checked.and(found).and_then(|topic| {
                topic.partition(asked.partition_index).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
                let committed = committed(asked, cluster.settings.offset_metadata_max_bytes)?;
                let group = cluster.groups.find_mut(&request.group_id);
                let group = group.ok_or(ErrorCode::COORDINATOR_NOT_AVAILABLE)?;
                group.offsets.commit(&topic.name, row.partition_index, committed);
                Ok(())
            });
            row.error_code = result.err().unwrap_or(ErrorCode::NONE).0;
            answer.partitions.push(row);
        }
        answer.name = topic.name;
        answer.topic_id = topic.topic_id;
        response.topics.push(answer);
    }
    Answer::Now(response)
}

fn check(cluster: &mut Cluster, call: &Call, request: &OffsetCommitRequest) -> Result<(), ErrorCode> {
    // A group without a name can keep offsets, but have no members.
    cluster.check_coordinator(CoordinatorKind::Group, call.node, &request.group_id)?;
    let generation_id = request.generation_id_or_member_epoch;
    let group = if generation_id < 0 {
        // A simple consumer makes the group that keeps its offsets.
        cluster.groups.find_or_insert(&request.group_id).ok_or(ErrorCode::COORDINATOR_NOT_AVAILABLE)?
    } else {
        cluster.groups.find_mut(&request.group_id).ok_or(ErrorCode::ILLEGAL_GENERATION)?
    };
    let sender = Identity {
        member_id: MemberId(request.member_id.clone()),
        instance_id: request.group_instance_id.clone(),
    };
    group.check_commit(call.now.instant, &sender, generation_id)
}

fn committed(
    asked: OffsetCommitRequestPartition,
    max_metadata_bytes: usize,
) -> Result<CommittedOffset, ErrorCode> {
    let metadata = asked.committed_metadata.unwrap_or_default();
    if metadata.len() > max_metadata_bytes {
        return Err(ErrorCode::OFFSET_METADATA_TOO_LARGE);
    }
    Ok(CommittedOffset {
        offset: asked.committed_offset,
        leader_epoch: asked.committed_leader_epoch,
        metadata: metadata.detach(),
    })
}
