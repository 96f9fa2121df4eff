//! A world as data, drawn from its seed: the cluster, the clients and what they do, and what goes wrong.
//!
//! The same seed and scenario draw the same plan; whoever looks for the cause of a failure takes things out of it.

mod clients;
mod codes;
mod faults;
mod network;
mod scenario;
mod topic_configs;

use std::collections::BTreeSet;
use std::time::Duration;

use ottla_client::Acks;
use ottla_protocol::api::ApiKey;
use ottla_testbroker::faults::FaultPlan;

use super::machines;
use crate::random::Random;

pub use clients::{ConsumerPlan, Departure, LEAST_RECORDS, ProducerPlan};
pub use network::{NetworkFault, Weather};
pub use scenario::Scenario;

/// The topic that worlds delete and make again; the others stay.
pub(super) const MORTAL_TOPIC: &str = "mortal";
/// How many faults must strike in a world.
pub const LEAST_FAULTS: usize = 5;
/// How many topics a world has at least, and how many partitions each.
pub const LEAST_TOPICS: (usize, i32) = (2, 3);
/// How many nodes a world has at least.
pub const LEAST_NODES: usize = 3;

pub(super) use faults::spare_begins;

/// The APIs of clients with their newest versions in Kafka 2.1.
pub(super) const OLD_VERSIONS: [(ApiKey, i16); 14] = [
    (ApiKey::PRODUCE, 7),
    (ApiKey::FETCH, 10),
    (ApiKey::LIST_OFFSETS, 4),
    (ApiKey::METADATA, 7),
    (ApiKey::OFFSET_COMMIT, 6),
    (ApiKey::OFFSET_FETCH, 5),
    (ApiKey::FIND_COORDINATOR, 2),
    (ApiKey::JOIN_GROUP, 3),
    (ApiKey::HEARTBEAT, 2),
    (ApiKey::LEAVE_GROUP, 2),
    (ApiKey::SYNC_GROUP, 2),
    (ApiKey::API_VERSIONS, 2),
    (ApiKey::INIT_PRODUCER_ID, 1),
    (ApiKey::OFFSET_FOR_LEADER_EPOCH, 1),
];

/// A whole world before it begins.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What it was drawn from.
    pub seed: u64,
    /// Of what kind it is.
    pub scenario: Scenario,
    /// The cluster.
    pub cluster: ClusterPlan,
    /// Who sends.
    pub producers: Vec<ProducerPlan>,
    /// Who reads.
    pub consumers: Vec<ConsumerPlan>,
    /// What consumers that wander draw from; they are called `wanderer-0`, `wanderer-1`, …
    pub wanderers: Vec<u64>,
    /// What goes wrong in the cluster.
    pub faults: FaultPlan,
    /// What goes wrong beside it when most of the time is over and too little has struck.
    pub spare: FaultPlan,
    /// What goes wrong between clients and nodes.
    pub network: Vec<NetworkFault>,
    /// How long anything may go wrong.
    pub work: Duration,
}

/// The cluster of a world.
#[derive(Clone, Debug)]
pub struct ClusterPlan {
    /// How many nodes.
    pub nodes: usize,
    /// Replicas of every partition.
    pub replication_factor: i16,
    /// `min.insync.replicas`.
    pub min_insync_replicas: usize,
    /// The longest time a follower takes from fetch to fetch.
    pub replica_fetch_delay: Duration,
    /// `replica.lag.time.max.ms`.
    pub replica_lag_time_max: Duration,
    /// `broker.session.timeout.ms`.
    pub broker_session_timeout: Duration,
    /// How long nodes take to hear from the controller.
    pub metadata_propagation_delay: Duration,
    /// How long a new coordinator takes to load.
    pub coordinator_load_time: Duration,
    /// `group.initial.rebalance.delay.ms`.
    pub group_initial_rebalance_delay: Duration,
    /// The topics with how many partitions each has.
    pub topics: Vec<(String, i32)>,
    /// Whether its nodes speak only what Kafka 2.1 did.
    pub is_old: bool,
    /// How long a session lasts, where brokers authenticate.
    pub session: Option<Duration>,
    /// How long clients stay with the brokers that they know when none answers; `None`: for Java's 5 minutes.
    pub rebootstrap: Option<Duration>,
}

