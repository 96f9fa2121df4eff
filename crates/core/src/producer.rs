//! The producer's decisions: which records share a batch, which batches are sent when, and what became of them.
//!
//! A batch:
//!
//! | state | event | next state | output |
//! |---|---|---|---|
//! | Open | a record fits | Open | |
//! | Open, Requeued | it is due, a slot of its leader's is free, its partition does not retry | Under way | Send |
//! | Under way | acknowledged | gone | Complete(Ok) |
//! | Under way | an error that may pass | Requeued, its partition retries | perhaps RefreshMetadata |
//! | Under way | an error that will not pass | gone | Complete(Err) |
//! | Under way | it is too large | Split: its records are in smaller ones, Open | |
//! | Under way | some records are refused | Split: the others are in batches of their own, Open | Complete(Err) for these |
//! | Open, Requeued | it is due, and larger ones were refused | Split | |
//! | Open, Requeued | its delivery time is over, or the queue is purged | gone | Complete(Err) |
//! | any | the producer is closed, and its time is over | gone | Complete(Err), handed back |
//!
//! A batch that failed waits for a backoff, unless its partition has got another leader since it was sent.
//!
//! A partition that retries sends nothing until all its batches under way are resolved; those that failed then go
//! first, in their order.
//!
//! An idempotent producer gives every batch a sequence, by which the broker refuses those that follow a failed one. So
//! order is kept with several requests under way; without idempotence, only with one. The broker knows what sequence
//! to expect once it has written a batch of this producer, and until then takes any: so long a partition has one batch
//! under way.
//!
//! Where a sequence ends without being certainly written or certainly not, later ones would leave a gap: batches that
//! were sent before are tried to their end, and then the epoch is bumped and all sequences start at zero (KIP-360).
//!
//! Not here: sealing (compression, CRC), which the driver does outside its lock, and waiting for memory.

mod batch;
mod buffers;
mod config;
mod error;
mod expiry;
mod identity;
mod load;
mod partition;
mod partitioner;
mod purge;
mod record_errors;
mod response;
mod sender;
mod split;
mod tally;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use ottla_protocol::compression::Compression;
use ottla_protocol::records::{BatchBuilder, Header, SealOptions, record_size_upper_bound};
use ottla_protocol::types::{NodeId, TopicName};

use crate::metadata::ClusterSnapshot;
use crate::random::Jitter;
use crate::request::Token;
use crate::time::{Instant, Now};

use batch::{Batch, BatchState, Content};
use buffers::Buffers;
use identity::Identity;
use load::Debts;
use partition::Queue;
use tally::Tally;

pub use config::{Acks, ProducerConfig};
pub use error::{ProduceError, ProduceErrorKind};
pub use partitioner::{
    BuiltInPartitioner, Choice, Partitioner, PartitionerConfig, Partitions, TopicPartitioner,
    UnknownPartitioner, Unplaced,
};
pub use purge::{HandedBack, HandedBackContent};
pub use response::Delivered;

/// The table of a producer's id and epoch, with how often its edges were taken.
#[cfg(feature = "__coverage")]
pub(crate) fn identity_edges() -> Vec<crate::coverage::Edge> {
    identity::EDGES.edges()
}

/// The table of a batch, with how often its edges were taken.
#[cfg(feature = "__coverage")]
pub(crate) fn batch_edges() -> Vec<crate::coverage::Edge> {
    batch::EDGES.edges()
}

/// A partition that the producer knows, by number: what [`Producer::partition`] gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionIndex(usize);

/// A record to append. The parts are copied into the batch.
#[derive(Clone, Copy, Debug)]
pub struct RecordParts<'a, H> {
    /// Milliseconds since 1970.
    pub timestamp: i64,
    /// The key, or null.
    pub key: Option<&'a [u8]>,
    /// The value, or null: a tombstone.
    pub value: Option<&'a [u8]>,
    /// The headers, in order.
    pub headers: H,
}

/// Why a record was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// All of `buffer.memory` is in use: try again when batches have been delivered.
    BufferFull,
    /// The record alone is larger than `max.request.size`.
    TooLarge {
        /// Its size in a batch of its own, in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
}

/// Some of the records that were appended to a batch: those that share its tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordRange {
    /// The index of the first.
    pub first: u32,
    /// How many: one at least.
    pub count: u32,
    /// How many the batch has in all.
    pub of: u32,
}

impl RecordRange {
    /// Whether these are all records of the batch.
    pub fn is_all(&self) -> bool {
        self.count == self.of
    }

    /// Whether the record with this index is one of them.
    pub fn contains(&self, index: u32) -> bool {
        index >= self.first && index - self.first < self.count
    }
}

