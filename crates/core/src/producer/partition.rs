//! The queue of one partition.

use std::collections::VecDeque;

use ottla_protocol::types::{NodeId, TopicName};

use super::batch::Batch;

#[derive(Debug)]
pub(super) struct Queue<T> {
    pub(super) topic: TopicName,
    pub(super) partition: i32,
    pub(super) leader: Option<NodeId>,
    /// Not under way, in the order of sending.
    pub(super) batches: VecDeque<Batch<T>>,
    /// How many batches are under way.
    pub(super) under_way: usize,
    /// Where the latest batch went.
    pub(super) went_to: Option<NodeId>,
    /// A batch under way failed: those behind it must be known before anything is sent again.
    pub(super) retries: bool,
    /// The leader has written a batch of this producer, and so checks the sequences of those that follow. Before, it
    /// takes any sequence: a batch that follows a refused one would be written before it.
    pub(super) is_introduced: bool,
    /// The sequence of the next batch that was never sent.
    pub(super) next_sequence: i32,
    /// The most that a batch may take before compression, in bytes: `batch.size`, or less; see `split.rs`.
    pub(super) batch_limit: usize,
}

impl<T> Queue<T> {
    pub(super) fn new(topic: TopicName, partition: i32, batch_limit: usize) -> Self {
        Self {
            topic,
            partition,
            leader: None,
            batches: VecDeque::new(),
            under_way: 0,
            went_to: None,
            retries: false,
            is_introduced: false,
            next_sequence: 0,
            batch_limit,
        }
    }

    pub(super) fn newest_size(&self) -> usize {
        self.batches.back().map_or(0, |batch| batch.size)
    }

    /// Puts a batch back among those that were sent before, in their order.
    pub(super) fn requeue(&mut self, batch: Batch<T>) {
        let at = self.batches.partition_point(|queued| queued.place() < batch.place());
        self.batches.insert(at, batch);
    }

    /// Whether a batch that goes before this one has to get another sequence.
    pub(super) fn follows_a_lost_sequence(&self, batch: &Batch<T>) -> bool {
        let mut earlier = self.batches.iter().take_while(|queued| queued.place() < batch.place());
        batch.sequence.is_some() && earlier.any(|queued| queued.sequence.is_none())
    }

    /// Batches that wait behind one that lost its sequence lose theirs. Those that may be written are taken out: with
    /// a new sequence they might be written again.
    pub(super) fn drop_sequences_behind_a_lost_one(&mut self) -> Vec<Batch<T>> {
        let Some(lost) = self.batches.iter().position(|batch| batch.sequence.is_none()) else {
            return Vec::new();
        };
        let is_unclear = |batch: &Batch<T>| batch.sequence.is_some() && batch.perhaps_written;
        let (unclear, mut kept): (VecDeque<_>, VecDeque<_>) =
            self.batches.split_off(lost).into_iter().partition(is_unclear);
        for batch in &mut kept {
            batch.sequence = None;
        }
        self.batches.append(&mut kept);
        unclear.into()
    }

    /// One batch less is under way.
    pub(super) fn landed(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
        if self.under_way == 0 {
            self.retries = false;
        }
    }
}
