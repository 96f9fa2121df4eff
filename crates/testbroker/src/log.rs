//! The log of a partition: batches in the order of their offsets, found by offset, by time and by leader epoch.
//!
//! What is stored is what a consumer gets: whole batches, offsets and leader epoch already in them.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use ottla_protocol::records::Batch;

/// The most memory that the records of one batch may take when they are looked into, in bytes: compressed batches
/// come from peers.
pub(crate) const MAX_DECOMPRESSED_BYTES: usize = 256 * 1024 * 1024;

#[derive(Clone, Debug)]
struct Stored {
    base_offset: i64,
    last_offset: i64,
    leader_epoch: i32,
    max_timestamp: i64,
    /// The largest timestamp of this and all batches before, deleted ones included: ascends, so that it can be
    /// searched.
    running_max_timestamp: i64,
    /// Bytes of all batches before this one, deleted ones included.
    position: u64,
    bytes: Bytes,
}

/// An offset and the timestamp of its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OffsetAt {
    pub(crate) offset: i64,
    pub(crate) timestamp: i64,
    pub(crate) leader_epoch: i32,
}

/// A partition's batches.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    batches: VecDeque<Stored>,
    start_offset: i64,
    end_offset: i64,
    end_position: u64,
}

impl Log {
    /// The first offset that can be read.
    pub(crate) fn start_offset(&self) -> i64 {
        self.start_offset
    }

    /// The offset that the next record gets.
    pub(crate) fn end_offset(&self) -> i64 {
        self.end_offset
    }

    /// Bytes of all batches.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.end_position - self.batches.front().map_or(self.end_position, |first| first.position)
    }

    /// Appends a batch that starts at [`end_offset`](Self::end_offset).
    pub(crate) fn append(&mut self, bytes: Bytes, last_offset: i64, leader_epoch: i32, max_timestamp: i64) {
        let before = self.batches.back().map_or(i64::MIN, |last| last.running_max_timestamp);
        let size = bytes.len() as u64;
        self.batches.push_back(Stored {
            base_offset: self.end_offset,
            last_offset,
            leader_epoch,
            max_timestamp,
            running_max_timestamp: before.max(max_timestamp),
            position: self.end_position,
            bytes,
        });
        self.end_offset = last_offset + 1;
        self.end_position += size;
    }

    /// Deletes the oldest batches while the others have more than `retention_bytes`; the newest one stays. Returns
    /// how many bytes went.
    pub(crate) fn retain_bytes(&mut self, retention_bytes: u64) -> u64 {
        let before = self.size_bytes();
        while self.batches.len() > 1 && self.size_bytes() > retention_bytes {
            self.batches.pop_front();
        }
        self.start_offset = self.batches.front().map_or(self.start_offset, |first| first.base_offset);
        before - self.size_bytes()
    }

    /// Bytes from the batch with `offset` to the end.
    pub(crate) fn bytes_from(&self, offset: i64) -> u64 {
        let position = self.batches.get(self.index_of(offset)).map_or(self.end_position, |at| at.position);
        self.end_position - position
    }

    /// Whole batches from the one with `offset` on, at most `max_bytes` long; if `at_least_one`, the first one even
    /// if it is longer (KIP-74).
    pub(crate) fn read(&self, offset: i64, max_bytes: usize, at_least_one: bool) -> Bytes {
        let from = self.index_of(offset);
        let Some(first) = self.batches.get(from) else { return Bytes::new() };
        let fits = |stored: &&Stored| {
            let end = stored.position + stored.bytes.len() as u64;
            end - first.position <= max_bytes as u64
        };
        let count = self.batches.range(from..).take_while(fits).count();
        match count {
            0 if at_least_one => first.bytes.clone(),
            0 => Bytes::new(),
            1 => first.bytes.clone(),
            _ => {
                let mut all = BytesMut::new();
                self.batches
                    .range(from..from + count)
                    .for_each(|stored| all.extend_from_slice(&stored.bytes));
                all.freeze()
            }
        }
    }

    /// The first record whose timestamp is `timestamp` or later.
    pub(crate) fn first_at_or_after(&self, timestamp: i64) -> Option<OffsetAt> {
        let from = self.batches.partition_point(|stored| stored.running_max_timestamp < timestamp);
        let mut candidates = self.batches.range(from..).filter(|stored| stored.max_timestamp >= timestamp);
        candidates.find_map(|stored| stored.first_record(|at| at >= timestamp))
    }

    /// The first record with the largest timestamp (KIP-734).
    pub(crate) fn max_timestamp(&self) -> Option<OffsetAt> {
        let largest = self.batches.iter().map(|stored| stored.max_timestamp).max()?;
        let stored = self.batches.iter().find(|stored| stored.max_timestamp == largest)?;
        stored.first_record(|at| at >= largest)
    }

    /// The epoch of the last batch that a leader of `leader_epoch` or before wrote, and the offset behind it
    /// (KIP-101, KIP-279).
    pub(crate) fn end_of_epoch(&self, leader_epoch: i32) -> Option<(i32, i64)> {
        let behind = self.batches.partition_point(|stored| stored.leader_epoch <= leader_epoch);
        let last = self.batches.get(behind.checked_sub(1)?)?;
        Some((last.leader_epoch, last.last_offset + 1))
    }

    /// The epoch under which `offset` was written.
    pub(crate) fn leader_epoch_of(&self, offset: i64) -> Option<i32> {
        self.batches.get(self.index_of(offset)).map(|stored| stored.leader_epoch)
    }

    /// All batches.
    pub(crate) fn batches(&self) -> impl Iterator<Item = &Bytes> {
        self.batches.iter().map(|stored| &stored.bytes)
    }

    /// The index of the batch with `offset`, or of the first one behind it.
    fn index_of(&self, offset: i64) -> usize {
        self.batches.partition_point(|stored| stored.last_offset < offset)
    }
}

