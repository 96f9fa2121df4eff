//! Which batches go out now.

use std::collections::BTreeMap;

use ottla_protocol::records::{self, SealOptions};
use ottla_protocol::types::NodeId;

use super::batch::{Batch, BatchState, Content};
use super::identity::Identity;
use super::partition::Queue;
use super::{Action, PartitionIndex, Producer, UnderWay, Unsealed, UnsealedContent};
use crate::time::{Instant, earliest};

/// What a request carries beside its batches, per batch, in bytes: names and numbers.
const REQUEST_OVERHEAD: usize = 128;

impl<T: Clone> Producer<T> {
    /// When [`poll_action`](Self::poll_action) may have something without another event.
    pub fn next_timeout(&self) -> Option<Instant> {
        let mut next = match self.identity {
            Identity::Wanted { not_before, .. } if !self.filled.is_empty() => Some(not_before),
            _ => None,
        };
        for index in &self.filled {
            let queue = &self.queues[index.0];
            let Some(batch) = queue.batches.front() else { continue };
            next = earliest(next, Some(batch.created + self.config.delivery_timeout));
            // What holds a batch up that is due is an event, not time: to come back at once would be to spin.
            let waits = match queue.leader {
                Some(node) => !self.has_slot(node),
                None => self.refreshing,
            };
            if !waits && !self.is_held(queue) && self.may_send(batch) {
                next = earliest(next, Some(self.due(*index, batch)));
            }
        }
        next
    }

    /// Sends what is due to every leader with a free slot.
    pub(super) fn send_due(&mut self, now: Instant) {
        if self.filled.is_empty() {
            return;
        }
        self.ask_for_identity(now);
        let mut requests: BTreeMap<NodeId, (usize, Vec<PartitionIndex>)> = BTreeMap::new();
        let mut leaderless = false;
        for index in &self.filled {
            let queue = &self.queues[index.0];
            let Some(batch) = queue.batches.front() else { continue };
            if !self.may_send(batch) || self.is_held(queue) || self.due(*index, batch) > now {
                continue;
            }
            let Some(node) = queue.leader else {
                leaderless = true;
                continue;
            };
            if !self.has_slot(node) {
                continue;
            }
            let (size, picked) = requests.entry(node).or_default();
            let with_batch = *size + batch.size + REQUEST_OVERHEAD;
            if picked.is_empty() || with_batch <= self.config.max_request_size {
                *size = with_batch;
                picked.push(*index);
            }
        }
        for (node, (_, picked)) in requests {
            self.debts.sent(now, node);
            self.send(now, node, &picked);
        }
        if leaderless {
            self.refresh_metadata();
        }
    }

    /// Whether the producer's identity allows to send the batch now.
    fn may_send(&self, batch: &Batch<T>) -> bool {
        match self.identity {
            Identity::Unused | Identity::Known(_) => true,
            Identity::Leaving(_) => batch.sequence.is_some(),
            Identity::Wanted { .. } | Identity::Asking { .. } | Identity::Refused(_) => false,
        }
    }

    /// Whether what is under way must be known before the partition sends more.
    fn is_held(&self, queue: &Queue<T>) -> bool {
        // Another leader takes later batches before the one that the old leader has not answered.
        let unchecked = !queue.is_introduced || queue.went_to != queue.leader;
        queue.retries || (self.config.enable_idempotence && unchecked && queue.under_way > 0)
    }

    fn has_slot(&self, node: NodeId) -> bool {
        self.slots.get(&node).is_none_or(|used| *used < self.config.max_in_flight)
    }

    /// When a queue's first batch is due.
    fn due(&self, index: PartitionIndex, batch: &Batch<T>) -> Instant {
        let full = batch.closed
            || batch.attempts > 0
            || batch.number < self.flush_to
            || batch.size >= self.queues[index.0].batch_limit
            || self.queues[index.0].batches.len() > 1
            // Somebody may wait for the memory.
            || self.memory >= self.config.buffer_memory / 2;
        if full { batch.not_before } else { batch.not_before.max(batch.created + self.config.linger) }
    }

    fn send(&mut self, now: Instant, node: NodeId, picked: &[PartitionIndex]) {
        let token = self.take_token();
        let mut batches = Vec::with_capacity(picked.len());
        let mut unsealed = Vec::with_capacity(picked.len());
        for &index in picked {
            self.cut_to_limit(index);
            let Some(mut batch) = self.queues[index.0].batches.pop_front() else { continue };
            unsealed.push(self.take_content(index, &mut batch));
            let queue = &mut self.queues[index.0];
            queue.under_way += 1;
            queue.went_to = Some(node);
            if queue.batches.is_empty() {
                self.filled.remove(&index);
            }
            batch.attempts += 1;
            if batch.attempts == 1 {
                self.tally.on_taken(now.since(batch.created));
            }
            batch.sent_to = Some((node, queue.leader_epoch));
            batch.go(BatchState::UnderWay);
            batches.push((index, batch));
        }
        *self.slots.entry(node).or_default() += 1;
        self.under_way.insert(token, UnderWay { node, since: now, batches });
        self.actions.push_back(Action::Send { token, node, batches: unsealed });
    }

    /// Gives the batch its sequence, if it has none, and hands out what is to be sealed.
    fn take_content(&mut self, index: PartitionIndex, batch: &mut Batch<T>) -> Unsealed {
        let queue = &mut self.queues[index.0];
        let mut options = SealOptions::default();
        options.compression = self.config.compression;
        options.level = self.config.compression_level;
        let mut restamp = None;
        if let Identity::Known(known) | Identity::Leaving(known) = self.identity {
            let fresh = batch.sequence.is_none();
            let sequence = *batch.sequence.get_or_insert_with(|| {
                let sequence = queue.next_sequence;
                queue.next_sequence = records::increment_sequence(sequence, batch.count as i32);
                sequence
            });
            options.producer_id = known.producer_id;
            options.producer_epoch = known.producer_epoch;
            options.base_sequence = sequence;
            restamp = fresh.then_some((known, sequence));
        }
        let content = match std::mem::replace(&mut batch.content, Content::Away) {
            Content::Open(builder) => {
                batch.raw_size = batch.size;
                queue.usual_size = batch.size;
                UnsealedContent::Open(builder, options)
            }
            Content::Sealed(bytes) => UnsealedContent::Sealed(match restamp {
                Some((known, sequence)) => {
                    records::edit::with_producer(bytes, known.producer_id, known.producer_epoch, sequence)
                        .expect("our own batches have magic 2")
                }
                None => bytes,
            }),
            Content::Away => unreachable!("a queued batch is here"),
        };
        Unsealed { topic: queue.topic.clone(), partition: queue.partition, content }
    }
}
