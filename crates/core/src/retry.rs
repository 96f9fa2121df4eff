//! Attempts at one thing, spaced by a backoff.

use crate::backoff::Backoff;
use crate::random::Jitter;
use crate::time::{Instant, Now};

/// How often something failed in a row, and when to try again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Retry {
    attempt: u32,
    at: Option<Instant>,
}

impl Retry {
    /// Whether the next attempt may be made.
    pub(crate) fn is_due(&self, now: Now) -> bool {
        self.at.is_none_or(|at| at <= now.instant)
    }

    /// When the next attempt may be made; `None` if at once.
    pub(crate) fn at(&self) -> Option<Instant> {
        self.at
    }

    /// Forgets a wait that is over, so that [`at`](Self::at) tells of waits that are not; says whether there is none.
    pub(crate) fn pass(&mut self, now: Now) -> bool {
        if self.is_due(now) {
            self.at = None;
        }
        self.at.is_none()
    }

    /// The attempt failed.
    pub(crate) fn fail(&mut self, now: Now, backoff: &Backoff, jitter: &mut Jitter) {
        self.at = Some(now.instant + backoff.delay(self.attempt, jitter));
        self.attempt = self.attempt.saturating_add(1);
    }

    /// It worked.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }
}
