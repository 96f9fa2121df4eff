//! A Fetch response with 1 MiB of records.

use bytes::Bytes;
use kafka_protocol::messages as peer;
use ottla_protocol::message::Message;
use ottla_protocol::messages::fetch_response::{FetchResponse, FetchableTopicResponse, PartitionData};

use crate::Case;
use crate::messages::{read, write};

const VERSION: i16 = 12;
const RECORDS_BYTES: usize = 1 << 20;

pub(crate) fn cases() -> Vec<Case> {
    let bytes = response().to_bytes(VERSION).expect("it can be written");
    vec![
        read::<FetchResponse, peer::FetchResponse>("Fetch v12, 1 MiB: read", &bytes, VERSION),
        write::<FetchResponse, peer::FetchResponse>("Fetch v12, 1 MiB: write", &bytes, VERSION),
    ]
}

fn response() -> FetchResponse {
    let mut partition = PartitionData::default();
    partition.high_watermark = 10_000;
    partition.last_stable_offset = 10_000;
    partition.records = Some(Bytes::from(vec![7; RECORDS_BYTES]));
    let mut topic = FetchableTopicResponse::default();
    topic.topic = "some-topic-name".into();
    topic.partitions.push(partition);
    let mut response = FetchResponse::default();
    response.session_id = 77;
    response.responses.push(topic);
    response
}
