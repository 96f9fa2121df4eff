//! What each action of a fault rule does to a request, and which requests a rule is for.

mod rig;

use std::time::Duration;

use ottla_protocol::api::ApiKey;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::heartbeat_request::HeartbeatRequest;
use ottla_protocol::messages::metadata_request::MetadataRequest;
use ottla_protocol::messages::produce_request::ProduceRequest;
use ottla_protocol::types::NodeId;
use ottla_testbroker::faults::{
    FaultAction, FaultPlan, FaultRule, MAX_DELAY, MAX_RULES, PlanErrorKind, When,
};
use ottla_testbroker::{CloseReason, Cluster, ConnectionId};
use rig::{Rig, batch, produce_request};

const MS: Duration = Duration::from_millis(1);

/// One node with the topic `t` of two partitions, and a connection to it.
fn rig() -> (Rig, ConnectionId) {
    let mut rig = Rig::new(Cluster::builder().seed(1));
    let connection = rig.connect(1);
    rig.create_topic(connection, "t", 2);
    (rig, connection)
}

fn end_offset(rig: &mut Rig, partition: i32) -> i64 {
    let connection = rig.connect(1);
    let request = rig::fetch_request("t", partition, 0, Duration::ZERO);
    let response = rig.call(connection, 12, &request);
    response.responses[0].partitions[0].high_watermark
}

fn write() -> ProduceRequest {
    produce_request("t", 0, -1, batch(&["a"]))
}

fn code(response: &ottla_protocol::messages::produce_response::ProduceResponse) -> i16 {
    response.responses[0].partition_responses[0].error_code
}

#[test]
fn an_error_keeps_a_batch_out_unless_it_comes_after_the_append() {
    let (mut rig, connection) = rig();
    let fault = rig.cluster.faults().on(ApiKey::PRODUCE).times(1).error(ErrorCode::REQUEST_TIMED_OUT);
    let fault = fault.expect("a rule");
    let response = rig.call(connection, 12, &write());
    assert_eq!(code(&response), ErrorCode::REQUEST_TIMED_OUT.0);
    assert_eq!((end_offset(&mut rig, 0), fault.fired()), (0, 1));
    rig.cluster.faults().on(ApiKey::PRODUCE).error_after_apply(ErrorCode::REQUEST_TIMED_OUT).expect("a rule");
    let response = rig.call(connection, 12, &write());
    assert_eq!(code(&response), ErrorCode::REQUEST_TIMED_OUT.0);
    assert_eq!(end_offset(&mut rig, 0), 1);
}

#[test]
fn what_a_rule_does_not_select_is_served() {
    let (mut rig, connection) = rig();
    let faults = rig.cluster.faults().on(ApiKey::PRODUCE).topic("t").partition(1);
    let fault = faults.error(ErrorCode::NOT_LEADER_OR_FOLLOWER).expect("a rule");
    let mut request = write();
    let mut other = request.topic_data[0].partition_data[0].clone();
    other.index = 1;
    request.topic_data[0].partition_data.push(other);
    let response = rig.call(connection, 12, &request);
    let rows = &response.responses[0].partition_responses;
    assert_eq!((rows[0].error_code, rows[1].error_code), (0, ErrorCode::NOT_LEADER_OR_FOLLOWER.0));
    assert_eq!((end_offset(&mut rig, 0), end_offset(&mut rig, 1)), (1, 0));
    let topics = rig.call(connection, 12, &write());
    assert_eq!((code(&topics), fault.fired()), (0, 1), "a request without the partition is not for the rule");
}

#[test]
fn a_delayed_request_is_applied_late_and_holds_up_those_behind_it() {
    let (mut rig, connection) = rig();
    rig.cluster.faults().on(ApiKey::PRODUCE).times(1).delay_request(100 * MS).expect("a rule");
    let sent = rig.send(connection, 12, &write());
    let behind = rig.send(connection, 12, &MetadataRequest::default());
    rig.advance(99 * MS);
    assert_eq!(end_offset(&mut rig, 0), 0);
    assert!(rig.answer::<ProduceRequest>(&sent).is_none());
    rig.advance(MS);
    assert_eq!(code(&rig.answer::<ProduceRequest>(&sent).expect("an answer")), 0);
    assert!(rig.answer::<MetadataRequest>(&behind).is_some());
    assert_eq!(end_offset(&mut rig, 0), 1);
}

