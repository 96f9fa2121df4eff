//! A Produce request with 10 topics of 10 partitions, 1 KiB of records each.

use bytes::Bytes;
use kafka_protocol::messages as peer;
use ottla_protocol::message::Message;
use ottla_protocol::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};

use crate::Case;
use crate::messages::{read, write};

const VERSION: i16 = 9;
const TOPICS: i32 = 10;
const PARTITIONS: i32 = 10;
const RECORDS_BYTES: usize = 1024;

pub(crate) fn cases() -> Vec<Case> {
    let bytes = request().to_bytes(VERSION).expect("it can be written");
    vec![
        read::<ProduceRequest, peer::ProduceRequest>("Produce v9, 10 x 10 x 1 KiB: read", &bytes, VERSION),
        write::<ProduceRequest, peer::ProduceRequest>("Produce v9, 10 x 10 x 1 KiB: write", &bytes, VERSION),
    ]
}

fn request() -> ProduceRequest {
    let mut request = ProduceRequest::default();
    request.acks = -1;
    request.timeout_ms = 30_000;
    request.topic_data = (0..TOPICS).map(topic).collect();
    request
}

fn topic(number: i32) -> TopicProduceData {
    let mut topic = TopicProduceData::default();
    topic.name = format!("some-topic-name-{number:04}").into();
    topic.partition_data = (0..PARTITIONS).map(partition).collect();
    topic
}

fn partition(index: i32) -> PartitionProduceData {
    let mut partition = PartitionProduceData::default();
    partition.index = index;
    partition.records = Some(Bytes::from(vec![index as u8; RECORDS_BYTES]));
    partition
}
