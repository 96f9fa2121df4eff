//! What becomes of records: a handle is a batch and an index in it.
//!
//! As a rule all records of a batch share one outcome, which the handles read where it is. Where the batch was split or
//! some of its records were refused, outcomes come for ranges of records, one after the other.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::task::{Context, Poll, Waker};

use ottla_core::producer::{Delivered, ProduceError, RecordRange};
use ottla_protocol::records::OwnedHeader;
use ottla_protocol::types::TopicName;

use super::error::SendError;
use super::interceptors::{Interceptors, WatchList, Watched};

/// Where an acknowledged record is.
#[derive(Clone)]
#[non_exhaustive]
pub struct RecordMetadata {
    /// Knows the topic; a copy of the name would cost more than all the rest.
    batch: Arc<BatchState>,
    /// The partition.
    pub partition: i32,
    /// The offset; `None` where the broker did not say: with acks=0, and for a duplicate that it no longer remembers.
    pub offset: Option<i64>,
    /// The record's timestamp in milliseconds since 1970: the broker's where the topic keeps that, else the record's.
    pub timestamp: i64,
}

impl RecordMetadata {
    /// The topic.
    pub fn topic(&self) -> &TopicName {
        &self.batch.topic
    }
}

impl PartialEq for RecordMetadata {
    fn eq(&self, other: &Self) -> bool {
        (self.topic(), self.partition, self.offset, self.timestamp)
            == (other.topic(), other.partition, other.offset, other.timestamp)
    }
}

impl Eq for RecordMetadata {}

impl fmt::Debug for RecordMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordMetadata")
            .field("topic", self.topic())
            .field("partition", &self.partition)
            .field("offset", &self.offset)
            .field("timestamp", &self.timestamp)
            .finish()
    }
}

/// The fate of a queued record. Waiting is optional: dropping the handle is free and changes nothing.
#[derive(Debug)]
#[must_use = "a delivery says whether the record was written"]
pub struct Delivery {
    /// Gone once the result was handed out by `poll`.
    batch: Option<Arc<BatchState>>,
    index: u32,
    /// Where its waker is among those of the batch, if it was polled.
    waker: u32,
    timestamp: i64,
}

/// A place for a waker that no batch has.
const NO_WAKER: u32 = u32::MAX;

/// What the handles of one batch share.
#[derive(Debug)]
pub(crate) struct BatchState {
    topic: TopicName,
    partition: i32,
    /// What all records share, once it is known: to read it takes no lock.
    outcome: OnceLock<Result<Delivered, ProduceError>>,
    waiters: Mutex<Waiters>,
    /// Empty without interceptors.
    watched: WatchList,
}

#[derive(Debug)]
enum Waiters {
    /// Any record may be waited for.
    Wakers(Vec<Waker>),
    /// Outcomes come one after the other.
    Ranges(Box<Ranges>),
}

/// The outcomes of a batch whose records do not share one.
#[derive(Debug, Default)]
struct Ranges {
    /// In order of the first index in each.
    resolved: Vec<(RecordRange, Result<Delivered, ProduceError>)>,
    /// Who waits for the record with this index.
    waiting: BTreeMap<u32, Waker>,
}

impl Ranges {
    fn resolve(&mut self, records: RecordRange, outcome: Result<Delivered, ProduceError>) -> Vec<Waker> {
        let at = self.resolved.partition_point(|(before, _)| before.first < records.first);
        self.resolved.insert(at, (records, outcome));
        let mut woken = self.waiting.split_off(&records.first);
        let mut behind = woken.split_off(&records.first.saturating_add(records.count));
        self.waiting.append(&mut behind);
        woken.into_values().collect()
    }

    fn find(&self, index: u32) -> Option<&(RecordRange, Result<Delivered, ProduceError>)> {
        let behind = self.resolved.partition_point(|(range, _)| range.first <= index);
        self.resolved[..behind].last().filter(|(range, _)| range.contains(index))
    }
}

impl BatchState {
    pub(crate) fn new(topic: &TopicName, partition: i32) -> Self {
        let waiters = Mutex::new(Waiters::Wakers(Vec::new()));
        let (outcome, watched) = (OnceLock::new(), WatchList::default());
        Self { topic: topic.clone(), partition, outcome, waiters, watched }
    }

    /// Tells the handles of these records; once for each record.
    pub(crate) fn resolve(self: &Arc<Self>, records: RecordRange, outcome: Result<Delivered, ProduceError>) {
        let wakers = if records.is_all() {
            // Who looks from now on finds it; who has looked before has left a waker.
            let _ = self.outcome.set(outcome);
            match &mut *self.lock() {
                Waiters::Wakers(wakers) => std::mem::take(wakers),
                Waiters::Ranges(_) => Vec::new(),
            }
        } else {
            self.resolve_range(records, outcome)
        };
        for watched in self.watched.take(&records) {
            self.acknowledge(&watched);
        }
        wakers.into_iter().for_each(Waker::wake);
    }

    fn resolve_range(&self, records: RecordRange, outcome: Result<Delivered, ProduceError>) -> Vec<Waker> {
        match &mut *self.lock() {
            Waiters::Ranges(ranges) => ranges.resolve(records, outcome),
            state => {
                let ranges = Ranges { resolved: vec![(records, outcome)], ..Ranges::default() };
                match std::mem::replace(state, Waiters::Ranges(Box::new(ranges))) {
                    // Nobody wrote down which record each of them waits for: they look, and those whose record is not
                    // resolved come back with its index.
                    Waiters::Wakers(wakers) => wakers,
                    Waiters::Ranges(_) => Vec::new(),
                }
            }
        }
    }

