//! What a partition remembers of idempotent producers (KIP-98): the last batches of each, by which a retry is told
//! from a new batch and a gap from the next one in line.

use std::collections::{BTreeMap, VecDeque};

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::records::{NO_PRODUCER_EPOCH, increment_sequence};

/// As many as a producer may have in flight; Kafka's `ProducerStateEntry.NUM_BATCHES_TO_RETAIN`.
const BATCHES_TO_RETAIN: usize = 5;
/// The most producers that a partition remembers; Kafka only forgets by age.
const MAX_PRODUCERS: usize = 10_000;

/// The sequences of a batch that was appended, or is about to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sequences {
    pub(crate) producer_id: i64,
    pub(crate) producer_epoch: i16,
    pub(crate) first: i32,
    pub(crate) last: i32,
}

/// What a batch is to the partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The next one of its producer.
    Append,
    /// One that is there already, at this offset: answered as success (since Kafka 1.0).
    Duplicate { base_offset: i64, timestamp: i64 },
}

#[derive(Clone, Debug)]
struct Entry {
    producer_epoch: i16,
    batches: VecDeque<Appended>,
    last_seen_ms: i64,
}

#[derive(Clone, Copy, Debug)]
struct Appended {
    first: i32,
    last: i32,
    base_offset: i64,
    timestamp: i64,
}

/// The producers of one partition.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProducerState {
    producers: BTreeMap<i64, Entry>,
}

