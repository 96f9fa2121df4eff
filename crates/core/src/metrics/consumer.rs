//! What a consumer did.

use super::ratio;

/// The figures of a consumer. All are totals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConsumerMetrics {
    /// Fetch requests that were answered. Java: `fetch-total`.
    pub fetches: u64,
    /// Bytes of records in the answers, as they came: compressed, and some perhaps not handed out. Java:
    /// `bytes-consumed-total`.
    pub bytes_fetched: u64,
    /// Records that were handed out. Java: `records-consumed-total`.
    pub records_consumed: u64,
    /// Batches in which they were handed out.
    pub batches_consumed: u64,
}

impl ConsumerMetrics {
    /// Java: `fetch-size-avg`, in bytes.
    pub fn fetch_size(&self) -> Option<f64> {
        ratio(self.bytes_fetched, self.fetches)
    }

    /// Java: `records-per-request-avg`.
    pub fn records_per_fetch(&self) -> Option<f64> {
        ratio(self.records_consumed, self.fetches)
    }

    /// What came after `earlier`, an older snapshot of the same consumer.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            fetches: self.fetches.saturating_sub(earlier.fetches),
            bytes_fetched: self.bytes_fetched.saturating_sub(earlier.bytes_fetched),
            records_consumed: self.records_consumed.saturating_sub(earlier.records_consumed),
            batches_consumed: self.batches_consumed.saturating_sub(earlier.batches_consumed),
        }
    }
}
