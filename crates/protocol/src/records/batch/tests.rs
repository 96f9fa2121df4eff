//! Batches whose records are not what the header says, and compressed sets of magic 0 and 1.

use super::*;
use crate::compression::{CompressionError, Compressor};
use crate::records::{BatchBuilder, Cursor, NO_HEADERS, SealOptions, crc32, edit};

const TIME: i64 = 1_700_000_000_000;

fn sealed(records: usize) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    for _ in 0..records {
        builder.append(TIME, None, Some(b"value"), NO_HEADERS).expect("append");
    }
    builder.seal(&SealOptions::default(), &mut Compressor::new()).expect("seal").to_vec()
}

fn parse(bytes: Vec<u8>) -> Batch {
    Batch::parse(bytes.into()).expect("a batch")
}

/// The first error of a walk, which ends with it, and the records before it.
fn walk(records: &BatchRecords) -> (usize, Option<RecordError>) {
    let mut iter = records.iter();
    let mut count = 0;
    loop {
        match iter.next() {
            None => return (count, None),
            Some(Ok(_)) => count += 1,
            Some(Err(error)) => {
                assert!(iter.next().is_none(), "a walk ends with its error");
                return (count, Some(error));
            }
        }
    }
}

#[test]
fn the_stated_count_is_not_trusted() {
    for count in [-1, i32::MIN, i32::MAX, 1000] {
        let mut bytes = sealed(2);
        bytes[57..61].copy_from_slice(&count.to_be_bytes());
        let error = parse(bytes).records(0).expect_err("impossible count");
        assert_eq!(error, RecordError::InvalidCount { base_offset: 0, count });
    }
    let mut bytes = sealed(3);
    bytes[57..61].copy_from_slice(&2_i32.to_be_bytes());
    let size = (bytes.len() - 61) / 3;
    let (count, error) = walk(&parse(bytes).records(0).expect("records"));
    assert_eq!((count, error), (2, Some(RecordError::TrailingBytes { base_offset: 0, bytes: size })));
    let mut bytes = sealed(3);
    bytes[57..61].copy_from_slice(&4_i32.to_be_bytes());
    let (count, error) = walk(&parse(bytes).records(0).expect("records"));
    assert_eq!(count, 3);
    assert!(matches!(error, Some(RecordError::Malformed { index: 3, .. })), "{error:?}");
}

#[test]
fn a_batch_without_records_is_empty_whatever_follows() {
    let mut bytes = sealed(1);
    bytes[57..61].copy_from_slice(&0_i32.to_be_bytes());
    let records = parse(bytes).records(0).expect("records");
    assert!(records.is_empty());
    assert_eq!(walk(&records), (0, None));
}

#[test]
fn a_malformed_record_is_an_error_and_ends_the_walk() {
    // Size, attributes, two deltas, key, value and header count at bytes 61 to 67.
    let cases: [(usize, u8, &str); 6] = [
        (61, 0x01, "negative record size"),
        (61, 0x7e, "record size is past the end"),
        (61, 0x18, "record size is larger than the record"),
        (65, 0x7e, "the bytes end early"),
        (66, 0x0c, "the bytes end early"),
        (72, 0x01, "negative header count"),
    ];
    for (position, byte, reason) in cases {
        let mut bytes = sealed(1);
        bytes.push(0);
        let size = (bytes.len() - 12) as i32;
        bytes[8..12].copy_from_slice(&size.to_be_bytes());
        bytes[position] = byte;
        let (count, error) = walk(&parse(bytes).records(0).expect("records"));
        assert_eq!(count, 0);
        let expected = RecordError::Malformed { base_offset: 0, index: 0, reason };
        assert_eq!(error, Some(expected), "byte {position} is {byte:02x}");
    }
}

#[test]
fn a_cursor_goes_on_where_it_was_left() {
    let records = parse(sealed(5)).records(0).expect("records");
    let mut cursor = Cursor::new();
    for _ in 0..2 {
        cursor.next(&records).expect("a record").expect("well formed");
    }
    let moved = (records.clone(), cursor);
    let rest = std::thread::spawn(move || {
        let (records, mut cursor) = moved;
        std::iter::from_fn(|| cursor.next(&records).map(|record| record.expect("well formed").offset))
            .collect::<Vec<_>>()
    });
    assert_eq!(rest.join().expect("no panic"), [2, 3, 4]);
    assert_eq!(cursor.index(), Some(2));
}

#[test]
fn a_span_of_another_batch_is_harmless() {
    let records = parse(sealed(50)).records(0).expect("records");
    let other = parse(sealed(1)).records(0).expect("records");
    let mut cursor = Cursor::new();
    while let Some(span) = cursor.next_span(&records) {
        let span = span.expect("well formed");
        assert_eq!(span.value_bytes(&records).as_deref(), Some(&b"value"[..]));
        let _ = (span.record(&other), span.key_bytes(&other), span.value_bytes(&other));
        let mut elsewhere = cursor;
        let _ = elsewhere.next(&other);
    }
}

