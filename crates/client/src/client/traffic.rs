//! What went over the connections to each broker, those that have ended included.

use std::collections::BTreeMap;

use ottla_core::metrics::{ClientMetrics, ConnectionMetrics};
use ottla_protocol::types::Str;
use ottla_transport::Traffic;

use crate::address::Address;

/// Brokers come and go, and a broker can name any number of others.
const MAX_BROKERS: usize = 1024;

/// By address, so that a bootstrap server and the node that it proves to be are one.
#[derive(Clone, Default)]
pub(super) struct BrokerTraffic {
    by_address: BTreeMap<Str, Traffic>,
    forgotten: ConnectionMetrics,
}

impl BrokerTraffic {
    /// Where connections to a broker count. `is_used`: whether there is a connection to an address.
    pub(super) fn of(&mut self, address: &Address, is_used: impl Fn(&str) -> bool) -> Traffic {
        let name = Str::from(address.to_string());
        if let Some(traffic) = self.by_address.get(&name) {
            return traffic.clone();
        }
        if self.by_address.len() >= MAX_BROKERS {
            let forgotten = &mut self.forgotten;
            self.by_address.retain(|name, traffic| {
                let keep = is_used(name);
                if !keep {
                    forgotten.add(&traffic.metrics());
                }
                keep
            });
        }
        let traffic = Traffic::default();
        // Beyond that all brokers have connections, and this one's are not counted.
        if self.by_address.len() < MAX_BROKERS {
            self.by_address.insert(name, traffic.clone());
        }
        traffic
    }

    pub(super) fn metrics(&self) -> ClientMetrics {
        let mut metrics = ClientMetrics::default();
        metrics.brokers =
            self.by_address.iter().map(|(name, traffic)| (name.clone(), traffic.metrics())).collect();
        metrics.forgotten_brokers = self.forgotten.clone();
        metrics
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> Address {
        Address { host: "b".to_owned(), port }
    }

    #[test]
    fn a_broker_is_counted_in_one_place_whichever_way_it_is_reached() {
        let mut traffic = BrokerTraffic::default();
        traffic.of(&address(1), |_| true);
        traffic.of(&address(1), |_| true);
        assert_eq!(traffic.metrics().brokers.len(), 1);
    }

    #[test]
    fn brokers_that_are_gone_make_room() {
        let mut traffic = BrokerTraffic::default();
        let last = u16::try_from(MAX_BROKERS).expect("few");
        (0..last).for_each(|port| _ = traffic.of(&address(port), |_| true));
        traffic.of(&address(last), |_| true);
        assert_eq!(traffic.metrics().brokers.len(), MAX_BROKERS);
        traffic.of(&address(last), |name| name == "b:7");
        let mut kept: Vec<String> = traffic.metrics().brokers.keys().map(|name| name.to_string()).collect();
        kept.sort();
        assert_eq!(kept, [format!("b:{last}"), "b:7".to_owned()]);
    }
}
