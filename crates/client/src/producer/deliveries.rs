//! Many records at once: queued in their order, waited for together, each with a result of its own.
//!
//! Waiting goes from the first record to the last. So no more than one waker is registered at a time, however many
//! records there are.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::{slice, vec};

use ottla_protocol::types::TopicName;

use super::delivery::{Delivery, RecordMetadata};
use super::error::{SendError, TrySendError};
use super::{Producer, ProducerSettings};
use crate::error::ClientErrorKind;
use crate::record::Record;

/// So many results are read before the task lets others run.
const RESULTS_A_POLL: usize = 512;

/// The fates of records that were queued together, in their order. Waiting for it gives [`SendResults`]; dropping it
/// takes nothing back.
#[derive(Debug)]
#[must_use = "deliveries say whether the records were written"]
pub struct Deliveries {
    queued: vec::IntoIter<Result<Delivery, SendError>>,
    /// The one that is waited for.
    current: Option<Delivery>,
    results: Vec<Result<RecordMetadata, SendError>>,
}

/// What became of records that were sent together: one result a record, in their order.
#[derive(Debug)]
pub struct SendResults {
    results: Vec<Result<RecordMetadata, SendError>>,
}

impl Producer {
    /// Sends records, to one topic or many, and waits until all are acknowledged or given up. Each record has a result
    /// of its own, in the order given: some may be written and others not.
    ///
    /// Takes an iterator of [`Record`]s or [`&OwnedRecord`](crate::OwnedRecord)s. Records wait for memory as in
    /// [`enqueue`](Self::enqueue), so that there may be more of them than `buffer.memory` holds. Two things happen once
    /// a call and not once a record: a topic that cannot be looked up is not looked up again, and after a record has
    /// waited for memory for all of `max.block.ms` in vain, those behind it do not wait.
    ///
    /// ```no_run
    /// # async fn run(producer: ottla_client::Producer) -> Result<(), Box<dyn std::error::Error>> {
    /// use ottla_client::Record;
    ///
    /// let results = producer
    ///     .send_all([
    ///         Record::to("orders").key("alice").value("2 coffees"),
    ///         Record::to("orders").key("bob").value("1 tea"),
    ///         Record::to("tables").key("7").value("occupied"),
    ///     ])
    ///     .await;
    /// for (index, error) in results.errors() {
    ///     eprintln!("record {index}: {error}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancel safety
    /// What was queued when the future is dropped stays queued and is sent; the rest is not.
    pub async fn send_all<'a, I>(&self, records: I) -> SendResults
    where
        I: IntoIterator,
        I::Item: Into<Record<'a>>,
    {
        self.enqueue_all(records).await.await
    }

    /// Queues records as [`send_all`](Self::send_all) does, and returns a handle on which to wait for their
    /// acknowledgements.
    ///
    /// # Cancel safety
    /// What was queued when the future is dropped stays queued and is sent; the rest is not.
    pub async fn enqueue_all<'a, I>(&self, records: I) -> Deliveries
    where
        I: IntoIterator,
        I::Item: Into<Record<'a>>,
    {
        let records = records.into_iter();
        let mut queued = Vec::with_capacity(records.size_hint().0);
        let mut queueing = Queueing::default();
        for record in records {
            queued.push(queueing.enqueue(self, record.into()).await);
        }
        Deliveries::new(queued)
    }
}

/// What one call has learned that its further records need not wait for.
#[derive(Default)]
struct Queueing {
    refused_topics: BTreeMap<TopicName, SendError>,
    has_waited: bool,
}

impl Queueing {
    async fn enqueue(&mut self, producer: &Producer, record: Record<'_>) -> Result<Delivery, SendError> {
        if !self.refused_topics.is_empty() {
            if let Some(error) = self.refused_topics.get(record.topic) {
                return Err(error.clone());
            }
        }
        let topic = record.topic;
        let result = if self.has_waited {
            self.enqueue_at_once(producer, record).await
        } else {
            producer.enqueue(record).await
        };
        match &result {
            Err(SendError::BufferFull { .. }) => self.has_waited = true,
            // A partition that is not there was no wait, and says nothing about the topic.
            Err(error @ SendError::Client(failure))
                if !matches!(failure.kind(), ClientErrorKind::UnknownPartition { .. }) =>
            {
                self.refused_topics.insert(topic.into(), error.clone());
            }
            _ => {}
        }
        result
    }

    async fn enqueue_at_once(&self, producer: &Producer, record: Record<'_>) -> Result<Delivery, SendError> {
        match producer.try_enqueue(&record) {
            Ok(delivery) => Ok(delivery),
            Err(TrySendError::UnknownTopic) => producer.enqueue(record).await,
            Err(TrySendError::BufferFull) => {
                let ProducerSettings { max_block, .. } = producer.shared.settings;
                Err(SendError::BufferFull { waited: max_block })
            }
            Err(TrySendError::Refused(error)) => Err(error),
        }
    }
}

impl Deliveries {
    fn new(queued: Vec<Result<Delivery, SendError>>) -> Self {
        let results = Vec::with_capacity(queued.len());
        Self { queued: queued.into_iter(), current: None, results }
    }
}

/// Each record's own handle, or why it was not queued; of a future that was never polled.
impl IntoIterator for Deliveries {
    type Item = Result<Delivery, SendError>;
    type IntoIter = vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.queued
    }
}

impl Future for Deliveries {
    type Output = SendResults;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<SendResults> {
        let this = &mut *self;
        for _ in 0..RESULTS_A_POLL {
            let result = if let Some(current) = &mut this.current {
                match Pin::new(current).poll(cx) {
                    Poll::Ready(result) => result,
                    Poll::Pending => return Poll::Pending,
                }
            } else {
                match this.queued.next() {
                    Some(Ok(delivery)) => {
                        this.current = Some(delivery);
                        continue;
                    }
                    Some(Err(error)) => Err(error),
                    None => return Poll::Ready(SendResults { results: std::mem::take(&mut this.results) }),
                }
            };
            this.current = None;
            this.results.push(result);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl SendResults {
    /// How many records there were.
    #[must_use]
    pub fn len(&self) -> usize {
        self.results.len()
    }

    /// Whether there were none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.results.is_empty()
    }

    /// The results, in the order of the records.
    pub fn iter(&self) -> slice::Iter<'_, Result<RecordMetadata, SendError>> {
        self.results.iter()
    }

    /// The records that are not written, or not certainly: their place among those given, and why.
    pub fn errors(&self) -> impl Iterator<Item = (usize, &SendError)> {
        self.results.iter().enumerate().filter_map(|(index, result)| Some((index, result.as_ref().err()?)))
    }

    /// Where the records are, if all are written.
    ///
    /// # Errors
    /// Of those that are not, the first one's.
    pub fn into_result(self) -> Result<Vec<RecordMetadata>, SendError> {
        self.results.into_iter().collect()
    }
}

impl IntoIterator for SendResults {
    type Item = Result<RecordMetadata, SendError>;
    type IntoIter = vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.results.into_iter()
    }
}

impl<'a> IntoIterator for &'a SendResults {
    type Item = &'a Result<RecordMetadata, SendError>;
    type IntoIter = slice::Iter<'a, Result<RecordMetadata, SendError>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
