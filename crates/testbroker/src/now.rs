//! Time as the cluster sees it: a value that is handed in. Nothing in the cluster reads a clock.

use std::ops::Add;
use std::time::Duration;

/// A point on a monotonic clock, in microseconds from a start that only the caller knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The point `micros` microseconds after the clock's start.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the clock's start.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is; zero if it is not.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// Saturates at the end of time: durations come from peers.
    fn add(self, duration: Duration) -> Self {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(micros))
    }
}

/// The present: a monotonic instant for timers and the wall clock for what Kafka writes down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// For timers.
    pub instant: Instant,
    /// Milliseconds since 1970: record timestamps of `LogAppendTime`, producer state.
    pub unix_ms: i64,
}

impl Now {
    /// A present with both clocks.
    pub const fn new(instant: Instant, unix_ms: i64) -> Self {
        Self { instant, unix_ms }
    }
}

impl Add<Duration> for Now {
    type Output = Self;

    /// The present after `duration`, on both clocks.
    fn add(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self { instant: self.instant + duration, unix_ms: self.unix_ms.saturating_add(millis) }
    }
}

/// A duration that a peer sent as milliseconds; below zero is zero.
pub(crate) fn millis(ms: i32) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
