//! Rules of replication and leadership on the pure cluster: what is committed, who leads, what survives a failure.

mod rig;

use std::time::Duration;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::fetch_request::FetchRequest;
use ottla_protocol::messages::fetch_response::PartitionData;
use ottla_protocol::messages::list_offsets_request::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use ottla_protocol::messages::metadata_request::MetadataRequest;
use ottla_protocol::messages::metadata_response::MetadataResponse;
use ottla_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use ottla_protocol::messages::produce_request::ProduceRequest;
use ottla_protocol::messages::produce_response::PartitionProduceResponse;
use ottla_protocol::types::NodeId;
use ottla_testbroker::{
    CloseReason, Cluster, ClusterBuilder, ConnectionId, ControlError, PartitionStatus, ReplicationScope,
};
use rig::{Rig, START_MS, Sent, batch, batch_with, fetch_request, idempotent, produce_request};

const FETCH_DELAY: Duration = Duration::from_millis(10);
const TIMEOUT: Duration = Duration::from_secs(5);
const SESSION: Duration = Duration::from_secs(9);
const LAG: Duration = Duration::from_secs(30);

const NODES: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];

/// Three nodes and the topic `t` with one partition on all of them, led by node 1.
fn three(builder: ClusterBuilder, configs: &[(&str, &str)]) -> Rig {
    let mut rig = Rig::new(builder.nodes(3));
    rig.create_replicated("t", 1, configs);
    rig.run_for(Duration::from_secs(1));
    rig
}

fn slow() -> ClusterBuilder {
    Cluster::builder().replica_fetch_delay(FETCH_DELAY, FETCH_DELAY)
}

fn status(rig: &Rig) -> PartitionStatus {
    rig.cluster.partition_status("t", 0).expect("t-0")
}

fn ends(rig: &Rig) -> Vec<i64> {
    status(rig).replicas.iter().map(|replica| replica.log_end_offset).collect()
}

fn start_produce(rig: &mut Rig, connection: ConnectionId, acks: i16, value: &str) -> Sent {
    let mut request = produce_request("t", 0, acks, batch(&[value]));
    request.timeout_ms = TIMEOUT.as_millis() as i32;
    rig.send(connection, 12, &request)
}

fn produced(rig: &mut Rig, sent: &Sent) -> Option<PartitionProduceResponse> {
    rig.answer::<ProduceRequest>(sent)
        .map(|mut answer| answer.responses.remove(0).partition_responses.remove(0))
}

/// Produces to a node and lets time pass until it answers.
fn produce(rig: &mut Rig, node: i32, acks: i16, value: &str) -> ErrorCode {
    let connection = rig.connect(node);
    let sent = start_produce(rig, connection, acks, value);
    if let Some(answer) = produced(rig, &sent) {
        return ErrorCode(answer.error_code);
    }
    rig.run_for(TIMEOUT);
    ErrorCode(produced(rig, &sent).expect("an answer in time").error_code)
}

fn fetch_with(rig: &mut Rig, node: i32, request: &FetchRequest) -> PartitionData {
    let connection = rig.connect(node);
    rig.call(connection, 12, request).responses.remove(0).partitions.remove(0)
}

fn fetch(rig: &mut Rig, node: i32, offset: i64) -> PartitionData {
    fetch_with(rig, node, &fetch_request("t", 0, offset, Duration::ZERO))
}

fn metadata(rig: &mut Rig, node: i32) -> MetadataResponse {
    let mut request = MetadataRequest::default();
    request.topics = None;
    let connection = rig.connect(node);
    rig.call(connection, 13, &request)
}

fn list_latest(rig: &mut Rig, node: i32, version: i16) -> (ErrorCode, i64) {
    let mut partition = ListOffsetsPartition::default();
    partition.timestamp = -1;
    let mut topic = ListOffsetsTopic::default();
    topic.name = "t".into();
    topic.partitions.push(partition);
    let mut request = ListOffsetsRequest::default();
    request.topics.push(topic);
    let connection = rig.connect(node);
    let row = rig.call(connection, version, &request).topics.remove(0).partitions.remove(0);
    (ErrorCode(row.error_code), row.offset)
}

