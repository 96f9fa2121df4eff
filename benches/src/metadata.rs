//! A Metadata response for 1,000 topics of 10 partitions with three replicas each.

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages as peer;
use kafka_protocol::protocol::Decodable;
use ottla_core::backoff::Backoff;
use ottla_core::connection::Answer;
use ottla_core::metadata::{Metadata, MetadataConfig};
use ottla_core::random::Jitter;
use ottla_core::time::Instant;
use ottla_protocol::message::Message;
use ottla_protocol::messages::metadata_response::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use ottla_protocol::streamed::decode_each;
use ottla_protocol::types::{NodeId, Uuid};

use crate::Case;
use crate::messages::{read, write};

const VERSION: i16 = 12;
const BROKERS: i32 = 3;
const TOPICS: u128 = 1000;
const PARTITIONS: i32 = 10;

pub(crate) fn cases() -> Vec<Case> {
    let bytes = response().to_bytes(VERSION).expect("it can be written");
    vec![
        read_streamed(&bytes),
        read_into_snapshot(&bytes),
        read::<MetadataResponse, peer::MetadataResponse>("Metadata v12, 1000 x 10: read", &bytes, VERSION),
        write::<MetadataResponse, peer::MetadataResponse>("Metadata v12, 1000 x 10: write", &bytes, VERSION),
    ]
}

/// Reads it topic by topic, looking at every partition.
fn read_streamed(bytes: &Bytes) -> Case {
    let (ours, theirs) = (bytes.clone(), bytes.clone());
    Case::new(
        "Metadata v12, 1000 x 10: read, streamed",
        bytes.len(),
        move || {
            let each = |topic: MetadataResponseTopic| drop(black_box(topic));
            let read =
                decode_each(&ours, VERSION, |response: &mut MetadataResponse| &mut response.topics, each);
            drop(black_box(read.expect("it is one")));
        },
        move || {
            drop(black_box(peer::MetadataResponse::decode(&mut theirs.clone(), VERSION).expect("it is one")))
        },
    )
}

/// Reads it into what the client keeps.
fn read_into_snapshot(bytes: &Bytes) -> Case {
    let (answer, theirs) = (Answer { version: VERSION, body: bytes.clone() }, bytes.clone());
    let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
    let config =
        MetadataConfig { max_age: Duration::from_secs(300), backoff, allow_auto_topic_creation: false };
    Case::new(
        "Metadata v12, 1000 x 10: read into the client's snapshot",
        bytes.len(),
        move || {
            let mut metadata = Metadata::new(config.clone(), Jitter::seeded(1), Instant::ZERO);
            metadata.poll_request(Instant::ZERO);
            metadata.on_answer(Instant::ZERO, &answer).expect("it is one");
            drop(black_box(metadata));
        },
        move || {
            drop(black_box(peer::MetadataResponse::decode(&mut theirs.clone(), VERSION).expect("it is one")))
        },
    )
}

fn response() -> MetadataResponse {
    let mut response = MetadataResponse::default();
    response.cluster_id = Some("5L6g3nShT-eMCtK--X86sw".into());
    response.controller_id = NodeId(1);
    response.brokers = (1..=BROKERS).map(broker).collect();
    response.topics = (0..TOPICS).map(topic).collect();
    response
}

fn broker(id: i32) -> MetadataResponseBroker {
    let mut broker = MetadataResponseBroker::default();
    broker.node_id = NodeId(id);
    broker.host = format!("broker-{id}.kafka.example.com").into();
    broker.port = 9092;
    broker.rack = Some(format!("zone-{id}").into());
    broker
}

fn topic(number: u128) -> MetadataResponseTopic {
    let mut topic = MetadataResponseTopic::default();
    topic.name = Some(format!("some-topic-name-{number:04}").into());
    topic.topic_id = Uuid((number << 64 | 0x8000_0000_0000_0001).to_be_bytes());
    topic.partitions = (0..PARTITIONS).map(partition).collect();
    topic
}

fn partition(index: i32) -> MetadataResponsePartition {
    let node = |at: i32| NodeId((index + at) % BROKERS + 1);
    let mut partition = MetadataResponsePartition::default();
    partition.partition_index = index;
    partition.leader_id = node(0);
    partition.leader_epoch = 7;
    partition.replica_nodes = (0..BROKERS).map(node).collect();
    partition.isr_nodes = (0..BROKERS).map(node).collect();
    partition
}