impl Stored {
    /// The batch's first record with such a timestamp.
    fn first_record(&self, matches: impl Fn(i64) -> bool) -> Option<OffsetAt> {
        // Batches were looked through before they were appended.
        let records = Batch::parse(self.bytes.clone()).ok()?.records(MAX_DECOMPRESSED_BYTES).ok()?;
        let mut found = records.iter().map_while(Result::ok).filter(|record| matches(record.timestamp));
        let record = found.next()?;
        Some(OffsetAt { offset: record.offset, timestamp: record.timestamp, leader_epoch: self.leader_epoch })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Batches of `sizes` bytes with one record each.
    fn log(sizes: &[usize]) -> Log {
        let mut log = Log::default();
        for &size in sizes {
            log.append(Bytes::from(vec![size as u8; size]), log.end_offset(), 0, 0);
        }
        log
    }

    #[test]
    fn a_read_takes_whole_batches_within_its_limit() {
        let log = log(&[10, 20, 30]);
        assert_eq!(log.read(0, 30, false).len(), 30);
        assert_eq!(log.read(0, 29, false).len(), 10);
        assert_eq!(log.read(1, 1000, false).len(), 50);
        assert_eq!(log.read(3, 1000, true).len(), 0);
        assert_eq!(log.bytes_from(1), 50);
        assert_eq!(log.bytes_from(3), 0);
    }

    #[test]
    fn the_first_batch_comes_even_if_it_is_too_large() {
        let log = log(&[10, 20]);
        assert_eq!(log.read(1, 5, true).len(), 20);
        assert_eq!(log.read(1, 5, false).len(), 0);
    }

    #[test]
    fn retention_takes_the_oldest_and_leaves_the_newest() {
        let mut log = log(&[10, 20, 30]);
        assert_eq!(log.retain_bytes(50), 10);
        assert_eq!((log.start_offset(), log.end_offset(), log.size_bytes()), (1, 3, 50));
        assert_eq!(log.retain_bytes(0), 20);
        assert_eq!((log.start_offset(), log.size_bytes()), (2, 30));
    }

    #[test]
    fn an_epoch_ends_where_the_next_one_starts() {
        let mut log = Log::default();
        for (last_offset, epoch) in [(4, 1), (6, 1), (9, 4)] {
            log.append(Bytes::from_static(b"x"), last_offset, epoch, 0);
        }
        let check = |epoch, expected| assert_eq!(log.end_of_epoch(epoch), expected);
        check(0, None);
        check(1, Some((1, 7)));
        check(3, Some((1, 7)));
        check(4, Some((4, 10)));
    }
}
