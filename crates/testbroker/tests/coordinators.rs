//! Rules of coordinators that move: what a group keeps, what its members are told.

mod rig;

use std::time::Duration;

use bytes::Bytes;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::find_coordinator_request::FindCoordinatorRequest;
use ottla_protocol::messages::heartbeat_request::HeartbeatRequest;
use ottla_protocol::messages::join_group_request::{JoinGroupRequest, JoinGroupRequestProtocol};
use ottla_protocol::messages::join_group_response::JoinGroupResponse;
use ottla_protocol::messages::list_groups_request::ListGroupsRequest;
use ottla_protocol::messages::offset_commit_request::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use ottla_protocol::messages::offset_fetch_request::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
use ottla_protocol::messages::sync_group_request::{SyncGroupRequest, SyncGroupRequestAssignment};
use ottla_protocol::types::{NodeId, Str};
use ottla_testbroker::{Cluster, ClusterBuilder, ConnectionId, ControlError};
use rig::{Rig, Sent};

const SESSION: Duration = Duration::from_secs(9);
const MEMBER_SESSION: Duration = Duration::from_secs(10);
const LOAD: Duration = Duration::from_secs(2);

/// Its partition of `__consumer_offsets` is led by node 1 of 3, then 2, then 3.
const GROUP: &str = "g0";

fn three(builder: ClusterBuilder) -> Rig {
    let mut rig = Rig::new(builder.nodes(3));
    rig.create_replicated("t", 1, &[]);
    let first = rig.cluster.coordinator(GROUP).expect("alive");
    rig.control(|cluster, now| cluster.move_coordinator(now, GROUP, NodeId(1))).expect("alive");
    if first != NodeId(1) {
        rig.run_for(LOAD);
    }
    rig
}

fn find(rig: &mut Rig, node: i32, key_type: i8) -> (ErrorCode, i32) {
    let mut request = FindCoordinatorRequest::default();
    request.key_type = key_type;
    request.coordinator_keys = vec![GROUP.into()];
    let connection = rig.connect(node);
    let found = rig.call(connection, 6, &request).coordinators.remove(0);
    (ErrorCode(found.error_code), found.node_id.0)
}

fn join(rig: &mut Rig, connection: ConnectionId, member_id: &Str) -> Sent {
    let mut protocol = JoinGroupRequestProtocol::default();
    protocol.name = "range".into();
    protocol.metadata = Bytes::from_static(b"m");
    let mut request = JoinGroupRequest::default();
    request.group_id = GROUP.into();
    request.member_id = member_id.clone();
    request.protocol_type = "consumer".into();
    request.session_timeout_ms = MEMBER_SESSION.as_millis() as i32;
    request.rebalance_timeout_ms = 60_000;
    request.protocols.push(protocol);
    rig.send(connection, 9, &request)
}

fn joined(rig: &mut Rig, sent: &Sent) -> JoinGroupResponse {
    rig.answer::<JoinGroupRequest>(sent).expect("an answer")
}

fn sync(rig: &mut Rig, connection: ConnectionId, member_id: &Str, generation_id: i32) -> Sent {
    let mut assignment = SyncGroupRequestAssignment::default();
    assignment.member_id = member_id.clone();
    assignment.assignment = Bytes::from_static(b"all of it");
    let mut request = SyncGroupRequest::default();
    request.group_id = GROUP.into();
    request.member_id = member_id.clone();
    request.generation_id = generation_id;
    request.assignments.push(assignment);
    rig.send(connection, 5, &request)
}

/// A group with one member that is stable in generation 1, on node 1. Returns the member's id.
fn stable(rig: &mut Rig) -> Str {
    let connection = rig.connect(1);
    let sent = join(rig, connection, &"".into());
    let id = joined(rig, &sent).member_id;
    let sent = join(rig, connection, &id);
    assert_eq!(joined(rig, &sent).generation_id, 1);
    let sent = sync(rig, connection, &id, 1);
    assert_eq!(rig.answer::<SyncGroupRequest>(&sent).expect("an answer").assignment, &b"all of it"[..]);
    assert_eq!(rig.cluster.group_status(GROUP).expect("a group").state, "Stable");
    id
}

fn heartbeat(rig: &mut Rig, node: i32, member_id: &Str, generation_id: i32) -> ErrorCode {
    let mut request = HeartbeatRequest::default();
    request.group_id = GROUP.into();
    request.member_id = member_id.clone();
    request.generation_id = generation_id;
    let connection = rig.connect(node);
    ErrorCode(rig.call(connection, 4, &request).error_code)
}

