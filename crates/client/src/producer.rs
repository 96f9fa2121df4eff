//! The producer: records in, delivery results out.

mod builder;
mod closing;
mod custom_partitioners;
mod deliveries;
mod delivery;
mod driver;
mod error;
mod interceptors;
mod metered;
mod topics;
mod typed;
mod undelivered;
mod waits;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use ottla_core::producer::{self as machine, RecordParts, Refusal};
use ottla_core::time::{Instant, Now};
use tokio::sync::Notify;
use tokio::task::coop::consume_budget;
use tokio::time::timeout_at;

use crate::client::Client;
use crate::record::Record;

pub use builder::ProducerBuilder;
pub use deliveries::{Deliveries, SendResults};
pub use delivery::{Delivery, RecordMetadata};
pub use error::{SendError, TrySendError};
pub use interceptors::{Acknowledgement, OutgoingRecord, ProducerInterceptor};
pub use typed::{TypedProducer, TypedRecord};
pub use undelivered::{Undelivered, UndeliveredRecord, UndeliveredRecords};

use custom_partitioners::CustomPartitioners;
use delivery::BatchState;
use driver::Driver;
use interceptors::Interceptors;
use metered::End;
use topics::Topics;
use waits::{WaitFor, Waits};

/// Sends records; cheap to clone, all clones share one queue. When the last is gone, what is queued is still sent, in
/// the background; [`close`](Self::close) waits for it, and hands back what could not be sent in time.
#[derive(Clone)]
pub struct Producer {
    shared: Arc<Shared>,
    /// Ends the driver's task when the last handle is gone.
    _alive: Arc<Alive>,
}

struct Alive {
    shared: Arc<Shared>,
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.shared.lock().abandoned = true;
        self.shared.work.notify_one();
    }
}

pub(crate) struct Shared {
    client: Client,
    state: Mutex<State>,
    /// There may be something for the driver to do.
    work: Notify,
    /// Memory was freed, or a flush may be over.
    progress: Notify,
    settings: ProducerSettings,
    /// Asked before `state` is locked.
    custom: Option<CustomPartitioners>,
    /// Among the client's producers.
    number: u64,
    waits: Waits,
    end: End,
}

struct State {
    machine: machine::Producer<Arc<BatchState>>,
    topics: Topics,
    /// When the monotonic clock started, on the wall clock; the driver keeps it true.
    unix_start_ms: i64,
    /// All handles are gone: the driver ends when everything is resolved.
    abandoned: bool,
    /// Records are refused.
    closed: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct ProducerSettings {
    acks: machine::Acks,
    request_timeout: Duration,
    max_block: Duration,
    interceptors: Interceptors,
}

impl Producer {
    pub(crate) fn start(
        client: Client,
        machine: machine::Producer<Arc<BatchState>>,
        topics: Topics,
        custom: Option<CustomPartitioners>,
        settings: ProducerSettings,
    ) -> Self {
        let state = Mutex::new(State { machine, topics, unix_start_ms: 0, abandoned: false, closed: false });
        let number = client.shared.parts.producers.number();
        let shared = Arc::new(Shared {
            client,
            state,
            work: Notify::new(),
            progress: Notify::new(),
            settings,
            custom,
            number,
            waits: Waits::default(),
            end: End::default(),
        });
        let weak = Arc::downgrade(&shared);
        shared.client.shared.parts.producers.add(number, weak);
        shared.read_wall_clock();
        Driver::spawn(Arc::clone(&shared));
        let alive = Arc::new(Alive { shared: Arc::clone(&shared) });
        Self { shared, _alive: alive }
    }

    /// Sends a record, a [`Record`] or an [`&OwnedRecord`](crate::OwnedRecord), and waits until it is acknowledged.
    ///
    /// # Errors
    /// Why it is not, or not certainly, written; see [`SendError`].
    ///
    /// # Cancel safety
    /// Once the record is queued, dropping the future does not take it back; before, nothing happens. To tell the two
    /// apart use [`enqueue`](Self::enqueue).
    pub fn send<'a, R: Into<Record<'a>>>(
        &'a self,
        record: R,
    ) -> impl Future<Output = Result<RecordMetadata, SendError>> + use<'a, R> {
        self.send_record(record.into())
    }