fn end_of_epoch(rig: &mut Rig, node: i32, leader_epoch: i32) -> (i32, i64) {
    let mut partition = OffsetForLeaderPartition::default();
    partition.leader_epoch = leader_epoch;
    partition.current_leader_epoch = -1;
    let mut topic = OffsetForLeaderTopic::default();
    topic.topic = "t".into();
    topic.partitions.push(partition);
    let mut request = OffsetForLeaderEpochRequest::default();
    request.replica_id = NodeId(-2);
    request.topics.push(topic);
    let connection = rig.connect(node);
    let row = rig.call(connection, 4, &request).topics.remove(0).partitions.remove(0);
    assert_eq!(row.error_code, 0);
    (row.leader_epoch, row.end_offset)
}

fn pause(rig: &mut Rig, node: i32) {
    let scope = ReplicationScope::Node(NodeId(node));
    rig.control(|cluster, now| cluster.pause_replication(now, &scope)).expect("a node");
}

fn resume(rig: &mut Rig, node: i32) {
    let scope = ReplicationScope::Node(NodeId(node));
    rig.control(|cluster, now| cluster.resume_replication(now, &scope)).expect("a node");
}

fn kill(rig: &mut Rig, node: i32) {
    rig.control(|cluster, now| cluster.kill_node(now, NodeId(node))).expect("a node");
}

fn start(rig: &mut Rig, node: i32) {
    rig.control(|cluster, now| cluster.start_node(now, NodeId(node))).expect("a node");
}

fn fence(rig: &mut Rig, node: i32) {
    rig.control(|cluster, now| cluster.fence_node(now, NodeId(node))).expect("a node");
}

#[test]
fn without_a_delay_what_is_appended_is_committed_at_once() {
    let mut rig = three(Cluster::builder(), &[("min.insync.replicas", "3")]);
    let connection = rig.connect(1);
    assert_eq!(rig.produce(connection, "t", 0, batch(&["a", "b"])).error_code, 0);
    assert_eq!((ends(&rig), status(&rig).high_watermark()), (vec![2, 2, 2], Some(2)));
    assert_eq!(rig.cluster.next_timeout(), None, "idle replicas want nothing");
    let copies: Vec<_> =
        NODES.map(|node| rig.cluster.replica_batches("t", 0, node).expect("a replica")).into();
    assert!(copies.iter().all(|copy| copy[0].as_ptr() == copies[0][0].as_ptr()), "and share their bytes");
}

#[test]
fn acks_all_waits_for_all_in_sync_and_acks_1_for_nobody() {
    let mut rig = three(slow(), &[]);
    let (one, all) = (rig.connect(1), rig.connect(1));
    let first = start_produce(&mut rig, one, 1, "a");
    assert_eq!(produced(&mut rig, &first).expect("at once").base_offset, 0);
    let second = start_produce(&mut rig, all, -1, "b");
    assert!(produced(&mut rig, &second).is_none());
    let data = fetch(&mut rig, 1, 0);
    assert_eq!((data.high_watermark, data.records.expect("none").len()), (0, 0), "not to be seen yet");
    rig.run_for(FETCH_DELAY);
    assert_eq!(ends(&rig), [2, 2, 2]);
    assert!(produced(&mut rig, &second).is_none(), "the leader learns of it with the next fetch");
    rig.run_for(FETCH_DELAY);
    assert_eq!(produced(&mut rig, &second).expect("committed").base_offset, 1);
    assert_eq!(fetch(&mut rig, 1, 0).high_watermark, 2);
    rig.run_for(FETCH_DELAY);
    assert!(status(&rig).replicas.iter().all(|replica| replica.high_watermark == 2));
    assert_eq!(rig.cluster.next_timeout(), None);
}

