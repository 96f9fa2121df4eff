//! The loop of a world: the network's next parcel, the next timeout, the next disturbance, whichever comes first.

use std::cell::RefCell;

use ottla_core::random::Jitter;
use ottla_core::time::{Instant, earliest};
use ottla_protocol::compression::Decompressor;
use ottla_protocol::types::NodeId;
use ottla_testbroker::faults::FaultPlan;
use ottla_testbroker::{Cluster, ReplicationScope};

use super::agenda::Agenda;
use super::client::Client;
use super::clock;
use super::consumer::ConsumerActor;
use super::fickle::Fickle;
use super::network::Network;
use super::notes::{Notes, Tally};
use super::plan::{self, Disturbance};
use super::producer::ProducerActor;
use super::record;
use super::settings::{CONVERGENCE_LIMIT, FAULTS_STOP, PARTITIONS, Settings, TOPICS};
use crate::random::Random;
use crate::sim::history::{ClientEvent, History, Losses, Outcome, Place, Stored};

/// Steps that a world may take; one that spins would take more.
const MAX_STEPS: u64 = 100_000;

/// The producer is the first client, the consumers are behind it.
const PRODUCER: usize = 0;

pub(super) struct World {
    now: Instant,
    random: Random,
    settings: Settings,
    cluster: Cluster,
    cluster_due: Option<Instant>,
    network: Network,
    disturbances: Agenda<Disturbance>,
    producer: ProducerActor,
    /// By their places behind the producer; `None` before they begin and after they have ended.
    consumers: Vec<Option<ConsumerActor>>,
    /// By their places behind the consumers.
    fickle: Vec<Fickle>,
    /// When each client wants to be looked at.
    due: Vec<Option<Instant>>,
    history: History,
    tally: RefCell<Tally>,
    faults_stopped: bool,
    pub(super) disturbed: usize,
    pub(super) steps: u64,
    errors: Vec<String>,
}

impl World {
    /// The faults that the cluster of a seed meets with.
    pub(super) fn drawn_faults(seed: u64) -> FaultPlan {
        let mut random = Random(seed);
        let settings = Settings::draw(&mut random);
        random.bits();
        plan::rules(&settings, &mut random)
    }

    pub(super) fn new(seed: u64, faults: &FaultPlan) -> Self {
        let mut random = Random(seed);
        let settings = Settings::draw(&mut random);
        let mut cluster = Cluster::builder()
            .nodes(settings.nodes)
            .seed(random.bits())
            .num_partitions(PARTITIONS as i32)
            .default_replication_factor(settings.replicas)
            .replica_fetch_delay(settings.replica_fetch_delay, settings.replica_fetch_delay * 2)
            .replica_lag_time_max(std::time::Duration::from_secs(2))
            .broker_session_timeout(std::time::Duration::from_secs(2))
            .metadata_propagation_delay(settings.metadata_propagation_delay)
            .coordinator_load_time(settings.coordinator_load_time)
            .journal(true)
            .build()
            .expect("the settings are within their bounds");
        // What is drawn behind them stays the same, whichever faults there are.
        _ = plan::rules(&settings, &mut random);
        cluster.faults().load(faults).expect("the plan is within its bounds");
        let disturbances = plan::disturbances(&settings, &mut random);
        let jitter = Jitter::seeded(random.bits());
        let client = Client::new(PRODUCER, "producer", settings.nodes, settings.limits.clone(), jitter);
        let producer = ProducerActor::new(client, &settings, &mut random);
        let is_cooperative = random.below(2) == 0;
        let fickle: Vec<_> = (0..settings.fickle)
            .map(|nth| {
                let (place, name) = (1 + settings.consumers + nth, format!("fickle-{nth}"));
                let jitter = Jitter::seeded(random.bits());
                let client = Client::new(place, &name, settings.nodes, settings.limits.clone(), jitter);
                Fickle::new(client, is_cooperative, Instant::ZERO, random.bits())
            })
            .collect();
        Self {
            now: Instant::ZERO,
            cluster,
            cluster_due: Some(Instant::ZERO),
            network: Network::new(random.bits()),
            disturbances,
            producer,
            consumers: (0..settings.consumers).map(|_| None).collect(),
            due: vec![Some(Instant::ZERO); 1 + settings.consumers + fickle.len()],
            fickle,
            history: History::default(),
            tally: RefCell::default(),
            faults_stopped: false,
            disturbed: 0,
            steps: 0,
            errors: Vec::new(),
            random,
            settings,
        }
    }

