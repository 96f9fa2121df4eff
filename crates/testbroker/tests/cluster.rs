//! Rules of topics, produce and fetch on the pure cluster, with hand-made time.

mod rig;

use std::time::Duration;

use bytes::Bytes;
use ottla_protocol::api::ApiKey;
use ottla_protocol::compression::Compression;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::frame::decode_response_header;
use ottla_protocol::message::{Message, Response, VersionRange};
use ottla_protocol::messages::api_versions_request::ApiVersionsRequest;
use ottla_protocol::messages::api_versions_response::ApiVersionsResponse;
use ottla_protocol::messages::create_topics_request::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use ottla_protocol::messages::fetch_request::FetchRequest;
use ottla_protocol::messages::fetch_response::PartitionData;
use ottla_protocol::messages::list_offsets_request::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use ottla_protocol::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};
use ottla_protocol::messages::produce_request::ProduceRequest;
use ottla_protocol::records::RecordSet;
use ottla_protocol::types::{NodeId, Uuid};
use ottla_testbroker::{Action, CloseReason, Cluster, ConnectionId};
use rig::{Rig, START_MS, batch, batch_with, compressed, fetch_request, idempotent, produce_request};

const WAIT: Duration = Duration::from_millis(500);

fn rig_with_topic(partitions: i32) -> (Rig, ConnectionId) {
    let mut rig = Rig::new(Cluster::builder());
    let connection = rig.connect(1);
    rig.create_topic(connection, "t", partitions);
    (rig, connection)
}

fn fetch(rig: &mut Rig, connection: ConnectionId, offset: i64) -> PartitionData {
    let mut response = rig.call(connection, 12, &fetch_request("t", 0, offset, Duration::ZERO));
    response.responses.remove(0).partitions.remove(0)
}

fn values(data: &PartitionData) -> Vec<(i64, String)> {
    let mut values = Vec::new();
    for batch in RecordSet::new(data.records.clone().unwrap_or_default()) {
        let records = batch.and_then(|batch| batch.records(1 << 20)).expect("readable");
        values.extend(records.iter().map(|record| {
            let record = record.expect("well formed");
            (record.offset, String::from_utf8_lossy(record.value.unwrap_or_default()).into_owned())
        }));
    }
    values
}

#[test]
fn an_unknown_version_of_api_versions_is_answered_with_version_0() {
    let mut rig = Rig::new(Cluster::builder());
    let connection = rig.connect(1);
    // Version 99 in the header; the body does not matter.
    let frame = Bytes::from_static(&[0, 18, 0, 99, 0, 0, 0, 5, 0, 1, b'x', 0, 1, 1, 0]);
    rig.cluster.handle(rig.now, connection, frame);
    let Some(Action::Respond(_, frame)) = rig.cluster.poll_action() else { panic!("an answer") };
    let frame = frame.into_bytes().slice(4..);
    let (correlation_id, body) =
        decode_response_header(&frame, ApiVersionsResponse::header_version(0)).expect("a header");
    let response = ApiVersionsResponse::decode(&body, 0).expect("version 0");
    assert_eq!(correlation_id, 5);
    assert_eq!(response.error_code, ErrorCode::UNSUPPORTED_VERSION.0);
    let range = |row: &ottla_protocol::messages::api_versions_response::ApiVersion| {
        (row.api_key, row.min_version, row.max_version)
    };
    assert_eq!(response.api_keys.iter().map(range).collect::<Vec<_>>(), [(18, 0, 4)]);
}

#[test]
fn what_is_not_served_closes_the_connection() {
    let mask = VersionRange::new(0, 11);
    let mut rig = Rig::new(Cluster::builder().api_versions(ApiKey::METADATA, mask));
    let connection = rig.connect(1);
    rig.send(connection, 12, &MetadataRequest::default());
    assert_eq!(rig.closed.get(&connection), Some(&CloseReason::Unsupported(ApiKey::METADATA, 12)));
    let connection = rig.connect(1);
    let response = rig.call(connection, 0, &ApiVersionsRequest::default());
    let row = response.api_keys.iter().find(|row| row.api_key == ApiKey::METADATA.0).expect("served");
    assert_eq!((row.min_version, row.max_version), (0, 11));
}

