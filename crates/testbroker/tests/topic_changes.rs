//! Rules of topics that change under their clients: recreated, extended, cut at their start.

mod rig;

use std::time::Duration;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsRequest, CreatePartitionsTopic,
};
use ottla_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};
use ottla_protocol::messages::fetch_request::FetchRequest;
use ottla_protocol::messages::produce_request::ProduceRequest;
use ottla_protocol::types::{NodeId, NodeIds};
use ottla_testbroker::{Cluster, ConnectionId, PartitionStatus};
use rig::{Rig, START_MS, batch, batch_with, fetch_request, idempotent, produce_request};

fn three(configs: &[(&str, &str)]) -> (Rig, ConnectionId) {
    let mut rig = Rig::new(Cluster::builder().nodes(3));
    rig.create_replicated("t", 1, configs);
    let connection = rig.connect(1);
    (rig, connection)
}

fn status(rig: &Rig) -> PartitionStatus {
    rig.cluster.partition_status("t", 0).expect("t-0")
}

fn starts(rig: &Rig) -> Vec<i64> {
    status(rig).replicas.iter().map(|replica| replica.log_start_offset).collect()
}

#[test]
fn a_recreated_topic_is_another_one() {
    let (mut rig, connection) = three(&[]);
    let (id, _) = rig.cluster.topic_status("t").expect("a topic");
    let (waiter, session) = (rig.connect(1), rig.connect(1));
    let by_id = |max_wait| {
        let mut request = fetch_request("", 0, 0, max_wait);
        request.topics[0].topic_id = id;
        request
    };
    let waiting = rig.send(waiter, 13, &by_id(Duration::from_secs(60)));
    let mut opened = by_id(Duration::ZERO);
    opened.session_epoch = 0;
    let session_id = rig.call(session, 13, &opened).session_id;
    assert!(rig.control(|cluster, now| cluster.delete_topic(now, "t")));
    assert!(!rig.control(|cluster, now| cluster.delete_topic(now, "t")));
    let code = |answer: &ottla_protocol::messages::fetch_response::FetchResponse| {
        ErrorCode(answer.responses[0].partitions[0].error_code)
    };
    let answer = rig.answer::<FetchRequest>(&waiting).expect("at once");
    assert_eq!(code(&answer), ErrorCode::UNKNOWN_TOPIC_ID);
    rig.create_replicated("t", 1, &[]);
    assert_ne!(rig.cluster.topic_status("t").expect("a topic").0, id);
    assert_eq!(code(&rig.call(connection, 13, &by_id(Duration::ZERO))), ErrorCode::UNKNOWN_TOPIC_ID);
    let mut next = FetchRequest::default();
    (next.session_id, next.session_epoch, next.max_bytes) = (session_id, 1, 1000);
    assert_eq!(code(&rig.call(session, 13, &next)), ErrorCode::UNKNOWN_TOPIC_ID);
    let mut produce = produce_request("", 0, -1, batch(&["v"]));
    produce.topic_data[0].topic_id = id;
    let answer = rig.call::<ProduceRequest>(connection, 13, &produce);
    let row = &answer.responses[0].partition_responses[0];
    assert_eq!(ErrorCode(row.error_code), ErrorCode::UNKNOWN_TOPIC_ID);
}