#[test]
fn a_fetch_is_woken_by_the_commit_not_by_the_append() {
    let mut rig = three(slow(), &[]);
    let (consumer, producer) = (rig.connect(1), rig.connect(1));
    let waiting = rig.send(consumer, 12, &fetch_request("t", 0, 0, Duration::from_secs(60)));
    start_produce(&mut rig, producer, 1, "a");
    rig.run_for(FETCH_DELAY);
    assert!(rig.answer::<FetchRequest>(&waiting).is_none());
    rig.run_for(FETCH_DELAY);
    assert!(rig.answer::<FetchRequest>(&waiting).is_some());
}

#[test]
fn what_timed_out_may_be_committed_later() {
    let mut rig = three(Cluster::builder(), &[]);
    pause(&mut rig, 3);
    assert_eq!(produce(&mut rig, 1, -1, "a"), ErrorCode::REQUEST_TIMED_OUT);
    assert_eq!(status(&rig).high_watermark(), Some(0));
    resume(&mut rig, 3);
    assert_eq!(status(&rig).high_watermark(), Some(1));
}

#[test]
fn one_paused_partition_holds_up_no_other() {
    let mut rig = Rig::new(Cluster::builder().nodes(3));
    rig.create_replicated("t", 2, &[]);
    let scope = ReplicationScope::Partition("t".into(), 0);
    rig.control(|cluster, now| cluster.pause_replication(now, &scope)).expect("t-0");
    let connection = rig.connect(2);
    assert_eq!(rig.produce(connection, "t", 1, batch(&["a"])).error_code, 0);
    assert_eq!(produce(&mut rig, 1, -1, "a"), ErrorCode::REQUEST_TIMED_OUT);
    rig.control(|cluster, now| cluster.resume_replication(now, &scope)).expect("t-0");
    assert_eq!(status(&rig).high_watermark(), Some(1));
}

#[test]
fn who_lags_leaves_the_isr_and_who_caught_up_comes_back() {
    let mut rig = three(slow().replica_lag_time_max(LAG), &[]);
    pause(&mut rig, 2);
    let connection = rig.connect(1);
    start_produce(&mut rig, connection, 1, "a");
    rig.run_for(LAG - Duration::from_micros(1));
    assert_eq!((status(&rig).isr, status(&rig).high_watermark()), (NODES.to_vec(), Some(0)));
    rig.run_for(Duration::from_micros(1));
    assert_eq!((status(&rig).isr, status(&rig).high_watermark()), (vec![NODES[0], NODES[2]], Some(1)));
    assert_eq!(status(&rig).leader_epoch, 0, "no election");
    resume(&mut rig, 2);
    rig.run_for(FETCH_DELAY * 4);
    assert_eq!(status(&rig).isr, NODES);
    assert_eq!(rig.cluster.next_timeout(), None);
}

#[test]
fn too_few_in_sync_refuse_acks_all_and_commit_nothing() {
    let mut rig = three(Cluster::builder(), &[("min.insync.replicas", "2")]);
    kill(&mut rig, 2);
    kill(&mut rig, 3);
    let connection = rig.connect(1);
    let waiting = start_produce(&mut rig, connection, -1, "a");
    rig.run_for(SESSION);
    assert_eq!(status(&rig).isr, [NODES[0]]);
    let answer = produced(&mut rig, &waiting).expect("timed out before the session did");
    assert_eq!(ErrorCode(answer.error_code), ErrorCode::REQUEST_TIMED_OUT);
    assert_eq!(produce(&mut rig, 1, -1, "b"), ErrorCode::NOT_ENOUGH_REPLICAS);
    assert_eq!(produce(&mut rig, 1, 1, "c"), ErrorCode::NONE);
    assert_eq!((ends(&rig)[0], status(&rig).high_watermark()), (2, Some(0)));
    start(&mut rig, 2);
    assert_eq!((status(&rig).isr, status(&rig).high_watermark()), (NODES[..2].to_vec(), Some(2)));
}

