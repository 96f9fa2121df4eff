//! The consumer: batches out, positions and commits in.
//!
//! The [`Engine`](engine::Engine) holds the machines of `ottla-core` together; a task performs what they decide, so that
//! heartbeats never depend on the application's loop. [`Consumer::next_batch`] is where the application meets it:
//! there records are decompressed, and there a rebalance waits until the application is done with what it had.

mod batch;
mod builder;
mod deserialize;
mod driver;
mod engine;
mod error;
mod listener;
mod poll;
mod telling;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use ottla_core::consumer::{Offset, OffsetAndMetadata, Position, ResetTarget, TopicPartition};
use ottla_core::metrics::ConsumerMetrics;
use ottla_core::time::Now;
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;

use crate::client::{Client, Owner, Source};

pub use batch::{Batch, ConsumerRecord, ConsumerRecords, Message};
pub use builder::ConsumerBuilder;
pub use deserialize::RecordDeserializationError;
pub use error::ConsumerError;
pub use listener::RebalanceListener;

use engine::Engine;
use poll::Poller;

/// Reads records of the partitions that its group assigns to it, or that it was told to read.
///
/// Use it from one task. What it handed out counts as done, and may be committed, when the next batch is asked for.
/// When it is dropped without [`close`](Self::close), it leaves the group in the background and commits nothing; its
/// listener is told there.
pub struct Consumer {
    shared: Arc<Shared>,
    /// Whoever asks for a batch holds it.
    poller: tokio::sync::Mutex<Poller>,
}

pub(crate) struct Shared {
    client: Client,
    /// Whose lanes the connections are.
    owner: Owner,
    engine: Mutex<Engine>,
    /// Held while it is told something.
    listener: Mutex<Box<dyn RebalanceListener>>,
    /// There may be something for the driver to do.
    work: Notify,
    /// There may be something for whoever asks for a batch.
    ready: Notify,
    /// Bytes of fetched memory that were given back and that the engine has not heard of.
    released: AtomicUsize,
    settings: ConsumerSettings,
    /// Among the client's consumers.
    number: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct ConsumerSettings {
    enable_auto_commit: bool,
    max_batch_bytes: usize,
    close_timeout: Duration,
}

impl Consumer {
    /// The next batch of records; waits until there is one. `None` once the consumer is closed.
    ///
    /// Asking for a batch says that all earlier ones are done with. Batches of one partition come in order.
    ///
    /// # Errors
    /// What went wrong in a partition or in the group. Unless [`ConsumerError::is_fatal`], the consumer goes on: ask
    /// again.
    ///
    /// # Cancel safety
    /// May be dropped at any time; no record is lost.
    pub async fn next_batch(&self) -> Result<Option<Batch>, ConsumerError> {
        self.poller.lock().await.next(&self.shared).await
    }

    /// Commits the offsets behind all that was handed out, and waits until the group has them.
    ///
    /// # Errors
    /// The group refused; or the partitions have gone to other members, who will read from the last commit.
    ///
    /// # Cancel safety
    /// Dropping the future does not stop the commit.
    pub async fn commit(&self) -> Result<(), ConsumerError> {
        let receiver = {
            let mut engine = self.shared.lock();
            engine.consumed.on_poll();
            let offsets = engine.consumed.uncommitted(None);
            engine.commit(self.shared.now(), offsets)
        };
        self.shared.wait_for_commit(receiver).await
    }

    /// Commits exactly these offsets: of the next record to read, by partition.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    ///
    /// # Cancel safety
    /// Dropping the future does not stop the commit.
    pub async fn commit_offsets(
        &self,
        offsets: BTreeMap<TopicPartition, OffsetAndMetadata>,
    ) -> Result<(), ConsumerError> {
        let receiver = self.shared.lock().commit(self.shared.now(), offsets);
        self.shared.wait_for_commit(receiver).await
    }

    /// The partitions that this consumer reads now.
    pub fn assignment(&self) -> Vec<TopicPartition> {
        self.shared.lock().positions.assigned().cloned().collect()
    }

    /// The offset of the next record that will be handed out; `None` while it is not known.
    pub fn position(&self, partition: &TopicPartition) -> Option<Offset> {
        let engine = self.shared.lock();
        // While an end is being looked for, what was read before the seek says nothing.
        engine.positions.position(partition).and_then(|_| engine.consumed.position(partition))
    }

