//! The log of a partition: batches in the order of their offsets, found by offset, by time and by leader epoch.
//!
//! What is stored is what a consumer gets: whole batches, offsets and leader epoch already in them.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use ottla_protocol::records::Batch;

use crate::producer_state::Sequences;

/// The most memory that the records of one batch may take when they are looked into, in bytes: compressed batches
/// come from peers.
pub(crate) const MAX_DECOMPRESSED_BYTES: usize = 256 * 1024 * 1024;

/// A batch of a log, and on its way from one log to another: its bytes are shared by all replicas.
#[derive(Clone, Debug)]
pub(crate) struct LogBatch {
    pub(crate) base_offset: i64,
    pub(crate) last_offset: i64,
    pub(crate) leader_epoch: i32,
    pub(crate) max_timestamp: i64,
    /// Of an idempotent producer.
    pub(crate) sequences: Option<Sequences>,
    pub(crate) bytes: Bytes,
}

#[derive(Clone, Debug)]
struct Stored {
    batch: LogBatch,
    /// The largest timestamp of this and all batches before, deleted ones included: ascends, so that it can be
    /// searched.
    running_max_timestamp: i64,
    /// Bytes of all batches before this one, deleted ones included.
    position: u64,
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

    /// Appends a batch. It starts at [`end_offset`](Self::end_offset), or before it where a replica begins in the
    /// middle of a batch.
    pub(crate) fn append(&mut self, batch: LogBatch) {
        let before = self.batches.back().map_or(i64::MIN, |last| last.running_max_timestamp);
        let size = batch.bytes.len() as u64;
        self.end_offset = batch.last_offset + 1;
        self.batches.push_back(Stored {
            running_max_timestamp: before.max(batch.max_timestamp),
            position: self.end_position,
            batch,
        });
        self.end_position += size;
    }

    /// Takes away every batch that reaches `offset`.
    pub(crate) fn truncate_to(&mut self, offset: i64) {
        while self.batches.back().is_some_and(|last| last.batch.last_offset >= offset) {
            let Some(last) = self.batches.pop_back() else { break };
            self.end_position = last.position;
            self.end_offset = last.batch.base_offset.max(self.start_offset);
        }
        if self.batches.is_empty() {
            self.end_offset = self.end_offset.min(offset).max(self.start_offset);
        }
    }

    /// Takes everything away; the next batch is the one with `offset`.
    pub(crate) fn restart_at(&mut self, offset: i64) {
        self.batches.clear();
        self.end_position = 0;
        (self.start_offset, self.end_offset) = (offset, offset);
    }

    /// Makes `offset` the first one that can be read.
    pub(crate) fn advance_start(&mut self, offset: i64) {
        self.start_offset = self.start_offset.max(offset.min(self.end_offset));
        while self.batches.front().is_some_and(|first| first.batch.last_offset < self.start_offset) {
            self.batches.pop_front();
        }
    }

    /// Where the log starts once its oldest batches are gone so that the others have at most `retention_bytes`. The
    /// newest batch stays, and so does what reaches `up_to`.
    pub(crate) fn start_after_size(&self, retention_bytes: u64, up_to: i64) -> i64 {
        let kept = self.batches.iter().skip_while(|stored| {
            let is_last = stored.batch.last_offset + 1 == self.end_offset;
            !is_last
                && stored.batch.last_offset < up_to
                && self.end_position - stored.position > retention_bytes
        });
        self.first_of(kept)
    }

    /// Where the log starts once its oldest batches are gone whose records are all from before `timestamp`. What
    /// reaches `up_to` stays.
    pub(crate) fn start_after_time(&self, timestamp: i64, up_to: i64) -> i64 {
        let kept = self
            .batches
            .iter()
            .skip_while(|stored| stored.batch.last_offset < up_to && stored.batch.max_timestamp < timestamp);
        self.first_of(kept)
    }

    fn first_of<'a>(&self, mut kept: impl Iterator<Item = &'a Stored>) -> i64 {
        kept.next().map_or(self.end_offset, |first| first.batch.base_offset).max(self.start_offset)
    }

    /// The oldest batch.
    pub(crate) fn oldest(&self) -> Option<&LogBatch> {
        self.batches.front().map(|first| &first.batch)
    }

    /// Bytes from the batch with `offset` to `up_to`, where a batch must end.
    pub(crate) fn bytes_between(&self, offset: i64, up_to: i64) -> u64 {
        let position = |index| self.batches.get(index).map_or(self.end_position, |at| at.position);
        position(self.index_of(up_to)).saturating_sub(position(self.index_of(offset)))
    }

    /// Whole batches from the one with `offset` on that end before `up_to`, at most `max_bytes` long; if
    /// `at_least_one`, the first one even if it is longer (KIP-74).
    pub(crate) fn read(&self, offset: i64, up_to: i64, max_bytes: usize, at_least_one: bool) -> Bytes {
        let mut found = self.batches_from(offset, up_to, max_bytes, at_least_one);
        let (first, second) = (found.next(), found.next());
        let Some(first) = first else { return Bytes::new() };
        let Some(second) = second else { return first.bytes.clone() };
        let mut all = BytesMut::from(&first.bytes[..]);
        all.extend_from_slice(&second.bytes);
        found.for_each(|batch| all.extend_from_slice(&batch.bytes));
        all.freeze()
    }

    /// The batches that [`read`](Self::read) reads.
    pub(crate) fn batches_from(
        &self,
        offset: i64,
        up_to: i64,
        max_bytes: usize,
        at_least_one: bool,
    ) -> impl Iterator<Item = &LogBatch> {
        let from = self.index_of(offset);
        let start = self.batches.get(from).map_or(self.end_position, |first| first.position);
        let fits = move |index: usize, stored: &Stored| {
            let end = stored.position + stored.batch.bytes.len() as u64;
            stored.batch.last_offset < up_to
                && (end - start <= max_bytes as u64 || (index == 0 && at_least_one))
        };
        let following = self.batches.range(from..).enumerate();
        following.take_while(move |(index, stored)| fits(*index, stored)).map(|(_, stored)| &stored.batch)
    }

    /// The first record whose timestamp is `timestamp` or later.
    pub(crate) fn first_at_or_after(&self, timestamp: i64) -> Option<OffsetAt> {
        let from = self.batches.partition_point(|stored| stored.running_max_timestamp < timestamp);
        let mut candidates =
            self.batches.range(from..).filter(|stored| stored.batch.max_timestamp >= timestamp);
        candidates.find_map(|stored| stored.first_record(|at| at >= timestamp))
    }

    /// The first record with the largest timestamp (KIP-734).
    pub(crate) fn max_timestamp(&self) -> Option<OffsetAt> {
        let largest = self.batches.iter().map(|stored| stored.batch.max_timestamp).max()?;
        let stored = self.batches.iter().find(|stored| stored.batch.max_timestamp == largest)?;
        stored.first_record(|at| at >= largest)
    }

    /// All batches.
    pub(crate) fn batches(&self) -> impl Iterator<Item = &LogBatch> {
        self.batches.iter().map(|stored| &stored.batch)
    }

    /// The index of the batch with `offset`, or of the first one behind it.
    fn index_of(&self, offset: i64) -> usize {
        self.batches.partition_point(|stored| stored.batch.last_offset < offset)
    }
}