#[test]
fn a_delayed_answer_is_of_a_request_that_is_applied_already() {
    let (mut rig, connection) = rig();
    rig.cluster.faults().on(ApiKey::PRODUCE).times(1).delay_response(100 * MS).expect("a rule");
    let sent = rig.send(connection, 12, &write());
    let behind = rig.send(connection, 12, &MetadataRequest::default());
    assert_eq!(end_offset(&mut rig, 0), 1);
    assert_eq!(rig.cluster.next_timeout(), Some(rig.now.instant + 100 * MS));
    rig.advance(99 * MS);
    assert!(rig.answer::<ProduceRequest>(&sent).is_none());
    rig.advance(MS);
    assert!(rig.answer::<ProduceRequest>(&sent).is_some());
    assert!(rig.answer::<MetadataRequest>(&behind).is_some());
    assert_eq!(rig.cluster.next_timeout(), None);
}

#[test]
fn delays_add_up_and_an_error_may_come_late() {
    let (mut rig, connection) = rig();
    rig.cluster.faults().on_any().times(1).delay_request(30 * MS).expect("a rule");
    rig.cluster.faults().on_any().times(1).delay_response(50 * MS).expect("a rule");
    rig.cluster.faults().on_any().times(1).delay_response(20 * MS).expect("a rule");
    rig.cluster.faults().on_any().times(1).error(ErrorCode::KAFKA_STORAGE_ERROR).expect("a rule");
    let sent = rig.send(connection, 12, &write());
    rig.advance(30 * MS);
    rig.advance(69 * MS);
    assert!(rig.answer::<ProduceRequest>(&sent).is_none());
    rig.advance(MS);
    let response = rig.answer::<ProduceRequest>(&sent).expect("an answer");
    assert_eq!(code(&response), ErrorCode::KAFKA_STORAGE_ERROR.0);
}

#[test]
fn a_connection_that_ends_takes_what_is_delayed_with_it() {
    for after in [false, true] {
        let (mut rig, connection) = rig();
        let faults = rig.cluster.faults().on_any().times(1);
        let rule = if after { faults.delay_response(MS) } else { faults.delay_request(MS) };
        rule.expect("a rule");
        rig.send(connection, 12, &write());
        rig.cluster.disconnect(rig.now, connection);
        assert_eq!(rig.cluster.next_timeout(), None);
        rig.advance(MS);
        assert_eq!(end_offset(&mut rig, 0), i64::from(after));
    }
}

#[test]
fn a_dropped_request_is_not_answered_and_the_next_one_is() {
    for (after, end) in [(false, 0), (true, 1)] {
        let (mut rig, connection) = rig();
        let faults = rig.cluster.faults().on(ApiKey::PRODUCE).times(1);
        let rule = if after { faults.drop_response() } else { faults.drop_request() };
        rule.expect("a rule");
        let sent = rig.send(connection, 12, &write());
        assert!(rig.answer::<ProduceRequest>(&sent).is_none());
        assert_eq!(rig.proceeded, 1);
        assert_eq!(end_offset(&mut rig, 0), end);
        rig.call(connection, 12, &MetadataRequest::default());
    }
}

#[test]
fn a_connection_is_closed_before_or_after_the_request_is_applied() {
    for (after, end) in [(false, 0), (true, 1)] {
        let (mut rig, connection) = rig();
        let faults = rig.cluster.faults().on(ApiKey::PRODUCE);
        let rule = if after { faults.close_after_apply() } else { faults.close() };
        rule.expect("a rule");
        rig.send(connection, 12, &write());
        assert_eq!(rig.closed.get(&connection), Some(&CloseReason::Fault));
        assert_eq!(end_offset(&mut rig, 0), end);
    }
}

#[test]
fn a_request_without_acks_is_dropped_or_its_connection_closed_like_any_other() {
    let (mut rig, connection) = rig();
    rig.cluster.faults().on(ApiKey::PRODUCE).times(1).drop_request().expect("a rule");
    rig.cluster.faults().on(ApiKey::PRODUCE).times(1).close_after_apply().expect("a rule");
    let request = produce_request("t", 0, 0, batch(&["a"]));
    rig.send(connection, 12, &request);
    assert_eq!((end_offset(&mut rig, 0), rig.proceeded), (0, 1));
    rig.send(connection, 12, &request);
    assert_eq!(rig.closed.get(&connection), Some(&CloseReason::Fault));
    assert_eq!(end_offset(&mut rig, 0), 1);
}

