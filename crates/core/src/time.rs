//! Time as drivers hand it in: a monotonic instant, and the wall clock for what goes on the wire.

use std::ops::Add;
use std::time::Duration;

/// A point on the driver's monotonic clock, counted from whenever the driver started it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// When the driver's clock started.
    pub const ZERO: Instant = Instant(Duration::ZERO);

    /// The point `elapsed` after the clock's start.
    pub const fn from_start(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    /// How long after the clock's start.
    pub const fn since_start(self) -> Duration {
        self.0
    }

    /// How long after `earlier`; zero if it is not.
    pub fn since(self, earlier: Instant) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    /// Saturates, so that an unlimited timeout needs no special case.
    fn add(self, duration: Duration) -> Instant {
        Instant(self.0.saturating_add(duration))
    }
}

/// The present, on both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// For timeouts.
    pub instant: Instant,
    /// Milliseconds since 1970-01-01 UTC: for timestamps of records.
    pub unix_ms: i64,
}

/// The earlier of two timeouts, where `None` is never.
pub fn earliest(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
