//! What a cluster notes of what it sees and does.

mod rig;

use std::time::Duration;

use ottla_protocol::api::ApiKey;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::heartbeat_request::HeartbeatRequest;
use ottla_protocol::messages::join_group_request::{JoinGroupRequest, JoinGroupRequestProtocol};
use ottla_protocol::messages::offset_commit_request::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use ottla_protocol::records::SealOptions;
use ottla_protocol::types::NodeId;
use ottla_testbroker::faults::FaultPlan;
use ottla_testbroker::journal::{JournalEvent, RequestSummary};
use ottla_testbroker::{Cluster, ReplicationScope};
use rig::{Rig, START_MS, batch, batch_with, idempotent, produce_request};

fn rig(seed: u64) -> Rig {
    Rig::new(Cluster::builder().seed(seed).journal(true))
}

/// A bit of everything that is noted.
fn live(rig: &mut Rig) {
    let connection = rig.connect(1);
    rig.create_topic(connection, "t", 2);
    let options: SealOptions = idempotent(7, 0, 0);
    let retried = produce_request("t", 0, -1, batch_with(&[(START_MS, "a"), (START_MS, "b")], &options));
    for _ in 0..2 {
        rig.advance(Duration::from_millis(3));
        rig.call(connection, 9, &retried);
    }
    rig.call(connection, 9, &produce_request("t", 9, -1, batch(&["c"])));
    rig.call(connection, 12, &rig::fetch_request("t", 0, 1, Duration::ZERO));
    let mut row = OffsetCommitRequestPartition::default();
    (row.partition_index, row.committed_offset) = (1, 7);
    let mut topic = OffsetCommitRequestTopic::default();
    topic.name = "t".into();
    topic.partitions.push(row);
    let mut commit = OffsetCommitRequest::default();
    commit.group_id = "g".into();
    commit.generation_id_or_member_epoch = -1;
    commit.topics.push(topic);
    rig.call(connection, 8, &commit);
    let mut protocol = JoinGroupRequestProtocol::default();
    protocol.name = "range".into();
    let mut join = JoinGroupRequest::default();
    join.group_id = "members".into();
    (join.session_timeout_ms, join.rebalance_timeout_ms) = (10_000, 10_000);
    join.protocol_type = "consumer".into();
    join.protocols.push(protocol);
    rig.call(connection, 3, &join);
    rig.cluster.disconnect(rig.now, connection);
}

fn events(rig: &Rig) -> Vec<JournalEvent> {
    let entries = rig.cluster.journal().expect("a journal").entries();
    assert!(entries.iter().enumerate().all(|(at, entry)| entry.serial == at as u64));
    assert!(entries.windows(2).all(|pair| pair[0].at <= pair[1].at));
    entries.iter().map(|entry| entry.event.clone()).collect()
}

#[test]
fn a_cluster_keeps_no_journal_unless_it_is_told_to() {
    let mut rig = Rig::new(Cluster::builder());
    live(&mut rig);
    assert!(rig.cluster.journal().is_none());
}

#[test]
fn appends_and_retries_are_noted_with_their_producer() {
    let mut rig = rig(1);
    live(&mut rig);
    let events = events(&rig);
    let appended = events.iter().find_map(|event| match event {
        JournalEvent::BatchAppended { topic, base_offset, last_offset, producer, .. } => {
            Some((topic.clone(), *base_offset, *last_offset, producer.map(|producer| producer.producer_id)))
        }
        _ => None,
    });
    assert_eq!(appended, Some(("t".to_owned(), 0, 1, Some(7))));
    let duplicates = events.iter().filter(|event| {
        matches!(event, JournalEvent::DuplicateRecognised { base_offset: 0, producer: Some(_), .. })
    });
    assert_eq!(duplicates.count(), 1);
    let summary = events.iter().find_map(|event| match event {
        JournalEvent::RequestReceived { summary: RequestSummary::Produce { partitions, .. }, .. } => {
            partitions[0].header.map(|header| (header.producer_id, header.record_count))
        }
        _ => None,
    });
    assert_eq!(summary, Some((7, 2)));
}