impl Plan {
    /// The world of this seed.
    pub fn draw(scenario: Scenario, seed: u64) -> Self {
        let mut random = Random(seed ^ scenario.salt());
        let random = &mut random;
        let mut cluster = ClusterPlan::draw(random);
        if scenario == Scenario::Topics {
            cluster.topics.push((MORTAL_TOPIC.to_owned(), 3));
        }
        let work = between_ms(random, 15_000, 30_000);
        let producers = clients::draw_producers(random, scenario, work);
        let consumers = clients::draw_consumers(random, scenario, work);
        let names: Vec<String> = (producers.iter().map(|producer| producer.name.clone()))
            .chain(consumers.iter().map(|consumer| consumer.name.clone()))
            .collect();
        let faults = faults::draw(random, scenario, seed, (&cluster, &consumers), work);
        let network = network::draw(random, scenario, cluster.nodes, &names, work);
        let wanderers = match scenario {
            Scenario::Wanderers => (0..1 + random.below(2)).map(|_| random.bits()).collect(),
            _ => Vec::new(),
        };
        cluster.is_old = matches!(scenario, Scenario::Wanderers | Scenario::Refusals) && one_in(random, 2);
        cluster.draw_own(random, scenario);
        let spare = faults::draw_spare(random, &cluster, work);
        let plan =
            Self { seed, scenario, cluster, producers, consumers, wanderers, faults, spare, network, work };
        if scenario == Scenario::Machines { plan.of_machines() } else { plan }
    }

    /// The world of the same seed below the client, which draws its own cluster and clients.
    fn of_machines(mut self) -> Self {
        self.faults = machines::faults(self.seed);
        self.spare = FaultPlan::default();
        self.producers.clear();
        self.consumers.clear();
        self.network.clear();
        self
    }

    /// Topics that are deleted in it.
    pub fn mortal_topics(&self) -> BTreeSet<String> {
        let is_mortal = |(name, _): &&(String, i32)| name == MORTAL_TOPIC;
        self.cluster.topics.iter().filter(is_mortal).map(|(name, _)| name.clone()).collect()
    }

    /// Producers whose acknowledged records may be lost.
    pub fn careless_producers(&self) -> BTreeSet<String> {
        let careless = self.producers.iter().filter(|producer| producer.acks != Acks::All);
        careless.map(|producer| producer.name.clone()).collect()
    }

    /// Whether nothing may be there twice or out of order.
    pub fn is_idempotent(&self) -> bool {
        self.producers.iter().all(|producer| producer.is_idempotent)
    }

    /// Everything in it, in words.
    pub fn parts(&self) -> Vec<String> {
        let cluster = std::iter::once(format!("{:?}", self.cluster));
        let producers = self.producers.iter().map(|producer| format!("{producer:?}"));
        let consumers = self.consumers.iter().map(|consumer| format!("{consumer:?}"));
        let faults = self.faults.rules.iter().map(|rule| format!("{rule:?}"));
        let network = self.network.iter().map(|fault| format!("{fault:?}"));
        cluster.chain(producers).chain(consumers).chain(faults).chain(network).collect()
    }

    /// How many things go wrong in it, each of which may do so several times.
    pub fn faults(&self) -> usize {
        self.faults.rules.len() + self.network.len()
    }
}

impl ClusterPlan {
    fn draw(random: &mut Random) -> Self {
        let nodes = 3 + random.below(3);
        let replication_factor = 2 + random.below(2) as i16;
        let topics = (0..2 + random.below(2)).map(|nth| (format!("t{nth}"), 3 + random.below(4) as i32));
        let topics = topics.collect();
        Self {
            nodes,
            replication_factor,
            // One node may always be away.
            min_insync_replicas: 1 + random.below(replication_factor as usize - 1),
            replica_fetch_delay: pick_ms(random, &[0, 5, 30]),
            replica_lag_time_max: between_ms(random, 2_000, 10_000),
            broker_session_timeout: between_ms(random, 2_000, 9_000),
            metadata_propagation_delay: pick_ms(random, &[0, 20, 200]),
            coordinator_load_time: pick_ms(random, &[0, 100, 1_000]),
            group_initial_rebalance_delay: pick_ms(random, &[0, 500, 3_000]),
            topics,
            is_old: false,
            session: None,
            rebootstrap: None,
        }
    }

    /// What only clusters of one kind have.
    fn draw_own(&mut self, random: &mut Random, scenario: Scenario) {
        match scenario {
            Scenario::Sessions | Scenario::Logins => self.session = Some(between_ms(random, 1_500, 8_000)),
            Scenario::Answers if one_in(random, 2) => {
                self.session = Some(between_ms(random, 1_500, 8_000));
            }
            Scenario::Hints => {
                // The old ones name no leaders.
                self.is_old = one_in(random, 5);
                self.metadata_propagation_delay = pick_ms(random, &[0, 50, 500, 2_000]);
            }
            Scenario::Outages => self.rebootstrap = Some(between_ms(random, 500, 6_000)),
            _ => {}
        }
    }
}

fn one_in(random: &mut Random, one_in: usize) -> bool {
    random.below(one_in) == 0
}

fn pick<T: Copy>(random: &mut Random, choices: &[T]) -> T {
    choices[random.below(choices.len())]
}

fn pick_ms(random: &mut Random, choices: &[u64]) -> Duration {
    Duration::from_millis(pick(random, choices))
}

fn between_ms(random: &mut Random, shortest: u64, longest: u64) -> Duration {
    Duration::from_millis(shortest + random.bits() % (longest - shortest + 1))
}

/// A time within `work`.
fn within(random: &mut Random, work: Duration) -> Duration {
    between_ms(random, 0, work.as_millis() as u64 - 1)
}
