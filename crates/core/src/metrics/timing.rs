//! How long things took: a [`Distribution`] of microseconds.

use std::fmt;
use std::time::Duration;

use super::Distribution;

/// Times that were measured, to the microsecond.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Timing(Distribution);

impl Timing {
    /// Counts a time.
    pub fn record(&mut self, time: Duration) {
        self.0.record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    /// How many times were measured.
    pub fn count(&self) -> u64 {
        self.0.count()
    }

    /// All of them together.
    pub fn total(&self) -> Duration {
        Duration::from_micros(self.0.sum())
    }

    /// The longest; zero if there was none. Of a [difference](Self::since) as [`Distribution::max`] says.
    pub fn max(&self) -> Duration {
        Duration::from_micros(self.0.max())
    }

    /// Their mean; `None` if there was none.
    pub fn avg(&self) -> Option<Duration> {
        self.0.sum().checked_div(self.0.count()).map(Duration::from_micros)
    }

    /// What so many percent of them do not exceed: at most a quarter too long. `None` if there was none.
    pub fn percentile(&self, percent: f64) -> Option<Duration> {
        self.0.percentile(percent).map(Duration::from_micros)
    }

    /// What was measured after `earlier`, an older snapshot of the same.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self(self.0.since(&earlier.0))
    }

    /// Adds what `other` measured.
    pub fn add(&mut self, other: &Self) {
        self.0.add(&other.0);
    }
}

impl fmt::Debug for Timing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timing")
            .field("count", &self.count())
            .field("avg", &self.avg())
            .field("p50", &self.percentile(50.0))
            .field("p99", &self.percentile(99.0))
            .field("max", &self.max())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_kept_to_the_microsecond() {
        let mut timing = Timing::default();
        assert_eq!((timing.avg(), timing.percentile(50.0), timing.max()), (None, None, Duration::ZERO));
        timing.record(Duration::from_nanos(3_999));
        timing.record(Duration::from_millis(1));
        assert_eq!(timing.total(), Duration::from_micros(1003));
        assert_eq!(timing.avg(), Some(Duration::from_micros(501)));
        assert_eq!(timing.max(), Duration::from_millis(1));
    }
}