#[test]
fn answers_are_noted_with_their_errors() {
    let mut rig = rig(1);
    live(&mut rig);
    let mut errors = events(&rig).into_iter().filter_map(|event| match event {
        JournalEvent::ResponseSent { errors, .. } if !errors.is_empty() => Some(errors),
        _ => None,
    });
    let errors_of = errors.next().expect("an answer with an error");
    assert_eq!(errors_of[0].code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(errors_of[0].of, [("name", "t".to_owned()), ("index", "9".to_owned())]);
    assert_eq!(errors.next(), None);
}

#[test]
fn groups_and_commits_are_noted() {
    let mut rig = rig(1);
    live(&mut rig);
    let events = events(&rig);
    let committed = |event: &&JournalEvent| matches!(event, JournalEvent::OffsetCommitted { group, partition: 1, offset: 7, .. } if group == "g");
    assert_eq!(events.iter().filter(committed).count(), 1);
    let began = |event: &&JournalEvent| {
        matches!(event, JournalEvent::GroupChanged { group, generation_id: 1, members, .. }
            if group == "members" && members.len() == 1)
    };
    assert_eq!(events.iter().filter(began).count(), 1);
}

#[test]
fn connections_are_noted_when_they_come_and_go() {
    let mut rig = rig(1);
    rig.now = rig.now + Duration::from_millis(5);
    let connection = rig.connect(1);
    rig.now = rig.now + Duration::from_millis(7);
    rig.cluster.disconnect(rig.now, connection);
    let entries = rig.cluster.journal().expect("a journal").entries();
    assert_eq!(entries.iter().map(|entry| entry.at.as_micros()).collect::<Vec<_>>(), [5_000, 12_000]);
    assert!(matches!(entries[0].event, JournalEvent::ClientConnected { .. }));
    assert!(matches!(entries[1].event, JournalEvent::ClientDisconnected { reason: None, .. }));
}

/// A leader dies with a batch that nobody else has, and comes back after the next leader has written another.
fn diverge() -> Rig {
    let mut rig = Rig::new(Cluster::builder().nodes(3).seed(1).journal(true));
    rig.create_replicated("t", 1, &[]);
    let connection = rig.connect(1);
    rig.call(connection, 9, &produce_request("t", 0, -1, batch(&["everywhere"])));
    for node in [2, 3] {
        let scope = ReplicationScope::Node(NodeId(node));
        rig.control(|cluster, now| cluster.pause_replication(now, &scope)).expect("a node");
    }
    rig.call(connection, 9, &produce_request("t", 0, 1, batch(&["only", "here"])));
    rig.control(|cluster, now| cluster.kill_node(now, NodeId(1))).expect("a node");
    rig.control(|cluster, now| cluster.fence_node(now, NodeId(1))).expect("a node");
    let connection = rig.connect(2);
    rig.call(connection, 9, &produce_request("t", 0, 1, batch(&["instead"])));
    let scope = ReplicationScope::Node(NodeId(3));
    rig.control(|cluster, now| cluster.resume_replication(now, &scope)).expect("a node");
    rig.control(|cluster, now| cluster.start_node(now, NodeId(1))).expect("a node");
    rig
}

#[test]
fn what_a_follower_gives_up_is_noted() {
    let truncated = events(&diverge()).into_iter().filter_map(|event| match event {
        JournalEvent::LogTruncated { node, topic, partition, from, to, .. } => {
            Some((node.0, topic, partition, from, to))
        }
        _ => None,
    });
    assert_eq!(truncated.collect::<Vec<_>>(), [(1, "t".to_owned(), 0, 3, 1)]);
}

#[test]
fn commits_are_noted_of_those_that_lead() {
    let moved = events(&diverge()).into_iter().filter_map(|event| match event {
        JournalEvent::HighWatermarkMoved { node, offset, .. } => Some((node.0, offset)),
        _ => None,
    });
    assert_eq!(moved.collect::<Vec<_>>(), [(1, 1), (2, 1), (2, 2)]);
}

#[test]
fn a_batch_is_committed_before_it_is_acknowledged() {
    let events = events(&diverge());
    let at = |wanted: &dyn Fn(&JournalEvent) -> bool| events.iter().position(wanted).expect("it happens");
    let appended = at(&|event| matches!(event, JournalEvent::BatchAppended { .. }));
    let committed = at(&|event| matches!(event, JournalEvent::HighWatermarkMoved { .. }));
    let answered = at(&|event| matches!(event, JournalEvent::ResponseSent { api: ApiKey::PRODUCE, .. }));
    assert!(appended < committed && committed < answered, "{appended} {committed} {answered}");
}

#[test]
fn the_groups_of_a_node_that_is_gone_have_another_coordinator() {
    let mut rig = Rig::new(Cluster::builder().nodes(3).seed(1).journal(true));
    let coordinator = rig.coordinator("g");
    rig.control(|cluster, now| cluster.stop_node(now, NodeId(coordinator))).expect("a node");
    let next = rig.cluster.node_ids().find(|node| node.0 != coordinator).expect("another");
    rig.control(|cluster, now| cluster.move_coordinator(now, "g", next)).expect("a node");
    let moved: Vec<_> = events(&rig)
        .into_iter()
        .filter_map(|event| match event {
            JournalEvent::CoordinatorMoved { partition, node } => Some((partition, node)),
            _ => None,
        })
        .collect();
    assert!(moved.len() >= 50 / 3, "all partitions of the node: {}", moved.len());
    assert!(moved.iter().all(|(_, node)| node.0 != coordinator));
    // "g".hashCode() is 103.
    assert!(moved.iter().any(|(partition, _)| *partition == 103 % 50));
}

/// A run in which a chance decides: which heartbeats were refused, and the journal.
fn run_with(plan: &FaultPlan) -> (Vec<i16>, Rig) {
    let mut rig = rig(3);
    rig.cluster.faults().load(plan).expect("a plan");
    let connections = [rig.connect(1), rig.connect(1)];
    let mut request = HeartbeatRequest::default();
    request.group_id = "g".into();
    let codes = (0..40).map(|n| rig.call(connections[n % 2], 4, &request).error_code);
    (codes.collect(), rig)
}

#[test]
fn what_fired_by_chance_fires_again_from_the_journal() {
    let mut cluster = Cluster::builder().build().expect("a cluster");
    cluster.faults().clear();
    let plan = {
        use ottla_testbroker::faults::{FaultAction, FaultRule};
        let error = |code| FaultAction::Error { code, when: Default::default() };
        let mut first = FaultRule::new(error(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS));
        (first.on.api, first.probability) = (Some(ApiKey::HEARTBEAT), Some(0.3));
        let mut second = FaultRule::new(error(ErrorCode::NOT_COORDINATOR));
        (second.on.group, second.probability) = (Some("g".to_owned()), Some(0.3));
        FaultPlan::new(5, vec![first, second])
    };
    let (codes, rig) = run_with(&plan);
    assert!(codes.contains(&14) && codes.contains(&16) && codes.contains(&25), "{codes:?}");
    let replay = FaultPlan::from_journal(rig.cluster.journal().expect("a journal").entries());
    assert!(replay.rules.iter().all(|rule| rule.probability.is_none() && rule.times == Some(1)));
    let (again, replayed) = run_with(&replay);
    assert_eq!(again, codes);
    let twice = FaultPlan::from_journal(replayed.cluster.journal().expect("a journal").entries());
    assert_eq!(twice, replay);
}

#[cfg(feature = "json")]
mod json {
    use super::*;

    #[test]
    fn a_plan_comes_from_the_text_of_a_journal_as_from_the_journal() {
        let plan = FaultPlan::from_json(
            r#"{"seed": 5, "rules": [
                {"on": {"group": "g"}, "probability": 0.3, "action": {"type": "error", "code": 14}},
                {"times": 1, "action": {"type": "deleteTopic", "topic": "none", "goneMs": 5}}
            ]}"#,
        );
        let (_, rig) = run_with(&plan.expect("a plan"));
        let journal = rig.cluster.journal().expect("a journal");
        let text = journal.to_json_lines();
        let from_text = FaultPlan::from_journal_lines(&text).expect("a plan");
        assert!(from_text.rules.len() > 2);
        assert_eq!(from_text, FaultPlan::from_journal(journal.entries()));
        assert!(text.contains(r#""event":"faultUndone","rule":1,"reason":"no such topic: none""#));
        let broken = text.replace(r#""type":"error""#, r#""type":"terror""#);
        assert!(FaultPlan::from_journal_lines(&broken).is_err());
    }

    #[test]
    fn the_same_seed_gives_the_same_text() {
        let text = |seed| {
            let mut rig = rig(seed);
            let faults = rig.cluster.faults().on(ApiKey::OFFSET_COMMIT).topic("t");
            faults.error(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS).expect("a rule");
            live(&mut rig);
            rig.cluster.journal().expect("a journal").to_json_lines()
        };
        assert_eq!(text(1), text(1));
        assert_ne!(text(1), text(2));
        for line in text(1).lines() {
            let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
            assert!(value["event"].is_string() && value["micros"].is_u64(), "{line}");
        }
    }

    #[test]
    fn what_becomes_of_logs_and_coordinators_has_its_line() {
        let rig = diverge();
        let text = rig.cluster.journal().expect("a journal").to_json_lines();
        for expected in [
            r#""topic":"t","partition":0,"from":3,"to":1}"#,
            r#""topic":"t","partition":0,"node":2,"offset":2}"#,
            r#""event":"coordinatorMoved","partition":"#,
        ] {
            assert!(text.contains(expected), "{expected}");
        }
        assert!(text.contains(r#""event":"logTruncated","node":1,"topicId":""#));
        assert!(text.contains(r#""event":"highWatermarkMoved","topicId":""#));
    }

    #[test]
    fn a_line_reads_as_kafka_names_things() {
        let mut rig = rig(1);
        live(&mut rig);
        let text = rig.cluster.journal().expect("a journal").to_json_lines();
        let line = text.lines().find(|line| line.contains("UNKNOWN_TOPIC")).expect("the refused batch");
        let rest = line.split_once(r#""event""#).expect("an event").1;
        assert_eq!(
            rest,
            r#":"responseSent","connection":0,"request":3,"api":"Produce","version":9,"bytes":99,"errors":[{"code":"UNKNOWN_TOPIC_OR_PARTITION","name":"t","index":"9"}]}"#
        );
    }
}