/// librdkafka compresses with gzip and snappy only where it finds these versions; Kafka 4 names them and does not serve
/// them (KAFKA-18659).
#[test]
fn produce_is_listed_from_version_0_and_served_from_3() {
    let mut rig = Rig::new(Cluster::builder());
    let connection = rig.connect(1);
    let response = rig.call(connection, 0, &ApiVersionsRequest::default());
    let row = response.api_keys.iter().find(|row| row.api_key == ApiKey::PRODUCE.0).expect("served");
    assert_eq!((row.min_version, row.max_version), (0, 13));
    // Acks, timeout and no topics.
    let frame = Bytes::from_static(&[0, 0, 0, 2, 0, 0, 0, 5, 0, 1, b'x', 0, 1, 0, 0, 0, 9, 0, 0, 0, 0]);
    rig.cluster.handle(rig.now, connection, frame);
    let Some(Action::Close(_, reason)) = rig.cluster.poll_action() else { panic!("no answer") };
    assert_eq!(reason, CloseReason::Unsupported(ApiKey::PRODUCE, 2));
}

#[test]
fn metadata_knows_all_none_and_topics_that_are_made_on_the_way() {
    let mut rig = Rig::new(Cluster::builder().nodes(3).num_partitions(4));
    let connection = rig.connect(2);
    rig.create_topic(connection, "a", 1);
    let mut ask = |version, topics: Option<&[&str]>, create| {
        let mut request = MetadataRequest::default();
        request.allow_auto_topic_creation = create;
        request.topics = topics.map(|names| {
            let named = names.iter().map(|name| {
                let mut topic = MetadataRequestTopic::default();
                topic.name = Some((*name).into());
                topic
            });
            named.collect()
        });
        let response = rig.call(connection, version, &request);
        assert_eq!(response.brokers.len(), 3);
        let rows = response.topics.iter();
        rows.map(|topic| (topic.error_code, topic.partitions.len())).collect::<Vec<_>>()
    };
    assert_eq!(ask(0, Some(&[]), true), [(0, 1)], "version 0: empty means all");
    assert_eq!(ask(1, Some(&[]), true), []);
    assert_eq!(ask(13, None, true), [(0, 1)]);
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.0;
    assert_eq!(ask(4, Some(&["b"]), false), [(unknown, 0)]);
    assert_eq!(ask(4, Some(&["b"]), true), [(0, 4)]);
    assert_eq!(ask(13, Some(&["a b"]), true), [(ErrorCode::INVALID_TOPIC_EXCEPTION.0, 0)]);
}

#[test]
fn leaders_are_spread_and_only_they_answer() {
    let mut rig = Rig::new(Cluster::builder().nodes(3));
    let connection = rig.connect(1);
    rig.create_topic(connection, "t", 3);
    let mut codes = Vec::new();
    for partition in 0..3 {
        let answer = rig.produce(connection, "t", partition, batch(&["v"]));
        codes.push(answer.error_code);
        if answer.error_code != 0 {
            assert_ne!(answer.current_leader.leader_id, NodeId(1));
            let leader = rig.connect(answer.current_leader.leader_id.0);
            assert_eq!(rig.produce(leader, "t", partition, batch(&["v"])).error_code, 0);
        }
    }
    codes.sort_unstable();
    let moved = ErrorCode::NOT_LEADER_OR_FOLLOWER.0;
    assert_eq!(codes, [0, moved, moved]);
}

#[test]
fn topics_are_refused_with_kafkas_codes() {
    let mut rig = Rig::new(Cluster::builder());
    let connection = rig.connect(1);
    rig.create_topic(connection, "taken", 1);
    let mut check = |name: &str, partitions, replicas, config: Option<(&str, &str)>, expected: ErrorCode| {
        let mut topic = CreatableTopic::default();
        topic.name = name.into();
        topic.num_partitions = partitions;
        topic.replication_factor = replicas;
        if let Some((name, value)) = config {
            let mut row = CreatableTopicConfig::default();
            row.name = name.into();
            row.value = Some(value.into());
            topic.configs.push(row);
        }
        let mut request = CreateTopicsRequest::default();
        request.topics.push(topic);
        request.validate_only = true;
        let response = rig.call(connection, 5, &request);
        assert_eq!(ErrorCode(response.topics[0].error_code), expected, "{name}");
    };
    check("new", -1, -1, Some(("retention.ms", "5")), ErrorCode::NONE);
    check("new", 3, 1, None, ErrorCode::NONE);
    check("taken", 1, 1, None, ErrorCode::TOPIC_ALREADY_EXISTS);
    check("new", 0, 1, None, ErrorCode::INVALID_PARTITIONS);
    check("new", 1, 2, None, ErrorCode::INVALID_REPLICATION_FACTOR);
    check("new", 1, 0, None, ErrorCode::INVALID_REPLICATION_FACTOR);
    check("a/b", 1, 1, None, ErrorCode::INVALID_TOPIC_EXCEPTION);
    check("new", 1, 1, Some(("no.such", "5")), ErrorCode::INVALID_CONFIG);
    check("new", 20_000, 1, None, ErrorCode::POLICY_VIOLATION);
}

