//! One replica of a partition: a log, the leader epochs and producers that follow from it, and how much of it is
//! known to be committed.

use bytes::BytesMut;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::records::{NO_PRODUCER_ID, edit};

use crate::batch::{Produced, Refused};
use crate::leader_epochs::LeaderEpochs;
use crate::leading::Leading;
use crate::log::{Log, LogBatch};
use crate::producer_state::{ProducerState, Sequences, Verdict};
use crate::topic_config::TopicConfig;

/// The most bytes that one fetch of a follower brings; at least one batch (`replica.fetch.max.bytes`).
const REPLICA_FETCH_MAX_BYTES: usize = 1 << 20;

/// A node's copy of a partition.
#[derive(Clone, Debug, Default)]
pub(crate) struct Replica {
    pub(crate) log: Log,
    pub(crate) epochs: LeaderEpochs,
    producers: ProducerState,
    /// Followers hear of it with their fetches; who becomes a leader goes on from what it heard.
    high_watermark: i64,
    /// The high watermark that the journal heard last.
    told_high_watermark: i64,
    /// What it knows of its followers, if it takes itself for the leader.
    pub(crate) leading: Option<Leading>,
}

/// Where a batch went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Appended {
    pub(crate) base_offset: i64,
    /// Behind its last record.
    pub(crate) end_offset: i64,
    /// -1 unless the topic stamps its records itself.
    pub(crate) log_append_time_ms: i64,
    /// False for a retry of what is there already.
    pub(crate) is_new: bool,
}

/// Where a log ended before and after a follower gave up some of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Truncated {
    pub(crate) from: i64,
    pub(crate) to: i64,
}

/// What a leader answers to a follower's fetch.
#[derive(Clone, Debug)]
pub(crate) enum Fetched {
    /// What the follower asks for is deleted: it is to begin here.
    OutOfRange {
        log_start_offset: i64,
    },
    /// The follower's log went another way: the leader's has this epoch, which ends here (KIP-595).
    Diverging {
        leader_epoch: i32,
        end_offset: i64,
    },
    Batches {
        batches: Vec<LogBatch>,
        high_watermark: i64,
        log_start_offset: i64,
    },
}

impl Replica {
    /// The offset up to which it knows everything to be committed.
    pub(crate) fn high_watermark(&self) -> i64 {
        self.high_watermark
    }

    /// Moves the high watermark forward; says whether it moved.
    pub(crate) fn advance_high_watermark(&mut self, to: i64) -> bool {
        let to = to.min(self.log.end_offset());
        let moves = to > self.high_watermark;
        self.high_watermark = self.high_watermark.max(to);
        moves
    }

    /// The high watermark, if it leads and the journal does not know it yet.
    pub(crate) fn high_watermark_news(&mut self) -> Option<i64> {
        let told = self.told_high_watermark;
        self.leading.as_ref().filter(|_| told != self.high_watermark)?;
        self.told_high_watermark = self.high_watermark;
        Some(self.high_watermark)
    }