#[test]
fn an_answer_is_cut_at_its_byte_and_a_shorter_one_arrives_whole() {
    let (mut rig, connection) = rig();
    let other = rig.connect(1);
    rig.cluster.faults().on_any().times(1).cut(10).expect("a rule");
    rig.cluster.faults().on_any().times(1).cut(100_000).expect("a rule");
    rig.send(connection, 12, &write());
    assert_eq!(rig.cut.get(&connection).map(|bytes| bytes.len()), Some(10));
    assert_eq!(end_offset_of(&mut rig, other), 1);
}

fn end_offset_of(rig: &mut Rig, connection: ConnectionId) -> i64 {
    let request = rig::fetch_request("t", 0, 0, Duration::ZERO);
    rig.call(connection, 12, &request).responses[0].partitions[0].high_watermark
}

#[test]
fn a_hanging_connection_is_open_and_deaf_and_keeps_nothing() {
    for (after, end) in [(false, 0), (true, 1)] {
        let (mut rig, connection) = rig();
        let faults = rig.cluster.faults().on(ApiKey::PRODUCE).times(1);
        let rule = if after { faults.hang_after_apply() } else { faults.hang() };
        rule.expect("a rule");
        let sent = rig.send(connection, 12, &write());
        for _ in 0..2000 {
            rig.send(connection, 12, &MetadataRequest::default());
        }
        rig.advance(Duration::from_secs(3600));
        assert!(rig.muted.contains(&connection) && rig.closed.is_empty());
        assert!(rig.answer::<ProduceRequest>(&sent).is_none());
        assert_eq!(end_offset(&mut rig, 0), end);
    }
}

/// How a rule answers eight heartbeats of a group that does not exist: where it fired.
fn fired_at(rule: impl Fn(Rig) -> Rig) -> Vec<usize> {
    let mut rig = rule(rig().0);
    let coordinator = rig.coordinator("g");
    let connection = rig.connect(coordinator);
    let mut request = HeartbeatRequest::default();
    request.group_id = "g".into();
    let mut fired = Vec::new();
    for n in 0..8 {
        rig.advance(10 * MS);
        if rig.call(connection, 4, &request).error_code == ErrorCode::COORDINATOR_LOAD_IN_PROGRESS.0 {
            fired.push(n);
        }
    }
    fired
}

#[test]
fn rules_skip_and_count_and_keep_to_their_window() {
    let code = ErrorCode::COORDINATOR_LOAD_IN_PROGRESS;
    let check = |rule: &dyn Fn(&mut Cluster), expected: &[usize]| {
        let fired = fired_at(|mut rig| {
            rule(&mut rig.cluster);
            rig
        });
        assert_eq!(fired, expected);
    };
    let on = |cluster: &mut Cluster, change: &dyn Fn(&mut FaultRule)| {
        let mut rule = FaultRule::new(FaultAction::Error { code, when: Default::default() });
        rule.on.api = Some(ApiKey::HEARTBEAT);
        change(&mut rule);
        cluster.faults().load(&FaultPlan::new(0, vec![rule])).expect("a rule");
    };
    check(&|c| on(c, &|r| r.times = Some(2)), &[0, 1]);
    check(&|c| on(c, &|r| (r.skip, r.times) = (3, Some(2))), &[3, 4]);
    check(&|c| on(c, &|r| (r.from, r.to) = (Some(30 * MS), Some(50 * MS))), &[2, 3]);
    check(&|c| on(c, &|r| r.on.group = Some("other".to_owned())), &[]);
    check(&|c| on(c, &|r| r.on.topic = Some("t".to_owned())), &[]);
    check(&|c| on(c, &|r| r.on.client_id = Some("other".to_owned())), &[]);
    check(&|c| on(c, &|r| (r.on.client_id, r.times) = (Some("rig".to_owned()), Some(1))), &[0]);
    check(&|c| on(c, &|r| r.on.node = Some(NodeId(9))), &[]);
    check(&|c| on(c, &|r| r.on.min_version = Some(5)), &[]);
    check(
        &|c| on(c, &|r| (r.on.min_version, r.on.max_version) = (Some(4), Some(4))),
        &[0, 1, 2, 3, 4, 5, 6, 7],
    );
    check(&|c| on(c, &|r| r.on.request = Some(2)), &[2]);
    check(&|c| on(c, &|r| r.on.connection = Some(0)), &[]);
    check(&|c| on(c, &|r| r.probability = Some(0.0)), &[]);
    check(&|c| on(c, &|r| (r.probability, r.times) = (Some(1.0), Some(1))), &[0]);
}

