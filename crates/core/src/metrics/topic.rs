//! A topic's share of what a producer did.

use super::ratio;

/// What a producer did with the records of one topic. All are totals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicMetrics {
    /// Records in requests, those that are sent again counted again. Java: `record-send-total` of `producer-topic-metrics`.
    pub records_sent: u64,
    /// Records that the broker has. Java has none.
    pub records_acknowledged: u64,
    /// Records whose delivery failed for good, those that were never sent included. Java: `record-error-total`.
    pub records_failed: u64,
    /// Records that went back to be sent again after an error that may pass. Java: `record-retry-total`.
    pub records_retried: u64,
    /// Bytes of batches in requests, as sent. Java: `byte-total`.
    pub bytes_sent: u64,
    /// Bytes of batches before compression, each batch counted once.
    pub bytes_uncompressed: u64,
    /// Bytes of the same batches after it.
    pub bytes_compressed: u64,
}

impl TopicMetrics {
    /// What compression left of the batches: 0.25 is a quarter. Java: `compression-rate`.
    pub fn compression_rate(&self) -> Option<f64> {
        ratio(self.bytes_compressed, self.bytes_uncompressed)
    }

    /// What came after `earlier`, an older snapshot of the same.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let of = |figure: fn(&Self) -> u64| figure(self).saturating_sub(figure(earlier));
        Self {
            records_sent: of(|m| m.records_sent),
            records_acknowledged: of(|m| m.records_acknowledged),
            records_failed: of(|m| m.records_failed),
            records_retried: of(|m| m.records_retried),
            bytes_sent: of(|m| m.bytes_sent),
            bytes_uncompressed: of(|m| m.bytes_uncompressed),
            bytes_compressed: of(|m| m.bytes_compressed),
        }
    }

    /// Adds what `other` counted.
    pub fn add(&mut self, other: &Self) {
        self.records_sent += other.records_sent;
        self.records_acknowledged += other.records_acknowledged;
        self.records_failed += other.records_failed;
        self.records_retried += other.records_retried;
        self.bytes_sent += other.bytes_sent;
        self.bytes_uncompressed += other.bytes_uncompressed;
        self.bytes_compressed += other.bytes_compressed;
    }
}
