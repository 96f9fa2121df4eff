//! When a broker that could not be reached is tried again, and how long an attempt may take (KIP-144, KIP-601).
//!
//! | state | event | next state | output |
//! |---|---|---|---|
//! | Idle, Standing, Failing | a connection is wanted | Dialling | how long to wait, and how long to try |
//! | Dialling | the broker takes requests | Standing | |
//! | Dialling | it cannot be reached, or does not want us | Failing | waits and attempts get longer |
//!
//! A wait counts from the start of the attempt before, as in Java: who had a connection for long and lost it does not
//! wait, and who loses each as soon as it stands does not reconnect in a loop.
//!
//! Not here: which broker to try, and the attempt itself.

use std::time::Duration;

use crate::backoff::Backoff;
use crate::random::Jitter;
use crate::state_table::StateTable;
use crate::time::Instant;

/// How waits and attempts grow.
#[derive(Clone, Copy, Debug)]
pub struct ReconnectConfig {
    /// `reconnect.backoff.ms` and `reconnect.backoff.max.ms`: between attempts.
    pub backoff: Backoff,
    /// `socket.connection.setup.timeout.ms` and `socket.connection.setup.timeout.max.ms`: for an attempt.
    pub setup_timeout: Backoff,
}

impl Default for ReconnectConfig {
    /// Java's: 50 ms to 1 s between attempts, of which each may take 10 s to 30 s.
    fn default() -> Self {
        Self {
            backoff: Backoff::new(Duration::from_millis(50), Duration::from_secs(1)),
            setup_timeout: Backoff::new(Duration::from_secs(10), Duration::from_secs(30)),
        }
    }
}

/// An attempt to make a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// To wait before it.
    pub delay: Duration,
    /// For the stream to stand.
    pub timeout: Duration,
}

impl Attempt {
    /// One that begins at once.
    pub const fn now(timeout: Duration) -> Self {
        Self { delay: Duration::ZERO, timeout }
    }
}

/// What is known of reaching one broker.
#[derive(Clone, Debug)]
pub struct Reconnect {
    phase: Phase,
    /// Attempts in a row that failed.
    failures: u32,
    /// When the latest attempt began.
    begun: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Idle,
    Dialling,
    Standing,
    Failing,
}

/// Every legal edge.
pub(crate) static EDGES: StateTable<Phase> = {
    use Phase::*;
    StateTable::new(
        "reconnect",
        &[
            (Idle, &[Dialling]),
            (Dialling, &[Standing, Failing]),
            (Standing, &[Dialling]),
            (Failing, &[Dialling]),
        ],
    )
};

impl Default for Reconnect {
    fn default() -> Self {
        Self { phase: Phase::Idle, failures: 0, begun: Instant::ZERO }
    }
}

impl Reconnect {
    /// A connection is wanted: the next attempt.
    pub fn dial(&mut self, now: Instant, config: &ReconnectConfig, jitter: &mut Jitter) -> Attempt {
        let is_first = self.phase == Phase::Idle;
        let due = match is_first {
            true => now,
            false => self.begun + config.backoff.delay(self.failures.saturating_sub(1), jitter),
        };
        let timeout = match self.failures {
            // What the user set is kept to exactly where nothing has failed.
            0 => config.setup_timeout.initial(),
            failures => config.setup_timeout.delay(failures, jitter),
        };
        self.go(Phase::Dialling);
        let delay = due.since(now);
        self.begun = now + delay;
        Attempt { delay, timeout }
    }

    /// The latest attempt's connection has ended; `was_ready` tells whether the broker had taken requests on it.
    pub fn on_end(&mut self, was_ready: bool) {
        if self.phase != Phase::Dialling {
            return;
        }
        if was_ready {
            self.failures = 0;
            self.go(Phase::Standing);
        } else {
            self.failures = self.failures.saturating_add(1);
            self.go(Phase::Failing);
        }
    }

    /// Attempts in a row that failed.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Takes an edge of the table. After one that it lacks it begins anew.
    fn go(&mut self, next: Phase) {
        self.phase = if EDGES.take(self.phase, next) { next } else { Phase::Idle };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_start(Duration::from_millis(ms))
    }

    fn check(ms: Duration, expected: u64) {
        let (low, high) = (expected * 4 / 5, expected * 6 / 5);
        assert!((low..=high).contains(&(ms.as_millis() as u64)), "{ms:?}, not {expected} ms");
    }

    #[test]
    fn the_first_attempt_is_made_at_once_and_takes_what_was_set() {
        let mut reconnect = Reconnect::default();
        let attempt = reconnect.dial(at(7), &ReconnectConfig::default(), &mut Jitter::seeded(1));
        assert_eq!(attempt, Attempt { delay: Duration::ZERO, timeout: Duration::from_secs(10) });
    }

    #[test]
    fn waits_and_timeouts_double_up_to_their_limits_while_attempts_fail() {
        let (config, mut jitter) = (ReconnectConfig::default(), Jitter::seeded(1));
        let mut reconnect = Reconnect::default();
        let mut now = at(0);
        reconnect.dial(now, &config, &mut jitter);
        for (delay, timeout) in
            [(50, 20_000), (100, 30_000), (200, 30_000), (400, 30_000), (800, 30_000), (1000, 30_000)]
        {
            reconnect.on_end(false);
            let attempt = reconnect.dial(now, &config, &mut jitter);
            check(attempt.delay, delay);
            check(attempt.timeout, timeout);
            now = now + attempt.delay;
        }
        assert_eq!(reconnect.failures(), 6);
    }

    #[test]
    fn the_time_that_an_attempt_took_counts_as_waited() {
        let (config, mut jitter) = (ReconnectConfig::default(), Jitter::seeded(1));
        let mut reconnect = Reconnect::default();
        reconnect.dial(at(0), &config, &mut jitter);
        reconnect.on_end(false);
        assert_eq!(reconnect.dial(at(10_000), &config, &mut jitter).delay, Duration::ZERO);
    }

    #[test]
    fn a_connection_that_stood_starts_anew_but_never_in_a_loop() {
        let (config, mut jitter) = (ReconnectConfig::default(), Jitter::seeded(1));
        let mut reconnect = Reconnect::default();
        for _ in 0..5 {
            reconnect.dial(at(0), &config, &mut jitter);
            reconnect.on_end(false);
        }
        reconnect.dial(at(10_000), &config, &mut jitter);
        reconnect.on_end(true);
        // It stood for a moment only.
        let attempt = reconnect.dial(at(10_000), &config, &mut jitter);
        check(attempt.delay, 50);
        assert_eq!(attempt.timeout, Duration::from_secs(10));
        reconnect.on_end(true);
        assert_eq!(reconnect.dial(at(99_000), &config, &mut jitter).delay, Duration::ZERO);
    }

    #[test]
    fn the_edges_are_these() {
        assert_eq!(EDGES.picture(), [".x.. Idle", "..xx Dialling", ".x.. Standing", ".x.. Failing"]);
    }
}
