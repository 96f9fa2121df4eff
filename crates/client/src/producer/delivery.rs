//! What becomes of records: a handle is a batch and an index in it.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use ottla_core::producer::{Delivered, ProduceError};
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
}

impl BatchState {
    pub(crate) fn new(topic: &TopicName, partition: i32) -> Self {
        Self { topic: topic.clone(), partition, outcome: Mutex::new(Outcome::Waiting(Vec::new())) }
    }

    /// Tells all handles.
    pub(crate) fn resolve(&self, outcome: Result<Delivered, ProduceError>) {
        let before = std::mem::replace(&mut *self.lock(), Outcome::Done(outcome));
        if let Outcome::Waiting(wakers) = before {
            wakers.into_iter().for_each(Waker::wake);
        }
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
            Outcome::Done(outcome) => Some(self.read(outcome)),
        }
    }

    fn read(&self, outcome: &Result<Delivered, ProduceError>) -> Result<RecordMetadata, SendError> {
        match outcome {
            Ok(delivered) => Ok(RecordMetadata {
                topic: self.batch.topic.clone(),
                partition: self.batch.partition,
                offset: (delivered.base_offset >= 0).then(|| delivered.base_offset + i64::from(self.index)),
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
            Outcome::Done(outcome) => Poll::Ready(self.read(outcome)),
        }
    }
}
