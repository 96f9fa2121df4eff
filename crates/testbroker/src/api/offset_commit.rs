//! OffsetCommit, v2 to v10 (topic ids from v10 on, KIP-848). Retention times, which v2 to v4 may carry, are ignored.

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::message::VersionRange;
use ottla_protocol::messages::offset_commit_request::{OffsetCommitRequest, OffsetCommitRequestPartition};
use ottla_protocol::messages::offset_commit_response::{
    OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use ottla_protocol::types::Str;

use crate::cluster::{Answer, Call, Cluster};
use crate::coordinators::CoordinatorKind;
use crate::faults::At;
use crate::group::{Identity, MemberId};
use crate::journal::{CommittedPartition, JournalEvent, RequestSummary, summary_rows};
use crate::offsets::CommittedOffset;
use crate::subject::{About, Part};
use crate::topic::TopicKey;

pub(crate) const VERSIONS: VersionRange = VersionRange::new(2, 10);

/// The first version that names topics by id.
const FIRST_VERSION_BY_ID: i16 = 10;

impl About for OffsetCommitRequest {
    fn parts(&self, cluster: &Cluster, call: &Call) -> Vec<Part> {
        let mut parts = Vec::new();
        for topic in &self.topics {
            let key = TopicKey::of(call.version, FIRST_VERSION_BY_ID, &topic.name, topic.topic_id);
            let name = cluster.topics.name_of(&key);
            let part = |asked: &OffsetCommitRequestPartition| {
                Part::partition(name.as_ref(), asked.partition_index).of_group(&self.group_id)
            };
            parts.extend(topic.partitions.iter().map(part));
        }
        parts
    }

    fn summary(&self) -> RequestSummary {
        let rows = self.topics.iter().flat_map(|topic| {
            let row = |asked| CommittedPartition::new(topic, asked);
            topic.partitions.iter().map(row)
        });
        let (partitions, left_out) = summary_rows(rows);
        RequestSummary::OffsetCommit {
            group: self.group_id.to_string(),
            member_id: self.member_id.to_string(),
            generation_id: self.generation_id_or_member_epoch,
            partitions,
            left_out,
        }
    }
}

pub(crate) fn handle(
    cluster: &mut Cluster,
    call: &Call,
    request: OffsetCommitRequest,
) -> Answer<OffsetCommitResponse> {
    let checked = check(cluster, call, &request);
    cluster.settle_group(&request.group_id);
    let mut response = OffsetCommitResponse::default();
    for topic in &request.topics {
        let key = TopicKey::of(call.version, FIRST_VERSION_BY_ID, &topic.name, topic.topic_id);
        let mut answer = OffsetCommitResponseTopic::default();
        for asked in &topic.partitions {
            let result = commit(cluster, call, &request, checked, &key, asked);
            let mut row = OffsetCommitResponsePartition::default();
            row.partition_index = asked.partition_index;
            row.error_code = result.err().unwrap_or(ErrorCode::NONE).0;
            answer.partitions.push(row);
        }
        answer.name = topic.name.clone();
        answer.topic_id = topic.topic_id;
        response.topics.push(answer);
    }
    Answer::Now(response)
}

/// Commits one offset, if the request as a whole is `checked`.
fn commit(
    cluster: &mut Cluster,
    call: &Call,
    request: &OffsetCommitRequest,
    checked: Result<(), ErrorCode>,
    key: &TopicKey,
    asked: &OffsetCommitRequestPartition,
) -> Result<(), ErrorCode> {
    let (group, partition) = (&request.group_id, asked.partition_index);
    let name = cluster.topics.name_of(key);
    let at = At::partition(name.as_deref(), partition).of_group(group);
    call.fault(at)?;
    checked?;
    let topic = cluster.topics.find(key).ok_or(key.unknown())?;
    topic.partition(partition).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
    let committed = committed(asked, cluster.settings.offset_metadata_max_bytes)?;
    let found = cluster.groups.find_mut(group).ok_or(ErrorCode::COORDINATOR_NOT_AVAILABLE)?;
    found.offsets.commit(&topic.name, partition, committed);
    cluster.note(|_| JournalEvent::OffsetCommitted {
        group: group.to_string(),
        member_id: request.member_id.to_string(),
        generation_id: request.generation_id_or_member_epoch,
        topic: name.as_deref().unwrap_or_default().to_owned(),
        partition,
        offset: asked.committed_offset,
    });
    call.fault_after(at)
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
    asked: &OffsetCommitRequestPartition,
    max_metadata_bytes: usize,
) -> Result<CommittedOffset, ErrorCode> {
    let metadata = asked.committed_metadata.as_ref();
    if metadata.map_or(0, |metadata| metadata.len()) > max_metadata_bytes {
        return Err(ErrorCode::OFFSET_METADATA_TOO_LARGE);
    }
    Ok(CommittedOffset {
        offset: asked.committed_offset,
        leader_epoch: asked.committed_leader_epoch,
        metadata: metadata.map(Str::detach).unwrap_or_default(),
    })
}