#[test]
fn an_acknowledged_record_survives_any_single_failure() {
    for victim in 1..=3 {
        let mut rig = three(slow(), &[("min.insync.replicas", "2")]);
        assert_eq!(produce(&mut rig, 1, -1, "a"), ErrorCode::NONE);
        kill(&mut rig, victim);
        rig.run_for(SESSION + FETCH_DELAY * 10);
        let leader = status(&rig).leader.expect("one of the others").0;
        assert_ne!(leader, victim);
        assert_eq!(produce(&mut rig, leader, -1, "b"), ErrorCode::NONE);
        start(&mut rig, victim);
        rig.run_for(FETCH_DELAY * 10);
        assert_eq!((ends(&rig), status(&rig).high_watermark()), (vec![2, 2, 2], Some(2)), "{victim}");
        assert_eq!(status(&rig).isr, NODES);
    }
}

#[test]
fn what_only_a_lost_leader_had_vanishes_and_readers_are_told() {
    let mut rig = three(slow(), &[]);
    assert_eq!(produce(&mut rig, 1, -1, "kept"), ErrorCode::NONE);
    fence(&mut rig, 1);
    // The zombie does not know, and takes more.
    assert_eq!(produce(&mut rig, 1, 1, "lost"), ErrorCode::NONE);
    assert_eq!(produce(&mut rig, 1, 1, "lost too"), ErrorCode::NONE);
    assert_eq!(produce(&mut rig, 1, -1, "not acknowledged"), ErrorCode::REQUEST_TIMED_OUT);
    assert_eq!((status(&rig).leader, status(&rig).leader_epoch), (Some(NODES[1]), 1));
    assert_eq!(produce(&mut rig, 2, -1, "new"), ErrorCode::NONE);
    assert_eq!(fetch(&mut rig, 1, 0).high_watermark, 1, "the zombie commits nothing");
    assert_eq!(ends(&rig), [4, 2, 2]);
    // Who has read on the zombie up to 3 under epoch 0 learns where epoch 0 ends.
    let mut request = fetch_request("t", 0, 3, Duration::ZERO);
    request.topics[0].partitions[0].last_fetched_epoch = 0;
    let diverged = fetch_with(&mut rig, 2, &request).diverging_epoch;
    assert_eq!((diverged.epoch, diverged.end_offset), (0, 1));
    assert_eq!(end_of_epoch(&mut rig, 2, 0), (0, 1));
    assert_eq!(end_of_epoch(&mut rig, 2, 1), (1, 2));
    assert_eq!(end_of_epoch(&mut rig, 2, 7), (-1, -1));
    assert_eq!(end_of_epoch(&mut rig, 2, -1), (-1, -1));
    start(&mut rig, 1);
    rig.run_for(FETCH_DELAY * 10);
    assert_eq!(ends(&rig), [2, 2, 2]);
    let copies = NODES.map(|node| rig.cluster.replica_batches("t", 0, node).expect("a replica"));
    assert!(copies[0] == copies[1] && copies[1] == copies[2]);
    assert_eq!(status(&rig).isr, NODES);
}

#[test]
fn who_led_without_a_record_follows_again() {
    let mut rig = three(Cluster::builder(), &[]);
    assert_eq!(produce(&mut rig, 1, -1, "a"), ErrorCode::NONE);
    fence(&mut rig, 1);
    // Node 2 begins epoch 1, writes nothing and is gone before anyone fetches.
    pause(&mut rig, 2);
    fence(&mut rig, 2);
    start(&mut rig, 1);
    start(&mut rig, 2);
    resume(&mut rig, 2);
    assert_eq!((status(&rig).leader, ends(&rig)), (Some(NODES[2]), vec![1, 1, 1]));
    assert_eq!(status(&rig).isr, NODES);
}

