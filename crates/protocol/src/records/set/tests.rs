//! Cut, broken and senseless record sets.

use super::*;
use crate::compression::Compressor;
use crate::records::{BatchBuilder, NO_HEADERS, SealOptions, edit};

fn batch(base_offset: i64) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    builder.append(1_700_000_000_000, Some(b"key"), Some(b"value"), NO_HEADERS).expect("append");
    let options = SealOptions { base_offset, ..SealOptions::default() };
    builder.seal(&options, &mut Compressor::new()).expect("seal").to_vec()
}

fn set(parts: &[&[u8]]) -> RecordSet {
    RecordSet::new(parts.concat().into())
}

#[test]
fn every_batch_is_found_with_its_position() {
    let (one, two) = (batch(0), batch(1));
    let found: Result<Vec<_>, _> = set(&[&one, &two]).collect();
    let found = found.expect("whole batches");
    assert_eq!(found.iter().map(Batch::base_offset).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(found[1].position(), one.len());
    assert_eq!(found[1].bytes()[..], two[..]);
}

#[test]
fn a_cut_batch_ends_the_set_and_is_no_error() {
    let (one, two) = (batch(0), batch(1));
    for end in 0..=two.len() {
        let mut set = set(&[&one, &two[..end]]);
        let whole = set.by_ref().filter(Result::is_ok).count();
        assert_eq!(whole, if end == two.len() { 2 } else { 1 });
        assert_eq!(set.truncated(), end != 0 && end != two.len(), "cut at {end}");
        assert!(set.next().is_none());
        assert_eq!(set.position(), if end == two.len() { one.len() + end } else { one.len() });
    }
}

#[test]
fn a_broken_crc_is_an_error_with_its_place_and_the_set_goes_on() {
    let (one, mut two, three) = (batch(0), batch(1), batch(2));
    let last = two.len() - 1;
    two[last] ^= 1;
    let mut set = set(&[&one, &two, &three]);
    assert!(set.next().expect("first").is_ok());
    match set.next() {
        Some(Err(RecordError::CrcMismatch { position, base_offset: 1, stored, computed })) => {
            assert_eq!(position, one.len());
            assert_ne!(stored, computed);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(set.next().expect("third").expect("whole").base_offset(), 2);
    assert!(set.next().is_none() && !set.truncated());
}

#[test]
fn without_crc_checks_a_broken_batch_is_handed_out() {
    let mut broken = batch(0);
    let last = broken.len() - 1;
    broken[last] ^= 1;
    let batch = set(&[&broken]).verify_crc(false).next().expect("a batch").expect("unchecked");
    assert!(batch.verify_crc().is_err());
}

#[test]
fn a_size_too_small_ends_the_set() {
    for size in [i32::MIN, -1, 0, 13] {
        let mut bad = batch(5);
        bad[8..12].copy_from_slice(&size.to_be_bytes());
        let mut set = set(&[&bad, &batch(6)]);
        let expected = RecordError::InvalidSize { position: 0, base_offset: 5, size };
        assert_eq!(set.next().expect("an error").expect_err("invalid"), expected);
        assert!(set.next().is_none());
    }
}

#[test]
fn a_size_too_small_for_magic_2_is_passed_over() {
    let mut short = batch(5)[..12 + 48].to_vec();
    short[8..12].copy_from_slice(&48_i32.to_be_bytes());
    let mut set = set(&[&short, &batch(6)]);
    assert!(matches!(set.next(), Some(Err(RecordError::InvalidSize { size: 48, .. }))));
    assert_eq!(set.next().expect("second").expect("whole").base_offset(), 6);
}

#[test]
fn an_unknown_magic_is_passed_over() {
    let mut future = batch(5);
    future[16] = 3;
    let mut set = set(&[&future, &batch(6)]);
    let expected = RecordError::UnsupportedMagic { position: 0, base_offset: 5, magic: 3 };
    assert_eq!(set.next().expect("an error").expect_err("unknown"), expected);
    assert_eq!(set.next().expect("second").expect("whole").base_offset(), 6);
}

#[test]
fn a_broker_may_set_offset_and_leader_epoch_without_a_new_crc() {
    let mut bytes = batch(0);
    edit::set_base_offset(&mut bytes, 4711).expect("magic 2");
    edit::set_partition_leader_epoch(&mut bytes, 8).expect("magic 2");
    let batch = set(&[&bytes]).next().expect("a batch").expect("crc holds");
    assert_eq!((batch.base_offset(), batch.partition_leader_epoch()), (4711, 8));
    edit::set_log_append_time(&mut bytes, 99).expect("magic 2");
    let batch = set(&[&bytes]).next().expect("a batch").expect("crc computed again");
    let records = batch.records(0).expect("records");
    assert_eq!(records.iter().next().expect("a record").expect("well formed").timestamp, 99);
    let created = records.with_create_times();
    let record = created.iter().next().expect("a record").expect("well formed");
    assert_eq!(record.timestamp, 1_700_000_000_000);
}
