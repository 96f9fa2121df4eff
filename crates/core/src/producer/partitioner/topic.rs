//! The built-in partitioner of one topic: a rule, and how far it has come.

use std::time::Duration;

use super::super::{PartitionIndex, Producer};
use super::Unplaced;
use super::built_in::{BuiltInPartitioner, Spread};
use super::sticky::Sticky;
use crate::random::Jitter;
use crate::time::Instant;

/// What a built-in partitioner is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionerConfig {
    /// `partitioner`, `partitioner.class`.
    pub rule: BuiltInPartitioner,
    /// `partitioner.ignore.keys`: records with a key are spread like those without.
    pub ignore_keys: bool,
    /// `partitioner.adaptive.partitioning.enable`: whether partitions with short queues are picked more often.
    pub adaptive: bool,
    /// `partitioner.availability.timeout.ms`: partitions of a broker that owes an answer for longer are not picked.
    pub availability_timeout: Option<Duration>,
    /// `batch.size` in bytes: how long records without a key stay with a partition.
    pub batch_size: usize,
}

/// Picks partitions for one topic.
#[derive(Clone, Debug)]
pub struct TopicPartitioner {
    rule: BuiltInPartitioner,
    ignore_keys: bool,
    sticky: Sticky,
    /// What has a leader, for rules that go record by record.
    available: Vec<u32>,
    /// Whose turn it is.
    next: usize,
    jitter: Jitter,
}

/// Where a record is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The partition; one that exists, if any does.
    pub partition: u32,
    /// A batch is due that was not before.
    pub news: bool,
    step: Step,
}

/// What has happened when a record was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Nothing,
    /// The sticky partition got these bytes.
    Bytes(usize),
    /// It is the next partition's turn.
    Turn,
}

impl TopicPartitioner {
    /// One for a topic whose partitions are not known yet.
    pub fn new(config: PartitionerConfig, mut jitter: Jitter) -> Self {
        let PartitionerConfig { rule, ignore_keys, adaptive, availability_timeout, batch_size } = config;
        let sticky = Sticky::new(batch_size, adaptive, availability_timeout);
        // Many short-lived producers would else all begin at the first partition.
        let next = jitter.below(1 << 16);
        Self { rule, ignore_keys, sticky, available: Vec::new(), next, jitter }
    }

    /// What partitions there are, or who leads them, may have changed; `anew` if the topic is another one of that name.
    pub fn on_partitions<T>(&mut self, partitions: &[PartitionIndex], machine: &Producer<T>, anew: bool) {
        let has_leader = |partition: u32| {
            partitions.get(partition as usize).is_some_and(|index| machine.has_leader(*index))
        };
        if anew || self.sticky.current().is_some_and(|current| !has_leader(current)) {
            self.sticky.let_go();
        }
        if matches!(self.rule, BuiltInPartitioner::RoundRobin | BuiltInPartitioner::Random) {
            let count = u32::try_from(partitions.len()).unwrap_or(u32::MAX);
            self.available.clear();
            self.available.extend((0..count).filter(|partition| has_leader(*partition)));
            if self.available.is_empty() {
                self.available.extend(0..count);
            }
        }
    }

    /// Where a record goes, out of all partitions of the topic. Once it is appended, [`taken`](Self::taken) is to be
    /// called.
    #[inline]
    pub fn pick<T>(
        &mut self,
        now: Instant,
        record: &Unplaced<'_>,
        partitions: &[PartitionIndex],
        machine: &mut Producer<T>,
    ) -> Choice {
        let key = record.key.filter(|_| !self.ignore_keys);
        if let Some(partition) = self.rule.partition_of_key(key, partitions.len() as u32) {
            return Choice { partition, news: false, step: Step::Nothing };
        }
        match self.rule.spread(key) {
            Spread::Sticky => {
                let size = record.size();
                let (partition, news) = self.sticky.pick(now, size, partitions, machine, &mut self.jitter);
                Choice { partition, news, step: Step::Bytes(size) }
            }
            Spread::Random => {
                let at = self.jitter.below(self.available.len());
                Choice { partition: self.available_at(at), news: false, step: Step::Nothing }
            }
            Spread::RoundRobin => {
                let at = self.next.checked_rem(self.available.len()).unwrap_or(0);
                Choice { partition: self.available_at(at), news: false, step: Step::Turn }
            }
        }
    }

    /// The record is in a batch where it was to go. What is refused does not count: its turn comes again.
    #[inline]
    pub fn taken(&mut self, choice: Choice) {
        match choice.step {
            Step::Nothing => {}
            Step::Bytes(size) => self.sticky.taken(size),
            Step::Turn => self.next = self.next.wrapping_add(1),
        }
    }

    fn available_at(&self, at: usize) -> u32 {
        self.available.get(at).copied().unwrap_or(0)
    }
}
