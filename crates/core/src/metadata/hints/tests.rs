//! Which hints are taken over.

use std::time::Duration;

use ottla_protocol::message::Message;
use ottla_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use ottla_protocol::messages::metadata_response::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use ottla_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};

use super::*;
use crate::backoff::Backoff;
use crate::connection::Answer;
use crate::metadata::MetadataConfig;
use crate::random::Jitter;
use crate::time::Instant;

const ID: Uuid = Uuid([7; 16]);

fn metadata() -> Metadata {
    let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
    let config =
        MetadataConfig { max_age: Duration::from_secs(300), backoff, allow_auto_topic_creation: true };
    Metadata::new(config, Jitter::seeded(1), Instant::ZERO)
}

/// Broker 1 at `one:9091`, and topic `t` with two partitions that it leads in epoch `leader_epoch`.
fn response(leader_epoch: i32) -> MetadataResponse {
    let mut broker = MetadataResponseBroker::default();
    (broker.node_id, broker.host, broker.port) = (NodeId(1), "one".into(), 9091);
    let mut topic = MetadataResponseTopic::default();
    (topic.name, topic.topic_id) = (Some("t".into()), ID);
    for index in 0..2 {
        let mut partition = MetadataResponsePartition::default();
        (partition.partition_index, partition.leader_id) = (index, NodeId(1));
        partition.leader_epoch = leader_epoch;
        topic.partitions.push(partition);
    }
    let mut response = MetadataResponse::default();
    response.brokers.push(broker);
    response.topics.push(topic);
    response
}

fn answer(metadata: &mut Metadata, response: &MetadataResponse) {
    let body = response.to_bytes(12).expect("it can be written");
    metadata.on_answer(Instant::ZERO, &Answer { version: 12, body }).expect("it can be read");
}

/// What knows [`response`] in epoch 5.
fn in_epoch_5() -> Metadata {
    let mut metadata = metadata();
    metadata.poll_request(Instant::ZERO);
    answer(&mut metadata, &response(5));
    metadata
}

/// A Produce answer that refuses partition `partition` of `t`, names `leader` and says where nodes 1 to 3 are.
fn refused(partition: i32, code: ErrorCode, (leader, leader_epoch): (i32, i32)) -> ProduceResponse {
    let mut row = PartitionProduceResponse::default();
    (row.index, row.error_code) = (partition, code.0);
    row.current_leader.leader_id = NodeId(leader);
    row.current_leader.leader_epoch = leader_epoch;
    let mut topic = TopicProduceResponse::default();
    topic.name = "t".into();
    topic.partition_responses.push(row);
    let mut response = ProduceResponse::default();
    response.responses.push(topic);
    for (id, host) in [(1, "one"), (2, "two"), (3, "three")] {
        let mut at = produce_response::NodeEndpoint::default();
        (at.node_id, at.host, at.port) = (NodeId(id), host.into(), 9090 + id);
        response.node_endpoints.push(at);
    }
    response
}

const NOT_LEADER: ErrorCode = ErrorCode::NOT_LEADER_OR_FOLLOWER;

/// Gives the answer to a picture in epoch 5, and expects this leader of partition 0.
fn check(response: &ProduceResponse, expected: Option<(i32, i32)>) {
    let mut metadata = in_epoch_5();
    let before = metadata.snapshot().clone();
    assert_eq!(metadata.on_leader_hints(&LeaderHints::of_produce(response)), expected.is_some());
    let after = metadata.snapshot();
    let (leader, leader_epoch) = expected.unwrap_or((1, 5));
    assert_eq!(after.leader("t", 0), Some((NodeId(leader), leader_epoch)));
    assert_eq!(after.leader("t", 1), Some((NodeId(1), 5)));
    assert_eq!((after.answers(), after.cluster_id.clone()), (before.answers(), before.cluster_id.clone()));
    if expected.is_none() {
        assert_eq!(**after, *before);
    }
}

#[test]
fn only_a_newer_epoch_of_a_known_partition_counts() {
    check(&refused(0, NOT_LEADER, (2, 6)), Some((2, 6)));
    check(&refused(0, ErrorCode::FENCED_LEADER_EPOCH, (2, 6)), Some((2, 6)));
    // The same node may lead again.
    check(&refused(0, NOT_LEADER, (1, 7)), Some((1, 7)));
    check(&refused(0, NOT_LEADER, (2, 5)), None);
    check(&refused(0, NOT_LEADER, (2, 4)), None);
    check(&refused(0, NOT_LEADER, (2, -1)), None);
    check(&refused(0, NOT_LEADER, (-1, 6)), None);
    check(&refused(9, NOT_LEADER, (2, 6)), None);
    check(&refused(-1, NOT_LEADER, (2, 6)), None);
    for code in [ErrorCode::NONE, ErrorCode::REQUEST_TIMED_OUT, ErrorCode::KAFKA_STORAGE_ERROR] {
        check(&refused(0, code, (2, 6)), None);
    }
    let mut unknown = refused(0, NOT_LEADER, (2, 6));
    unknown.responses[0].name = "u".into();
    check(&unknown, None);
}

