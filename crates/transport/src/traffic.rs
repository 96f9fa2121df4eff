//! What went over connections, where their tasks and whoever asks can both reach it.
//!
//! A task counts beside its work without a lock, and hands over what it has whenever it goes to sleep: one lock for all
//! that was read and written at a time.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use ottla_core::metrics::ConnectionMetrics;
use ottla_core::request::RequestError;

/// The figures of some connections, which share this; cheap to clone.
#[derive(Clone, Default)]
pub struct Traffic(Arc<Mutex<ConnectionMetrics>>);

/// What one connection has not handed over yet.
#[derive(Debug, Default)]
pub(crate) struct Unreported {
    is_changed: bool,
    connects: u64,
    connects_failed: u64,
    disconnects: u64,
    requests: u64,
    requests_failed: u64,
    timeouts: u64,
    bytes_out: u64,
    bytes_in: u64,
    latencies: Vec<Duration>,
    /// Of the whole connection, reported or not.
    throttle_time: Duration,
    throttle_time_reported: Duration,
}

impl Traffic {
    /// What was counted so far.
    pub fn metrics(&self) -> ConnectionMetrics {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, ConnectionMetrics> {
        self.0.lock().expect("nothing panics while it counts")
    }
}

impl fmt::Debug for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lock().fmt(f)
    }
}

impl Unreported {
    pub(crate) fn on_connect(&mut self) {
        self.is_changed = true;
        self.connects += 1;
    }

    pub(crate) fn on_connect_failed(&mut self) {
        self.is_changed = true;
        self.connects_failed += 1;
    }

    pub(crate) fn on_disconnect(&mut self) {
        self.is_changed = true;
        self.disconnects += 1;
    }

    pub(crate) fn on_request(&mut self) {
        self.is_changed = true;
        self.requests += 1;
    }

    /// A request is complete, so long after it was handed in.
    pub(crate) fn on_end<T>(&mut self, result: &Result<T, RequestError>, latency: Duration) {
        self.is_changed = true;
        match result {
            Ok(_) => self.latencies.push(latency),
            Err(error) => {
                self.requests_failed += 1;
                self.timeouts += u64::from(*error == RequestError::Timeout);
            }
        }
    }

    pub(crate) fn on_written(&mut self, bytes: usize) {
        self.is_changed = true;
        self.bytes_out += bytes as u64;
    }

    pub(crate) fn on_read(&mut self, bytes: usize) {
        self.is_changed = true;
        self.bytes_in += bytes as u64;
    }

    /// For how long the broker has throttled this connection so far.
    pub(crate) fn on_throttled(&mut self, total: Duration) {
        self.is_changed |= total != self.throttle_time_reported;
        self.throttle_time = total;
    }

    /// Hands over what came since the last time.
    pub(crate) fn report(&mut self, traffic: &Traffic) {
        if !std::mem::take(&mut self.is_changed) {
            return;
        }
        let mut total = traffic.lock();
        total.connects += std::mem::take(&mut self.connects);
        total.connects_failed += std::mem::take(&mut self.connects_failed);
        total.disconnects += std::mem::take(&mut self.disconnects);
        total.requests += std::mem::take(&mut self.requests);
        total.requests_failed += std::mem::take(&mut self.requests_failed);
        total.timeouts += std::mem::take(&mut self.timeouts);
        total.bytes_out += std::mem::take(&mut self.bytes_out);
        total.bytes_in += std::mem::take(&mut self.bytes_in);
        total.responses += self.latencies.len() as u64;
        self.latencies.drain(..).for_each(|latency| total.request_latency.record(latency));
        let throttle_time = self.throttle_time.saturating_sub(self.throttle_time_reported);
        self.throttle_time_reported = self.throttle_time;
        total.throttle_time = total.throttle_time.saturating_add(throttle_time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_handed_over_once() {
        let (traffic, mut unreported) = (Traffic::default(), Unreported::default());
        unreported.on_connect();
        (0..3).for_each(|_| unreported.on_request());
        unreported.on_end(&Ok(()), Duration::from_millis(2));
        unreported.on_end::<()>(&Err(RequestError::Timeout), Duration::from_secs(30));
        unreported.on_written(100);
        unreported.on_read(50);
        unreported.on_throttled(Duration::from_secs(1));
        assert_eq!(traffic.metrics(), ConnectionMetrics::default());
        for _ in 0..2 {
            unreported.report(&traffic);
            let total = traffic.metrics();
            assert_eq!((total.connections(), total.requests, total.requests_in_flight()), (1, 3, 1));
            assert_eq!((total.responses, total.requests_failed, total.timeouts), (1, 1, 1));
            assert_eq!((total.bytes_out, total.bytes_in), (100, 50));
            assert_eq!(total.request_latency.total(), Duration::from_millis(2));
            assert_eq!(total.throttle_time, Duration::from_secs(1));
        }
    }
}