#[test]
fn a_produce_that_waits_hears_that_its_topic_is_gone() {
    let (mut rig, connection) = three(&[]);
    let scope = ottla_testbroker::ReplicationScope::Node(NodeId(2));
    rig.control(|cluster, now| cluster.pause_replication(now, &scope)).expect("a node");
    let mut request = produce_request("t", 0, -1, batch(&["v"]));
    request.timeout_ms = 60_000;
    let waiting = rig.send(connection, 12, &request);
    assert!(rig.answer::<ProduceRequest>(&waiting).is_none());
    rig.control(|cluster, now| cluster.delete_topic(now, "t"));
    let answer = rig.answer::<ProduceRequest>(&waiting).expect("at once");
    let row = &answer.responses[0].partition_responses[0];
    assert_eq!(ErrorCode(row.error_code), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
}

fn create_partitions(rig: &mut Rig, name: &str, count: i32, assignments: Option<&[&[i32]]>) -> ErrorCode {
    let mut topic = CreatePartitionsTopic::default();
    topic.name = name.into();
    topic.count = count;
    topic.assignments = assignments.map(|assignments| {
        let assigned = assignments.iter().map(|nodes| {
            let nodes: Vec<NodeId> = nodes.iter().copied().map(NodeId).collect();
            let mut assignment = CreatePartitionsAssignment::default();
            assignment.broker_ids = NodeIds::from(&nodes[..]);
            assignment
        });
        assigned.collect()
    });
    let mut request = CreatePartitionsRequest::default();
    request.topics.push(topic);
    let connection = rig.connect(1);
    ErrorCode(rig.call(connection, 3, &request).results[0].error_code)
}

#[test]
fn partitions_are_added_in_turn_or_where_they_are_wanted() {
    let (mut rig, _) = three(&[]);
    assert_eq!(create_partitions(&mut rig, "t", 1, None), ErrorCode::INVALID_PARTITIONS);
    assert_eq!(create_partitions(&mut rig, "t", -3, None), ErrorCode::INVALID_PARTITIONS);
    assert_eq!(create_partitions(&mut rig, "t", 20_000, None), ErrorCode::POLICY_VIOLATION);
    assert_eq!(create_partitions(&mut rig, "nowhere", 2, None), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(create_partitions(&mut rig, "t", 3, None), ErrorCode::NONE);
    let leader = |rig: &Rig, index| {
        rig.cluster.partition_status("t", index).and_then(|partition| partition.leader).map(|node| node.0)
    };
    assert_eq!((leader(&rig, 1), leader(&rig, 2)), (Some(2), Some(3)));
    let wrong: &[&[i32]] = &[&[1], &[2]];
    assert_eq!(create_partitions(&mut rig, "t", 4, Some(wrong)), ErrorCode::INVALID_REPLICA_ASSIGNMENT);
    assert_eq!(create_partitions(&mut rig, "t", 4, Some(&[&[9]])), ErrorCode::INVALID_REPLICA_ASSIGNMENT);
    assert_eq!(create_partitions(&mut rig, "t", 4, Some(&[&[3, 1]])), ErrorCode::INVALID_REPLICA_ASSIGNMENT);
    assert_eq!(create_partitions(&mut rig, "t", 4, Some(&[&[3, 1, 2]])), ErrorCode::NONE);
    assert_eq!(leader(&rig, 3), Some(3));
    let connection = rig.connect(3);
    assert_eq!(rig.produce(connection, "t", 3, batch(&["v"])).error_code, 0);
}

fn delete_records(rig: &mut Rig, node: i32, offset: i64) -> (ErrorCode, i64) {
    let mut partition = DeleteRecordsPartition::default();
    partition.offset = offset;
    let mut topic = DeleteRecordsTopic::default();
    topic.name = "t".into();
    topic.partitions.push(partition);
    let mut request = DeleteRecordsRequest::default();
    request.topics.push(topic);
    let connection = rig.connect(node);
    let row = rig.call(connection, 2, &request).topics.remove(0).partitions.remove(0);
    (ErrorCode(row.error_code), row.low_watermark)
}

#[test]
fn deleted_records_are_gone_on_all_replicas() {
    let (mut rig, connection) = three(&[]);
    for _ in 0..3 {
        rig.produce(connection, "t", 0, batch(&["a", "b"]));
    }
    assert_eq!(delete_records(&mut rig, 2, 3), (ErrorCode::NOT_LEADER_OR_FOLLOWER, -1));
    assert_eq!(delete_records(&mut rig, 1, 7), (ErrorCode::OFFSET_OUT_OF_RANGE, -1));
    assert_eq!(delete_records(&mut rig, 1, 3), (ErrorCode::NONE, 3));
    assert_eq!(starts(&rig), [3, 3, 3]);
    let mut fetched = |offset| {
        let answer = rig.call(connection, 12, &fetch_request("t", 0, offset, Duration::ZERO));
        let row = &answer.responses[0].partitions[0];
        (ErrorCode(row.error_code), row.log_start_offset)
    };
    assert_eq!(fetched(2).0, ErrorCode::OFFSET_OUT_OF_RANGE);
    assert_eq!(fetched(3), (ErrorCode::NONE, 3));
    assert_eq!(delete_records(&mut rig, 1, -1), (ErrorCode::NONE, 6));
    assert_eq!(delete_records(&mut rig, 1, 2), (ErrorCode::NONE, 6), "never back");
    assert_eq!(starts(&rig), [6, 6, 6]);
}

#[test]
fn a_compacted_topics_records_cannot_be_deleted() {
    let (mut rig, _) = three(&[("cleanup.policy", "compact")]);
    assert_eq!(delete_records(&mut rig, 1, -1).0, ErrorCode::POLICY_VIOLATION);
}

#[test]
fn records_go_when_they_are_too_old() {
    let (mut rig, connection) = three(&[("retention.ms", "1000")]);
    for age in [800, 500] {
        rig.produce(
            connection,
            "t",
            0,
            batch_with(&[(START_MS - age, "v")], &idempotent(7, 0, (800 - age) as i32 / 300)),
        );
    }
    rig.run_for(Duration::from_millis(200));
    assert_eq!(starts(&rig), [0, 0, 0]);
    rig.run_for(Duration::from_millis(1));
    assert_eq!(starts(&rig), [1, 1, 1]);
    rig.run_for(Duration::from_secs(1));
    assert_eq!(starts(&rig), [2, 2, 2]);
    assert_eq!(rig.cluster.next_timeout(), None);
    // Its producer is remembered all the same (KIP-360).
    let retry = rig.produce(connection, "t", 0, batch_with(&[(START_MS, "v")], &idempotent(7, 0, 1)));
    assert_eq!((retry.error_code, retry.base_offset), (0, 1));
}

#[test]
fn a_forgotten_producer_may_go_on_anywhere() {
    let expiration = Duration::from_secs(60);
    let mut rig = Rig::new(Cluster::builder().producer_id_expiration(expiration));
    let connection = rig.connect(1);
    rig.create_topic(connection, "t", 1);
    let sealed = |sequence| batch_with(&[(START_MS, "v")], &idempotent(7, 0, sequence));
    rig.produce(connection, "t", 0, sealed(0));
    let answer = rig.produce(connection, "t", 0, sealed(5));
    assert_eq!(ErrorCode(answer.error_code), ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    rig.run_for(expiration);
    assert_eq!(rig.produce(connection, "t", 0, sealed(5)).error_code, 0);
}

#[test]
fn a_fenced_producer_epoch_is_refused_and_a_new_one_starts_at_zero() {
    let (mut rig, connection) = three(&[]);
    let mut check = |epoch, sequence, expected: ErrorCode| {
        let sealed = batch_with(&[(START_MS, "v")], &idempotent(7, epoch, sequence));
        assert_eq!(ErrorCode(rig.produce(connection, "t", 0, sealed).error_code), expected);
    };
    check(0, 0, ErrorCode::NONE);
    check(1, 1, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    check(1, 0, ErrorCode::NONE);
    check(0, 1, ErrorCode::INVALID_PRODUCER_EPOCH);
}