    /// How many records lie between the position and the end of the partition, as of the last answer.
    pub fn lag(&self, partition: &TopicPartition) -> Option<u64> {
        let engine = self.shared.lock();
        let next = engine.consumed.position(partition)?;
        engine.positions.lag(partition, next, ottla_core::consumer::IsolationLevel::ReadUncommitted)
    }

    /// What this consumer did so far.
    pub fn metrics(&self) -> ConsumerMetrics {
        self.shared.metrics()
    }

    /// Reads on at `offset`. False if the partition is not assigned.
    pub fn seek(&self, partition: &TopicPartition, offset: Offset) -> bool {
        let position = Position { offset, leader_epoch: None };
        self.change(|engine| engine.positions.seek(partition, position))
    }

    /// Reads on at the oldest record. False if the partition is not assigned.
    pub fn seek_to_beginning(&self, partition: &TopicPartition) -> bool {
        self.change(|engine| engine.positions.seek_to(partition, ResetTarget::Earliest))
    }

    /// Reads on at what comes from now on. False if the partition is not assigned.
    pub fn seek_to_end(&self, partition: &TopicPartition) -> bool {
        self.change(|engine| engine.positions.seek_to(partition, ResetTarget::Latest))
    }

    /// Stops handing out records of a partition. False if it is not assigned.
    pub fn pause(&self, partition: &TopicPartition) -> bool {
        self.change(|engine| engine.positions.pause(partition))
    }

    /// Goes on with a paused partition. False if it is not assigned.
    pub fn resume(&self, partition: &TopicPartition) -> bool {
        self.change(|engine| engine.positions.resume(partition))
    }

    /// Commits what is done with, if `enable.auto.commit`, tells the listener that the partitions are revoked or were
    /// lost, leaves the group, and waits for all of it, at most for the client's `default.api.timeout.ms`.
    ///
    /// # Errors
    /// The last commit failed. The consumer is closed all the same.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the closing to the background.
    pub async fn close(&self) -> Result<(), ConsumerError> {
        let commit = {
            let mut engine = self.shared.lock();
            if engine.is_closing {
                return Ok(());
            }
            engine.is_closing = true;
            engine.consumed.on_poll();
            let offsets = match self.shared.settings.enable_auto_commit {
                true => engine.consumed.uncommitted(None),
                false => BTreeMap::new(),
            };
            let commit = (!offsets.is_empty()).then(|| engine.commit(self.shared.now(), offsets));
            engine.leave(self.shared.now());
            commit
        };
        self.shared.ready.notify_one();
        let result = match commit {
            Some(receiver) => self.shared.wait_for_commit(receiver).await,
            None => {
                self.shared.work.notify_one();
                Ok(())
            }
        };
        let left = async {
            while !self.shared.lock().has_left {
                self.shared.ready.notified().await;
            }
        };
        // A coordinator that cannot be reached expels the member when its session times out.
        _ = timeout(self.shared.settings.close_timeout, left).await;
        self.shared.ready.notify_one();
        result
    }

    fn change(&self, act: impl FnOnce(&mut Engine) -> bool) -> bool {
        let mut engine = self.shared.lock();
        let done = act(&mut engine);
        engine.take_starts();
        drop(engine);
        self.shared.work.notify_one();
        done
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        let mut engine = self.shared.lock();
        engine.is_closing = true;
        engine.leave(self.shared.now());
        drop(engine);
        self.shared.work.notify_one();
    }
}

impl Source<ConsumerMetrics> for Shared {
    fn metrics(&self) -> ConsumerMetrics {
        self.lock().tally
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // An assignor that panicked may have broken them.
        if self.engine.is_poisoned() {
            return;
        }
        self.client.shared.parts.consumers.end(self.number, || self.metrics());
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer").field("assignment", &self.assignment()).finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Engine> {
        self.engine.lock().expect("nothing panics while it holds the consumer")
    }

    fn now(&self) -> Now {
        self.client.shared.pool.clock().now()
    }

    fn release(&self, bytes: usize) {
        self.released.fetch_add(bytes, Ordering::AcqRel);
        self.work.notify_one();
    }

    async fn wait_for_commit(
        &self,
        receiver: Result<oneshot::Receiver<Result<(), ConsumerError>>, ConsumerError>,
    ) -> Result<(), ConsumerError> {
        self.work.notify_one();
        receiver?.await.unwrap_or(Err(ConsumerError::Closed))
    }
}