impl Stored {
    /// The batch's first record with such a timestamp.
    fn first_record(&self, matches: impl Fn(i64) -> bool) -> Option<OffsetAt> {
        // Batches were looked through before they were appended.
        let records = Batch::parse(self.batch.bytes.clone()).ok()?.records(MAX_DECOMPRESSED_BYTES).ok()?;
        let mut found = records.iter().map_while(Result::ok).filter(|record| matches(record.timestamp));
        let record = found.next()?;
        Some(OffsetAt {
            offset: record.offset,
            timestamp: record.timestamp,
            leader_epoch: self.batch.leader_epoch,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(base_offset: i64, last_offset: i64, size: usize, max_timestamp: i64) -> LogBatch {
        let bytes = Bytes::from(vec![size as u8; size]);
        LogBatch { base_offset, last_offset, leader_epoch: 0, max_timestamp, sequences: None, bytes }
    }

    /// Batches of `sizes` bytes with one record each; the timestamp is the offset.
    fn log(sizes: &[usize]) -> Log {
        let mut log = Log::default();
        for &size in sizes {
            let at = log.end_offset();
            log.append(batch(at, at, size, at));
        }
        log
    }

    #[test]
    fn a_read_takes_whole_batches_within_its_limits() {
        let log = log(&[10, 20, 30]);
        let check = |offset, up_to, max_bytes, expected| {
            assert_eq!(log.read(offset, up_to, max_bytes, false).len(), expected);
        };
        check(0, 3, 30, 30);
        check(0, 3, 29, 10);
        check(1, 3, 1000, 50);
        check(1, 2, 1000, 20);
        check(1, 1, 1000, 0);
        check(3, 3, 1000, 0);
        assert_eq!(log.bytes_between(1, 3), 50);
        assert_eq!(log.bytes_between(1, 2), 20);
        assert_eq!(log.bytes_between(3, 2), 0);
    }

    #[test]
    fn the_first_batch_comes_even_if_it_is_too_large() {
        let log = log(&[10, 20]);
        assert_eq!(log.read(1, 2, 5, true).len(), 20);
        assert_eq!(log.read(1, 2, 5, false).len(), 0);
        assert_eq!(log.read(1, 1, 5, true).len(), 0, "but not beyond the limit");
    }

    #[test]
    fn retention_takes_the_oldest_and_leaves_the_newest() {
        let mut log = log(&[10, 20, 30]);
        log.advance_start(log.start_after_size(50, 3));
        assert_eq!((log.start_offset(), log.end_offset(), log.size_bytes()), (1, 3, 50));
        assert_eq!(log.start_after_size(0, 1), 1, "what is not committed stays");
        log.advance_start(log.start_after_size(0, 3));
        assert_eq!((log.start_offset(), log.size_bytes()), (2, 30));
    }

    #[test]
    fn time_may_take_everything_that_is_committed() {
        let log = log(&[10, 20, 30]);
        assert_eq!(log.start_after_time(2, 3), 2);
        assert_eq!(log.start_after_time(9, 2), 2);
        assert_eq!(log.start_after_time(9, 3), 3);
    }

    #[test]
    fn truncation_takes_whole_batches_and_their_bytes() {
        let mut log = Log::default();
        for (base, last) in [(0, 4), (5, 6), (7, 9)] {
            log.append(batch(base, last, 10, 0));
        }
        log.truncate_to(20);
        assert_eq!((log.end_offset(), log.size_bytes()), (10, 30));
        log.truncate_to(6);
        assert_eq!((log.end_offset(), log.size_bytes()), (5, 10));
        log.truncate_to(0);
        assert_eq!((log.end_offset(), log.size_bytes()), (0, 0));
    }

    #[test]
    fn a_log_can_start_in_the_middle_of_a_batch() {
        let mut log = Log::default();
        log.append(batch(0, 9, 10, 0));
        log.advance_start(5);
        assert_eq!((log.start_offset(), log.read(5, 10, 100, false).len()), (5, 10));
        let mut other = Log::default();
        other.restart_at(5);
        log.batches_from(5, 10, 100, true).cloned().for_each(|batch| other.append(batch));
        assert_eq!((other.start_offset(), other.end_offset()), (5, 10));
    }
}
