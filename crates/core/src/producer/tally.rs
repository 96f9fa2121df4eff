//! What the producer counts of its work: a few additions a batch and a request, none a record.
//!
//! What belongs to a topic is counted at its partitions' queues and added up when somebody asks. Records that were taken
//! are not counted at all: each is resolved, waits, or is under way.

use std::collections::BTreeMap;
use std::time::Duration;

use ottla_protocol::types::TopicName;

use super::Producer;
use super::batch::Batch;
use crate::metrics::{Distribution, ProducerMetrics, Timing, TopicMetrics};

/// The totals of a producer, but for those of its queues.
#[derive(Debug, Default)]
pub(super) struct Tally {
    batches_retried: u64,
    batches_split: u64,
    requests: u64,
    requests_failed: u64,
    batch_size: Distribution,
    queue_time: Timing,
    request_latency: Timing,
    throttle_time: Timing,
}

impl Tally {
    /// A batch is to be sent for the first time, so long after its first record came.
    pub(super) fn on_taken(&mut self, waited: Duration) {
        self.queue_time.record(waited);
    }

    /// A batch is part of a request, sealed to so many bytes. Of a first sending, `uncompressed` is its size before.
    pub(super) fn on_sealed(
        &mut self,
        of: &mut TopicMetrics,
        records: u32,
        uncompressed: Option<usize>,
        bytes: usize,
    ) {
        self.batch_size.record(bytes as u64);
        of.records_sent += u64::from(records);
        of.bytes_sent += bytes as u64;
        if let Some(uncompressed) = uncompressed {
            of.bytes_uncompressed += uncompressed as u64;
            of.bytes_compressed += bytes as u64;
        }
    }

    /// A request is complete and goes out.
    pub(super) fn on_request(&mut self) {
        self.requests += 1;
    }

    /// A request is answered, so long after it was made; the broker throttles for so long.
    pub(super) fn on_answer(&mut self, latency: Duration, throttle_time_ms: i32) {
        self.request_latency.record(latency);
        if let Some(ms) = u64::try_from(throttle_time_ms).ok().filter(|ms| *ms > 0) {
            self.throttle_time.record(Duration::from_millis(ms));
        }
    }

    /// A request ended without an answer.
    pub(super) fn on_no_answer(&mut self) {
        self.requests_failed += 1;
    }

    /// A batch is to be sent again.
    pub(super) fn on_retry(&mut self, of: &mut TopicMetrics, records: u32) {
        self.batches_retried += 1;
        of.records_retried += u64::from(records);
    }

    /// A batch was split, because the broker finds it too large.
    pub(super) fn on_split(&mut self) {
        self.batches_split += 1;
    }
}

impl<T> Producer<T> {
    /// What was done so far. Takes time in the number of partitions and of batches that wait.
    pub fn metrics(&self) -> ProducerMetrics {
        let mut topics = BTreeMap::<TopicName, TopicMetrics>::new();
        let mut all = TopicMetrics::default();
        for queue in self.queues.iter().filter(|queue| queue.tally != TopicMetrics::default()) {
            all.add(&queue.tally);
            match topics.get_mut(&queue.topic) {
                Some(topic) => topic.add(&queue.tally),
                None => _ = topics.insert(queue.topic.clone(), queue.tally),
            }
        }
        let waiting = self.filled.iter().flat_map(|index| &self.queues[index.0].batches);
        let records_waiting: u64 = waiting.map(records_of).sum();
        let under_way = self.under_way.values().flat_map(|request| &request.batches);
        let records_in_flight: u64 = under_way.map(|(_, batch)| records_of(batch)).sum();
        let resolved = all.records_acknowledged + all.records_failed;
        ProducerMetrics {
            records_queued: resolved + records_waiting + records_in_flight,
            records_sent: all.records_sent,
            records_acknowledged: all.records_acknowledged,
            records_failed: all.records_failed,
            records_retried: all.records_retried,
            batches_sent: self.tally.batch_size.count(),
            batches_retried: self.tally.batches_retried,
            batches_split: self.tally.batches_split,
            requests: self.tally.requests,
            requests_failed: self.tally.requests_failed,
            bytes_sent: all.bytes_sent,
            bytes_uncompressed: all.bytes_uncompressed,
            bytes_compressed: all.bytes_compressed,
            batch_size: self.tally.batch_size.clone(),
            queue_time: self.tally.queue_time.clone(),
            request_latency: self.tally.request_latency.clone(),
            throttle_time: self.tally.throttle_time.clone(),
            buffer_limit: self.config.buffer_memory,
            buffer_used: self.memory,
            requests_in_flight: self.under_way.len(),
            records_in_flight,
            records_waiting,
            topics,
            ..ProducerMetrics::default()
        }
    }
}

fn records_of<T>(batch: &Batch<T>) -> u64 {
    u64::from(batch.count)
}
