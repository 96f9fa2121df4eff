//! Exponential backoff with jitter (KIP-580).

use std::time::Duration;

use crate::random::Jitter;

/// How delays grow: doubled at each attempt, spread by a fifth either way, never above a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    initial: Duration,
    max: Duration,
}

impl Backoff {
    /// Delays from `initial` up to `max`.
    pub const fn new(initial: Duration, max: Duration) -> Self {
        Self { initial, max }
    }

    /// What it begins with, not spread.
    pub const fn initial(&self) -> Duration {
        self.initial
    }

    /// The delay before attempt number `attempt`, the first retry being 0.
    pub fn delay(&self, attempt: u32, jitter: &mut Jitter) -> Duration {
        let doubled = self.initial.saturating_mul(1u32.checked_shl(attempt).unwrap_or(u32::MAX));
        doubled.min(self.max).mul_f64(jitter.factor(0.2)).min(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_limit() {
        let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        let mut jitter = Jitter::seeded(1);
        for (attempt, expected) in [(0, 100.0), (1, 200.0), (3, 800.0), (4, 1000.0), (40, 1000.0)] {
            for _ in 0..20 {
                let ms = backoff.delay(attempt, &mut jitter).as_secs_f64() * 1000.0;
                let spread = expected * 0.8..=f64::min(expected * 1.2, 1000.0);
                assert!(spread.contains(&ms), "attempt {attempt}: {ms}");
            }
        }
    }
}
