//! OffsetFetch, v1 to v10 (several groups from v8 on, KIP-709; topic ids from v10 on, KIP-848).

use std::collections::{BTreeMap, BTreeSet};

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::message::VersionRange;
use ottla_protocol::messages::offset_fetch_request::{OffsetFetchRequest, OffsetFetchRequestGroup};
use ottla_protocol::messages::offset_fetch_response::{
    OffsetFetchResponse, OffsetFetchResponseGroup, OffsetFetchResponsePartition,
    OffsetFetchResponsePartitions, OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use ottla_protocol::types::{GroupId, Str, TopicName};

use crate::cluster::{Answer, Call, Cluster};
use crate::coordinators::CoordinatorKind;
use crate::offsets::CommittedOffset;
use crate::topic::TopicKey;

pub(crate) const VERSIONS: VersionRange = VersionRange::new(1, 10);

/// The first version that can ask for several groups.
const FIRST_VERSION_BATCHED: i16 = 8;
/// The first version that names topics by id.
const FIRST_VERSION_BY_ID: i16 = 10;
/// The first version with an error of the whole group.
const FIRST_VERSION_WITH_ERROR: i16 = 2;

pub(crate) fn handle(
    cluster: &mut Cluster,
    call: &Call,
    request: OffsetFetchRequest,
) -> Answer<OffsetFetchResponse> {
    let mut response = OffsetFetchResponse::default();
    if call.version >= FIRST_VERSION_BATCHED {
        // A group may come twice with different topics, but once with all of them is enough.
        let mut seen = BTreeSet::new();
        let mut groups = request.groups;
        groups.retain(|group| group.topics.is_some() || seen.insert(group.group_id.clone()));
        response.groups = groups.iter().map(|asked| group(cluster, call, asked)).collect();
        return Answer::Now(response);
    }
    let error = check(cluster, call, &request.group_id).err().unwrap_or(ErrorCode::NONE);
    response.error_code = error.0;
    match request.topics {
        None if error.is_error() => {}
        None => {
            for (topic, partitions) in all(cluster, &request.group_id) {
                let rows = partitions.iter().map(|(index, found)| old_row(*index, Some(found)));
                let mut row = OffsetFetchResponseTopic::default();
                row.name = topic.clone();
                row.partitions = rows.collect();
                response.topics.push(row);
            }
        }
        Some(topics) => {
            for topic in topics {
                let mut row = OffsetFetchResponseTopic::default();
                for &index in topic.partition_indexes.iter() {
                    let found = find(cluster, &request.group_id, &topic.name, index);
                    let mut partition = old_row(index, found.filter(|_| !error.is_error()));
                    // Before v2 the only place for it.
                    if call.version < FIRST_VERSION_WITH_ERROR {
                        partition.error_code = error.0;
                    }
                    row.partitions.push(partition);
                }
                row.name = topic.name;
                response.topics.push(row);
            }
        }
    }
    Answer::Now(response)
}

fn group(cluster: &Cluster, call: &Call, asked: &OffsetFetchRequestGroup) -> OffsetFetchResponseGroup {
    let mut response = OffsetFetchResponseGroup::default();
    response.group_id = asked.group_id.clone();
    if let Err(error) = check(cluster, call, &asked.group_id) {
        response.error_code = error.0;
        return response;
    }
    let Some(topics) = &asked.topics else {
        for (topic, partitions) in all(cluster, &asked.group_id) {
            let Some(existing) = cluster.topics.named(topic) else { continue };
            let mut row = OffsetFetchResponseTopics::default();
            row.name = topic.clone();
            row.topic_id = existing.id;
            row.partitions = partitions.iter().map(|(index, found)| new_row(*index, Some(found))).collect();
            response.topics.push(row);
        }
        return response;
    };
    for topic in topics {
        let key = TopicKey::of(call.version, FIRST_VERSION_BY_ID, &topic.name, topic.topic_id);
        let name = match &key {
            // What was committed for a name is told whether the topic exists or not.
            TopicKey::Name(name) => Ok(name.clone()),
            TopicKey::Id(_) => cluster.topics.find(&key).map(|topic| topic.name.clone()).ok_or(key.unknown()),
        };
        let rows = topic.partition_indexes.iter().map(|&index| match &name {
            Ok(name) => new_row(index, find(cluster, &asked.group_id, name, index)),
            Err(error) => {
                let mut row = new_row(index, None);
                row.error_code = error.0;
                row
            }
        });
        let mut row = OffsetFetchResponseTopics::default();
        row.partitions = rows.collect();
        row.name = topic.name.clone();
        row.topic_id = topic.topic_id;
        response.topics.push(row);
    }
    response
}

fn check(cluster: &Cluster, call: &Call, group: &str) -> Result<(), ErrorCode> {
    cluster.check_coordinator(CoordinatorKind::Group, call.node, group)
}

fn all<'a>(
    cluster: &'a Cluster,
    group: &GroupId,
) -> impl Iterator<Item = (&'a TopicName, &'a BTreeMap<i32, CommittedOffset>)> {
    cluster.groups.find(group).into_iter().flat_map(|group| group.offsets.iter())
}

fn find<'a>(cluster: &'a Cluster, group: &str, topic: &str, index: i32) -> Option<&'a CommittedOffset> {
    cluster.groups.find(group)?.offsets.find(topic, index)
}

fn old_row(index: i32, found: Option<&CommittedOffset>) -> OffsetFetchResponsePartition {
    let mut row = OffsetFetchResponsePartition::default();
    row.partition_index = index;
    row.committed_offset = found.map_or(-1, |found| found.offset);
    row.committed_leader_epoch = found.map_or(-1, |found| found.leader_epoch);
    row.metadata = Some(metadata(found));
    row
}

fn new_row(index: i32, found: Option<&CommittedOffset>) -> OffsetFetchResponsePartitions {
    let mut row = OffsetFetchResponsePartitions::default();
    row.partition_index = index;
    row.committed_offset = found.map_or(-1, |found| found.offset);
    row.committed_leader_epoch = found.map_or(-1, |found| found.leader_epoch);
    row.metadata = Some(metadata(found));
    row
}

fn metadata(found: Option<&CommittedOffset>) -> Str {
    found.map(|found| found.metadata.clone()).unwrap_or_default()
}
