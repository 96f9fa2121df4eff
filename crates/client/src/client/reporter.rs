//! The task that shows a client's figures at an interval.
//!
//! It holds nothing that keeps the client alive, and the application's function runs in it alone: one that is slow is
//! asked less often, one that panics is asked again.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use ottla_core::metrics::{ClientMetrics, MetricsSnapshot};
use ottla_core::time::Instant;
use ottla_protocol::types::Str;
use ottla_transport::Clock;
use tokio::sync::Notify;
use tokio::time::{sleep_until, timeout};
use tracing::warn;

use super::pool::Pool;
use super::published::{Follower, Publisher, publish};
use super::sources::Parts;

/// How long closing waits for the last report.
const LAST_REPORT_LIMIT: Duration = Duration::from_secs(1);

/// Whom to tell, and how often.
#[derive(Clone)]
pub(super) struct ReporterConfig {
    pub(super) interval: Duration,
    pub(super) report: Arc<dyn Fn(&MetricsSnapshot) + Send + Sync>,
}

/// The handle to the task.
pub(super) struct Reporter {
    stop: Arc<Notify>,
    ended: Follower<()>,
}

struct Task {
    config: ReporterConfig,
    client_id: Str,
    clock: Clock,
    pool: Arc<Pool>,
    parts: Arc<Parts>,
    stop: Arc<Notify>,
    /// What was shown last, and when.
    shown: (Instant, ClientMetrics),
    _ended: Publisher<()>,
}

impl Reporter {
    pub(super) fn start(config: ReporterConfig, client_id: Str, pool: Arc<Pool>, parts: Arc<Parts>) -> Self {
        let stop = Arc::new(Notify::new());
        let (publisher, ended) = publish(());
        let clock = pool.clock();
        let shown = (clock.instant(), ClientMetrics::default());
        let task =
            Task { config, client_id, clock, pool, parts, stop: Arc::clone(&stop), shown, _ended: publisher };
        tokio::spawn(task.run());
        Self { stop, ended }
    }

    /// Has the last report made.
    pub(super) fn stop(&self) {
        self.stop.notify_one();
    }

    /// The same, and waits for it, but not for long.
    pub(super) async fn finish(&self) {
        self.stop();
        let mut ended = self.ended.clone();
        let end = async { while ended.changed().await.is_ok() {} };
        _ = timeout(LAST_REPORT_LIMIT, end).await;
    }
}

impl Task {
    async fn run(mut self) {
        let mut due = self.shown.0 + self.config.interval;
        loop {
            let is_last = tokio::select! {
                biased;
                () = self.stop.notified() => true,
                () = sleep_until(self.clock.deadline(due)) => false,
            };
            if is_last {
                return self.report(true);
            }
            // A very long interval is slept through in parts.
            if self.clock.instant() >= due {
                self.report(false);
                due = next(due, self.config.interval, self.clock.instant());
            }
        }
    }

    fn report(&mut self, is_last: bool) {
        let now = self.clock.now();
        let mut total = read(&self.pool, &self.parts);
        let living = total.clone();
        total.producers.extend(self.parts.producers.take_ended());
        total.consumers.extend(self.parts.consumers.take_ended());
        let (before, earlier) = &self.shown;
        let interval = now.instant.since(*before);
        let snapshot = MetricsSnapshot::new(self.client_id.clone(), now, interval, total, earlier, is_last);
        self.shown = (now.instant, living);
        let report = &self.config.report;
        if catch_unwind(AssertUnwindSafe(|| report(&snapshot))).is_err() {
            warn!("the metrics reporter panicked");
        }
    }
}

/// What a client did so far.
pub(super) fn read(pool: &Pool, parts: &Parts) -> ClientMetrics {
    let mut metrics = pool.metrics();
    metrics.producers = parts.producers.read();
    metrics.consumers = parts.consumers.read();
    metrics
}

/// When the next report is due: those whose time has passed while another was made are left out.
fn next(due: Instant, interval: Duration, now: Instant) -> Instant {
    let passed = now.since(due).as_nanos().checked_div(interval.as_nanos()).unwrap_or(0);
    due + interval.saturating_mul(u32::try_from(passed + 1).unwrap_or(u32::MAX))
}

impl fmt::Debug for ReporterConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReporterConfig").field("interval", &self.interval).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_that_were_missed_are_not_made_up_for() {
        let second = |n| Instant::from_start(Duration::from_secs(n));
        let interval = Duration::from_secs(10);
        for (now, expected) in [(10, 20), (19, 20), (20, 30), (57, 60), (9, 20)] {
            assert_eq!(next(second(10), interval, second(now)), second(expected), "at {now}");
        }
    }
}
