//! What a client did, and its producers and consumers with it.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use ottla_protocol::types::Str;

use crate::events::wall;
use crate::time::Now;

use super::{ConnectionMetrics, ConsumerMetrics, ProducerMetrics};

/// All figures of a client.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ClientMetrics {
    /// By broker, as `host:port`: those that were connected to since the client started, up to 1024.
    pub brokers: BTreeMap<Str, ConnectionMetrics>,
    /// Of brokers that are gone and were forgotten to make room for others.
    pub forgotten_brokers: ConnectionMetrics,
    /// Producers that live, by the order in which they were built.
    pub producers: BTreeMap<u64, ProducerMetrics>,
    /// Consumers that live, likewise.
    pub consumers: BTreeMap<u64, ConsumerMetrics>,
}

/// What an interval reporter is told.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MetricsSnapshot {
    /// `client.id`.
    pub client_id: Str,
    /// When it was taken.
    pub timestamp: SystemTime,
    /// Since the report before; of the first one, since the client connected.
    pub interval: Duration,
    /// Since the start.
    pub total: ClientMetrics,
    /// Since the report before. Producers and consumers that ended in between are here and in `total` for this once.
    pub delta: ClientMetrics,
    /// Whether the client is closed: this is the last report.
    pub is_last: bool,
}

impl ClientMetrics {
    /// Of all brokers together.
    pub fn connections(&self) -> ConnectionMetrics {
        let mut all = self.forgotten_brokers.clone();
        self.brokers.values().for_each(|broker| all.add(broker));
        all
    }

    /// What came after `earlier`, an older snapshot of the same client. Gauges are those of `self`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            brokers: differences(&self.brokers, &earlier.brokers, ConnectionMetrics::since),
            forgotten_brokers: self.forgotten_brokers.since(&earlier.forgotten_brokers),
            producers: differences(&self.producers, &earlier.producers, ProducerMetrics::since),
            consumers: differences(&self.consumers, &earlier.consumers, ConsumerMetrics::since),
        }
    }
}

impl MetricsSnapshot {
    /// A report of `total` at `now`, `interval` after the one of `earlier`.
    pub fn new(
        client_id: Str,
        now: Now,
        interval: Duration,
        total: ClientMetrics,
        earlier: &ClientMetrics,
        is_last: bool,
    ) -> Self {
        let delta = total.since(earlier);
        Self { client_id, timestamp: wall(now), interval, total, delta, is_last }
    }
}

fn differences<K: Ord + Clone, M: Clone>(
    now: &BTreeMap<K, M>,
    earlier: &BTreeMap<K, M>,
    since: fn(&M, &M) -> M,
) -> BTreeMap<K, M> {
    let difference = |(key, now): (&K, &M)| {
        let difference = earlier.get(key).map_or_else(|| now.clone(), |before| since(now, before));
        (key.clone(), difference)
    };
    now.iter().map(difference).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(producers: &[(u64, u64)], requests: u64) -> ClientMetrics {
        let mut metrics = ClientMetrics::default();
        for (number, sent) in producers {
            metrics.producers.entry(*number).or_default().records_sent = *sent;
        }
        metrics.brokers.entry("b:1".into()).or_default().requests = requests;
        metrics
    }

    #[test]
    fn what_was_not_there_before_counts_from_zero_and_what_is_gone_is_gone() {
        let earlier = with(&[(1, 10), (2, 20)], 7);
        let difference = with(&[(2, 25), (3, 4)], 9).since(&earlier);
        assert_eq!(difference, with(&[(2, 5), (3, 4)], 2));
    }

    #[test]
    fn all_brokers_together_are_those_that_are_known_and_those_forgotten() {
        let mut metrics = with(&[], 7);
        metrics.brokers.entry("b:2".into()).or_default().requests = 1;
        metrics.forgotten_brokers.requests = 30;
        assert_eq!(metrics.connections().requests, 38);
    }
}