/// Something that the driver must do or pass on.
#[derive(Debug)]
#[non_exhaustive]
pub enum Action<T> {
    /// Ask any broker for a producer id; answer with [`Producer::on_init_producer_id`].
    InitProducerId {
        /// Names the request.
        token: Token,
        /// The id and epoch to bump; -1 for a first one.
        producer_id: i64,
        /// See `producer_id`.
        producer_epoch: i16,
    },
    /// Seal these batches, tell the bytes by [`Producer::on_sealed`], send them to a node, answer with
    /// [`Producer::on_produced`].
    Send {
        /// Names the request.
        token: Token,
        /// The leader of all of them.
        node: NodeId,
        /// One batch a partition.
        batches: Vec<Unsealed>,
    },
    /// Records are delivered, or never will be. Each record of a batch is in one of these exactly.
    Complete {
        /// What the driver gave when the batch began.
        tag: T,
        /// Which of the batch's records.
        records: RecordRange,
        /// Where it is, or why it is not.
        outcome: Result<Delivered, ProduceError>,
    },
    /// The picture of the cluster proved wrong.
    RefreshMetadata,
    /// Memory was given back: who waits for some may try again.
    MemoryFreed,
}

/// A batch on its way out.
#[derive(Debug)]
pub struct Unsealed {
    /// Its topic.
    pub topic: TopicName,
    /// Its partition.
    pub partition: i32,
    /// What to seal.
    pub content: UnsealedContent,
}

/// What is in a batch on its way out.
#[derive(Debug)]
pub enum UnsealedContent {
    /// Records, and what the header is to say.
    Open(Box<BatchBuilder>, SealOptions),
    /// Bytes that were sent before.
    Sealed(Bytes),
}

/// The machine. `T` is what the driver hangs on each batch to find its waiters.
#[derive(Debug)]
pub struct Producer<T> {
    config: ProducerConfig,
    jitter: Jitter,
    identity: Identity,
    queues: Vec<Queue<T>>,
    by_name: BTreeMap<TopicName, BTreeMap<i32, PartitionIndex>>,
    /// Queues that hold batches.
    filled: BTreeSet<PartitionIndex>,
    under_way: BTreeMap<Token, UnderWay<T>>,
    slots: BTreeMap<NodeId, usize>,
    debts: Debts,
    next_token: u64,
    next_batch: u64,
    /// Batches that are not resolved, by their place.
    outstanding: BTreeSet<(u64, u32)>,
    /// Up to this batch everything is sent without linger.
    flush_to: u64,
    memory: usize,
    buffers: Buffers,
    /// A refresh was asked for and no new picture has come.
    refreshing: bool,
    tally: Tally,
    actions: VecDeque<Action<T>>,
}

#[derive(Debug)]
struct UnderWay<T> {
    node: NodeId,
    /// When it was made.
    since: Instant,
    batches: Vec<(PartitionIndex, Batch<T>)>,
}

impl<T: Clone> Producer<T> {
    /// A producer without records.
    pub fn new(config: ProducerConfig, jitter: Jitter) -> Self {
        let identity = Identity::new(config.enable_idempotence);
        let buffers = Buffers::new(config.buffer_memory);
        Self {
            config,
            jitter,
            identity,
            queues: Vec::new(),
            by_name: BTreeMap::new(),
            filled: BTreeSet::new(),
            under_way: BTreeMap::new(),
            slots: BTreeMap::new(),
            debts: Debts::default(),
            next_token: 0,
            next_batch: 0,
            outstanding: BTreeSet::new(),
            flush_to: 0,
            memory: 0,
            buffers,
            refreshing: false,
            tally: Tally::default(),
            actions: VecDeque::new(),
        }
    }

    /// The number of a partition, which is registered if it is new.
    pub fn partition(
        &mut self,
        topic: &TopicName,
        partition: i32,
        snapshot: &ClusterSnapshot,
    ) -> PartitionIndex {
        if let Some(index) = self.by_name.get(topic).and_then(|partitions| partitions.get(&partition)) {
            return *index;
        }
        let index = PartitionIndex(self.queues.len());
        let topic = topic.detach();
        self.by_name.entry(topic.clone()).or_default().insert(partition, index);
        let mut queue = Queue::new(topic, partition, self.config.batch_size);
        queue.lead(snapshot.leader(&queue.topic, partition));
        self.queues.push(queue);
        index
    }

