//! OffsetFetch, v1 to v10 (several groups from v8 on, KIP-709; topic ids from v10 on, KIP-848).

use std::collections::{BTreeMap, BTreeSet};

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::message::VersionRange;
use ottla_protocol::messages::offset_fetch_request::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use ottla_protocol::messages::offset_fetch_response::{
    OffsetFetchResponse, OffsetFetchResponseGroup, OffsetFetchResponsePartition,
    OffsetFetchResponsePartitions, OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use ottla_protocol::types::{GroupId, Int32Array, Str, TopicName};

use crate::cluster::{Answer, Call, Cluster};
use crate::coordinators::CoordinatorKind;
use crate::faults::At;
use crate::offsets::CommittedOffset;
use crate::subject::{About, Part};
use crate::topic::TopicKey;

pub(crate) const VERSIONS: VersionRange = VersionRange::new(1, 10);

/// The first version that can ask for several groups.
const FIRST_VERSION_BATCHED: i16 = 8;
/// The first version that names topics by id.
const FIRST_VERSION_BY_ID: i16 = 10;
/// The first version with an error of the whole group.
const FIRST_VERSION_WITH_ERROR: i16 = 2;

impl About for OffsetFetchRequest {
    fn parts(&self, cluster: &Cluster, call: &Call) -> Vec<Part> {
        if call.version >= FIRST_VERSION_BATCHED {
            let topics = |topics: &Vec<OffsetFetchRequestTopics>| {
                let key = |topic: &OffsetFetchRequestTopics| {
                    TopicKey::of(call.version, FIRST_VERSION_BY_ID, &topic.name, topic.topic_id)
                };
                topics.iter().map(|topic| (key(topic), topic.partition_indexes.clone())).collect()
            };
            let parts = |group: &OffsetFetchRequestGroup| {
                parts_of(cluster, &group.group_id, group.topics.as_ref().map(topics))
            };
            return self.groups.iter().flat_map(parts).collect();
        }
        let topics = self.topics.as_ref().map(|topics| {
            let key = |topic: &OffsetFetchRequestTopic| TopicKey::Name(topic.name.clone());
            topics.iter().map(|topic| (key(topic), topic.partition_indexes.clone())).collect()
        });
        parts_of(cluster, &self.group_id, topics)
    }
}

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
                let rows = partitions.iter().map(|(index, found)| {
                    let at = At::partition(Some(topic), *index).of_group(&request.group_id);
                    old_row(*index, call.fault_of_read(at).map(|()| Some(found)))
                });
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
                    let at = At::partition(Some(&topic.name), index).of_group(&request.group_id);
                    // Not both in the answer and in its partitions.
                    let found =
                        if error.is_error() { Ok(None) } else { call.fault_of_read(at).map(|()| found) };
                    let mut partition = old_row(index, found);
                    // Before v2 the only place for it.
                    if call.version < FIRST_VERSION_WITH_ERROR && error.is_error() {
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
            let rows = partitions.iter().map(|(index, found)| {
                let at = At::partition(Some(topic), *index).of_group(&asked.group_id);
                new_row(*index, call.fault_of_read(at).map(|()| Some(found)))
            });
            row.partitions = rows.collect();
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
        let rows = topic.partition_indexes.iter().map(|&index| {
            let at = At::partition(name.as_deref().ok(), index).of_group(&asked.group_id);
            let found = call.fault_of_read(at).and(name.as_ref().map_err(|error| *error));
            new_row(index, found.map(|name| find(cluster, &asked.group_id, name, index)))
        });
        let mut row = OffsetFetchResponseTopics::default();
        row.partitions = rows.collect();
        row.name = topic.name.clone();
        row.topic_id = topic.topic_id;
        response.topics.push(row);
    }
    response
}

/// A group, and its partitions that are asked for: all that have offsets if `topics` is `None`.
fn parts_of(cluster: &Cluster, group: &GroupId, topics: Option<Vec<(TopicKey, Int32Array)>>) -> Vec<Part> {
    let mut parts = vec![Part::group(group)];
    let Some(topics) = topics else {
        for (topic, partitions) in all(cluster, group) {
            parts.extend(partitions.keys().map(|&index| Part::partition(Some(topic), index).of_group(group)));
        }
        return parts;
    };
    for (key, partitions) in topics {
        let name = cluster.topics.name_of(&key);
        let part = |&index| Part::partition(name.as_ref(), index).of_group(group);
        parts.extend(partitions.iter().map(part));
    }
    parts
}

/// Errors that OffsetFetch only reports for partitions; all others are of the group.
fn is_of_partition(error: ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::UNSTABLE_OFFSET_COMMIT
            | ErrorCode::TOPIC_AUTHORIZATION_FAILED
            | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
            | ErrorCode::UNKNOWN_TOPIC_ID
    )
}

fn check(cluster: &Cluster, call: &Call, group: &str) -> Result<(), ErrorCode> {
    match call.fault_of_read(At::group(group)) {
        Err(error) if !is_of_partition(error) => return Err(error),
        _ => {}
    }
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

fn old_row(index: i32, found: Result<Option<&CommittedOffset>, ErrorCode>) -> OffsetFetchResponsePartition {
    let mut row = OffsetFetchResponsePartition::default();
    row.error_code = found.err().unwrap_or(ErrorCode::NONE).0;
    let found = found.ok().flatten();
    row.partition_index = index;
    row.committed_offset = found.map_or(-1, |found| found.offset);
    row.committed_leader_epoch = found.map_or(-1, |found| found.leader_epoch);
    row.metadata = Some(metadata(found));
    row
}

fn new_row(index: i32, found: Result<Option<&CommittedOffset>, ErrorCode>) -> OffsetFetchResponsePartitions {
    let mut row = OffsetFetchResponsePartitions::default();
    row.error_code = found.err().unwrap_or(ErrorCode::NONE).0;
    let found = found.ok().flatten();
    row.partition_index = index;
    row.committed_offset = found.map_or(-1, |found| found.offset);
    row.committed_leader_epoch = found.map_or(-1, |found| found.leader_epoch);
    row.metadata = Some(metadata(found));
    row
}

fn metadata(found: Option<&CommittedOffset>) -> Str {
    found.map(|found| found.metadata.clone()).unwrap_or_default()
}