impl ProducerState {
    /// Judges a batch that wants to be appended.
    pub(crate) fn judge(&self, batch: &Sequences) -> Result<Verdict, ErrorCode> {
        // A producer that the partition does not know may start anywhere: its state may have expired (KIP-360, Kafka
        // 2.5). Older brokers answered UNKNOWN_PRODUCER_ID.
        let Some(entry) = self.producers.get(&batch.producer_id) else { return Ok(Verdict::Append) };
        if batch.producer_epoch < entry.producer_epoch {
            return Err(ErrorCode::INVALID_PRODUCER_EPOCH);
        }
        if batch.producer_epoch > entry.producer_epoch {
            let starts_anew = batch.first == 0 || entry.producer_epoch == NO_PRODUCER_EPOCH;
            return if starts_anew {
                Ok(Verdict::Append)
            } else {
                Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER)
            };
        }
        let known = entry.batches.iter().find(|known| (known.first, known.last) == (batch.first, batch.last));
        if let Some(known) = known {
            return Ok(Verdict::Duplicate { base_offset: known.base_offset, timestamp: known.timestamp });
        }
        match entry.batches.back() {
            Some(previous) if batch.first != increment_sequence(previous.last, 1) => {
                Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER)
            }
            _ => Ok(Verdict::Append),
        }
    }

    /// Remembers a batch that was appended at `base_offset`.
    pub(crate) fn appended(&mut self, batch: &Sequences, base_offset: i64, timestamp: i64, unix_ms: i64) {
        let entry = self.producers.entry(batch.producer_id).or_insert_with(|| Entry {
            producer_epoch: batch.producer_epoch,
            batches: VecDeque::new(),
            last_seen_ms: unix_ms,
        });
        if entry.producer_epoch != batch.producer_epoch {
            entry.producer_epoch = batch.producer_epoch;
            entry.batches.clear();
        }
        if entry.batches.len() == BATCHES_TO_RETAIN {
            entry.batches.pop_front();
        }
        entry.batches.push_back(Appended { first: batch.first, last: batch.last, base_offset, timestamp });
        entry.last_seen_ms = unix_ms;
        if self.producers.len() > MAX_PRODUCERS {
            let oldest = self.producers.iter().min_by_key(|(_, entry)| entry.last_seen_ms).map(|(id, _)| *id);
            oldest.and_then(|id| self.producers.remove(&id));
        }
    }

    /// Forgets a producer that was silent for `expiration_ms` (`producer.id.expiration.ms`).
    pub(crate) fn expire(&mut self, producer_id: i64, unix_ms: i64, expiration_ms: i64) {
        let is_expired = |entry: &Entry| unix_ms.saturating_sub(entry.last_seen_ms) >= expiration_ms;
        if self.producers.get(&producer_id).is_some_and(is_expired) {
            self.producers.remove(&producer_id);
        }
    }

    /// What is known after the log was cut: what its batches say, and of producers without any left in it what was
    /// known of them, as long as that is from before `start_offset`.
    pub(crate) fn rebuild<'a>(
        &mut self,
        start_offset: i64,
        batches: impl Iterator<Item = (&'a Sequences, i64, i64)>,
    ) {
        let before = std::mem::take(&mut self.producers);
        for (sequences, base_offset, timestamp) in batches {
            let last_seen_ms =
                before.get(&sequences.producer_id).map_or(timestamp, |known| known.last_seen_ms);
            self.appended(sequences, base_offset, timestamp, last_seen_ms);
        }
        for (id, mut entry) in before {
            entry.batches.retain(|batch| batch.base_offset < start_offset);
            if !entry.batches.is_empty() {
                self.producers.entry(id).or_insert(entry);
            }
        }
    }

    /// Forgets everyone.
    pub(crate) fn clear(&mut self) {
        self.producers.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(producer_epoch: i16, first: i32, last: i32) -> Sequences {
        Sequences { producer_id: 9, producer_epoch, first, last }
    }

    #[test]
    fn a_retry_of_the_last_five_batches_is_answered_with_its_offset() {
        let mut state = ProducerState::default();
        for n in 0..6 {
            let next = batch(0, n * 10, n * 10 + 9);
            assert_eq!(state.judge(&next), Ok(Verdict::Append));
            state.appended(&next, i64::from(n) * 100, 7, 0);
        }
        for n in 1..6 {
            let duplicate = Verdict::Duplicate { base_offset: i64::from(n) * 100, timestamp: 7 };
            assert_eq!(state.judge(&batch(0, n * 10, n * 10 + 9)), Ok(duplicate));
        }
        assert_eq!(state.judge(&batch(0, 0, 9)), Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
    }

    #[test]
    fn a_gap_is_refused_and_an_old_epoch_fenced() {
        let mut state = ProducerState::default();
        state.appended(&batch(3, 0, 4), 0, 0, 0);
        assert_eq!(state.judge(&batch(3, 6, 6)), Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
        assert_eq!(state.judge(&batch(3, 5, 5)), Ok(Verdict::Append));
        assert_eq!(state.judge(&batch(2, 5, 5)), Err(ErrorCode::INVALID_PRODUCER_EPOCH));
        assert_eq!(state.judge(&batch(4, 5, 5)), Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
        assert_eq!(state.judge(&batch(4, 0, 0)), Ok(Verdict::Append));
    }

    #[test]
    fn sequences_go_on_at_zero_after_the_largest() {
        let mut state = ProducerState::default();
        state.appended(&batch(0, i32::MAX - 1, i32::MAX), 0, 0, 0);
        assert_eq!(state.judge(&batch(0, 0, 0)), Ok(Verdict::Append));
        assert_eq!(state.judge(&batch(0, 1, 1)), Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
    }

    #[test]
    fn a_silent_producer_is_forgotten_and_may_go_on_anywhere() {
        let mut state = ProducerState::default();
        state.appended(&batch(0, 0, 4), 0, 0, 1000);
        state.expire(9, 1999, 1000);
        assert_eq!(state.judge(&batch(0, 7, 7)), Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
        state.expire(9, 2000, 1000);
        assert_eq!(state.judge(&batch(0, 7, 7)), Ok(Verdict::Append));
    }

    #[test]
    fn a_cut_log_says_what_is_known() {
        let mut state = ProducerState::default();
        for n in 0..4 {
            state.appended(&batch(0, n, n), i64::from(n), 0, 0);
        }
        let left = [batch(0, 1, 1), batch(0, 2, 2)];
        state.rebuild(1, left.iter().zip(1..).map(|(sequences, base)| (sequences, base, 0)));
        assert_eq!(state.judge(&batch(0, 3, 3)), Ok(Verdict::Append));
        state.rebuild(3, std::iter::empty());
        assert_eq!(state.judge(&batch(0, 3, 3)), Ok(Verdict::Append), "retention does not forget");
        assert_eq!(state.judge(&batch(0, 4, 4)), Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
        state.rebuild(0, std::iter::empty());
        assert_eq!(state.judge(&batch(0, 9, 9)), Ok(Verdict::Append));
    }
}
