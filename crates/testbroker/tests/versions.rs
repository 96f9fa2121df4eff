//! Answers with something in them, in every version that is offered.

mod rig;

use std::time::Duration;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use ottla_protocol::messages::describe_configs_request::{DescribeConfigsRequest, DescribeConfigsResource};
use ottla_protocol::messages::describe_groups_request::DescribeGroupsRequest;
use ottla_protocol::messages::find_coordinator_request::FindCoordinatorRequest;
use ottla_protocol::messages::heartbeat_request::HeartbeatRequest;
use ottla_protocol::messages::join_group_request::{JoinGroupRequest, JoinGroupRequestProtocol};
use ottla_protocol::messages::leave_group_request::{LeaveGroupRequest, MemberIdentity};
use ottla_protocol::messages::list_groups_request::ListGroupsRequest;
use ottla_protocol::messages::list_offsets_request::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use ottla_protocol::messages::metadata_request::MetadataRequest;
use ottla_protocol::messages::offset_commit_request::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use ottla_protocol::messages::offset_fetch_request::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use ottla_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use ottla_protocol::messages::sync_group_request::{SyncGroupRequest, SyncGroupRequestAssignment};
use ottla_protocol::types::{Int32Array, Str, Uuid};
use ottla_testbroker::{Cluster, ConnectionId};
use rig::{Rig, batch, fetch_request, produce_request};

/// Two nodes, and the topic `t` whose one partition is on the first.
fn two_nodes() -> (Rig, ConnectionId, ConnectionId, Uuid) {
    let mut rig = Rig::new(Cluster::builder().nodes(2));
    let (leader, other) = (rig.connect(1), rig.connect(2));
    rig.create_topic(leader, "t", 1);
    let mut all = MetadataRequest::default();
    all.topics = None;
    let id = rig.call(leader, 13, &all).topics[0].topic_id;
    (rig, leader, other, id)
}

#[test]
fn produce_and_fetch_tell_offsets_and_the_leader() {
    let (mut rig, leader, other, id) = two_nodes();
    for (n, version) in (3..=13).enumerate() {
        let mut request = produce_request("t", 0, -1, batch(&["v"]));
        request.topic_data[0].topic_id = id;
        let response = rig.call(leader, version, &request);
        assert_eq!(response.responses[0].partition_responses[0].base_offset, n as i64);
        let response = rig.call(other, version, &request);
        let row = &response.responses[0].partition_responses[0];
        assert_eq!(row.error_code, ErrorCode::NOT_LEADER_OR_FOLLOWER.0);
        let leaders = if version >= 10 { (1, 1) } else { (-1, 0) };
        assert_eq!((row.current_leader.leader_id.0, response.node_endpoints.len()), leaders);
    }
    for version in 4..=18 {
        let mut request = fetch_request("t", 0, 0, Duration::ZERO);
        request.topics[0].topic_id = id;
        let response = rig.call(leader, version, &request);
        assert_eq!(response.responses[0].partitions[0].high_watermark, 11);
        let response = rig.call(other, version, &request);
        let row = &response.responses[0].partitions[0];
        assert_eq!(row.error_code, ErrorCode::NOT_LEADER_OR_FOLLOWER.0);
        let told = (row.current_leader.leader_id.0, response.node_endpoints.len());
        assert_eq!(told, (if version >= 12 { 1 } else { -1 }, usize::from(version >= 16)));
    }
}

#[test]
fn topics_and_configs_are_described() {
    let (mut rig, leader, ..) = two_nodes();
    for version in 2..=7 {
        let mut topic = CreatableTopic::default();
        topic.name = format!("n{version}").into();
        topic.num_partitions = 2;
        topic.replication_factor = 2;
        let mut request = CreateTopicsRequest::default();
        request.topics = vec![topic.clone(), topic.clone()];
        let response = rig.call(leader, version, &request);
        assert_eq!(response.topics[0].error_code, ErrorCode::INVALID_REQUEST.0);
        request.topics.pop();
        assert_eq!(rig.call(leader, version, &request).topics[0].error_code, 0);
        assert_eq!(
            rig.call(leader, version, &request).topics[0].error_code,
            ErrorCode::TOPIC_ALREADY_EXISTS.0
        );
    }
    for version in 0..=13 {
        let mut request = MetadataRequest::default();
        request.topics = if version == 0 { Some(Vec::new()) } else { None };
        request.include_topic_authorized_operations = version >= 8;
        assert_eq!(rig.call(leader, version, &request).topics.len(), 7, "{version}");
    }
    for version in 1..=4 {
        let resource = |resource_type, name: &str| {
            let mut resource = DescribeConfigsResource::default();
            resource.resource_type = resource_type;
            resource.resource_name = name.into();
            resource
        };
        let mut request = DescribeConfigsRequest::default();
        request.include_synonyms = true;
        request.resources = vec![resource(2, "t"), resource(4, "1"), resource(2, "nowhere")];
        request.resources.iter_mut().for_each(|resource| resource.configuration_keys = None);
        let response = rig.call(leader, version, &request);
        let codes: Vec<_> = response.results.iter().map(|result| result.error_code).collect();
        assert_eq!(codes, [0, 0, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.0]);
        assert!(response.results[0].configs.iter().any(|config| config.name == *"retention.ms"));
    }
}

