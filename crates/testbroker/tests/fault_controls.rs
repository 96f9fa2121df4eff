//! Faults that are done to the cluster: by requests, and at times of their own.

mod rig;

use std::time::Duration;

use ottla_protocol::api::ApiKey;
use ottla_protocol::messages::metadata_request::MetadataRequest;
use ottla_protocol::types::NodeId;
use ottla_testbroker::faults::{FaultAction, FaultPlan, FaultRule, PlanErrorKind};
use ottla_testbroker::journal::JournalEvent;
use ottla_testbroker::{CloseReason, Cluster};
use rig::Rig;

const MS: Duration = Duration::from_millis(1);

/// Three nodes, the topic `t` with one partition on all of them, and a connection to node 1.
fn rig() -> Rig {
    let mut rig = Rig::new(Cluster::builder().nodes(3).default_replication_factor(3).seed(1).journal(true));
    let connection = rig.connect(1);
    rig.create_topic(connection, "t", 1);
    rig
}

fn leader(rig: &mut Rig, asked: i32) -> i32 {
    let connection = rig.connect(asked);
    let mut request = MetadataRequest::default();
    request.topics = None;
    rig.call(connection, 12, &request).topics[0].partitions[0].leader_id.0
}

fn at(at: Duration, action: FaultAction) -> FaultRule {
    let mut rule = FaultRule::new(action);
    rule.at = Some(at);
    rule
}

fn load(rig: &mut Rig, rules: Vec<FaultRule>) {
    rig.cluster.faults().load(&FaultPlan::new(0, rules)).expect("a plan");
}

#[test]
fn a_node_that_a_request_kills_takes_its_connections_with_it_and_comes_back() {
    let mut rig = rig();
    let kill = FaultAction::KillNode { node: NodeId(1), down_for: Some(50 * MS) };
    rig.cluster.faults().on(ApiKey::METADATA).node(NodeId(1)).times(1).action(kill).expect("a rule");
    let connection = rig.connect(1);
    rig.send(connection, 12, &MetadataRequest::default());
    assert_eq!(rig.closed.get(&connection), Some(&CloseReason::NodeDown));
    assert_eq!(rig.cluster.connect(rig.now, NodeId(1), "/10.0.0.1"), None);
    rig.advance(49 * MS);
    assert_eq!(rig.cluster.connect(rig.now, NodeId(1), "/10.0.0.1"), None);
    rig.advance(MS);
    assert!(rig.cluster.connect(rig.now, NodeId(1), "/10.0.0.1").is_some());
}

#[test]
fn what_happens_at_a_time_happens_then_and_once() {
    let mut rig = rig();
    let next = if leader(&mut rig, 1) == 2 { 3 } else { 2 };
    let before = leader(&mut rig, 1);
    let move_leader = FaultAction::MoveLeader { topic: "t".to_owned(), partition: 0, node: NodeId(next) };
    load(&mut rig, vec![at(30 * MS, move_leader)]);
    assert_eq!(rig.cluster.next_timeout(), Some(rig.now.instant + 30 * MS));
    rig.advance(29 * MS);
    assert_eq!(leader(&mut rig, 1), before);
    rig.advance(MS);
    assert_eq!(leader(&mut rig, 1), next);
    let entries = rig.cluster.journal().expect("a journal").entries();
    let elected = entries.iter().filter(|entry| {
        matches!(&entry.event, JournalEvent::LeaderElected { leader, leader_epoch: 1, .. } if leader.0 == next)
    });
    assert_eq!(elected.count(), 1);
    let replay = FaultPlan::from_journal(entries);
    assert_eq!((replay.rules.len(), replay.rules[0].at), (1, Some(30 * MS)));
}

#[test]
fn a_node_that_is_stopped_for_a_while_leads_nothing_meanwhile() {
    let mut rig = rig();
    let first = leader(&mut rig, 1);
    let other = if first == 1 { 2 } else { 1 };
    let stop = FaultAction::StopNode { node: NodeId(first), down_for: Some(20 * MS) };
    load(&mut rig, vec![at(10 * MS, stop)]);
    rig.advance(10 * MS);
    assert_ne!(leader(&mut rig, other), first);
    rig.advance(20 * MS);
    assert!(rig.cluster.connect(rig.now, NodeId(first), "/10.0.0.1").is_some());
    let entries = rig.cluster.journal().expect("a journal").entries();
    let seen = |wanted: &dyn Fn(&JournalEvent) -> bool| entries.iter().any(|entry| wanted(&entry.event));
    assert!(seen(&|event| matches!(event, JournalEvent::NodeDown { node } if node.0 == first)));
    assert!(seen(&|event| matches!(event, JournalEvent::NodeFenced { node } if node.0 == first)));
    assert!(seen(&|event| matches!(event, JournalEvent::NodeUp { node } if node.0 == first)));
}