#[test]
fn a_waiting_produce_hears_that_the_leader_moved() {
    let mut rig = three(slow(), &[]);
    let connection = rig.connect(1);
    let waiting = start_produce(&mut rig, connection, -1, "a");
    rig.control(|cluster, now| cluster.move_leader(now, "t", 0, NODES[2])).expect("in sync");
    let answer = produced(&mut rig, &waiting).expect("at once");
    assert_eq!(ErrorCode(answer.error_code), ErrorCode::NOT_LEADER_OR_FOLLOWER);
    assert_eq!((answer.current_leader.leader_id, answer.current_leader.leader_epoch), (NODES[2], 1));
}

#[test]
fn a_client_with_another_leader_epoch_is_told() {
    let mut rig = three(Cluster::builder(), &[]);
    rig.control(|cluster, now| cluster.move_leader(now, "t", 0, NODES[1])).expect("in sync");
    let mut check = |node, leader_epoch, expected: ErrorCode| {
        let mut request = fetch_request("t", 0, 0, Duration::ZERO);
        request.topics[0].partitions[0].current_leader_epoch = leader_epoch;
        assert_eq!(ErrorCode(fetch_with(&mut rig, node, &request).error_code), expected);
    };
    check(2, -1, ErrorCode::NONE);
    check(2, 1, ErrorCode::NONE);
    check(2, 0, ErrorCode::FENCED_LEADER_EPOCH);
    check(2, 2, ErrorCode::UNKNOWN_LEADER_EPOCH);
    check(1, 0, ErrorCode::FENCED_LEADER_EPOCH);
    check(1, 1, ErrorCode::NONE);
    assert_eq!(produce(&mut rig, 1, -1, "a"), ErrorCode::NOT_LEADER_OR_FOLLOWER);
    assert_eq!(list_latest(&mut rig, 1, 11).0, ErrorCode::NOT_LEADER_OR_FOLLOWER);
}

#[test]
fn a_new_leader_does_not_tell_an_end_it_does_not_know() {
    let mut rig = three(slow(), &[]);
    let connection = rig.connect(1);
    start_produce(&mut rig, connection, 1, "a");
    rig.run_for(FETCH_DELAY * 2);
    assert_eq!(fetch(&mut rig, 1, 0).high_watermark, 1);
    assert_eq!(fetch(&mut rig, 2, 0).high_watermark, 0, "followers hear of it later");
    rig.control(|cluster, now| cluster.move_leader(now, "t", 0, NODES[1])).expect("in sync");
    assert_eq!(fetch(&mut rig, 2, 1).error_code, 0);
    assert_eq!(list_latest(&mut rig, 2, 11).0, ErrorCode::OFFSET_NOT_AVAILABLE);
    assert_eq!(list_latest(&mut rig, 2, 4).0, ErrorCode::LEADER_NOT_AVAILABLE);
    rig.run_for(FETCH_DELAY * 3);
    assert_eq!(list_latest(&mut rig, 2, 11), (ErrorCode::NONE, 1));
}

#[test]
fn without_a_replica_in_sync_there_is_no_leader() {
    let mut rig = three(Cluster::builder(), &[]);
    kill(&mut rig, 2);
    rig.run_for(SESSION);
    assert_eq!(produce(&mut rig, 1, -1, "a"), ErrorCode::NONE);
    kill(&mut rig, 1);
    rig.run_for(SESSION);
    assert_eq!(produce(&mut rig, 3, -1, "b"), ErrorCode::NONE);
    kill(&mut rig, 3);
    start(&mut rig, 2);
    rig.run_for(SESSION);
    assert_eq!((status(&rig).leader, status(&rig).isr), (None, vec![NODES[2]]));
    let answer = metadata(&mut rig, 2);
    let row = &answer.topics[0].partitions[0];
    assert_eq!(ErrorCode(row.error_code), ErrorCode::LEADER_NOT_AVAILABLE);
    assert_eq!((row.leader_id, row.offline_replicas.len(), answer.brokers.len()), (NodeId(-1), 2, 1));
    assert_eq!(produce(&mut rig, 2, 1, "c"), ErrorCode::NOT_LEADER_OR_FOLLOWER);
    start(&mut rig, 1);
    assert_eq!(status(&rig).leader, None, "it lacks a committed record");
    start(&mut rig, 3);
    assert_eq!((status(&rig).leader, ends(&rig)), (Some(NODES[2]), vec![2, 2, 2]));
    rig.control(Cluster::elect_preferred_leaders);
    assert_eq!(status(&rig).leader, Some(NODES[0]));
}