    /// Appends a producer's batch, unless it is a retry of one that is there.
    pub(crate) fn append_produced(
        &mut self,
        produced: &Produced,
        leader_epoch: i32,
        config: &TopicConfig,
        unix_ms: i64,
        producer_expiration_ms: i64,
    ) -> Result<Appended, Refused> {
        let header = &produced.header;
        let sequences = (header.producer_id > NO_PRODUCER_ID).then(|| Sequences {
            producer_id: header.producer_id,
            producer_epoch: header.producer_epoch,
            first: header.base_sequence,
            last: header.last_sequence(),
        });
        let records = i64::from(header.last_offset_delta);
        if let Some(sequences) = &sequences {
            self.producers.expire(sequences.producer_id, unix_ms, producer_expiration_ms);
            let verdict = self.producers.judge(sequences).map_err(|error| {
                let message = format!(
                    "Batch of producer {} with epoch {} and sequence {} is out of line",
                    sequences.producer_id, sequences.producer_epoch, sequences.first
                );
                Refused::new(error, message)
            })?;
            if let Verdict::Duplicate { base_offset, timestamp } = verdict {
                let log_append_time_ms = if config.log_append_time { timestamp } else { -1 };
                let end_offset = base_offset.saturating_add(records).saturating_add(1);
                return Ok(Appended { base_offset, end_offset, log_append_time_ms, is_new: false });
            }
        }
        let base_offset = self.log.end_offset();
        let Some(last_offset) = base_offset.checked_add(records).filter(|last| *last < i64::MAX) else {
            return Err(Refused::new(ErrorCode::KAFKA_STORAGE_ERROR, "the partition has no offsets left"));
        };
        // A copy: the batch must not keep the whole request in memory.
        let mut bytes = BytesMut::from(&produced.batch.bytes()[..]);
        let corrupt = |_| Refused::new(ErrorCode::CORRUPT_MESSAGE, "not a batch");
        edit::set_base_offset(&mut bytes, base_offset).map_err(corrupt)?;
        edit::set_partition_leader_epoch(&mut bytes, leader_epoch).map_err(corrupt)?;
        let mut max_timestamp = header.max_timestamp;
        if config.log_append_time {
            edit::set_log_append_time(&mut bytes, unix_ms).map_err(corrupt)?;
            max_timestamp = unix_ms;
        }
        let bytes = bytes.freeze();
        self.append(
            LogBatch { base_offset, last_offset, leader_epoch, max_timestamp, sequences, bytes },
            unix_ms,
        );
        let log_append_time_ms = if config.log_append_time { unix_ms } else { -1 };
        Ok(Appended { base_offset, end_offset: last_offset + 1, log_append_time_ms, is_new: true })
    }

    /// Begins to lead: its epoch starts at the end of what is there.
    pub(crate) fn begin_epoch(&mut self, leader_epoch: i32) {
        self.epochs.assign(leader_epoch, self.log.end_offset());
    }

    /// The largest leader epoch up to `leader_epoch` and its end.
    pub(crate) fn end_of_epoch(&self, leader_epoch: i32) -> Option<(i32, i64)> {
        self.epochs.end_of(leader_epoch, self.log.end_offset())
    }

    /// Whether a log that ends at `offset` with a batch of `last_epoch` has something that this one has not; where this
    /// one's epoch ends then.
    pub(crate) fn divergence(&self, offset: i64, last_epoch: i32) -> Option<(i32, i64)> {
        let end = self.end_of_epoch(last_epoch).unwrap_or((-1, -1));
        (end.0 < last_epoch || end.1 < offset).then_some(end)
    }

    /// Answers a follower whose log ends at `offset` under `last_epoch`.
    pub(crate) fn answer_follower(&self, offset: i64, last_epoch: Option<i32>) -> Fetched {
        if let Some((leader_epoch, end_offset)) = last_epoch.and_then(|epoch| self.divergence(offset, epoch))
        {
            return Fetched::Diverging { leader_epoch, end_offset };
        }
        let log_start_offset = self.log.start_offset();
        if offset < log_start_offset || offset > self.log.end_offset() {
            return Fetched::OutOfRange { log_start_offset };
        }
        let batches = self.log.batches_from(offset, i64::MAX, REPLICA_FETCH_MAX_BYTES, true);
        Fetched::Batches {
            batches: batches.cloned().collect(),
            high_watermark: self.high_watermark,
            log_start_offset,
        }
    }

    /// Takes what the leader answered; says what it gave up for it.
    pub(crate) fn follow(&mut self, fetched: Fetched, unix_ms: i64) -> Option<Truncated> {
        let from = self.log.end_offset();
        match fetched {
            Fetched::OutOfRange { log_start_offset } => {
                self.log.restart_at(log_start_offset);
                self.epochs.clear();
                self.producers.clear();
                self.high_watermark = log_start_offset;
                Some(Truncated { from, to: log_start_offset })
            }
            Fetched::Diverging { leader_epoch, end_offset } => {
                let own = self.end_of_epoch(leader_epoch);
                let to = match own {
                    // It does not know that epoch: it goes back to the one before and asks again.
                    Some((epoch, end)) if epoch != leader_epoch => end,
                    Some((_, end)) => end.min(end_offset),
                    None => end_offset.max(0),
                };
                self.truncate_to(to);
                // An epoch that left no records goes without any.
                let to = self.log.end_offset();
                (to < from).then_some(Truncated { from, to })
            }
            Fetched::Batches { batches, high_watermark, log_start_offset } => {
                batches.into_iter().for_each(|batch| self.append(batch, unix_ms));
                self.advance_high_watermark(high_watermark);
                self.advance_start(log_start_offset);
                None
            }
        }
    }

