//! How long callers wait before their record is taken, and for what. Who does not wait is not counted.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use ottla_core::metrics::ProducerMetrics;
use ottla_core::time::Instant;
use ottla_transport::Clock;

/// What was waited for so far.
#[derive(Debug, Default)]
pub(super) struct Waits {
    callers: AtomicUsize,
    memory: AtomicU64,
    metadata: AtomicU64,
    flush: AtomicU64,
    exhausted: AtomicU64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WaitFor {
    Memory,
    Metadata,
    Flush,
}

/// A caller that waits, until dropped.
pub(super) struct Wait<'a> {
    waits: &'a Waits,
    what: WaitFor,
    clock: Clock,
    since: Instant,
}

impl Waits {
    pub(super) fn start(&self, what: WaitFor, clock: Clock) -> Wait<'_> {
        if what == WaitFor::Memory {
            self.callers.fetch_add(1, Ordering::Relaxed);
        }
        Wait { waits: self, what, clock, since: clock.instant() }
    }

    /// A record was refused because there was no memory for too long.
    pub(super) fn on_exhausted(&self) {
        self.exhausted.fetch_add(1, Ordering::Relaxed);
    }

    /// Writes what is known here into the figures.
    pub(super) fn fill(&self, metrics: &mut ProducerMetrics) {
        let time = |nanos: &AtomicU64| Duration::from_nanos(nanos.load(Ordering::Relaxed));
        metrics.waiting_callers = self.callers.load(Ordering::Relaxed);
        metrics.blocked_time = time(&self.memory);
        metrics.metadata_wait_time = time(&self.metadata);
        metrics.flush_time = time(&self.flush);
        metrics.buffer_exhausted = self.exhausted.load(Ordering::Relaxed);
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let waited = self.clock.instant().since(self.since);
        let nanos = u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX);
        let total = match self.what {
            WaitFor::Memory => {
                self.waits.callers.fetch_sub(1, Ordering::Relaxed);
                &self.waits.memory
            }
            WaitFor::Metadata => &self.waits.metadata,
            WaitFor::Flush => &self.waits.flush,
        };
        total.fetch_add(nanos, Ordering::Relaxed);
    }
}