#[test]
fn an_unclean_election_loses_what_was_committed() {
    let mut rig = three(Cluster::builder(), &[("unclean.leader.election.enable", "true")]);
    pause(&mut rig, 2);
    pause(&mut rig, 3);
    assert_eq!(produce(&mut rig, 1, 1, "a"), ErrorCode::NONE);
    rig.run_for(LAG);
    assert_eq!((status(&rig).isr, status(&rig).high_watermark()), (vec![NODES[0]], Some(1)));
    kill(&mut rig, 1);
    rig.run_for(SESSION);
    assert_eq!((status(&rig).leader, status(&rig).isr), (Some(NODES[1]), vec![NODES[1]]));
    start(&mut rig, 1);
    assert_eq!((ends(&rig), status(&rig).high_watermark()), (vec![0, 0, 0], Some(0)));
}

#[test]
fn a_stopped_node_hands_over_first_and_refuses_connections() {
    let mut rig = three(Cluster::builder(), &[]);
    let (consumer, other) = (rig.connect(1), rig.connect(2));
    rig.send(consumer, 12, &fetch_request("t", 0, 0, Duration::from_secs(60)));
    rig.control(|cluster, now| cluster.stop_node(now, NODES[0])).expect("a node");
    assert_eq!(rig.closed.get(&consumer), Some(&CloseReason::NodeDown));
    assert_eq!(rig.closed.get(&other), None);
    assert_eq!((status(&rig).leader, status(&rig).isr), (Some(NODES[1]), NODES[1..].to_vec()));
    assert!(rig.cluster.connect(rig.now, NODES[0], "/10.0.0.1").is_none());
    assert!(rig.cluster.connect(rig.now, NodeId(9), "/10.0.0.1").is_none());
    assert_eq!((rig.cluster.node_is_up(NODES[0]), rig.cluster.node_is_up(NODES[1])), (false, true));
    assert_eq!(rig.cluster.next_timeout(), None);
    start(&mut rig, 1);
    assert_eq!((status(&rig).leader, status(&rig).isr), (Some(NODES[1]), NODES.to_vec()));
}

#[test]
fn nodes_answer_from_what_they_have_heard() {
    let delay = Duration::from_millis(100);
    let mut rig = three(Cluster::builder().metadata_propagation_delay(delay), &[]);
    rig.control(|cluster, now| cluster.move_leader(now, "t", 0, NODES[1])).expect("in sync");
    let leader = |rig: &mut Rig, node| {
        let row = metadata(rig, node).topics.remove(0).partitions.remove(0);
        (row.leader_id, row.leader_epoch)
    };
    assert_eq!(status(&rig).leader, Some(NODES[1]));
    assert_eq!(leader(&mut rig, 3), (NODES[0], 0));
    assert_eq!(produce(&mut rig, 2, 1, "early"), ErrorCode::NOT_LEADER_OR_FOLLOWER);
    assert_eq!(produce(&mut rig, 1, 1, "late"), ErrorCode::NONE);
    rig.run_for(delay);
    assert_eq!(leader(&mut rig, 3), (NODES[1], 1));
    assert_eq!(produce(&mut rig, 1, 1, "too late"), ErrorCode::NOT_LEADER_OR_FOLLOWER);
    assert_eq!(produce(&mut rig, 2, -1, "in time"), ErrorCode::NONE);
    assert_eq!(status(&rig).isr, NODES);
}

