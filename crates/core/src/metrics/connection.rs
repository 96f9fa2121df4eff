//! What went over connections.

use std::time::Duration;

use super::Timing;

/// The figures of all connections to one broker: totals since the first one, and gauges of the moment. Requests that a
/// connection makes for itself (versions, authentication) are in the bytes alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionMetrics {
    /// Connections that took requests: the broker has said its versions and knows who this is. Java:
    /// `connection-creation-total`, which counts those that failed later too.
    pub connects: u64,
    /// Attempts that did not get that far.
    pub connects_failed: u64,
    /// Connections that took requests and have ended. Java: `connection-close-total`.
    pub disconnects: u64,
    /// Requests handed to connections. Java: `request-total`.
    pub requests: u64,
    /// Requests with an answer, or written if they have none. Java: `response-total`.
    pub responses: u64,
    /// Requests that ended otherwise, timeouts included.
    pub requests_failed: u64,
    /// Requests that ended because they, or one before them on the connection, had no answer in time.
    pub timeouts: u64,
    /// Bytes that were written, TLS not counted. Java: `outgoing-byte-total`.
    pub bytes_out: u64,
    /// Bytes that were read, TLS not counted. Java: `incoming-byte-total`.
    pub bytes_in: u64,
    /// From when a request was handed in to its answer; a wait for the connection is included. Fetches wait at the broker.
    /// Java: `request-latency-avg`, `request-latency-max` of `producer-node-metrics`.
    pub request_latency: Timing,
    /// For how long the broker said that it throttles, all together (KIP-219).
    pub throttle_time: Duration,
}

impl ConnectionMetrics {
    /// Requests without an answer so far, those that wait to be sent included. Java: `requests-in-flight`. Gauge.
    pub fn requests_in_flight(&self) -> u64 {
        self.requests.saturating_sub(self.responses + self.requests_failed)
    }

    /// Connections that take requests. Java: `connection-count`. Gauge.
    pub fn connections(&self) -> u64 {
        self.connects.saturating_sub(self.disconnects)
    }

    /// What came after `earlier`, an older snapshot of the same. Gauges mean nothing in it.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let of = |figure: fn(&Self) -> u64| figure(self).saturating_sub(figure(earlier));
        Self {
            connects: of(|m| m.connects),
            connects_failed: of(|m| m.connects_failed),
            disconnects: of(|m| m.disconnects),
            requests: of(|m| m.requests),
            responses: of(|m| m.responses),
            requests_failed: of(|m| m.requests_failed),
            timeouts: of(|m| m.timeouts),
            bytes_out: of(|m| m.bytes_out),
            bytes_in: of(|m| m.bytes_in),
            request_latency: self.request_latency.since(&earlier.request_latency),
            throttle_time: self.throttle_time.saturating_sub(earlier.throttle_time),
        }
    }

    /// Adds what `other` counted.
    pub fn add(&mut self, other: &Self) {
        self.connects += other.connects;
        self.connects_failed += other.connects_failed;
        self.disconnects += other.disconnects;
        self.requests += other.requests;
        self.responses += other.responses;
        self.requests_failed += other.requests_failed;
        self.timeouts += other.timeouts;
        self.bytes_out += other.bytes_out;
        self.bytes_in += other.bytes_in;
        self.request_latency.add(&other.request_latency);
        self.throttle_time = self.throttle_time.saturating_add(other.throttle_time);
    }
}