#[test]
fn a_leader_counts_only_where_it_is_known_how_to_reach_it() {
    check(&refused(0, NOT_LEADER, (4, 6)), None);
    for spoil in [
        (|at| at.port = 0) as fn(&mut produce_response::NodeEndpoint),
        |at| at.port = 65_536,
        |at| at.host = "".into(),
        |at| at.node_id = NodeId(8),
    ] {
        let mut response = refused(0, NOT_LEADER, (2, 6));
        spoil(&mut response.node_endpoints[1]);
        check(&response, None);
    }
    let mut response = refused(0, NOT_LEADER, (1, 6));
    response.node_endpoints.clear();
    check(&response, Some((1, 6)));
}

#[test]
fn only_endpoints_of_leaders_that_were_taken_over_are_taken_over() {
    let mut metadata = in_epoch_5();
    let mut response = refused(0, NOT_LEADER, (2, 6));
    let older = refused(1, NOT_LEADER, (3, 4)).responses.remove(0);
    response.responses.push(older);
    assert!(metadata.on_leader_hints(&LeaderHints::of_produce(&response)));
    let brokers = &metadata.snapshot().brokers;
    assert_eq!(brokers.keys().map(|id| id.0).collect::<Vec<_>>(), [1, 2]);
    assert_eq!((&*brokers[&NodeId(2)].host, brokers[&NodeId(2)].port), ("two", 9092));
}

#[test]
fn many_partitions_of_a_topic_are_taken_over_at_once() {
    let mut metadata = in_epoch_5();
    let mut response = refused(0, NOT_LEADER, (2, 6));
    response.responses.extend(refused(1, NOT_LEADER, (3, 8)).responses);
    assert!(metadata.on_leader_hints(&LeaderHints::of_produce(&response)));
    let snapshot = metadata.snapshot();
    assert_eq!(snapshot.leader("t", 0), Some((NodeId(2), 6)));
    assert_eq!(snapshot.leader("t", 1), Some((NodeId(3), 8)));
    assert!(!metadata.on_leader_hints(&LeaderHints::of_produce(&response)), "it is known now");
}

#[test]
fn hints_of_one_answer_are_bounded() {
    let mut response = refused(0, NOT_LEADER, (2, 6));
    let row = response.responses[0].partition_responses[0].clone();
    response.responses[0].partition_responses = vec![row; MOST_HINTS + 1];
    assert_eq!(LeaderHints::of_produce(&response).leaders.len(), MOST_HINTS);
}

#[test]
fn a_metadata_answer_that_lags_behind_does_not_undo_a_hint() {
    let mut metadata = in_epoch_5();
    metadata.refresh(Instant::ZERO);
    assert!(metadata.poll_request(Instant::from_start(Duration::from_secs(1))).is_some());
    assert!(metadata.on_leader_hints(&LeaderHints::of_produce(&refused(0, NOT_LEADER, (2, 6)))));
    answer(&mut metadata, &response(5));
    assert_eq!(metadata.snapshot().leader("t", 0), Some((NodeId(2), 6)));
    metadata.refresh(Instant::ZERO);
    metadata.poll_request(Instant::from_start(Duration::from_secs(2)));
    answer(&mut metadata, &response(7));
    assert_eq!(metadata.snapshot().leader("t", 0), Some((NodeId(1), 7)));
}

#[test]
fn a_fetch_answer_names_topics_by_id_or_by_name() {
    let check = |name: &str, id: Uuid, expected: bool| {
        let mut row = PartitionData::default();
        (row.partition_index, row.error_code) = (0, NOT_LEADER.0);
        (row.current_leader.leader_id, row.current_leader.leader_epoch) = (NodeId(2), 6);
        let mut topic = FetchableTopicResponse::default();
        (topic.topic, topic.topic_id) = (name.into(), id);
        topic.partitions.push(row);
        let mut at = fetch_response::NodeEndpoint::default();
        (at.node_id, at.host, at.port) = (NodeId(2), "two".into(), 9092);
        let mut response = FetchResponse::default();
        response.responses.push(topic);
        response.node_endpoints.push(at);
        let hints = LeaderHints::of_fetch(&response);
        assert!(!hints.is_empty());
        assert_eq!(in_epoch_5().on_leader_hints(&hints), expected, "{name:?} {id:?}");
    };
    check("t", Uuid::ZERO, true);
    check("", ID, true);
    check("", Uuid([8; 16]), false);
    check("", Uuid::ZERO, false);
}
