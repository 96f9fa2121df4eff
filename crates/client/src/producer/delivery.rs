//! What becomes of records: a handle is a batch and an index in it.
//!
//! As a rule all records of a batch share one outcome, which the handles read where it is. Where the batch was split or
//! some of its records were refused, outcomes come for ranges of records, one after the other.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use ottla_core::producer::{Delivered, ProduceError, RecordRange};
use ottla_protocol::types::TopicName;

use super::error::SendError;

/// Where an acknowledged record is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordMetadata {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: i32,
    /// The offset; `None` where the broker did not say: with acks=0, and for a duplicate that it no longer remembers.
    pub offset: Option<i64>,
    /// The record's timestamp in milliseconds since 1970: the broker's where the topic keeps that, else the record's.
    pub timestamp: i64,
}

/// The fate of a queued record. Waiting is optional: dropping the handle is free and changes nothing.
#[derive(Debug)]
#[must_use = "a delivery says whether the record was written"]
pub struct Delivery {
    batch: Arc<BatchState>,
    index: u32,
    timestamp: i64,
}

/// What the handles of one batch share.
#[derive(Debug)]
pub(crate) struct BatchState {
    topic: TopicName,
    partition: i32,
    outcome: Mutex<Outcome>,
}

#[derive(Debug)]
enum Outcome {
    Waiting(Vec<Waker>),
    Done(Result<Delivered, ProduceError>),
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
        Self { topic: topic.clone(), partition, outcome: Mutex::new(Outcome::Waiting(Vec::new())) }
    }

    /// Tells the handles of these records; once for each record.
    pub(crate) fn resolve(&self, records: RecordRange, outcome: Result<Delivered, ProduceError>) {
        let wakers = match &mut *self.lock() {
            Outcome::Ranges(ranges) => ranges.resolve(records, outcome),
            state => {
                let next = if records.is_all() {
                    Outcome::Done(outcome)
                } else {
                    Outcome::Ranges(Box::new(Ranges {
                        resolved: vec![(records, outcome)],
                        ..Ranges::default()
                    }))
                };
                match std::mem::replace(state, next) {
                    // Nobody wrote down which record each of them waits for: they look, and those whose record is not
                    // resolved come back with its index.
                    Outcome::Waiting(wakers) => wakers,
                    Outcome::Done(_) | Outcome::Ranges(_) => Vec::new(),
                }
            }
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, Outcome> {
        self.outcome.lock().expect("nothing panics while it holds an outcome")
    }
}

impl Delivery {
    pub(super) fn new(batch: Arc<BatchState>, index: u32, timestamp: i64) -> Self {
        Self { batch, index, timestamp }
    }

    /// What became of the record, if that is known.
    pub fn try_result(&self) -> Option<Result<RecordMetadata, SendError>> {
        match &*self.batch.lock() {
            Outcome::Waiting(_) => None,
            Outcome::Done(outcome) => Some(self.read(0, outcome)),
            Outcome::Ranges(ranges) => {
                ranges.find(self.index).map(|(range, outcome)| self.read(range.first, outcome))
            }
        }
    }

    /// The record's part of an outcome of records that begin at index `first`.
    fn read(
        &self,
        first: u32,
        outcome: &Result<Delivered, ProduceError>,
    ) -> Result<RecordMetadata, SendError> {
        match outcome {
            Ok(delivered) => Ok(RecordMetadata {
                topic: self.batch.topic.clone(),
                partition: self.batch.partition,
                offset: (delivered.base_offset >= 0)
                    .then(|| delivered.base_offset + i64::from(self.index - first)),
                timestamp: match delivered.log_append_time {
                    -1 => self.timestamp,
                    broker => broker,
                },
            }),
            Err(error) => Err(SendError::NotDelivered {
                topic: self.batch.topic.clone(),
                partition: self.batch.partition,
                error: error.clone(),
            }),
        }
    }
}

impl Future for Delivery {
    type Output = Result<RecordMetadata, SendError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self.batch.lock() {
            Outcome::Waiting(wakers) => {
                if !wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
                    wakers.push(cx.waker().clone());
                }
                Poll::Pending
            }
            Outcome::Done(outcome) => Poll::Ready(self.read(0, outcome)),
            Outcome::Ranges(ranges) => {
                if let Some((range, outcome)) = ranges.find(self.index) {
                    return Poll::Ready(self.read(range.first, outcome));
                }
                ranges.waiting.insert(self.index, cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

#[cfg(test)]
mod tests;
