//! The one place that reads clocks.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ottla_core::time::{Instant, Now};
use tokio::time;

/// Turns tokio's clock and the wall clock into the [`Now`] that machines want.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: time::Instant,
    wall: Wall,
}

#[derive(Clone, Copy, Debug)]
enum Wall {
    System,
    /// Milliseconds since 1970 at `start`; from there on the wall clock follows tokio's, so that a paused clock
    /// holds both.
    From(i64),
}

impl Clock {
    /// The wall clock of the machine.
    pub fn system() -> Self {
        Self { start: time::Instant::now(), wall: Wall::System }
    }

    /// A wall clock that shows `unix_ms` now and then moves with tokio's.
    pub fn starting_at(unix_ms: i64) -> Self {
        Self { start: time::Instant::now(), wall: Wall::From(unix_ms) }
    }

    /// The present on both clocks.
    pub fn now(&self) -> Now {
        let elapsed = self.start.elapsed();
        let unix_ms = match self.wall {
            Wall::System => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis),
            Wall::From(start) => start.saturating_add(millis(elapsed)),
        };
        Now { instant: Instant::from_start(elapsed), unix_ms }
    }

    /// The present on the monotonic clock.
    pub fn instant(&self) -> Instant {
        Instant::from_start(self.start.elapsed())
    }

    /// Where `instant` is on tokio's clock.
    pub fn deadline(&self, instant: Instant) -> time::Instant {
        // What lies beyond a year is never: tokio's clock cannot be pushed arbitrarily far.
        self.start + instant.since_start().min(self.start.elapsed() + Duration::from_secs(365 * 86400))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
