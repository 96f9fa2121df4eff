//! Record batches of 10,000 records: values of 100 bytes alone, and with keys and two headers.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use kafka_protocol::indexmap::IndexMap;
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records as peer;
use ottla_protocol::compression::Compressor;
use ottla_protocol::records::{Batch, BatchBuilder, Header, SealOptions};

use crate::Case;

const RECORDS: usize = 10_000;
const VALUE: [u8; 100] = [b'v'; 100];
const PRODUCER_ID: i64 = 4000;
const PRODUCER_EPOCH: i16 = 0;
const FIRST_TIMESTAMP: i64 = 1_700_000_000_000;
const HEADERS: [(&str, &[u8]); 2] =
    [("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736"), ("retry", b"1")];
/// No record set of these cases is larger.
const LIMIT: usize = 16 << 20;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        read("batch of 10k x 100 B: read with CRC", false),
        write("batch of 10k x 100 B: write with CRC", false),
        read("batch of 10k x 100 B, key, 2 headers: read with CRC", true),
        write("batch of 10k x 100 B, key, 2 headers: write with CRC", true),
    ]
}

/// Looks at key, value and headers of each record.
fn read(name: &'static str, with_key_and_headers: bool) -> Case {
    let bytes = build(&keys(with_key_and_headers));
    let theirs = bytes.clone();
    Case::new(
        name,
        bytes.len(),
        move || {
            let batch = Batch::parse(bytes.clone()).expect("it is a batch");
            batch.verify_crc().expect("it is right");
            let records = batch.records(LIMIT).expect("it has records");
            for record in records.iter() {
                let record = record.expect("it is one");
                black_box((record.key, record.value));
                for header in record.headers {
                    black_box((header.key_bytes(), header.value()));
                }
            }
        },
        move || {
            let set = peer::RecordBatchDecoder::decode(&mut theirs.clone()).expect("it is a batch");
            for record in &set.records {
                black_box((&record.key, &record.value));
                for header in &record.headers {
                    black_box(header);
                }
            }
        },
    )
}

fn write(name: &'static str, with_key_and_headers: bool) -> Case {
    let keys = keys(with_key_and_headers);
    let records: Vec<_> = (0..RECORDS).map(|at| record(&keys, at)).collect();
    let options = peer::RecordEncodeOptions { version: 2, compression: peer::Compression::None };
    let bytes = build(&keys);
    let mut theirs = BytesMut::new();
    peer::RecordBatchEncoder::encode(&mut theirs, &records, &options).expect("it can be written");
    assert_eq!(theirs, bytes);
    Case::new(
        name,
        bytes.len(),
        move || drop(black_box(build(&keys))),
        move || {
            let mut out = BytesMut::new();
            peer::RecordBatchEncoder::encode(&mut out, &records, &options).expect("it can be written");
            drop(black_box(out));
        },
    )
}

/// A key for each record, or none.
fn keys(wanted: bool) -> Vec<Bytes> {
    let key = |number: usize| Bytes::from(format!("key-{number:06}"));
    if wanted { (0..RECORDS).map(key).collect() } else { Vec::new() }
}

fn build(keys: &[Bytes]) -> Bytes {
    let mut builder = BatchBuilder::new();
    let headers = HEADERS.map(|(key, value)| Header::new(key, Some(value)));
    for at in 0..RECORDS {
        let timestamp = FIRST_TIMESTAMP + at as i64;
        let key = keys.get(at);
        let headers = if key.is_some() { &headers[..] } else { &[] };
        builder
            .append(timestamp, key.map(|key| &key[..]), Some(&VALUE), headers.iter().copied())
            .expect("it fits");
    }
    let mut options = SealOptions::default();
    options.producer_id = PRODUCER_ID;
    options.producer_epoch = PRODUCER_EPOCH;
    options.base_sequence = 0;
    builder.seal(&options, &mut Compressor::new()).expect("it can be sealed")
}

fn record(keys: &[Bytes], at: usize) -> peer::Record {
    let mut headers = IndexMap::new();
    if !keys.is_empty() {
        for (key, value) in HEADERS {
            headers.insert(StrBytes::from_static_str(key), Some(Bytes::from_static(value)));
        }
    }
    peer::Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: peer::NO_PARTITION_LEADER_EPOCH,
        producer_id: PRODUCER_ID,
        producer_epoch: PRODUCER_EPOCH,
        timestamp_type: peer::TimestampType::Creation,
        offset: at as i64,
        // Without sequences it would write a batch for each record.
        sequence: at as i32,
        timestamp: FIRST_TIMESTAMP + at as i64,
        key: keys.get(at).cloned(),
        value: Some(Bytes::from_static(&VALUE)),
        headers,
    }
}