#[test]
fn records_come_back_with_their_offsets_in_every_compression() {
    let (mut rig, connection) = rig_with_topic(1);
    let mut expected = Vec::new();
    for (n, compression) in Compression::ALL.into_iter().enumerate() {
        let records = [(START_MS, "a"), (START_MS + 1, "b")];
        let answer = rig.produce(connection, "t", 0, batch_with(&records, &compressed(compression)));
        assert_eq!((answer.error_code, answer.base_offset), (0, 2 * n as i64), "{compression}");
        expected.push((answer.base_offset, "a".to_owned()));
        expected.push((answer.base_offset + 1, "b".to_owned()));
    }
    let data = fetch(&mut rig, connection, 0);
    assert_eq!((data.high_watermark, data.last_stable_offset, data.log_start_offset), (10, 10, 0));
    assert_eq!(values(&data), expected);
    // From the middle of a batch: the whole batch, and the client skips.
    assert_eq!(values(&fetch(&mut rig, connection, 9)), expected[8..]);
    assert_eq!(fetch(&mut rig, connection, 11).error_code, ErrorCode::OFFSET_OUT_OF_RANGE.0);
}

#[test]
fn a_fetch_waits_for_bytes_and_not_longer_than_it_said() {
    let (mut rig, connection) = rig_with_topic(1);
    let producer = rig.connect(1);
    let waiting = rig.send(connection, 12, &fetch_request("t", 0, 0, WAIT));
    assert!(rig.answer::<FetchRequest>(&waiting).is_none());
    rig.produce(producer, "t", 0, batch(&["v"]));
    let response = rig.answer::<FetchRequest>(&waiting).expect("woken by the append");
    assert_eq!(values(&response.responses[0].partitions[0]), [(0, "v".to_owned())]);

    let waiting = rig.send(connection, 12, &fetch_request("t", 0, 1, WAIT));
    assert_eq!(rig.cluster.next_timeout(), Some(rig.now.instant + WAIT));
    rig.advance(WAIT - Duration::from_micros(1));
    assert!(rig.answer::<FetchRequest>(&waiting).is_none());
    rig.advance(Duration::from_micros(1));
    let response = rig.answer::<FetchRequest>(&waiting).expect("time is over");
    assert_eq!(response.responses[0].partitions[0].records, Some(Bytes::new()));
    assert_eq!(rig.cluster.next_timeout(), None);
}

#[test]
fn a_fetch_waits_until_there_are_min_bytes() {
    let (mut rig, connection) = rig_with_topic(1);
    let producer = rig.connect(1);
    let one = batch(&["v"]);
    let mut request = fetch_request("t", 0, 0, WAIT);
    request.min_bytes = 2 * one.len() as i32;
    let waiting = rig.send(connection, 12, &request);
    rig.produce(producer, "t", 0, one.clone());
    assert!(rig.answer::<FetchRequest>(&waiting).is_none());
    rig.produce(producer, "t", 0, one);
    assert!(rig.answer::<FetchRequest>(&waiting).is_some());
}

#[test]
fn a_long_poll_holds_up_what_is_behind_it_on_its_connection() {
    let (mut rig, connection) = rig_with_topic(1);
    let fetch = rig.send(connection, 12, &fetch_request("t", 0, 0, WAIT));
    let metadata = rig.send(connection, 12, &MetadataRequest::default());
    assert!(rig.answer::<MetadataRequest>(&metadata).is_none());
    rig.advance(WAIT);
    assert!(rig.answer::<FetchRequest>(&fetch).is_some());
    assert!(rig.answer::<MetadataRequest>(&metadata).is_some());
}

