//! The 61-byte header of a batch of magic 2 (KIP-98), as fields.
//!
//! Plain parsing and writing: what the fields mean together (CRC, sizes) is checked where batches are
//! read.

use super::{Attributes, NO_SEQUENCE, increment_sequence};
use super::{NO_PARTITION_LEADER_EPOCH, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_TIMESTAMP};

pub(super) const SIZE_POSITION: usize = 8;
pub(super) const LEADER_EPOCH_POSITION: usize = 12;
pub(super) const CRC_POSITION: usize = 17;
pub(super) const ATTRIBUTES_POSITION: usize = 21;
pub(super) const MAX_TIMESTAMP_POSITION: usize = 35;
pub(super) const PRODUCER_POSITION: usize = 43;

/// The header of a batch of magic 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// The offset of the first record, compacted away or not. A producer sends 0.
    pub base_offset: i64,
    /// The size of the batch in bytes, without this field and the base offset: at least 49.
    pub batch_length: i32,
    /// The epoch of the leader that appended the batch; -1 before. Not covered by the CRC.
    pub partition_leader_epoch: i32,
    /// CRC-32C of everything from the attributes on.
    pub crc: u32,
    /// Compression and flags.
    pub attributes: Attributes,
    /// The offset of the last record, from the base offset; compaction keeps it.
    pub last_offset_delta: i32,
    /// What record timestamps are relative to, in milliseconds: the first record's, -1 if the batch is
    /// empty, or the delete horizon if the attributes say so.
    pub base_timestamp: i64,
    /// The largest timestamp of the records in milliseconds, or the log append time.
    pub max_timestamp: i64,
    /// The idempotent producer, or -1.
    pub producer_id: i64,
    /// The producer's epoch, or -1.
    pub producer_epoch: i16,
    /// The sequence of the first record, or -1.
    pub base_sequence: i32,
    /// How many records follow.
    pub record_count: i32,
}

impl BatchHeader {
    /// The size of the header in bytes: everything before the records.
    pub const SIZE: usize = 61;
    /// The format this header belongs to.
    pub const MAGIC: i8 = 2;

    /// Parses the header at the start of `bytes`; `None` if it is cut or of another magic.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.first_chunk::<{ Self::SIZE }>()?;
        if bytes[super::MAGIC_POSITION] != Self::MAGIC as u8 {
            return None;
        }
        Some(Self {
            base_offset: i64::from_be_bytes(at(bytes, 0)),
            batch_length: i32::from_be_bytes(at(bytes, SIZE_POSITION)),
            partition_leader_epoch: i32::from_be_bytes(at(bytes, LEADER_EPOCH_POSITION)),
            crc: u32::from_be_bytes(at(bytes, CRC_POSITION)),
            attributes: Attributes::from_bits(u16::from_be_bytes(at(bytes, ATTRIBUTES_POSITION))),
            last_offset_delta: i32::from_be_bytes(at(bytes, 23)),
            base_timestamp: i64::from_be_bytes(at(bytes, 27)),
            max_timestamp: i64::from_be_bytes(at(bytes, MAX_TIMESTAMP_POSITION)),
            producer_id: i64::from_be_bytes(at(bytes, PRODUCER_POSITION)),
            producer_epoch: i16::from_be_bytes(at(bytes, 51)),
            base_sequence: i32::from_be_bytes(at(bytes, 53)),
            record_count: i32::from_be_bytes(at(bytes, 57)),
        })
    }

    /// The header's bytes, with every field as it is.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        put(&mut bytes, 0, self.base_offset.to_be_bytes());
        put(&mut bytes, SIZE_POSITION, self.batch_length.to_be_bytes());
        put(&mut bytes, LEADER_EPOCH_POSITION, self.partition_leader_epoch.to_be_bytes());
        bytes[super::MAGIC_POSITION] = Self::MAGIC as u8;
        put(&mut bytes, CRC_POSITION, self.crc.to_be_bytes());
        put(&mut bytes, ATTRIBUTES_POSITION, self.attributes.bits().to_be_bytes());
        put(&mut bytes, 23, self.last_offset_delta.to_be_bytes());
        put(&mut bytes, 27, self.base_timestamp.to_be_bytes());
        put(&mut bytes, MAX_TIMESTAMP_POSITION, self.max_timestamp.to_be_bytes());
        put(&mut bytes, PRODUCER_POSITION, self.producer_id.to_be_bytes());
        put(&mut bytes, 51, self.producer_epoch.to_be_bytes());
        put(&mut bytes, 53, self.base_sequence.to_be_bytes());
        put(&mut bytes, 57, self.record_count.to_be_bytes());
        bytes
    }

    /// The offset of the last record. Wraps, as Java's does, if the fields are nonsense.
    #[must_use]
    pub const fn last_offset(&self) -> i64 {
        self.base_offset.wrapping_add(self.last_offset_delta as i64)
    }

    /// The sequence of the last record, or -1 without sequences.
    #[must_use]
    pub const fn last_sequence(&self) -> i32 {
        if self.base_sequence == NO_SEQUENCE {
            NO_SEQUENCE
        } else {
            increment_sequence(self.base_sequence, self.last_offset_delta)
        }
    }

    /// From when on compaction may drop the batch's tombstones, in milliseconds (KIP-534).
    #[must_use]
    pub const fn delete_horizon(&self) -> Option<i64> {
        if self.attributes.has_delete_horizon() { Some(self.base_timestamp) } else { None }
    }
}

impl Default for BatchHeader {
    /// An empty batch of no producer, with no CRC yet.
    fn default() -> Self {
        Self {
            base_offset: 0,
            // 49 bytes: what a batch without records has after its size.
            batch_length: (Self::SIZE - super::LOG_OVERHEAD) as i32,
            partition_leader_epoch: NO_PARTITION_LEADER_EPOCH,
            crc: 0,
            attributes: Attributes::default(),
            last_offset_delta: 0,
            base_timestamp: NO_TIMESTAMP,
            max_timestamp: NO_TIMESTAMP,
            producer_id: NO_PRODUCER_ID,
            producer_epoch: NO_PRODUCER_EPOCH,
            base_sequence: NO_SEQUENCE,
            record_count: 0,
        }
    }
}

fn at<const N: usize>(bytes: &[u8; BatchHeader::SIZE], position: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[position..position + N]);
    field
}

fn put<const N: usize>(bytes: &mut [u8; BatchHeader::SIZE], position: usize, field: [u8; N]) {
    bytes[position..position + N].copy_from_slice(&field);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_lead_back_to_the_header() {
        let header = BatchHeader {
            base_offset: 1 << 40,
            batch_length: 77,
            partition_leader_epoch: 3,
            crc: 0xdead_beef,
            attributes: Attributes::from_bits(0x8034),
            last_offset_delta: 9,
            base_timestamp: 1_700_000_000_000,
            max_timestamp: 1_700_000_000_001,
            producer_id: 4711,
            producer_epoch: 5,
            base_sequence: i32::MAX - 1,
            record_count: 10,
        };
        assert_eq!(BatchHeader::parse(&header.to_bytes()), Some(header));
        assert_eq!(BatchHeader::parse(&header.to_bytes()[..60]), None);
        assert_eq!(header.last_sequence(), 7);
        assert_eq!(header.last_offset(), (1 << 40) + 9);
    }

    #[test]
    fn another_magic_has_no_such_header() {
        let mut bytes = BatchHeader::default().to_bytes();
        bytes[16] = 1;
        assert_eq!(BatchHeader::parse(&bytes), None);
    }
}
