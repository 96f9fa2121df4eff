//! What a producer did.

use std::collections::BTreeMap;
use std::time::Duration;

use ottla_protocol::types::TopicName;

use super::{Distribution, Timing, TopicMetrics, ratio};

/// The figures of a producer: totals since it was built, and gauges of the moment.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ProducerMetrics {
    /// Records that were taken: all that are acknowledged, failed, or still here. Java has none.
    pub records_queued: u64,
    /// Records in requests, those that are sent again counted again. Java: `record-send-total`.
    pub records_sent: u64,
    /// Records that the broker has. Java has none.
    pub records_acknowledged: u64,
    /// Records whose delivery failed for good, those that were never sent included. Java: `record-error-total`.
    pub records_failed: u64,
    /// Records that went back to be sent again after an error that may pass. Java: `record-retry-total`.
    pub records_retried: u64,
    /// Batches in requests, those that are sent again counted again.
    pub batches_sent: u64,
    /// Batches that went back likewise.
    pub batches_retried: u64,
    /// Batches that were too large for the broker and were split. Java: `batch-split-total`.
    pub batches_split: u64,
    /// Produce requests that were made. Java: `request-total`, which counts other requests too.
    pub requests: u64,
    /// Produce requests that ended without an answer: in a timeout, or with their connection.
    pub requests_failed: u64,
    /// Bytes of batches in requests, as sent. Java: `byte-total` of each topic.
    pub bytes_sent: u64,
    /// Bytes of batches before compression, each batch counted once.
    pub bytes_uncompressed: u64,
    /// Bytes of the same batches after it.
    pub bytes_compressed: u64,
    /// Sizes of batches as sent, in bytes. Java: `batch-size-avg`, `batch-size-max`.
    pub batch_size: Distribution,
    /// From a batch's first record to its first sending. Java: `record-queue-time-avg`, `record-queue-time-max`, which count
    /// each sending.
    pub queue_time: Timing,
    /// From a Produce request's making, sealing included, to its answer. Java: `request-latency-avg`, `request-latency-max`.
    pub request_latency: Timing,
    /// For how long brokers said that they throttle, of the answers that said so (KIP-219). Java:
    /// `produce-throttle-time-avg`, `produce-throttle-time-max`, which count all answers.
    pub throttle_time: Timing,
    /// `buffer.memory`, in bytes. Java: `buffer-total-bytes`. Gauge.
    pub buffer_limit: usize,
    /// How much of it is in use. Java: `buffer-total-bytes` less `buffer-available-bytes`. Gauge.
    pub buffer_used: usize,
    /// Callers that wait for memory. Java: `waiting-threads`. Gauge.
    pub waiting_callers: usize,
    /// How long callers have waited for memory, all together; of those who still wait it is not counted yet. Java:
    /// `bufferpool-wait-time-ns-total`.
    pub blocked_time: Duration,
    /// Records that were refused because there was no memory for all of `max.block.ms`. Java: `buffer-exhausted-total`.
    pub buffer_exhausted: u64,
    /// How long callers have waited until a topic was known, all together. Java: `metadata-wait-time-ns-total`.
    pub metadata_wait_time: Duration,
    /// How long callers have waited in `flush`, all together. Java: `flush-time-ns-total`.
    pub flush_time: Duration,
    /// Produce requests without an answer so far. Java: `requests-in-flight`, which counts other requests too. Gauge.
    pub requests_in_flight: usize,
    /// Records in them. Gauge.
    pub records_in_flight: u64,
    /// Records that wait to be sent, or to be sent again. Gauge.
    pub records_waiting: u64,
    /// Topics that records were sent to.
    pub topics: BTreeMap<TopicName, TopicMetrics>,
}

impl ProducerMetrics {
    /// What compression left of the batches: 0.25 is a quarter. Java: `compression-rate-avg`, the mean of each batch's.
    pub fn compression_rate(&self) -> Option<f64> {
        ratio(self.bytes_compressed, self.bytes_uncompressed)
    }

    /// Java: `records-per-request-avg`.
    pub fn records_per_request(&self) -> Option<f64> {
        ratio(self.records_sent, self.requests)
    }

    /// What came after `earlier`, an older snapshot of the same producer. Gauges are those of `self`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let of = |figure: fn(&Self) -> u64| figure(self).saturating_sub(figure(earlier));
        let time = |figure: fn(&Self) -> Duration| figure(self).saturating_sub(figure(earlier));
        let topic = |(name, topic): (&TopicName, &TopicMetrics)| {
            let before = earlier.topics.get(name).copied().unwrap_or_default();
            (name.clone(), topic.since(&before))
        };
        Self {
            records_queued: of(|m| m.records_queued),
            records_sent: of(|m| m.records_sent),
            records_acknowledged: of(|m| m.records_acknowledged),
            records_failed: of(|m| m.records_failed),
            records_retried: of(|m| m.records_retried),
            batches_sent: of(|m| m.batches_sent),
            batches_retried: of(|m| m.batches_retried),
            batches_split: of(|m| m.batches_split),
            requests: of(|m| m.requests),
            requests_failed: of(|m| m.requests_failed),
            bytes_sent: of(|m| m.bytes_sent),
            bytes_uncompressed: of(|m| m.bytes_uncompressed),
            bytes_compressed: of(|m| m.bytes_compressed),
            batch_size: self.batch_size.since(&earlier.batch_size),
            queue_time: self.queue_time.since(&earlier.queue_time),
            request_latency: self.request_latency.since(&earlier.request_latency),
            throttle_time: self.throttle_time.since(&earlier.throttle_time),
            blocked_time: time(|m| m.blocked_time),
            buffer_exhausted: of(|m| m.buffer_exhausted),
            metadata_wait_time: time(|m| m.metadata_wait_time),
            flush_time: time(|m| m.flush_time),
            topics: self.topics.iter().map(topic).collect(),
            buffer_limit: self.buffer_limit,
            buffer_used: self.buffer_used,
            waiting_callers: self.waiting_callers,
            requests_in_flight: self.requests_in_flight,
            records_in_flight: self.records_in_flight,
            records_waiting: self.records_waiting,
        }
    }
}