    /// Queues a record, and returns a handle on which to wait for its acknowledgement. Waits only while the topic is
    /// not known yet or all of `buffer.memory` is in use, at most for `max.block.ms`.
    ///
    /// # Errors
    /// Why the record was not queued.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the record unqueued.
    pub fn enqueue<'a, R: Into<Record<'a>>>(
        &'a self,
        record: R,
    ) -> impl Future<Output = Result<Delivery, SendError>> + use<'a, R> {
        self.enqueue_record(record.into())
    }

    async fn send_record(&self, record: Record<'_>) -> Result<RecordMetadata, SendError> {
        self.enqueue_record(record).await?.await
    }

    async fn enqueue_record(&self, mut record: Record<'_>) -> Result<Delivery, SendError> {
        // A loop of calls that never wait would keep the producer's own task from running on a single thread.
        consume_budget().await;
        if !self.shared.settings.interceptors.is_empty() {
            return Box::pin(self.enqueue_intercepted(record)).await;
        }
        let refused = match self.shared.place_and_append(&mut record) {
            Ok(delivery) => return Ok(delivery),
            Err(refused) => refused,
        };
        self.enqueue_slowly(record, refused).await
    }

    /// Queues a record without waiting.
    ///
    /// # Errors
    /// [`TrySendError::UnknownTopic`] and [`TrySendError::BufferFull`] mean that [`enqueue`](Self::enqueue) would have
    /// waited.
    pub fn try_enqueue(&self, record: &Record<'_>) -> Result<Delivery, TrySendError> {
        if !self.shared.settings.interceptors.is_empty() {
            return self.try_enqueue_intercepted(record.clone());
        }
        match self.shared.custom {
            Some(_) => self.shared.place_and_append(&mut record.clone()),
            None => self.shared.append(record),
        }
    }

    async fn enqueue_slowly(
        &self,
        mut record: Record<'_>,
        refused: TrySendError,
    ) -> Result<Delivery, SendError> {
        let max_block = self.shared.settings.max_block;
        let deadline = self.shared.now().instant + max_block;
        let mut refused = refused;
        loop {
            match refused {
                TrySendError::UnknownTopic => self.learn_topic(record.topic, deadline).await?,
                TrySendError::BufferFull => {
                    let progress = self.shared.progress.notified();
                    // What was freed since the refusal must not be missed.
                    match self.shared.place_and_append(&mut record) {
                        Err(TrySendError::BufferFull) => {}
                        Ok(delivery) => return Ok(delivery),
                        Err(other) => {
                            refused = other;
                            continue;
                        }
                    }
                    let clock = self.shared.client.shared.pool.clock();
                    let _wait = self.shared.waits.start(WaitFor::Memory, clock);
                    if timeout_at(clock.deadline(deadline), progress).await.is_err() {
                        self.shared.waits.on_exhausted();
                        return Err(SendError::BufferFull { waited: max_block });
                    }
                }
                TrySendError::Refused(error) => return Err(error),
            }
            match self.shared.place_and_append(&mut record) {
                Ok(delivery) => return Ok(delivery),
                Err(again) => refused = again,
            }
        }
    }

    async fn learn_topic(&self, topic: &str, deadline: Instant) -> Result<(), SendError> {
        let name = topic.into();
        let _wait = self.shared.waits.start(WaitFor::Metadata, self.shared.client.shared.pool.clock());
        let limit = deadline.since(self.shared.now().instant);
        let known = tokio::select! {
            biased;
            () = self.shared.closed() => return Err(SendError::Closed),
            known = self.shared.client.shared.metadata.topic(&name, limit) => known?,
        };
        let snapshot = self.shared.client.snapshot();
        if let Some(custom) = &self.shared.custom {
            custom.learn(&known);
        }
        let mut state = self.shared.lock();
        let State { machine, topics, .. } = &mut *state;
        topics.learn(&known, machine, &snapshot);
        Ok(())
    }

    /// Bytes of `buffer.memory` in use: records that are queued or under way.
    pub fn buffered_bytes(&self) -> usize {
        self.shared.lock().machine.memory()
    }
}

impl Shared {
    /// Appends a record where the application's partitioner, if there is one, wants it. That one's answer is kept in the
    /// record, so that another attempt goes there too.
    fn place_and_append(&self, record: &mut Record<'_>) -> Result<Delivery, TrySendError> {
        if let Some(custom) = &self.custom {
            custom.place(record)?;
        }
        self.append(record)
    }

    /// Appends a record to its batch. This is the hot path: one lock, no wait, no allocation but for a new batch.
    fn append(&self, record: &Record<'_>) -> Result<Delivery, TrySendError> {
        // One look at a clock: two were measured to be a fifth of all that producing costs.
        let instant = self.client.shared.pool.clock().instant();
        let mut state = self.lock();
        let now = Now { instant, unix_ms: state.unix_start_ms + millis(instant) };
        if state.closed {
            return Err(TrySendError::Refused(SendError::Closed));
        }
        let State { machine, topics, .. } = &mut *state;
        let picked = topics.pick(instant, record, machine)?;
        if picked.news {
            self.work.notify_one();
        }
        let timestamp = record.timestamp.unwrap_or(now.unix_ms);
        let parts = RecordParts {
            timestamp,
            key: record.key,
            value: record.value,
            headers: record.headers.iter().copied(),
        };
        let tag = || Arc::new(BatchState::new(picked.topic, picked.partition));
        let (batch, index, news) = machine.append(now, picked.index, parts, tag).map_err(refuse)?;
        let delivery = Delivery::new(batch, index, timestamp);
        picked.taken();
        drop(state);
        if news {
            self.work.notify_one();
        }
        Ok(delivery)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds the producer")
    }

    fn now(&self) -> Now {
        self.client.shared.pool.clock().now()
    }

    /// Takes over what the wall clock shows.
    fn read_wall_clock(&self) {
        let now = self.now();
        self.lock().unix_start_ms = now.unix_ms - millis(now.instant);
    }
}

fn millis(instant: Instant) -> i64 {
    i64::try_from(instant.since_start().as_millis()).unwrap_or(i64::MAX)
}

fn refuse(refusal: Refusal) -> TrySendError {
    match refusal {
        Refusal::TooLarge { size, limit } => TrySendError::Refused(SendError::TooLarge { size, limit }),
        _ => TrySendError::BufferFull,
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("memory", &self.shared.lock().machine.memory())
            .finish_non_exhaustive()
    }
}
