//! Changes to a sealed batch of magic 2 where it lies.
//!
//! Brokers assign offsets and their leader epoch, which the CRC does not cover, so that costs nothing.
//! Brokers with log append time, and producers that retry under a new epoch, change what it covers, and
//! the CRC is computed again. Changes that touch the records themselves are not here.

use bytes::{Bytes, BytesMut};

use super::header::{
    ATTRIBUTES_POSITION, CRC_POSITION, LEADER_EPOCH_POSITION, MAX_TIMESTAMP_POSITION, PRODUCER_POSITION,
};
use super::{Attributes, BatchHeader, MAGIC_POSITION, RecordError};

/// Sets the offset of the first record. The CRC stays valid.
///
/// # Errors
/// [`RecordError::UnsupportedMagic`] if `batch` does not start with a header of magic 2.
pub fn set_base_offset(batch: &mut [u8], base_offset: i64) -> Result<(), RecordError> {
    check(batch)?;
    put(batch, 0, base_offset.to_be_bytes());
    Ok(())
}

/// Sets the epoch of the leader that appends the batch. The CRC stays valid.
///
/// # Errors
/// [`RecordError::UnsupportedMagic`] if `batch` does not start with a header of magic 2.
pub fn set_partition_leader_epoch(batch: &mut [u8], leader_epoch: i32) -> Result<(), RecordError> {
    check(batch)?;
    put(batch, LEADER_EPOCH_POSITION, leader_epoch.to_be_bytes());
    Ok(())
}

/// Stamps all records with the broker's time, in milliseconds, and computes the CRC again. `batch` is
/// exactly one batch.
///
/// # Errors
/// [`RecordError::UnsupportedMagic`] if `batch` does not start with a header of magic 2.
pub fn set_log_append_time(batch: &mut [u8], timestamp: i64) -> Result<(), RecordError> {
    let attributes = check(batch)?.attributes.with_log_append_time(true);
    put_attributes(batch, attributes);
    put(batch, MAX_TIMESTAMP_POSITION, timestamp.to_be_bytes());
    update_crc(batch)
}

/// Sets producer id, producer epoch and the first record's sequence, and computes the CRC again.
/// `batch` is exactly one batch.
///
/// For a retry after the producer's epoch was raised (KIP-360).
///
/// # Errors
/// [`RecordError::UnsupportedMagic`] if `batch` does not start with a header of magic 2.
pub fn set_producer(
    batch: &mut [u8],
    producer_id: i64,
    producer_epoch: i16,
    base_sequence: i32,
) -> Result<(), RecordError> {
    check(batch)?;
    put(batch, PRODUCER_POSITION, producer_id.to_be_bytes());
    put(batch, PRODUCER_POSITION + 8, producer_epoch.to_be_bytes());
    put(batch, PRODUCER_POSITION + 10, base_sequence.to_be_bytes());
    update_crc(batch)
}

/// As [`set_producer`], on shared bytes: in place if nobody else holds them, on a copy otherwise.
///
/// # Errors
/// As [`set_producer`].
pub fn with_producer(
    batch: Bytes,
    producer_id: i64,
    producer_epoch: i16,
    base_sequence: i32,
) -> Result<Bytes, RecordError> {
    let mut batch = batch.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
    set_producer(&mut batch, producer_id, producer_epoch, base_sequence)?;
    Ok(batch.freeze())
}

/// Computes the CRC of `batch`, exactly one batch, and writes it.
///
/// # Errors
/// [`RecordError::UnsupportedMagic`] if `batch` does not start with a header of magic 2.
pub fn update_crc(batch: &mut [u8]) -> Result<(), RecordError> {
    check(batch)?;
    let crc = crc32c::crc32c(&batch[ATTRIBUTES_POSITION..]);
    put(batch, CRC_POSITION, crc.to_be_bytes());
    Ok(())
}

fn put_attributes(batch: &mut [u8], attributes: Attributes) {
    put(batch, ATTRIBUTES_POSITION, attributes.bits().to_be_bytes());
}

fn check(batch: &[u8]) -> Result<BatchHeader, RecordError> {
    BatchHeader::parse(batch).ok_or_else(|| RecordError::UnsupportedMagic {
        position: 0,
        base_offset: batch.first_chunk::<8>().map_or(-1, |field| i64::from_be_bytes(*field)),
        magic: batch.get(MAGIC_POSITION).map_or(-1, |magic| *magic as i8),
    })
}

/// Only after `check`, which has seen the whole header.
fn put<const N: usize>(batch: &mut [u8], position: usize, field: [u8; N]) {
    batch[position..position + N].copy_from_slice(&field);
}
