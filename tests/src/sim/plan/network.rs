//! What goes wrong between a client and the nodes.

use std::time::Duration;

use ottla_protocol::types::NodeId;

use super::{Scenario, between_ms, one_in, pick, pick_ms, within};
use crate::random::Random;

/// Something that goes wrong on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkFault {
    /// When.
    pub at: Duration,
    /// Whose connections; `None`: everybody's.
    pub client: Option<String>,
    /// What.
    pub weather: Weather,
}

/// What happens to connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// Those to a node break.
    Cut {
        /// The node.
        node: NodeId,
    },
    /// Each of the next ones breaks after some bytes.
    CutNext {
        /// How many.
        streams: u32,
        /// After so many bytes at most.
        most_bytes: u64,
    },
    /// Those to a node break, and it takes no new ones for a while.
    Refuse {
        /// The node.
        node: NodeId,
        /// For how long.
        lasting: Duration,
    },
    /// Nothing gets to a node or from it for a while.
    Isolate {
        /// The node.
        node: NodeId,
        /// For how long.
        lasting: Duration,
    },
    /// Nothing gets anywhere for a while.
    Silence {
        /// For how long.
        lasting: Duration,
    },
    /// No node takes connections for a while, and those that there are break.
    Outage {
        /// For how long.
        lasting: Duration,
    },
    /// All is slow for a while.
    Slow {
        /// How long bytes take each way.
        latency: Duration,
        /// For how long.
        lasting: Duration,
    },
}

impl Weather {
    /// How long it lasts.
    pub fn lasting(self) -> Duration {
        match self {
            Self::Cut { .. } | Self::CutNext { .. } => Duration::ZERO,
            Self::Refuse { lasting, .. }
            | Self::Isolate { lasting, .. }
            | Self::Silence { lasting }
            | Self::Outage { lasting }
            | Self::Slow { lasting, .. } => lasting,
        }
    }
}

pub(super) fn draw(
    random: &mut Random,
    scenario: Scenario,
    nodes: usize,
    clients: &[String],
    work: Duration,
) -> Vec<NetworkFault> {
    let count = match scenario {
        Scenario::Calm => 0,
        Scenario::Network => 6 + random.below(10),
        Scenario::Mixed | Scenario::Groups | Scenario::Duplicates => random.below(6),
        Scenario::Outages => 2 + random.below(3),
        Scenario::Answers => random.below(6),
        _ => random.below(2),
    };
    let mut faults: Vec<NetworkFault> = (0..count)
        .map(|_| {
            let at = within(random, work);
            let client = (!one_in(random, 4)).then(|| clients[random.below(clients.len())].clone());
            let weather = match scenario {
                Scenario::Outages => Weather::Outage { lasting: between_ms(random, 1_000, 12_000) },
                _ => draw_weather(random, nodes),
            };
            NetworkFault { at, client, weather }
        })
        .collect();
    faults.sort_by_key(|fault| fault.at);
    faults
}

fn draw_weather(random: &mut Random, nodes: usize) -> Weather {
    let node = NodeId(1 + random.below(nodes) as i32);
    let lasting = between_ms(random, 100, 8_000);
    match random.below(6) {
        0 => Weather::Cut { node },
        1 => Weather::CutNext {
            streams: 1 + random.below(5) as u32,
            most_bytes: pick(random, &[100, 1_000, 10_000]),
        },
        2 => Weather::Refuse { node, lasting },
        3 => Weather::Isolate { node, lasting },
        4 => Weather::Silence { lasting },
        _ => Weather::Slow { latency: pick_ms(random, &[10, 100, 700]), lasting },
    }
}