#[test]
fn offsets_are_listed_by_the_leader_only() {
    let (mut rig, leader, other, _) = two_nodes();
    rig.produce(leader, "t", 0, batch(&["v"]));
    for version in 1..=11 {
        let mut partition = ListOffsetsPartition::default();
        partition.timestamp = -1;
        let mut topic = ListOffsetsTopic::default();
        topic.name = "t".into();
        topic.partitions.push(partition);
        let mut request = ListOffsetsRequest::default();
        request.topics.push(topic);
        assert_eq!(rig.call(leader, version, &request).topics[0].partitions[0].offset, 1);
        let code = rig.call(other, version, &request).topics[0].partitions[0].error_code;
        assert_eq!(code, ErrorCode::NOT_LEADER_OR_FOLLOWER.0);
    }
    for version in 2..=4 {
        let mut topic = OffsetForLeaderTopic::default();
        topic.topic = "t".into();
        topic.partitions.push(OffsetForLeaderPartition::default());
        let mut request = OffsetForLeaderEpochRequest::default();
        request.topics.push(topic);
        let row = &rig.call(leader, version, &request).topics[0].partitions[0];
        assert_eq!((row.leader_epoch, row.end_offset), (0, 1));
    }
}

/// The versions of the group APIs that go with a version of JoinGroup, oldest with oldest.
fn with_join(version: i16, min: i16, max: i16) -> i16 {
    (min + version).min(max)
}

#[test]
fn a_member_lives_in_every_version() {
    let (mut rig, first, second, id) = two_nodes();
    for version in 0..=9 {
        let group = format!("g{version}");
        let mut find = FindCoordinatorRequest::default();
        let find_version = with_join(version, 0, 6);
        if find_version < 4 {
            find.key = group.as_str().into();
        } else {
            find.coordinator_keys.push(group.as_str().into());
        }
        let found = rig.call(first, find_version, &find);
        let node = found.coordinators.first().map_or(found.node_id, |row| row.node_id);
        let (connection, wrong) = if node.0 == 1 { (first, second) } else { (second, first) };
        let member = Member { version, group, id: Str::default(), topic_id: id };
        live(&mut rig, connection, wrong, member);
    }
}

struct Member {
    version: i16,
    group: String,
    id: Str,
    topic_id: Uuid,
}