#[test]
fn a_topic_that_is_deleted_for_a_while_comes_back_empty_with_another_id() {
    let mut rig = rig();
    let before = rig.cluster.topic_status("t").expect("a topic");
    let delete = FaultAction::DeleteTopic { topic: "t".to_owned(), gone_for: Some(20 * MS) };
    load(&mut rig, vec![at(10 * MS, delete)]);
    rig.advance(10 * MS);
    assert!(rig.cluster.topic_status("t").is_none());
    rig.advance(20 * MS);
    let after = rig.cluster.topic_status("t").expect("a topic");
    assert!(after.0 != before.0 && after.1 == before.1);
}

#[test]
fn of_a_partition_the_newest_offsets_stay() {
    let mut rig = rig();
    let leader = leader(&mut rig, 1);
    let connection = rig.connect(leader);
    for _ in 0..3 {
        let request = rig::produce_request("t", 0, 1, rig::batch(&["a", "b"]));
        rig.call(connection, 12, &request);
        rig.advance(MS);
    }
    let now = rig.now;
    rig.cluster.delete_oldest_records(now, "t", 0, 2).expect("a partition");
    let status = rig.cluster.partition_status("t", 0).expect("a partition");
    let replica = status.replica(NodeId(leader)).expect("a replica");
    assert_eq!((replica.log_start_offset, status.high_watermark()), (4, Some(6)));
    assert!(rig.cluster.delete_oldest_records(now, "t", 9, 2).is_err());
}

#[test]
fn a_coordinator_moves_and_a_partition_is_replicated_again_after_its_pause() {
    let mut rig = rig();
    let next = if rig.coordinator("g") == 3 { 2 } else { 3 };
    let moved = FaultAction::MoveCoordinator { group: "g".to_owned(), node: NodeId(next) };
    let pause = FaultAction::PauseReplication { topic: "t".to_owned(), partition: 0, by: 40 * MS };
    load(&mut rig, vec![at(10 * MS, moved), at(10 * MS, pause)]);
    rig.advance(10 * MS);
    assert_eq!(rig.coordinator("g"), next);
    let leader = leader(&mut rig, 1);
    let connection = rig.connect(leader);
    let mut request = rig::produce_request("t", 0, -1, rig::batch(&["a"]));
    request.timeout_ms = 10_000;
    let sent = rig.send(connection, 12, &request);
    type Produce = ottla_protocol::messages::produce_request::ProduceRequest;
    assert!(rig.answer::<Produce>(&sent).is_none(), "nobody follows");
    rig.advance(40 * MS);
    let response = rig.answer::<Produce>(&sent).expect("an answer");
    assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
}

#[test]
fn what_the_cluster_cannot_do_is_left_undone() {
    let mut rig = rig();
    let unknown = FaultAction::KillNode { node: NodeId(9), down_for: Some(MS) };
    let moved = FaultAction::MoveLeader { topic: "none".to_owned(), partition: 7, node: NodeId(1) };
    load(&mut rig, vec![at(MS, unknown), at(MS, moved)]);
    for _ in 0..3 {
        rig.advance(MS);
    }
    assert!((1..=3).contains(&leader(&mut rig, 1)));
}

#[test]
fn only_what_needs_no_request_can_happen_by_itself() {
    let mut rig = rig();
    let mut with_selector = at(MS, FaultAction::KillNode { node: NodeId(1), down_for: None });
    with_selector.on.api = Some(ApiKey::FETCH);
    let hang = at(MS, FaultAction::Hang { when: Default::default() });
    for rule in [with_selector, hang] {
        let error = rig.cluster.faults().load(&FaultPlan::new(0, vec![rule])).expect_err("a bad rule");
        assert_eq!(error.kind(), &PlanErrorKind::NotByItself);
    }
}