    /// Deletes what is before `offset`.
    pub(crate) fn advance_start(&mut self, offset: i64) {
        if offset > self.log.start_offset() {
            self.log.advance_start(offset);
            self.epochs.advance_start(self.log.start_offset());
            self.high_watermark = self.high_watermark.max(self.log.start_offset());
        }
    }

    fn truncate_to(&mut self, offset: i64) {
        self.log.truncate_to(offset);
        self.epochs.truncate_to(self.log.end_offset());
        self.high_watermark = self.high_watermark.min(self.log.end_offset());
        let batches = self.log.batches().filter_map(|batch| {
            batch.sequences.as_ref().map(|sequences| (sequences, batch.base_offset, batch.max_timestamp))
        });
        self.producers.rebuild(self.log.start_offset(), batches);
    }

    fn append(&mut self, batch: LogBatch, unix_ms: i64) {
        self.epochs.assign(batch.leader_epoch, batch.base_offset.max(self.log.start_offset()));
        if let Some(sequences) = &batch.sequences {
            self.producers.appended(sequences, batch.base_offset, batch.max_timestamp, unix_ms);
        }
        self.log.append(batch);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    /// A replica with one batch of ten records for each of these epochs.
    fn replica(leader_epochs: &[i32]) -> Replica {
        let mut replica = Replica::default();
        for &leader_epoch in leader_epochs {
            let base_offset = replica.log.end_offset();
            let batch = LogBatch {
                base_offset,
                last_offset: base_offset + 9,
                leader_epoch,
                max_timestamp: 0,
                sequences: None,
                bytes: Bytes::from(format!("{leader_epoch} {base_offset}")),
            };
            replica.append(batch, 0);
        }
        replica
    }

    fn epochs_of(replica: &Replica) -> Vec<i32> {
        replica.log.batches().map(|batch| batch.leader_epoch).collect()
    }

    #[test]
    fn a_follower_gives_up_what_the_leader_does_not_have() {
        let check = |follower: &[i32], leader: &[i32], fetches: usize| {
            let (mut follower, leader) = (replica(follower), replica(leader));
            for _ in 0..fetches {
                let asked = (follower.log.end_offset(), follower.epochs.latest());
                follower.follow(leader.answer_follower(asked.0, asked.1), 0);
            }
            assert_eq!(epochs_of(&follower), epochs_of(&leader), "{fetches} fetches");
        };
        check(&[], &[0, 0], 1);
        check(&[0, 0], &[0, 0, 1], 1);
        check(&[0, 0, 0], &[0, 0, 1], 2);
        check(&[0, 0, 0, 0], &[0], 1);
        // Two leaders, each of which wrote what the other never saw (KIP-279).
        check(&[0, 1, 1, 3], &[0, 2, 2, 4], 3);
        check(&[1, 1], &[2], 2);
    }

    #[test]
    fn a_follower_that_is_too_far_behind_begins_at_the_leaders_start() {
        let mut leader = replica(&[0, 0, 0]);
        leader.advance_start(15);
        let mut follower = replica(&[0]);
        for _ in 0..2 {
            let asked = (follower.log.end_offset(), follower.epochs.latest());
            follower.follow(leader.answer_follower(asked.0, asked.1), 0);
        }
        assert_eq!((follower.log.start_offset(), follower.log.end_offset()), (15, 30));
    }

    #[test]
    fn the_high_watermark_goes_back_only_with_the_log() {
        let mut replica = replica(&[0, 0]);
        assert!(replica.advance_high_watermark(99));
        assert!(!replica.advance_high_watermark(5));
        assert_eq!(replica.high_watermark(), 20);
        replica.truncate_to(10);
        assert_eq!(replica.high_watermark(), 10);
    }
}