fn commit(rig: &mut Rig, node: i32, member_id: &Str, generation_id: i32, offset: i64) -> ErrorCode {
    let mut partition = OffsetCommitRequestPartition::default();
    partition.committed_offset = offset;
    let mut topic = OffsetCommitRequestTopic::default();
    topic.name = "t".into();
    topic.partitions.push(partition);
    let mut request = OffsetCommitRequest::default();
    request.group_id = GROUP.into();
    request.member_id = member_id.clone();
    request.generation_id_or_member_epoch = generation_id;
    request.topics.push(topic);
    let connection = rig.connect(node);
    ErrorCode(rig.call(connection, 9, &request).topics[0].partitions[0].error_code)
}

fn committed(rig: &mut Rig, node: i32) -> (ErrorCode, i64) {
    let mut topic = OffsetFetchRequestTopics::default();
    topic.name = "t".into();
    topic.partition_indexes = vec![0].into();
    let mut group = OffsetFetchRequestGroup::default();
    group.group_id = GROUP.into();
    group.topics = Some(vec![topic]);
    let mut request = OffsetFetchRequest::default();
    request.groups.push(group);
    let connection = rig.connect(node);
    let group = rig.call(connection, 9, &request).groups.remove(0);
    let offset = group.topics.first().map_or(-1, |topic| topic.partitions[0].committed_offset);
    (ErrorCode(group.error_code), offset)
}

#[test]
fn a_group_outlives_its_coordinator() {
    let mut rig = three(Cluster::builder());
    let member = stable(&mut rig);
    assert_eq!(commit(&mut rig, 1, &member, 1, 5), ErrorCode::NONE);
    rig.control(|cluster, now| cluster.kill_node(now, NodeId(1))).expect("a node");
    assert_eq!(find(&mut rig, 2, 0), (ErrorCode::NONE, 1), "not given up yet");
    assert_eq!(heartbeat(&mut rig, 2, &member, 1), ErrorCode::NOT_COORDINATOR);
    rig.run_for(SESSION);
    let (error, next) = find(&mut rig, 2, 0);
    assert_eq!(error, ErrorCode::NONE);
    assert_ne!(next, 1);
    assert_eq!(heartbeat(&mut rig, next, &member, 1), ErrorCode::NONE);
    assert_eq!(committed(&mut rig, next), (ErrorCode::NONE, 5));
    assert_eq!(commit(&mut rig, next, &member, 1, 6), ErrorCode::NONE);
    assert_eq!(heartbeat(&mut rig, 5 - next, &member, 1), ErrorCode::NOT_COORDINATOR);
}

#[test]
fn sessions_start_anew_with_the_next_coordinator() {
    let mut rig = three(Cluster::builder().coordinator_load_time(LOAD));
    let member = stable(&mut rig);
    rig.run_for(MEMBER_SESSION - Duration::from_secs(1));
    rig.control(|cluster, now| cluster.move_coordinator(now, GROUP, NodeId(2))).expect("alive");
    rig.run_for(LOAD + MEMBER_SESSION - Duration::from_micros(1));
    assert_eq!(rig.cluster.group_status(GROUP).expect("a group").members, [member.to_string()]);
    rig.run_for(Duration::from_micros(1));
    let group = rig.cluster.group_status(GROUP).expect("a group");
    assert_eq!((group.state, group.generation_id, group.members.len()), ("Empty", 2, 0));
}

