//! The queue of one partition.

use std::collections::VecDeque;

use ottla_protocol::types::{NodeId, TopicName};

use super::batch::Batch;
use crate::metrics::TopicMetrics;

#[derive(Debug)]
pub(super) struct Queue<T> {
    pub(super) topic: TopicName,
    pub(super) partition: i32,
    pub(super) leader: Option<NodeId>,
    /// The leader's epoch; -1 where it is not known.
    pub(super) leader_epoch: i32,
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
    /// Its share of what is counted.
    pub(super) tally: TopicMetrics,
    /// The most that a batch may take before compression, in bytes: `batch.size`, or less; see `split.rs`.
    pub(super) batch_limit: usize,
    /// What the latest batch took before compression, in bytes.
    pub(super) usual_size: usize,
}

impl<T> Queue<T> {
    pub(super) fn new(topic: TopicName, partition: i32, batch_limit: usize) -> Self {
        Self {
            topic,
            partition,
            leader: None,
            leader_epoch: -1,
            batches: VecDeque::new(),
            under_way: 0,
            went_to: None,
            retries: false,
            is_introduced: false,
            next_sequence: 0,
            tally: TopicMetrics::default(),
            batch_limit,
            usual_size: 0,
        }
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

    /// A batch is given up. Parts that wait behind it have sequences before they were ever sent, and a broker that does not
    /// know the producer yet would write them behind a gap: they are for the next epoch.
    pub(super) fn forget_unsent_sequences_behind(&mut self, given_up: &Batch<T>) {
        let is_unsent = |batch: &&mut Batch<T>| batch.attempts == 0 && !batch.perhaps_written;
        let behind = self.batches.iter_mut().filter(|batch| batch.place() > given_up.place());
        behind.take_while(is_unsent).for_each(|batch| batch.sequence = None);
    }

    /// A batch is given up. Its other parts that wait behind it and may be written as a whole are taken out: a broker that
    /// does not know the producer yet would write them behind a gap.
    pub(super) fn take_unclear_parts_behind(&mut self, given_up: &Batch<T>) -> Vec<Batch<T>> {
        let is_meant = |batch: &Batch<T>| {
            batch.number == given_up.number && batch.place() > given_up.place() && batch.perhaps_written
        };
        let (unclear, kept): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.batches).into_iter().partition(is_meant);
        self.batches = kept;
        unclear.into()
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

    /// Takes over who leads, and sends what failed at another leader, or at this one in an earlier epoch, without waiting
    /// for its backoff, as Java does (KIP-951): it is for a leader that is in trouble, not for its successor.
    pub(super) fn lead(&mut self, leader: Option<(NodeId, i32)>) {
        let now = (leader.map(|(node, _)| node), leader.map_or(-1, |(_, epoch)| epoch));
        if now == (self.leader, self.leader_epoch) {
            return;
        }
        (self.leader, self.leader_epoch) = now;
        for at in 0..self.batches.len() {
            if self.has_moved_since(&self.batches[at]) {
                self.batches[at].not_before = self.batches[at].created;
            }
        }
    }

    /// Whether the partition has another leader, or the same one in another epoch, than when the batch was last sent.
    pub(super) fn has_moved_since(&self, batch: &Batch<T>) -> bool {
        let leads = self.leader.map(|node| (node, self.leader_epoch));
        leads.is_some() && batch.sent_to.is_some() && leads != batch.sent_to
    }

    /// One batch less is under way.
    pub(super) fn landed(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
        if self.under_way == 0 {
            self.retries = false;
        }
    }
}