#[test]
fn deleting_a_topic_or_hanging_up_ends_a_wait() {
    let (mut rig, connection) = rig_with_topic(1);
    let other = rig.connect(1);
    let waiting = rig.send(connection, 12, &fetch_request("t", 0, 0, WAIT));
    let mut delete = ottla_protocol::messages::delete_topics_request::DeleteTopicsRequest::default();
    delete.topic_names.push("t".into());
    assert_eq!(rig.call(other, 5, &delete).responses[0].error_code, 0);
    let response = rig.answer::<FetchRequest>(&waiting).expect("an answer");
    let code = response.responses[0].partitions[0].error_code;
    assert_eq!(code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.0);

    rig.create_topic(other, "t", 1);
    rig.send(connection, 12, &fetch_request("t", 0, 0, WAIT));
    rig.cluster.disconnect(rig.now, connection);
    assert_eq!(rig.cluster.next_timeout(), None);
}

#[test]
fn a_fetch_of_max_bytes_always_brings_one_batch() {
    let (mut rig, connection) = rig_with_topic(1);
    for _ in 0..2 {
        rig.produce(connection, "t", 0, batch(&["v"]));
    }
    let mut request = fetch_request("t", 0, 0, Duration::ZERO);
    request.max_bytes = 1;
    request.topics[0].partitions[0].partition_max_bytes = 1;
    let response = rig.call(connection, 12, &request);
    assert_eq!(values(&response.responses[0].partitions[0]), [(0, "v".to_owned())]);
}

#[test]
fn a_fetch_session_carries_only_what_changes() {
    let (mut rig, connection) = rig_with_topic(3);
    let mut request = fetch_request("t", 0, 0, Duration::ZERO);
    let mut second = request.topics[0].partitions[0].clone();
    second.partition = 1;
    request.topics[0].partitions.push(second);
    request.session_epoch = 0;
    let response = rig.call(connection, 12, &request);
    let id = response.session_id;
    assert!(id > 0);
    assert_eq!(response.responses[0].partitions.len(), 2, "all of them the first time");
    // Nothing named, nothing new.
    let mut next = FetchRequest::default();
    (next.session_id, next.session_epoch, next.min_bytes) = (id, 1, 1);
    assert_eq!(rig.call(connection, 12, &next).responses.len(), 0);
    // The append to a partition of the session wakes a fetch that names none.
    let producer = rig.connect(1);
    (next.session_epoch, next.max_wait_ms) = (2, 500);
    next.max_bytes = 1 << 20;
    let waiting = rig.send(connection, 12, &next);
    rig.produce(producer, "t", 1, batch(&["v"]));
    let response = rig.answer::<FetchRequest>(&waiting).expect("woken");
    assert_eq!(response.responses[0].partitions.len(), 1);
    assert_eq!(response.responses[0].partitions[0].partition_index, 1);
    // A position moves, a partition is forgotten, another one comes.
    let mut changed = fetch_request("t", 1, 1, Duration::ZERO);
    let mut third = changed.topics[0].partitions[0].clone();
    (third.partition, third.fetch_offset) = (2, 0);
    changed.topics[0].partitions.push(third);
    let mut forgotten = ottla_protocol::messages::fetch_request::ForgottenTopic::default();
    forgotten.topic = "t".into();
    forgotten.partitions = vec![0].into();
    changed.forgotten_topics_data.push(forgotten);
    (changed.session_id, changed.session_epoch) = (id, 3);
    let response = rig.call(connection, 12, &changed);
    let indexes: Vec<_> = response.responses[0].partitions.iter().map(|row| row.partition_index).collect();
    assert_eq!(indexes, [2], "the new one, and no news of the other");
    rig.produce(producer, "t", 0, batch(&["v"]));
    (next.session_epoch, next.max_wait_ms) = (4, 0);
    assert_eq!(rig.call(connection, 12, &next).responses.len(), 0, "forgotten");
}