#[test]
fn a_leader_leaves_alone_whom_the_controller_took_out_before_it() {
    let (delay, lag) = (Duration::from_secs(1), Duration::from_secs(2));
    let builder = slow().metadata_propagation_delay(delay).replica_lag_time_max(lag);
    let mut rig = three(builder, &[]);
    let scope = ReplicationScope::Node(NODES[2]);
    rig.control(|cluster, now| cluster.pause_replication(now, &scope)).expect("a node");
    assert_eq!(produce(&mut rig, 1, 1, "unseen"), ErrorCode::NONE);
    rig.run_for(lag - delay / 2);
    rig.control(|cluster, now| cluster.stop_node(now, NODES[2])).expect("a node");
    // The leader finds that node 3 lags before it hears that it is gone.
    rig.run_for(delay * 2);
    assert_eq!(status(&rig).isr, NODES[..2]);
    assert_eq!(produce(&mut rig, 1, -1, "seen"), ErrorCode::NONE);
}

#[test]
fn a_retry_is_recognised_by_the_next_leader() {
    let mut rig = three(Cluster::builder(), &[]);
    let sealed = |sequence| batch_with(&[(START_MS, "v")], &idempotent(7, 0, sequence));
    let connection = rig.connect(1);
    for sequence in 0..3 {
        rig.produce(connection, "t", 0, sealed(sequence));
    }
    kill(&mut rig, 1);
    rig.run_for(SESSION);
    let connection = rig.connect(2);
    let mut check = |sequence, expected: (ErrorCode, i64)| {
        let answer = rig.produce(connection, "t", 0, sealed(sequence));
        assert_eq!((ErrorCode(answer.error_code), answer.base_offset), expected);
    };
    check(2, (ErrorCode::NONE, 2));
    check(4, (ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1));
    check(3, (ErrorCode::NONE, 3));
}

#[test]
fn a_truncated_replica_forgets_the_sequences_that_vanished() {
    let mut rig = three(Cluster::builder(), &[]);
    let sealed = |sequence| batch_with(&[(START_MS, "v")], &idempotent(7, 0, sequence));
    let connection = rig.connect(1);
    rig.produce(connection, "t", 0, sealed(0));
    fence(&mut rig, 1);
    rig.call(connection, 12, &produce_request("t", 0, 1, sealed(1)));
    start(&mut rig, 1);
    rig.control(Cluster::elect_preferred_leaders);
    assert_eq!(status(&rig).leader, Some(NODES[0]));
    let answer = rig.produce(connection, "t", 0, sealed(1));
    assert_eq!((answer.error_code, answer.base_offset), (0, 1), "written, not taken for a retry");
}

#[test]
fn only_who_is_in_sync_and_alive_can_be_made_leader() {
    let mut rig = three(Cluster::builder(), &[]);
    kill(&mut rig, 3);
    rig.run_for(SESSION);
    let mut check = |topic, partition, node: i32, expected| {
        let moved = rig.control(|cluster, now| cluster.move_leader(now, topic, partition, NodeId(node)));
        assert_eq!(moved, expected);
    };
    check("t", 0, 9, Err(ControlError::UnknownNode(NodeId(9))));
    check("t", 1, 2, Err(ControlError::UnknownPartition("t".into(), 1)));
    check("u", 0, 2, Err(ControlError::UnknownPartition("u".into(), 0)));
    check("t", 0, 3, Err(ControlError::NodeFenced(NODES[2])));
    check("t", 0, 2, Ok(()));
    start(&mut rig, 3);
    pause(&mut rig, 1);
    assert_eq!(produce(&mut rig, 2, 1, "a"), ErrorCode::NONE);
    rig.run_for(LAG);
    let moved = rig.control(|cluster, now| cluster.move_leader(now, "t", 0, NODES[0]));
    assert_eq!(moved, Err(ControlError::NotInSync(NODES[0])));
}