#[test]
fn a_compression_that_does_not_exist_is_an_error() {
    let mut bytes = sealed(1);
    bytes[22] |= 5;
    edit::update_crc(&mut bytes).expect("magic 2");
    let error = parse(bytes).records(100).expect_err("no such codec");
    assert_eq!(error, RecordError::UnknownCompression { base_offset: 0, id: 5 });
}

fn message(magic: u8, offset: i64, attributes: u8, timestamp: i64, value: &[u8]) -> Vec<u8> {
    let mut body = vec![magic, attributes];
    if magic == 1 {
        body.extend_from_slice(&timestamp.to_be_bytes());
    }
    body.extend_from_slice(&(-1_i32).to_be_bytes());
    body.extend_from_slice(&(value.len() as i32).to_be_bytes());
    body.extend_from_slice(value);
    let mut message = offset.to_be_bytes().to_vec();
    message.extend_from_slice(&(body.len() as i32 + 4).to_be_bytes());
    message.extend_from_slice(&crc32(&body).to_be_bytes());
    message.extend_from_slice(&body);
    message
}

fn gzipped(set: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let level = crate::compression::CompressionLevel::DEFAULT;
    crate::compression::compress(Compression::Gzip, level, set, &mut out).ok().map(|()| out)
}

#[test]
fn a_compressed_set_gives_offsets_and_timestamps_as_java_does() {
    const GZIP: u8 = 1;
    const LOG_APPEND: u8 = 8;
    // Wrapper magic, offset, attributes; offsets within; what comes out.
    let cases = [
        (0, 11_i64, GZIP, [10_i64, 11], [10_i64, 11], [-1_i64, -1]),
        (1, 11, GZIP, [0, 1], [10, 11], [TIME, TIME + 1]),
        (1, 11, GZIP, [0, 3], [8, 11], [TIME, TIME + 1]),
        (1, 0, GZIP, [0, 1], [0, 1], [TIME, TIME + 1]),
        (1, 11, GZIP | LOG_APPEND, [0, 1], [10, 11], [TIME + 9, TIME + 9]),
    ];
    for (magic, offset, attributes, within, offsets, timestamps) in cases {
        let set = [message(magic, within[0], 0, TIME, b"a"), message(magic, within[1], 0, TIME + 1, b"b")];
        let Some(value) = gzipped(&set.concat()) else { return };
        let batch = parse(message(magic, offset, attributes, TIME + 9, &value));
        batch.verify_crc().expect("crc");
        let records = batch.records(1000).expect("records");
        assert_eq!(records.len(), 2);
        let read: Result<Vec<_>, _> = records.iter().collect();
        let read = read.expect("well formed");
        assert_eq!(read.iter().map(|record| record.offset).collect::<Vec<_>>(), offsets);
        assert_eq!(read.iter().map(|record| record.timestamp).collect::<Vec<_>>(), timestamps);
        assert_eq!(read[1].value, Some(&b"b"[..]));
    }
}

#[test]
fn senseless_compressed_sets_are_errors() {
    let one = message(1, 5, 0, TIME, b"a");
    let Some(packed) = gzipped(&one) else { return };
    let past = parse(message(1, 4, 1, TIME, &packed)).records(1000);
    assert!(matches!(past, Err(RecordError::Malformed { .. })), "offset past the wrapper's");
    let empty = gzipped(b"").expect("gzip is on");
    assert!(parse(message(1, 4, 1, TIME, &empty)).records(1000).is_err(), "no messages");
    let nested = gzipped(&message(1, 0, 1, TIME, &packed)).expect("gzip is on");
    let nested = parse(message(1, 4, 1, TIME, &nested)).records(1000).expect("one message");
    assert!(nested.iter().next().expect("an error").is_err(), "compressed twice");
    let zstd = parse(message(1, 4, 4, TIME, &packed)).records(1000);
    assert_eq!(zstd.err(), Some(RecordError::UnknownCompression { base_offset: 4, id: 4 }));
    let limited = parse(message(1, 5, 1, TIME, &packed)).records(10);
    let source = CompressionError::LimitExceeded { codec: Compression::Gzip, limit: 10 };
    assert_eq!(limited.err(), Some(RecordError::Compression { base_offset: 5, source }));
}

#[test]
fn a_cut_message_at_the_end_of_a_compressed_set_is_ignored() {
    let (one, two) = (message(1, 0, 0, TIME, b"a"), message(1, 1, 0, TIME, b"b"));
    let Some(packed) = gzipped(&[&one[..], &two[..20]].concat()) else { return };
    let records = parse(message(1, 7, 1, TIME, &packed)).records(1000).expect("records");
    assert_eq!(walk(&records), (1, None));
}

#[test]
fn damage_to_a_single_message_is_an_error() {
    let mut bytes = message(1, 3, 0, TIME, b"value");
    let length = bytes.len();
    bytes[length - 9..length - 5].copy_from_slice(&100_i32.to_be_bytes());
    let batch = parse(bytes);
    assert!(batch.verify_crc().is_err());
    let (count, error) = walk(&batch.records(0).expect("records"));
    assert!(count == 0 && matches!(error, Some(RecordError::Malformed { .. })), "{error:?}");
}