    /// Appends a record to its partition's newest batch, or to a new one, for which `make_tag` is called. Returns the
    /// batch's tag, the record's index in it, and whether the batch is new or became full: then there may be
    /// something to do.
    ///
    /// # Errors
    /// The record is not taken; see [`Refusal`].
    pub fn append<'h, H>(
        &mut self,
        now: Now,
        partition: PartitionIndex,
        record: RecordParts<'_, H>,
        make_tag: impl FnOnce() -> T,
    ) -> Result<(T, u32, bool), Refusal>
    where
        H: IntoIterator<Item = Header<'h>> + Clone,
        H::IntoIter: Clone,
    {
        let RecordParts { timestamp, key, value, ref headers } = record;
        let queue = &mut self.queues[partition.0];
        let Some(Batch { content: Content::Open(builder), closed: false, tag, count, size, .. }) =
            queue.batches.back_mut()
        else {
            return self.append_to_new(now, partition, record, make_tag);
        };
        let room = self.config.buffer_memory.saturating_sub(self.memory);
        let limit = queue.batch_limit.min(builder.size() + room);
        let Some(index) = builder.append_within(limit, timestamp, key, value, headers.clone()) else {
            return self.append_to_new(now, partition, record, make_tag);
        };
        let before = std::mem::replace(size, builder.size());
        *count = index + 1;
        self.memory += *size - before;
        Ok((tag.clone(), index, *size >= queue.batch_limit))
    }

    #[cold]
    #[inline(never)]
    fn append_to_new<'h, H>(
        &mut self,
        now: Now,
        partition: PartitionIndex,
        record: RecordParts<'_, H>,
        make_tag: impl FnOnce() -> T,
    ) -> Result<(T, u32, bool), Refusal>
    where
        H: IntoIterator<Item = Header<'h>> + Clone,
        H::IntoIter: Clone,
    {
        let RecordParts { timestamp, key, value, headers } = record;
        let limit = self.config.max_request_size;
        let size = record_size_upper_bound(key, value, headers.clone());
        if size > limit {
            return Err(Refusal::TooLarge { size, limit });
        }
        if self.memory + size > self.config.buffer_memory && self.memory > 0 {
            return Err(Refusal::BufferFull);
        }
        let queue = &mut self.queues[partition.0];
        let mut builder = self.buffers.take(queue.usual_size.max(size), self.memory);
        let index = builder
            .append(timestamp, key, value, headers)
            .map_err(|_| Refusal::TooLarge { size: usize::MAX, limit })?;
        let size = builder.size();
        let mut batch = Batch::new(self.next_batch, partition, now.instant, make_tag(), builder);
        batch.count = index + 1;
        batch.size = size;
        self.memory += batch.size;
        let tag = batch.tag.clone();
        queue.batches.push_back(batch);
        self.outstanding.insert((self.next_batch, 0));
        self.next_batch += 1;
        self.filled.insert(partition);
        Ok((tag, index, true))
    }

    /// Everything appended so far is to be sent without linger. Returns a mark for [`is_flushed`](Self::is_flushed).
    pub fn flush(&mut self) -> u64 {
        self.flush_to = self.next_batch;
        // A batch that is being flushed takes no more records, or a busy producer would never be done.
        for index in &self.filled {
            if let Some(batch) = self.queues[index.0].batches.back_mut() {
                batch.closed = true;
            }
        }
        self.flush_to
    }

    /// Whether all that was appended before the mark is resolved.
    pub fn is_flushed(&self, mark: u64) -> bool {
        self.outstanding.first().is_none_or(|first| first.0 >= mark)
    }

    /// Takes back what was sealed into other bytes, for batches to come.
    pub fn give_back(&mut self, builder: Box<BatchBuilder>) {
        self.buffers.give_back(builder, self.memory);
    }

    /// Memory of batches that are not resolved, in bytes.
    pub fn memory(&self) -> usize {
        self.memory
    }

    /// A new picture of the cluster.
    pub fn on_snapshot(&mut self, snapshot: &ClusterSnapshot) {
        self.refreshing = false;
        for queue in &mut self.queues {
            queue.lead(snapshot.leader(&queue.topic, queue.partition));
        }
    }

    /// What is to be done next.
    pub fn poll_action(&mut self, now: Instant) -> Option<Action<T>> {
        if self.actions.is_empty() {
            self.expire(now);
            self.advance_identity();
            self.send_due(now);
        }
        self.actions.pop_front()
    }

    /// The next action, if it is a batch's outcome or what follows from one: what can be passed on at once, wherever an
    /// answer came in. The rest waits for [`poll_action`](Self::poll_action).
    pub fn take_result(&mut self) -> Option<Action<T>> {
        match self.actions.front()? {
            Action::InitProducerId { .. } | Action::Send { .. } => None,
            _ => self.actions.pop_front(),
        }
    }

    fn refresh_metadata(&mut self) {
        if !std::mem::replace(&mut self.refreshing, true) {
            self.actions.push_back(Action::RefreshMetadata);
        }
    }

    fn take_token(&mut self) -> Token {
        self.next_token += 1;
        Token(self.next_token)
    }

    /// A batch is resolved.
    fn complete(&mut self, mut batch: Batch<T>, mut outcome: Result<Delivered, ProduceError>) {
        let end = if outcome.is_ok() { BatchState::Delivered } else { BatchState::Failed };
        if !batch.go(end) {
            outcome = Err(ProduceError::invariant());
        }
        self.outstanding.remove(&batch.place());
        self.memory = self.memory.saturating_sub(batch.size);
        let tally = &mut self.queues[batch.partition.0].tally;
        match outcome {
            Ok(_) => tally.records_acknowledged += u64::from(batch.count),
            Err(_) => tally.records_failed += u64::from(batch.count),
        }
        match std::mem::replace(&mut batch.content, Content::Away) {
            Content::Open(builder) => self.buffers.give_back(builder, self.memory),
            // What is compressed has left its records' buffer to the driver.
            Content::Sealed(bytes) if self.config.compression == Compression::None => {
                self.buffers.give_back_bytes(bytes, self.memory);
            }
            Content::Sealed(_) | Content::Away => {}
        }
        let records = batch.records();
        self.actions.push_back(Action::Complete { tag: batch.tag, records, outcome });
        self.actions.push_back(Action::MemoryFreed);
    }
}

#[cfg(test)]
mod tests;
