//! What is built is read back, in the announced size; limits, gaps, reuse.

use super::*;
use crate::records::{Batch, NO_HEADERS, edit};

const TIME: i64 = 1_700_000_000_000;

fn seal(builder: &mut BatchBuilder, options: &SealOptions) -> Batch {
    let bytes = builder.seal(options, &mut Compressor::new()).expect("seal");
    let batch = Batch::parse(bytes).expect("parse");
    batch.verify_crc().expect("crc");
    batch
}

#[test]
fn appending_takes_exactly_the_announced_size() {
    let mut builder = BatchBuilder::new();
    let headers = [Header::new("h", None), Header::new("", Some(b"v")), Header::new("h", Some(&[0; 200]))];
    for length in [0, 1, 62, 63, 64, 100, 8190, 8191, 8192, 70_000] {
        for (time, key) in [(TIME, None), (TIME - 1, Some(&b"k"[..])), (i64::MIN, None), (-1, Some(&[7; 64]))]
        {
            let value = vec![1; length];
            for headers in [&headers[..0], &headers[..]] {
                let headers = headers.iter().copied();
                let announced = builder.record_size(time, key, Some(&value), headers.clone());
                let before = builder.size();
                builder.append(time, key, Some(&value), headers.clone()).expect("append");
                assert_eq!(builder.size() - before, announced);
                assert!(record_size_upper_bound(key, Some(&value), headers) >= announced + 61);
            }
        }
    }
    let count = builder.count();
    let batch = seal(&mut builder, &SealOptions::default());
    let records = batch.records(0).expect("records");
    let read: Result<Vec<_>, _> = records.iter().collect();
    assert_eq!(read.map(|read| read.len()), Ok(count));
}

#[test]
fn every_field_is_read_back() {
    let mut builder = BatchBuilder::new();
    let headers = [Header::new("a", Some(b"1")), Header::new("a", None), Header::new("日本", Some(b""))];
    builder.append(TIME + 5, None, Some(b""), NO_HEADERS).expect("append");
    builder.append_at(7, TIME, Some(b"key"), None, headers).expect("append");
    let options = SealOptions {
        base_offset: 1000,
        producer_id: 11,
        producer_epoch: 3,
        base_sequence: i32::MAX - 1,
        transactional: true,
        partition_leader_epoch: 9,
        ..SealOptions::default()
    };
    let batch = seal(&mut builder, &options);
    assert_eq!((batch.base_offset(), batch.last_offset()), (1000, 1007));
    assert_eq!((batch.producer_id(), batch.producer_epoch(), batch.base_sequence()), (11, 3, i32::MAX - 1));
    assert_eq!((batch.last_sequence(), batch.max_timestamp()), (5, TIME + 5));
    assert!(batch.is_transactional() && !batch.is_control());
    let records = batch.records(0).expect("records");
    let read: Vec<_> = records.iter().map(|record| record.expect("well formed")).collect();
    assert_eq!((read[0].offset, read[0].timestamp, read[0].key), (1000, TIME + 5, None));
    assert_eq!((read[0].value, read[0].headers.len()), (Some(&b""[..]), 0));
    assert_eq!((read[1].offset, read[1].timestamp, read[1].value), (1007, TIME, None));
    assert_eq!(read[1].key, Some(&b"key"[..]));
    assert!(read[1].headers.eq(headers));
    assert_eq!(read[1].headers.last_with_key("a"), Some(headers[1]));
    assert_eq!((records.sequence_of(1000), records.sequence_of(1007)), (i32::MAX - 1, 5));
}

#[test]
fn offset_deltas_only_grow() {
    let mut builder = BatchBuilder::new();
    assert_eq!(builder.append_at(4, TIME, None, None, NO_HEADERS), Ok(4));
    let refused = builder.append_at(4, TIME, None, None, NO_HEADERS);
    assert_eq!(refused, Err(AppendError::OffsetDelta { offset_delta: 4 }));
    let last = i32::MAX as u32;
    assert_eq!(builder.append_at(last, TIME, None, None, NO_HEADERS), Ok(last));
    let refused = builder.append(TIME, None, None, NO_HEADERS);
    assert_eq!(refused, Err(AppendError::OffsetDelta { offset_delta: last + 1 }));
    assert_eq!(builder.count(), 2);
}