#[test]
fn chances_depend_on_the_seed_of_the_plan_alone() {
    let run = |plan_seed: u64, noise: bool| {
        fired_at(|mut rig| {
            if noise {
                // Draws from the cluster's own generator, and a rule that never matches.
                let connection = rig.connect(1);
                rig.create_topic(connection, "noise", 1);
            }
            let faults = rig.cluster.faults().on(ApiKey::HEARTBEAT).probability(0.5, plan_seed);
            faults.error(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS).expect("a rule");
            rig
        })
    };
    assert_eq!(run(7, false), run(7, true));
    assert!((1..20).any(|seed| run(seed, false) != run(0, false)));
    let total: usize = (0..100).map(|seed| run(seed, false).len()).sum();
    assert!((300..500).contains(&total), "{total} of 800 at one half");
}

#[test]
fn rules_for_the_same_thing_take_turns_in_their_order() {
    let (mut rig, connection) = rig();
    for (times, code) in [(2, ErrorCode::NOT_LEADER_OR_FOLLOWER), (1, ErrorCode::REQUEST_TIMED_OUT)] {
        rig.cluster.faults().on(ApiKey::PRODUCE).times(times).error(code).expect("a rule");
    }
    let codes: Vec<i16> = (0..4).map(|_| code(&rig.call(connection, 12, &write()))).collect();
    assert_eq!(codes, [6, 6, 7, 0]);
}

#[test]
fn a_rule_that_is_taken_back_fires_no_more() {
    let (mut rig, connection) = rig();
    let fault = rig.cluster.faults().on(ApiKey::PRODUCE).error(ErrorCode::REQUEST_TIMED_OUT).expect("a rule");
    rig.cluster.faults().on(ApiKey::METADATA).hang().expect("a rule");
    rig.cluster.faults().remove(&fault);
    assert_eq!(code(&rig.call(connection, 12, &write())), 0);
    rig.cluster.faults().clear();
    rig.call(connection, 12, &MetadataRequest::default());
    assert_eq!(fault.fired(), 0);
}

#[test]
fn rules_out_of_bounds_are_refused_and_none_of_their_plan_is_taken() {
    let rule = || FaultRule::new(FaultAction::Hang { when: When::BeforeApply });
    let changed = |change: &dyn Fn(&mut FaultRule)| {
        let mut rule = rule();
        change(&mut rule);
        rule
    };
    let check = |bad: FaultRule, expected: &dyn Fn(&PlanErrorKind) -> bool| {
        let mut cluster = Cluster::builder().build().expect("a cluster");
        let error = cluster.faults().load(&FaultPlan::new(0, vec![rule(), bad])).expect_err("a bad rule");
        assert!(expected(error.kind()) && error.rule() == Some(1), "{error}");
        let all = FaultPlan::new(0, vec![rule(); MAX_RULES]);
        cluster.faults().load(&all).expect("nothing was taken before");
        let error = cluster.faults().on_any().hang().expect_err("one too many");
        assert_eq!(error.kind(), &PlanErrorKind::TooManyRules { rules: MAX_RULES + 1 });
    };
    let error = |code| FaultAction::Error { code, when: Default::default() };
    let delay = |by| FaultAction::Delay { by, when: Default::default() };
    check(changed(&|r| r.action = error(ErrorCode::NONE)), &|k| matches!(k, PlanErrorKind::NoError));
    check(changed(&|r| r.action = delay(MAX_DELAY + MS)), &|k| {
        matches!(k, PlanErrorKind::DelayTooLong { .. })
    });
    check(changed(&|r| r.times = Some(0)), &|k| matches!(k, PlanErrorKind::NeverFires));
    for probability in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        let bad = changed(&|r| r.probability = Some(probability));
        check(bad, &|k| matches!(k, PlanErrorKind::Probability { .. }));
    }
    check(changed(&|r| (r.from, r.to) = (Some(MS), Some(MS))), &|k| matches!(k, PlanErrorKind::EmptyWindow));
    check(changed(&|r| r.on.api = Some(ApiKey::VOTE)), &|k| matches!(k, PlanErrorKind::ApiNotServed { .. }));
    check(changed(&|r| (r.on.min_version, r.on.max_version) = (Some(3), Some(2))), &|k| {
        matches!(k, PlanErrorKind::NoVersions { .. })
    });
    check(changed(&|r| r.on.group = Some("x".repeat(40_000))), &|k| {
        matches!(k, PlanErrorKind::NameTooLong { bytes: 40_000 })
    });
}
