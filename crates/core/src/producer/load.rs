//! What partitioners ask: how long queues are, what has a leader, and which brokers make no progress.
//!
//! All of it is looked up when a partition is picked, which is once a batch; only since when a broker owes an answer is
//! kept, once a request.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ottla_protocol::types::NodeId;

use super::batch::{Batch, Content};
use super::{PartitionIndex, Producer};
use crate::time::Instant;

/// How busy a partition is that has a leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Load {
    /// The partition.
    pub(super) partition: u32,
    /// Batches that are not under way, the open one too.
    pub(super) queued: usize,
}

/// Since when brokers owe an answer without having given another one.
#[derive(Debug, Default)]
pub(super) struct Debts(BTreeMap<NodeId, Instant>);

impl Debts {
    /// A request went to a node.
    pub(super) fn sent(&mut self, now: Instant, node: NodeId) {
        self.0.entry(node).or_insert(now);
    }

    /// A node answered, and these many requests are left.
    pub(super) fn answered(&mut self, now: Instant, node: NodeId, left: usize) {
        self.not_sent(node, left);
        if let Some(since) = self.0.get_mut(&node) {
            *since = now;
        }
    }

    /// A request was not sent after all, and these many are left.
    pub(super) fn not_sent(&mut self, node: NodeId, left: usize) {
        if left == 0 {
            self.0.remove(&node);
        }
    }
}

impl<T> Producer<T> {
    /// Whether a partition has a leader, as far as is known.
    pub fn has_leader(&self, partition: PartitionIndex) -> bool {
        self.queues[partition.0].leader.is_some()
    }

    /// Whether the partition's newest batch takes a record of this size.
    pub(super) fn has_room(&self, partition: PartitionIndex, size: usize) -> bool {
        let newest = self.queues[partition.0].batches.back();
        newest.is_some_and(|batch| is_open(batch) && batch.size + size <= self.config.batch_size)
    }

    /// The partition's newest batch takes no more records, and so waits for none. Says whether there was one that did.
    pub(super) fn close_newest(&mut self, partition: PartitionIndex) -> bool {
        let newest = self.queues[partition.0].batches.back_mut().filter(|batch| is_open(batch));
        newest.is_some_and(|batch| !std::mem::replace(&mut batch.closed, true))
    }

    /// Fills in the load of those of a topic's partitions that have a leader; without those whose leader owes an answer
    /// for longer than `patience`.
    pub(super) fn loads(
        &self,
        now: Instant,
        partitions: &[PartitionIndex],
        patience: Option<Duration>,
        loads: &mut Vec<Load>,
    ) {
        let stuck = patience.map(|patience| self.stuck(now, patience)).unwrap_or_default();
        loads.clear();
        for (partition, index) in (0..).zip(partitions) {
            let queue = &self.queues[index.0];
            if queue.leader.is_some_and(|node| !stuck.contains(&node)) {
                loads.push(Load { partition, queued: queue.batches.len() });
            }
        }
    }

    /// Brokers that owe an answer for too long. One for which nothing is left does not count, or it would never get
    /// anything again.
    fn stuck(&self, now: Instant, patience: Duration) -> BTreeSet<NodeId> {
        let is_busy = |node: &NodeId| {
            let has_requests = self.slots.get(node).is_some_and(|used| *used > 0);
            has_requests || self.filled.iter().any(|index| self.queues[index.0].leader == Some(*node))
        };
        let late = self.debts.0.iter().filter(|(_, since)| now.since(**since) > patience);
        late.map(|(node, _)| *node).filter(is_busy).collect()
    }
}

fn is_open<T>(batch: &Batch<T>) -> bool {
    !batch.closed && matches!(batch.content, Content::Open(_))
}