fn live(rig: &mut Rig, connection: ConnectionId, wrong: ConnectionId, mut member: Member) {
    let version = member.version;
    let mut join = JoinGroupRequest::default();
    join.group_id = member.group.as_str().into();
    join.session_timeout_ms = 10_000;
    join.rebalance_timeout_ms = if version > 0 { 60_000 } else { -1 };
    join.protocol_type = "consumer".into();
    let mut protocol = JoinGroupRequestProtocol::default();
    protocol.name = "range".into();
    join.protocols.push(protocol);
    assert_eq!(rig.call(wrong, version, &join).error_code, ErrorCode::NOT_COORDINATOR.0);
    let mut joined = rig.call(connection, version, &join);
    if version >= 4 {
        assert_eq!(joined.error_code, ErrorCode::MEMBER_ID_REQUIRED.0);
        join.member_id = joined.member_id;
        joined = rig.call(connection, version, &join);
    }
    assert_eq!((joined.error_code, joined.generation_id, joined.members.len()), (0, 1, 1));
    assert_eq!(joined.protocol_name.as_deref(), Some("range"));
    member.id = joined.member_id;

    let mut sync = SyncGroupRequest::default();
    sync.group_id = join.group_id.clone();
    sync.generation_id = 1;
    sync.member_id = member.id.clone();
    let mut assignment = SyncGroupRequestAssignment::default();
    assignment.member_id = member.id.clone();
    assignment.assignment = "mine".into();
    sync.assignments.push(assignment);
    assert_eq!(rig.call(connection, with_join(version, 0, 5), &sync).assignment, "mine");

    let mut heartbeat = HeartbeatRequest::default();
    heartbeat.group_id = join.group_id.clone();
    heartbeat.generation_id = 1;
    heartbeat.member_id = member.id.clone();
    assert_eq!(rig.call(connection, with_join(version, 0, 4), &heartbeat).error_code, 0);

    commit_and_fetch(rig, connection, &member);

    let mut describe = DescribeGroupsRequest::default();
    describe.groups = vec![join.group_id.clone(), "nobody".into()];
    let described = rig.call(connection, with_join(version, 0, 6), &describe);
    assert_eq!((&*described.groups[0].group_state, described.groups[0].members.len()), ("Stable", 1));
    let listed = rig.call(connection, with_join(version, 0, 5), &ListGroupsRequest::default());
    assert!(listed.groups.iter().any(|row| row.group_id == join.group_id));

    let mut leave = LeaveGroupRequest::default();
    leave.group_id = join.group_id.clone();
    let leave_version = with_join(version, 0, 5);
    if leave_version < 3 {
        leave.member_id = member.id.clone();
    } else {
        let mut identity = MemberIdentity::default();
        identity.member_id = member.id.clone();
        leave.members.push(identity);
    }
    let left = rig.call(connection, leave_version, &leave);
    assert_eq!((left.error_code, left.members.iter().map(|row| row.error_code).sum::<i16>()), (0, 0));
    let gone = rig.call(connection, with_join(version, 0, 4), &heartbeat);
    assert_eq!(gone.error_code, ErrorCode::UNKNOWN_MEMBER_ID.0);
}

fn commit_and_fetch(rig: &mut Rig, connection: ConnectionId, member: &Member) {
    let commit_version = with_join(member.version, 2, 10);
    let mut partition = OffsetCommitRequestPartition::default();
    partition.committed_offset = 42;
    partition.committed_metadata = Some("here".into());
    let mut topic = OffsetCommitRequestTopic::default();
    topic.name = "t".into();
    topic.topic_id = member.topic_id;
    topic.partitions.push(partition);
    let mut commit = OffsetCommitRequest::default();
    commit.group_id = member.group.as_str().into();
    commit.generation_id_or_member_epoch = 1;
    commit.member_id = member.id.clone();
    commit.topics.push(topic);
    let committed = rig.call(connection, commit_version, &commit);
    assert_eq!(committed.topics[0].partitions[0].error_code, 0);

    let version = with_join(member.version, 1, 10);
    let mut fetch = OffsetFetchRequest::default();
    let indexes = Int32Array::from(vec![0, 7]);
    if version < 8 {
        let mut topic = OffsetFetchRequestTopic::default();
        topic.name = "t".into();
        topic.partition_indexes = indexes;
        fetch.group_id = commit.group_id.clone();
        fetch.topics = Some(vec![topic]);
        let rows = rig.call(connection, version, &fetch).topics.remove(0).partitions;
        assert_eq!(rows.iter().map(|row| row.committed_offset).collect::<Vec<_>>(), [42, -1]);
        if version >= 2 {
            fetch.topics = None;
            let rows = rig.call(connection, version, &fetch).topics.remove(0).partitions;
            assert_eq!((rows.len(), rows[0].metadata.as_deref()), (1, Some("here")));
        }
        return;
    }
    let mut topic = OffsetFetchRequestTopics::default();
    topic.name = "t".into();
    topic.topic_id = member.topic_id;
    topic.partition_indexes = indexes;
    let mut group = OffsetFetchRequestGroup::default();
    group.group_id = commit.group_id.clone();
    group.topics = Some(vec![topic]);
    let mut all = group.clone();
    all.topics = None;
    fetch.groups = vec![group, all];
    let groups = rig.call(connection, version, &fetch).groups;
    let offsets = |at: usize| {
        let rows = groups[at].topics[0].partitions.iter();
        rows.map(|row| row.committed_offset).collect::<Vec<_>>()
    };
    assert_eq!((offsets(0), offsets(1)), (vec![42, -1], vec![42]));
}
