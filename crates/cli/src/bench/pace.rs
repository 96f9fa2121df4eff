//! So many events a second.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Waits so that events come at an even rate. What is late is caught up with, without gaps between.
#[derive(Debug)]
pub struct Pace {
    interval: Duration,
    next: Instant,
}

impl Pace {
    /// `rate` events a second from now on.
    pub fn new(rate: u64) -> Self {
        Self::shared(rate, 1)
    }

    /// `rate` events a second of so many together, of which this is one.
    pub fn shared(rate: u64, among: u64) -> Self {
        Self { interval: Duration::from_secs_f64(among as f64 / rate as f64), next: Instant::now() }
    }

    /// Completes when the next event is due.
    pub async fn wait(&mut self) {
        self.next += self.interval;
        if self.next > Instant::now() {
            sleep_until(self.next).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_rate_holds_over_many_events() {
        tokio::time::pause();
        let (start, mut pace) = (Instant::now(), Pace::new(4000));
        for _ in 0..2000 {
            pace.wait().await;
        }
        let elapsed = start.elapsed();
        assert!(elapsed >= Duration::from_millis(500) && elapsed < Duration::from_millis(510), "{elapsed:?}");
    }
}