    /// Runs the world to its end.
    ///
    /// # Panics
    /// If the world spins.
    pub(super) fn run(&mut self) {
        self.run_to_the_end();
        let notes = notes(&self.history, &self.tally, self.now, &self.cluster, self.faults_stopped);
        let now = clock::to_client(self.now);
        self.consumers.iter_mut().flatten().for_each(|consumer| _ = consumer.hear_out(now, &notes));
    }

    fn run_to_the_end(&mut self) {
        let end = Instant::from_start(FAULTS_STOP + CONVERGENCE_LIMIT);
        while let Some(next) = self.next_at() {
            self.now = self.now.max(next);
            if self.now > end {
                return;
            }
            self.step();
            self.steps += 1;
            assert!(self.steps < MAX_STEPS, "the world spins at {:?}: {:?}", self.now, self.due);
            if self.faults_stopped && self.has_converged() {
                self.note(ClientEvent::Converged);
                return;
            }
        }
    }

    pub(super) fn parcels(&self) -> u64 {
        self.network.delivered
    }

    pub(super) fn errors(&self) -> &[String] {
        &self.errors
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(super) fn outcome(&self) -> Outcome {
        let journal = self.cluster.journal().map(|journal| journal.entries()).unwrap_or_default();
        Outcome {
            history: self.history.merge(journal),
            logs: self.logs(),
            idempotent: self.settings.idempotent,
            is_calm: false,
            is_prompt: false,
            convergence_limit: CONVERGENCE_LIMIT,
            losses: Losses::default(),
        }
    }

    fn next_at(&self) -> Option<Instant> {
        let mine = [self.network.next_at(), self.disturbances.next_at(), self.cluster_due];
        mine.into_iter().chain(self.due.iter().copied()).fold(None, earliest)
    }

    /// Does one thing that is due now. The order is a rule, so that runs repeat: parcels, the cluster's timers,
    /// disturbances, clients.
    fn step(&mut self) {
        let now = self.now;
        if let Some(arrival) = self.network.deliver(now, &mut self.cluster) {
            match arrival {
                Some((place, link, arrival)) => {
                    let clients = (&mut self.producer, &mut self.consumers[..], &mut self.fickle[..]);
                    if let Some(client) = client_at(clients, place) {
                        client.connections.on_arrival(now, link, arrival, &mut self.network);
                        self.turn(place);
                    }
                }
                None => self.settle_cluster(),
            }
        } else if self.cluster_due.is_some_and(|due| due <= now) {
            self.cluster.handle_timeout(clock::to_cluster(now));
            self.settle_cluster();
        } else if let Some(disturbance) = self.disturbances.pop_due(now) {
            self.disturb(disturbance);
            self.settle_cluster();
        } else if let Some(place) = self.due.iter().position(|due| due.is_some_and(|due| due <= now)) {
            self.turn(place);
        }
    }

    fn settle_cluster(&mut self) {
        self.network.drain(self.now, &mut self.cluster);
        self.cluster_due = self.cluster.next_timeout().map(clock::from_cluster);
    }

    /// Lets a client do what is due.
    fn turn(&mut self, place: usize) {
        let notes = notes(&self.history, &self.tally, self.now, &self.cluster, self.faults_stopped);
        if place == PRODUCER {
            self.producer.turn(self.now, &mut self.network, &notes);
            self.due[place] = self.producer.next_timeout();
            return;
        }
        let behind = 1 + self.consumers.len();
        if place >= behind {
            let member = &mut self.fickle[place - behind];
            member.turn(self.now, &mut self.network);
            self.due[place] = member.next_timeout();
            return;
        }
        let Some(consumer) = &mut self.consumers[place - 1] else {
            self.due[place] = None;
            return;
        };
        consumer.turn(self.now, &mut self.network, &notes);
        self.due[place] = consumer.next_timeout();
        self.errors.append(&mut consumer.errors);
        if consumer.has_left() {
            consumer.note_closed(&notes);
            consumer.client.connections.close(self.now, &mut self.network);
            self.consumers[place - 1] = None;
            self.due[place] = None;
        }
    }

    fn disturb(&mut self, disturbance: Disturbance) {
        let now = self.now;
        let cluster_now = clock::to_cluster(now);
        if !matches!(disturbance, Disturbance::Join(_) | Disturbance::Leave(_) | Disturbance::FaultsStop) {
            self.disturbed += 1;
        }
        match disturbance {
            Disturbance::CutLink => self.network.cut_one(now),
            Disturbance::Stall(node, time) => self.network.stall(node, now + time),
            Disturbance::Refuse(node, time) => self.network.refuse(node, now + time),
            Disturbance::Fence(node) => {
                self.cluster.fence_node(cluster_now, node).expect("the node is one of the cluster's");
            }
            Disturbance::Start(node) => self.start(node),
            Disturbance::ElectPreferred => self.cluster.elect_preferred_leaders(cluster_now),
            Disturbance::Join(at) => {
                let name = format!("consumer-{at}");
                let jitter = Jitter::seeded(self.random.bits());
                let (nodes, limits) = (self.settings.nodes, self.settings.limits.clone());
                let client = Client::new(at + 1, &name, nodes, limits, jitter);
                let consumer = ConsumerActor::new(name, client, now, &self.settings, &mut self.random);
                self.consumers[at] = Some(consumer);
                self.due[at + 1] = Some(now);
            }
            Disturbance::Leave(at) => {
                if let Some(consumer) = &mut self.consumers[at] {
                    let notes = notes(&self.history, &self.tally, now, &self.cluster, self.faults_stopped);
                    consumer.close(now, &notes);
                    self.due[at + 1] = Some(now);
                }
            }
            Disturbance::FaultsStop => self.stop_faults(),
        }
    }

    fn stop_faults(&mut self) {
        self.cluster.faults().clear();
        let nodes: Vec<NodeId> = self.cluster.node_ids().collect();
        for node in nodes {
            if !self.cluster.node_is_up(node) || self.cluster.node_is_fenced(node) {
                self.start(node);
            }
        }
        for (topic, partition) in places() {
            let scope = ReplicationScope::Partition(topic.into(), partition);
            // A topic may not be there yet.
            _ = self.cluster.resume_replication(clock::to_cluster(self.now), &scope);
        }
        self.network.is_calm = true;
        self.faults_stopped = true;
        for (nth, member) in self.fickle.iter_mut().enumerate() {
            member.calm_down(self.now);
            self.due[1 + self.consumers.len() + nth] = Some(self.now);
        }
        self.note(ClientEvent::FaultsStopped);
    }

    fn start(&mut self, node: NodeId) {
        let now = clock::to_cluster(self.now);
        self.cluster.start_node(now, node).expect("the node is one of the cluster's");
    }

    fn has_converged(&self) -> bool {
        self.producer.is_done()
            && self.tally.borrow().unread.is_empty()
            && self.fickle.iter().all(Fickle::is_settled)
    }

    fn note(&self, event: ClientEvent) {
        notes(&self.history, &self.tally, self.now, &self.cluster, self.faults_stopped).note(event);
    }

    /// What consumers can read: up to the leaders' high watermarks.
    fn logs(&self) -> Vec<(Place, Vec<Stored>)> {
        let mut decompressor = Decompressor::new();
        let mut log = |topic: &str, partition: i32| {
            let status = self.cluster.partition_status(topic, partition)?;
            let (leader, high_watermark) = (status.leader?, status.high_watermark()?);
            let batches = self.cluster.replica_batches(topic, partition, leader)?;
            let stored = batches.into_iter().flat_map(|batch| record::read(batch, &mut decompressor));
            Some(stored.filter(|stored| stored.offset < high_watermark).collect())
        };
        let place = |topic: &str, partition| Place { topic: topic.to_owned(), partition };
        let all = places()
            .map(|(topic, partition)| (place(topic, partition), log(topic, partition).unwrap_or_default()));
        all.collect()
    }
}

/// The history, for who writes it now. Not a method: clients are borrowed beside it.
fn notes<'a>(
    history: &'a History,
    tally: &'a RefCell<Tally>,
    at: Instant,
    cluster: &Cluster,
    is_calm: bool,
) -> Notes<'a> {
    let journal_len = cluster.journal().map_or(0, |journal| journal.entries().len() as u64);
    Notes { history, tally, at, journal_len, is_calm }
}

type Clients<'a> = (&'a mut ProducerActor, &'a mut [Option<ConsumerActor>], &'a mut [Fickle]);

fn client_at((producer, consumers, fickle): Clients<'_>, place: usize) -> Option<&mut Client> {
    let behind = 1 + consumers.len();
    match place {
        PRODUCER => Some(&mut producer.client),
        place if place >= behind => fickle.get_mut(place - behind).map(|member| &mut member.client),
        place => consumers[place - 1].as_mut().map(|consumer| &mut consumer.client),
    }
}

fn places() -> impl Iterator<Item = (&'static str, i32)> {
    TOPICS.into_iter().flat_map(|topic| (0..PARTITIONS as i32).map(move |partition| (topic, partition)))
}