#[test]
fn a_fetch_session_is_refused_to_those_who_lost_track() {
    let (mut rig, connection) = rig_with_topic(1);
    let mut request = fetch_request("t", 0, 0, Duration::ZERO);
    request.session_epoch = 0;
    let id = rig.call(connection, 12, &request).session_id;
    let mut check = |node_connection, version, session_id, epoch, expected: ErrorCode| {
        let mut request = FetchRequest::default();
        (request.session_id, request.session_epoch) = (session_id, epoch);
        let response = rig.call(node_connection, version, &request);
        assert_eq!(ErrorCode(response.error_code), expected);
    };
    check(connection, 12, id, 2, ErrorCode::INVALID_FETCH_SESSION_EPOCH);
    check(connection, 13, id, 1, ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR);
    check(connection, 12, id ^ 1, 1, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
    check(connection, 12, id, -1, ErrorCode::NONE);
    check(connection, 12, id, 1, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
}

#[test]
fn a_retry_of_an_idempotent_batch_is_written_once() {
    let (mut rig, connection) = rig_with_topic(1);
    let sealed = |epoch, sequence| batch_with(&[(START_MS, "v")], &idempotent(77, epoch, sequence));
    assert_eq!(rig.produce(connection, "t", 0, sealed(0, 0)).base_offset, 0);
    assert_eq!(rig.produce(connection, "t", 0, sealed(0, 1)).base_offset, 1);
    let retry = rig.produce(connection, "t", 0, sealed(0, 0));
    assert_eq!((retry.error_code, retry.base_offset), (0, 0));
    let mut check = |epoch, sequence, expected: ErrorCode| {
        let code = rig.produce(connection, "t", 0, sealed(epoch, sequence)).error_code;
        assert_eq!(ErrorCode(code), expected);
    };
    check(0, 3, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    check(1, 0, ErrorCode::NONE);
    check(0, 2, ErrorCode::INVALID_PRODUCER_EPOCH);
    assert_eq!(fetch(&mut rig, connection, 0).high_watermark, 3);
}

#[test]
fn without_acks_there_is_no_answer_and_an_error_closes() {
    let (mut rig, connection) = rig_with_topic(1);
    rig.send(connection, 12, &produce_request("t", 0, 0, batch(&["v"])));
    assert_eq!(rig.proceeded, 1);
    assert_eq!(fetch(&mut rig, connection, 0).high_watermark, 1);
    rig.send(connection, 12, &produce_request("nowhere", 0, 0, batch(&["v"])));
    assert_eq!(rig.closed.get(&connection), Some(&CloseReason::UnacknowledgedError));
}

#[test]
fn bad_batches_are_refused_with_kafkas_codes() {
    let (mut rig, connection) = rig_with_topic(1);
    let good = batch(&["v", "w"]);
    let mut check = |what: &str, bytes: Vec<u8>, expected: ErrorCode| {
        let answer = rig.produce(connection, "t", 0, bytes.into());
        assert_eq!((ErrorCode(answer.error_code), answer.base_offset), (expected, -1), "{what}");
    };
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.to_vec();
        change(&mut bytes);
        bytes
    };
    let resealed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = with(change);
        ottla_protocol::records::edit::update_crc(&mut bytes).expect("a batch");
        bytes
    };
    check("nothing", vec![], ErrorCode::INVALID_RECORD);
    check("two batches", [&good[..], &good[..]].concat(), ErrorCode::INVALID_RECORD);
    check("cut", good[..good.len() - 1].to_vec(), ErrorCode::INVALID_RECORD);
    check("crc", with(&|b| b[70] ^= 1), ErrorCode::CORRUPT_MESSAGE);
    check("size below a header", with(&|b| b[11] = 3), ErrorCode::CORRUPT_MESSAGE);
    check("magic 9", with(&|b| b[16] = 9), ErrorCode::INVALID_RECORD);
    check("record count", resealed(&|b| b[60] = 3), ErrorCode::INVALID_RECORD);
    check("huge record count", resealed(&|b| b[57..61].fill(0x7f)), ErrorCode::INVALID_RECORD);
    check("negative record count", resealed(&|b| b[57..61].fill(0xff)), ErrorCode::INVALID_RECORD);
    check("count and delta agree but lie", resealed(&|b| (b[26], b[60]) = (4, 5)), ErrorCode::INVALID_RECORD);
    check("control", resealed(&|b| b[22] |= 0x20), ErrorCode::INVALID_RECORD);
    check("codec 7", resealed(&|b| b[22] |= 7), ErrorCode::UNSUPPORTED_COMPRESSION_TYPE);
    check("not gzip", resealed(&|b| b[22] |= 1), ErrorCode::CORRUPT_MESSAGE);
    check("transactional", resealed(&|b| b[22] |= 0x10), ErrorCode::INVALID_TXN_STATE);
    let large = "x".repeat(1_048_588);
    check("too large", batch(&[&large]).to_vec(), ErrorCode::MESSAGE_TOO_LARGE);
    let future = batch_with(&[(START_MS + 4_000_000, "v")], &Default::default());
    check("from the future", future.to_vec(), ErrorCode::INVALID_TIMESTAMP);
    // What KafkaJS sends without idempotence: no producer id, epoch 0, sequence 0.
    let answer = rig.produce(connection, "t", 0, batch_with(&[(START_MS, "v")], &idempotent(-1, 0, 0)));
    assert_eq!(answer.error_code, 0);
}

#[test]
fn zstd_needs_produce_7() {
    let (mut rig, connection) = rig_with_topic(1);
    let zstd = batch_with(&[(START_MS, "v")], &compressed(Compression::Zstd));
    for (version, expected) in [(6, ErrorCode::UNSUPPORTED_COMPRESSION_TYPE), (7, ErrorCode::NONE)] {
        let response = rig.call(connection, version, &produce_request("t", 0, 1, zstd.clone()));
        assert_eq!(ErrorCode(response.responses[0].partition_responses[0].error_code), expected);
    }
}

#[test]
fn offsets_are_found_by_time() {
    let (mut rig, connection) = rig_with_topic(1);
    for base in [0, 100, 50] {
        let records = [(START_MS + base, "a"), (START_MS + base + 10, "b")];
        rig.produce(connection, "t", 0, batch_with(&records, &compressed(Compression::Lz4)));
    }
    let mut check = |timestamp, expected: (i64, i64)| {
        let mut partition = ListOffsetsPartition::default();
        partition.timestamp = timestamp;
        let mut topic = ListOffsetsTopic::default();
        topic.name = "t".into();
        topic.partitions.push(partition);
        let mut request = ListOffsetsRequest::default();
        request.topics.push(topic);
        let response = rig.call(connection, 11, &request);
        let row = &response.topics[0].partitions[0];
        assert_eq!((row.error_code, row.offset, row.timestamp), (0, expected.0, expected.1), "{timestamp}");
    };
    check(-2, (0, -1));
    check(-1, (6, -1));
    check(-3, (3, START_MS + 110));
    check(-4, (0, -1));
    check(-5, (-1, -1));
    check(START_MS, (0, START_MS));
    check(START_MS + 5, (1, START_MS + 10));
    check(START_MS + 11, (2, START_MS + 100));
    check(START_MS + 111, (-1, -1));
}

#[test]
fn topic_ids_replace_names_in_new_versions() {
    let (mut rig, connection) = rig_with_topic(1);
    let id = rig.call(connection, 13, &all_topics()).topics[0].topic_id;
    let mut produce = produce_request("", 0, -1, batch(&["v"]));
    produce.topic_data[0].topic_id = id;
    assert_eq!(rig.call(connection, 13, &produce).responses[0].partition_responses[0].error_code, 0);
    produce.topic_data[0].topic_id = Uuid([9; 16]);
    let response = rig.call::<ProduceRequest>(connection, 13, &produce);
    let code = response.responses[0].partition_responses[0].error_code;
    assert_eq!(code, ErrorCode::UNKNOWN_TOPIC_ID.0);
    let mut request = fetch_request("", 0, 0, Duration::ZERO);
    request.topics[0].topic_id = id;
    let response = rig.call(connection, 18, &request);
    assert_eq!(response.responses[0].topic_id, id);
    assert_eq!(values(&response.responses[0].partitions[0]), [(0, "v".to_owned())]);
}

fn all_topics() -> MetadataRequest {
    let mut request = MetadataRequest::default();
    request.topics = None;
    request
}

#[test]
fn full_memory_is_a_storage_error_and_retention_makes_room() {
    let one = batch(&["v"]);
    let mut rig = Rig::new(Cluster::builder().max_log_bytes(3 * one.len() as u64));
    let connection = rig.connect(1);
    rig.create_topic(connection, "t", 1);
    let mut codes = Vec::new();
    for _ in 0..4 {
        codes.push(ErrorCode(rig.produce(connection, "t", 0, one.clone()).error_code));
    }
    assert_eq!(codes[..3], [ErrorCode::NONE; 3]);
    assert_eq!(codes[3], ErrorCode::KAFKA_STORAGE_ERROR);
    let mut delete = ottla_protocol::messages::delete_topics_request::DeleteTopicsRequest::default();
    delete.topic_names.push("t".into());
    rig.call(connection, 5, &delete);
    rig.create_topic(connection, "t", 1);
    assert_eq!(rig.produce(connection, "t", 0, one).error_code, 0);
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let trace = |seed| {
        let mut rig = Rig::new(Cluster::builder().nodes(3).seed(seed));
        let connection = rig.connect(1);
        rig.create_topic(connection, "t", 3);
        format!("{:?}", rig.call(connection, 13, &all_topics()))
    };
    assert_eq!(trace(1), trace(1));
    assert_ne!(trace(1), trace(2));
}