#[test]
fn a_coordinator_that_loads_says_so() {
    let mut rig = three(Cluster::builder().coordinator_load_time(LOAD));
    let member = stable(&mut rig);
    rig.control(|cluster, now| cluster.move_coordinator(now, GROUP, NodeId(3))).expect("alive");
    assert_eq!(find(&mut rig, 1, 0), (ErrorCode::NONE, 3));
    for _ in 0..2 {
        assert_eq!(heartbeat(&mut rig, 1, &member, 1), ErrorCode::NOT_COORDINATOR);
        assert_eq!(heartbeat(&mut rig, 3, &member, 1), ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
        assert_eq!(commit(&mut rig, 3, &member, 1, 5), ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
        assert_eq!(committed(&mut rig, 3).0, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
        let connection = rig.connect(3);
        let listed = rig.call(connection, 5, &ListGroupsRequest::default());
        assert_eq!(ErrorCode(listed.error_code), ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
        rig.run_for(LOAD / 2 - Duration::from_micros(1));
    }
    rig.run_for(Duration::from_micros(2));
    assert_eq!(heartbeat(&mut rig, 3, &member, 1), ErrorCode::NONE);
}

#[test]
fn a_rebalance_that_was_under_way_is_forgotten() {
    let mut rig = three(Cluster::builder());
    let member = stable(&mut rig);
    let (old, new) = (rig.connect(1), rig.connect(1));
    // A second member joins and waits for the first.
    let sent = join(&mut rig, new, &"".into());
    let second = joined(&mut rig, &sent).member_id;
    let waiting = join(&mut rig, new, &second);
    assert_eq!(heartbeat(&mut rig, 1, &member, 1), ErrorCode::REBALANCE_IN_PROGRESS);
    rig.control(|cluster, now| cluster.move_coordinator(now, GROUP, NodeId(2))).expect("alive");
    assert_eq!(ErrorCode(joined(&mut rig, &waiting).error_code), ErrorCode::NOT_COORDINATOR);
    assert_eq!(heartbeat(&mut rig, 2, &member, 1), ErrorCode::NONE);
    let group = rig.cluster.group_status(GROUP).expect("a group");
    assert_eq!((group.state, group.generation_id, group.members.len()), ("Stable", 1, 1));
    // Nobody knows the second one there.
    let elsewhere = rig.connect(2);
    let sent = join(&mut rig, elsewhere, &second);
    assert_eq!(ErrorCode(joined(&mut rig, &sent).error_code), ErrorCode::UNKNOWN_MEMBER_ID);
    // One that waits for its assignment is told too.
    rig.control(|cluster, now| cluster.move_coordinator(now, GROUP, NodeId(1))).expect("alive");
    let sent = join(&mut rig, old, &"".into());
    let third = joined(&mut rig, &sent).member_id;
    let (first, third_joins) = (join(&mut rig, new, &member), join(&mut rig, old, &third));
    joined(&mut rig, &first);
    let generation = joined(&mut rig, &third_joins).generation_id;
    let waiting = sync(&mut rig, old, &third, generation);
    rig.control(|cluster, now| cluster.move_coordinator(now, GROUP, NodeId(3))).expect("alive");
    let answer = rig.answer::<SyncGroupRequest>(&waiting).expect("an answer");
    assert_eq!(ErrorCode(answer.error_code), ErrorCode::NOT_COORDINATOR);
}

#[test]
fn without_a_live_replica_there_is_no_coordinator_and_nobody_is_expelled() {
    let mut rig = three(Cluster::builder().offsets_topic_replication_factor(1));
    let member = stable(&mut rig);
    rig.control(|cluster, now| cluster.kill_node(now, NodeId(1))).expect("a node");
    rig.run_for(SESSION + MEMBER_SESSION * 2);
    assert_eq!(find(&mut rig, 2, 0), (ErrorCode::COORDINATOR_NOT_AVAILABLE, -1));
    assert_eq!(heartbeat(&mut rig, 2, &member, 1), ErrorCode::NOT_COORDINATOR);
    assert_eq!(rig.cluster.coordinator(GROUP), None);
    rig.control(|cluster, now| cluster.start_node(now, NodeId(1))).expect("a node");
    assert_eq!(find(&mut rig, 2, 0), (ErrorCode::NONE, 1));
    assert_eq!(heartbeat(&mut rig, 1, &member, 1), ErrorCode::NONE);
}

#[test]
fn a_coordinator_that_is_cut_off_cannot_write() {
    let mut rig = three(Cluster::builder());
    let member = stable(&mut rig);
    rig.control(|cluster, now| cluster.fence_node(now, NodeId(1))).expect("a node");
    assert_eq!(find(&mut rig, 1, 0), (ErrorCode::NONE, 1), "it takes itself for the coordinator");
    assert_eq!(commit(&mut rig, 1, &member, 1, 5), ErrorCode::COORDINATOR_NOT_AVAILABLE);
    let (_, next) = find(&mut rig, 2, 0);
    assert_eq!(commit(&mut rig, next, &member, 1, 5), ErrorCode::NONE);
    let moved = rig.control(|cluster, now| cluster.move_coordinator(now, GROUP, NodeId(1)));
    assert_eq!(moved, Err(ControlError::NodeFenced(NodeId(1))));
}

#[test]
fn transactional_ids_have_coordinators_of_their_own() {
    let mut rig = three(Cluster::builder());
    let before = find(&mut rig, 1, 1);
    assert_eq!(before.0, ErrorCode::NONE);
    rig.control(|cluster, now| cluster.stop_node(now, NodeId(before.1))).expect("a node");
    let asked = before.1 % 3 + 1;
    let after = find(&mut rig, asked, 1);
    assert_eq!(after.0, ErrorCode::NONE);
    assert_ne!(after.1, before.1);
    assert_eq!(find(&mut rig, asked, 9).0, ErrorCode::INVALID_REQUEST);
}