#[test]
fn an_empty_batch_cannot_be_sealed() {
    let sealed = BatchBuilder::new().seal(&SealOptions::default(), &mut Compressor::new());
    assert_eq!(sealed, Err(SealError::Empty));
}

#[test]
fn an_uncompressed_batch_is_sealed_where_it_was_built_and_its_buffer_comes_back() {
    let mut builder = BatchBuilder::with_capacity(4096);
    builder.append(TIME, None, Some(b"value"), NO_HEADERS).expect("append");
    let address = builder.buffer.as_ptr();
    let sealed = builder.seal(&SealOptions::default(), &mut Compressor::new()).expect("seal");
    assert_eq!(sealed.as_ptr(), address);
    let shared = sealed.clone();
    assert!(!builder.recycle(shared), "held twice");
    assert!(builder.recycle(sealed));
    builder.append(TIME, None, Some(b"value"), NO_HEADERS).expect("append");
    assert_eq!(builder.buffer.as_ptr(), address);
}

#[test]
fn a_codec_that_fails_leaves_the_records() {
    let Some(codec) = Compression::ALL.into_iter().find(|codec| !codec.is_available()) else { return };
    let mut builder = BatchBuilder::new();
    builder.append(TIME, None, Some(b"value"), NO_HEADERS).expect("append");
    let options = SealOptions { compression: codec, ..SealOptions::default() };
    assert!(matches!(builder.seal(&options, &mut Compressor::new()), Err(SealError::Compression(_))));
    assert_eq!(seal(&mut builder, &SealOptions::default()).record_count(), Some(1));
}

#[test]
fn compressed_batches_hold_the_same_records() {
    let mut compressor = Compressor::new();
    let mut builder = BatchBuilder::new();
    for codec in Compression::ALL.into_iter().filter(|codec| codec.is_available()) {
        for index in 0..100 {
            builder.append(TIME + index, Some(b"key"), Some(&[index as u8; 50]), NO_HEADERS).expect("append");
        }
        let options = SealOptions { compression: codec, ..SealOptions::default() };
        let batch = Batch::parse(builder.seal(&options, &mut compressor).expect("seal")).expect("parse");
        assert!(builder.is_empty());
        assert_eq!(batch.compression(), Ok(codec));
        let records = batch.records(10_000).expect("records");
        for (index, record) in records.iter().enumerate() {
            let record = record.expect("well formed");
            assert_eq!(record.offset, index as i64);
            assert_eq!(record.timestamp, TIME + index as i64);
            assert_eq!(record.value, Some(&[index as u8; 50][..]));
        }
    }
}

#[test]
fn the_producer_can_be_set_on_sealed_bytes() {
    let mut builder = BatchBuilder::new();
    builder.append(TIME, None, Some(b"value"), NO_HEADERS).expect("append");
    let sealed = builder.seal(&SealOptions::default(), &mut Compressor::new()).expect("seal");
    let held = sealed.clone();
    let changed = Batch::parse(edit::with_producer(sealed, 5, 6, 7).expect("magic 2")).expect("parse");
    changed.verify_crc().expect("crc");
    assert_eq!((changed.producer_id(), changed.producer_epoch(), changed.base_sequence()), (5, 6, 7));
    assert_eq!(Batch::parse(held).expect("parse").producer_id(), -1);
}

#[test]
fn a_record_beyond_the_limit_leaves_the_batch_as_it_was() {
    let mut builder = BatchBuilder::new();
    let record = |builder: &mut BatchBuilder, limit| {
        builder.append_within(limit, TIME, Some(b"key"), Some(b"value"), [Header::new("h", None)])
    };
    let size =
        builder.size() + builder.record_size(TIME, Some(b"key"), Some(b"value"), [Header::new("h", None)]);
    assert_eq!(record(&mut builder, size - 1), None);
    assert!(builder.is_empty());
    assert_eq!(record(&mut builder, size), Some(0));
    assert_eq!(record(&mut builder, size), None);
    assert_eq!((builder.count(), builder.size()), (1, size));
    assert_eq!(record(&mut builder, usize::MAX), Some(1));
}
