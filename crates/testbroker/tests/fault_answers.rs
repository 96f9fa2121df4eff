//! Faults of answers: sent twice, with a throttle time, with a wrong leader. And topics whose configs change.

mod rig;

use std::time::Duration;

use ottla_protocol::api::ApiKey;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::api_versions_request::ApiVersionsRequest;
use ottla_protocol::messages::metadata_request::MetadataRequest;
use ottla_protocol::messages::produce_request::ProduceRequest;
use ottla_protocol::types::NodeId;
use ottla_testbroker::faults::{FaultAction, FaultPlan, FaultRule, PlanErrorKind};
use ottla_testbroker::{Cluster, ConnectionId, ControlError};
use rig::{Rig, batch, produce_request};

const MS: Duration = Duration::from_millis(1);

/// One node, the topic `t` with one partition, and a connection.
fn rig() -> (Rig, ConnectionId) {
    let mut rig = Rig::new(Cluster::builder().seed(1));
    let connection = rig.connect(1);
    rig.create_topic(connection, "t", 1);
    (rig, connection)
}

fn metadata() -> MetadataRequest {
    let mut request = MetadataRequest::default();
    request.topics = None;
    request
}

#[test]
fn an_answer_that_is_repeated_comes_twice_and_the_next_behind_it() {
    let (mut rig, connection) = rig();
    let repeat = rig.cluster.faults().on(ApiKey::METADATA).times(1).repeat().expect("a rule");
    let sent = rig.send(connection, 12, &metadata());
    let first = rig.answer::<MetadataRequest>(&sent).expect("an answer");
    assert_eq!(rig.answer::<MetadataRequest>(&sent), Some(first));
    assert_eq!((rig.answer::<MetadataRequest>(&sent), repeat.fired()), (None, 1));
    rig.call(connection, 12, &metadata());
}

#[test]
fn a_throttled_connection_is_told_so_and_not_read_for_as_long() {
    for version in [3, 9, 12] {
        let (mut rig, connection) = rig();
        rig.cluster.faults().on(ApiKey::PRODUCE).times(1).throttle(40 * MS).expect("a rule");
        let request = produce_request("t", 0, -1, batch(&["a", "b"]));
        let response = rig.call(connection, version, &request);
        assert_eq!((response.throttle_time_ms, response.responses.len()), (40, 1), "version {version}");
        let sent = rig.send(connection, version, &request);
        rig.advance(39 * MS);
        assert!(rig.answer::<ProduceRequest>(&sent).is_none(), "version {version}");
        rig.advance(MS);
        let response = rig.answer::<ProduceRequest>(&sent).expect("an answer");
        let offset = response.responses[0].partition_responses[0].base_offset;
        assert_eq!((response.throttle_time_ms, offset), (0, 2), "version {version}");
    }
}

#[test]
fn what_has_no_room_for_a_throttle_time_is_answered_as_ever_and_then_not_read() {
    let (mut rig, connection) = rig();
    rig.cluster.faults().on(ApiKey::API_VERSIONS).times(1).throttle(40 * MS).expect("a rule");
    assert_eq!(rig.call(connection, 3, &ApiVersionsRequest::default()).throttle_time_ms, 0);
    let sent = rig.send(connection, 12, &metadata());
    assert!(rig.answer::<MetadataRequest>(&sent).is_none());
    rig.cluster.disconnect(rig.now, connection);
    rig.advance(40 * MS);
    assert!(rig.answer::<MetadataRequest>(&sent).is_none(), "it is gone");
}

#[test]
fn a_misdirected_request_has_no_effect_and_is_told_another_leader() {
    let check = |version: i16, node: i32, epochs_back: u32, told: (i32, i32), endpoints: usize| {
        let (mut rig, connection) = rig();
        let on = rig.cluster.faults().on(ApiKey::PRODUCE).topic("t").partition(0).times(1);
        on.misdirect(NodeId(node), epochs_back).expect("a rule");
        let request = produce_request("t", 0, -1, batch(&["a"]));
        let response = rig.call(connection, version, &request);
        let row = &response.responses[0].partition_responses[0];
        assert_eq!((row.error_code, row.base_offset), (ErrorCode::NOT_LEADER_OR_FOLLOWER.0, -1));
        let leader = (row.current_leader.leader_id.0, row.current_leader.leader_epoch);
        assert_eq!((leader, response.node_endpoints.len()), (told, endpoints));
        let response = rig.call(connection, version, &request);
        assert_eq!(response.responses[0].partition_responses[0].base_offset, 0);
    };
    check(12, 1, 0, (1, 0), 1);
    check(12, 99, 0, (99, 0), 1);
    check(12, 1, 7, (1, -1), 1);
    check(9, 99, 0, (-1, -1), 0);
}

#[test]
fn only_produce_misdirects() {
    let rule = FaultRule::new(FaultAction::Misdirect { node: NodeId(1), epochs_back: 0 });
    let refused = FaultPlan::new(0, vec![rule]).validate().expect_err("no api");
    assert_eq!(refused.kind(), &PlanErrorKind::NotForProduce);
}

#[test]
fn a_config_that_changes_counts_from_then_on() {
    let (mut rig, connection) = rig();
    assert_eq!(rig.produce(connection, "t", 0, batch(&["a", "b"])).error_code, 0);
    let smaller = FaultAction::SetTopicConfig {
        topic: "t".to_owned(),
        name: "max.message.bytes".to_owned(),
        value: "70".to_owned(),
    };
    let mut rule = FaultRule::new(smaller);
    rule.at = Some(10 * MS);
    rig.cluster.faults().load(&FaultPlan::new(0, vec![rule])).expect("a plan");
    rig.advance(10 * MS);
    let refused = rig.produce(connection, "t", 0, batch(&["a", "b"]));
    assert_eq!(refused.error_code, ErrorCode::MESSAGE_TOO_LARGE.0);
    assert_eq!(rig.produce(connection, "t", 0, batch(&["a"])).base_offset, 2);
    rig.control(|cluster, now| cluster.set_topic_config(now, "t", "cleanup.policy", "compact"))
        .expect("a config");
    let refused = rig.produce(connection, "t", 0, batch(&["a"]));
    assert_eq!((refused.error_code, refused.record_errors.len()), (ErrorCode::INVALID_RECORD.0, 1));
}

#[test]
fn configs_that_are_none_are_refused() {
    let (mut rig, _) = rig();
    let set = |rig: &mut Rig, topic: &str, name: &str, value: &str| {
        rig.control(|cluster, now| cluster.set_topic_config(now, topic, name, value))
    };
    assert!(matches!(set(&mut rig, "u", "retention.ms", "1"), Err(ControlError::UnknownTopic(_))));
    assert!(matches!(set(&mut rig, "t", "no.such.config", "1"), Err(ControlError::InvalidConfig(_))));
    assert!(matches!(set(&mut rig, "t", "retention.ms", "soon"), Err(ControlError::InvalidConfig(_))));
}