    fn acknowledge(self: &Arc<Self>, watched: &Watched) {
        if let Some(told) = self.told(watched.index, watched.timestamp) {
            let result = told.map(|told| metadata(Arc::clone(self), told));
            watched.acknowledge(&self.topic, self.partition, &result);
        }
    }

    /// Offset and timestamp of the record with this index and timestamp, or why it has none; once that is known.
    fn told(&self, index: u32, timestamp: i64) -> Option<Result<(Option<i64>, i64), SendError>> {
        if let Some(outcome) = self.outcome.get() {
            return Some(self.read(index, timestamp, outcome));
        }
        match &*self.lock() {
            Waiters::Wakers(_) => None,
            Waiters::Ranges(ranges) => {
                let (range, outcome) = ranges.find(index)?;
                Some(self.read(index - range.first, timestamp, outcome))
            }
        }
    }

    /// What an outcome says of the record that is so far behind the first of those that share it.
    fn read(
        &self,
        behind: u32,
        timestamp: i64,
        outcome: &Result<Delivered, ProduceError>,
    ) -> Result<(Option<i64>, i64), SendError> {
        match outcome {
            Ok(delivered) => {
                let has_offset = delivered.base_offset >= 0;
                let offset = has_offset.then(|| delivered.base_offset + i64::from(behind));
                let by_broker = delivered.log_append_time;
                Ok((offset, if by_broker == -1 { timestamp } else { by_broker }))
            }
            Err(error) => Err(SendError::NotDelivered {
                topic: self.topic.clone(),
                partition: self.partition,
                error: error.clone(),
            }),
        }
    }

    /// Sees to it that the waker is woken when the record is resolved, unless it is. The batch tells by `place` where it
    /// keeps it.
    fn wait(&self, index: u32, place: &mut u32, waker: &Waker) -> bool {
        let mut waiters = self.lock();
        if self.outcome.get().is_some() {
            return false;
        }
        match &mut *waiters {
            Waiters::Wakers(wakers) => match wakers.get_mut(*place as usize) {
                Some(known) => known.clone_from(waker),
                None => {
                    *place = u32::try_from(wakers.len()).unwrap_or(NO_WAKER);
                    wakers.push(waker.clone());
                }
            },
            Waiters::Ranges(ranges) if ranges.find(index).is_some() => return false,
            Waiters::Ranges(ranges) => {
                ranges.waiting.insert(index, waker.clone());
            }
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Waiters> {
        self.waiters.lock().expect("nothing panics while it holds the waiters")
    }
}

impl Delivery {
    pub(super) fn new(batch: Arc<BatchState>, index: u32, timestamp: i64) -> Self {
        Self { batch: Some(batch), index, waker: NO_WAKER, timestamp }
    }

    /// What became of the record, if that is known and waiting has not handed it out.
    pub fn try_result(&self) -> Option<Result<RecordMetadata, SendError>> {
        let batch = self.batch.as_ref()?;
        let told = batch.told(self.index, self.timestamp)?;
        Some(told.map(|told| metadata(Arc::clone(batch), told)))
    }

    /// The same for a handle that is not needed any more, which is cheaper.
    ///
    /// # Errors
    /// The handle, if it is not known yet what became of the record, or waiting has handed that out.
    pub fn try_into_result(mut self) -> Result<Result<RecordMetadata, SendError>, Self> {
        match self.batch.take() {
            Some(batch) => match batch.told(self.index, self.timestamp) {
                Some(told) => Ok(told.map(|told| metadata(batch, told))),
                None => Err(Self { batch: Some(batch), ..self }),
            },
            None => Err(self),
        }
    }

    /// Interceptors want to know what becomes of the record.
    pub(super) fn watch(&self, interceptors: Interceptors, headers: Vec<OwnedHeader>) {
        let Some(batch) = &self.batch else { return };
        let (index, timestamp) = (self.index, self.timestamp);
        batch.watched.push(Watched { index, timestamp, headers, interceptors });
        // Whoever resolved the batch before that has not seen it; whoever does after it takes it out first.
        if batch.told(index, timestamp).is_some() {
            if let Some(watched) = batch.watched.take_one(index) {
                batch.acknowledge(&watched);
            }
        }
    }
}

fn metadata(batch: Arc<BatchState>, (offset, timestamp): (Option<i64>, i64)) -> RecordMetadata {
    RecordMetadata { partition: batch.partition, offset, timestamp, batch }
}

/// To be polled no more once it has told the result, as other futures.
impl Future for Delivery {
    type Output = Result<RecordMetadata, SendError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let Some(batch) = this.batch.take() else { return Poll::Pending };
        let is_known = batch.outcome.get().is_some();
        if !is_known && batch.wait(this.index, &mut this.waker, cx.waker()) {
            this.batch = Some(batch);
            return Poll::Pending;
        }
        match batch.told(this.index, this.timestamp) {
            Some(told) => Poll::Ready(told.map(|told| metadata(batch, told))),
            None => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests;
