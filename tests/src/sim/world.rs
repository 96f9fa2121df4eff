//! A world as it runs: the real client on the test broker, with a network in memory, on a clock that stands still while
//! anything is left to do.
//!
//! First all work under faults; then the faults stop, and within a limit of the world's own time every send must be
//! resolved and every acknowledged record handed out in each group.

mod consumer;
mod notebook;
mod panics;
mod producer;
mod sessions;
mod wanderer;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ottla_client::MetadataRecovery;
use ottla_protocol::message::VersionRange;
use ottla_protocol::types::NodeId;
use ottla_testbroker::journal::JournalEvent;
use ottla_testbroker::{ReplicationScope, TestBroker};
use ottla_transport::Clock;
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::history::{ClientEvent, Happened, Losses, Outcome, Place, Stored};
use super::plan::{LEAST_FAULTS, NetworkFault, OLD_VERSIONS, Plan, Scenario, Weather, spare_begins};
use super::{machines, replay};
use crate::memory_network::MemoryNetwork;
use notebook::{Notebook, id_of};

/// Where the wall clocks of a world start: 2023-11-14 22:13:20 UTC.
const START_UNIX_MS: i64 = 1_700_000_000_000;
/// How long bytes take at least, each way: whatever goes to and fro for ever must take time.
const LATENCY: Duration = Duration::from_millis(1);
/// How long after the faults have stopped all must be resolved: longer than a delivery timeout and a rebalance that
/// waits for a member that is gone.
const CONVERGENCE_LIMIT: Duration = Duration::from_secs(240);
/// What nodes get in the end to learn of the last leaders, and how far all replicas are: until then a log is read short.
const SETTLING: Duration = Duration::from_secs(5);
/// How long closing may take.
const CLOSING_LIMIT: Duration = Duration::from_secs(300);

/// A world that has ended.
#[derive(Debug)]
pub struct Ended {
    /// What the checkers look at.
    pub outcome: Outcome,
    /// Everything that happened, as JSON lines, and the bytes that went over the networks as one number: two runs of a
    /// plan are the same in all of it.
    pub text: String,
    /// How many faults of the cluster struck: those that could be done, without what the networks did.
    pub faults: usize,
    /// How many faults of the networks there were.
    pub weather: usize,
    /// What must not happen in any world, whatever the rules say.
    pub troubles: Vec<String>,
}

/// Runs a world to its end.
///
/// # Errors
/// What panicked.
pub fn run(plan: &Plan) -> Result<Ended, String> {
    if plan.scenario == Scenario::Machines {
        return panics::catch(|| run_machines(plan));
    }
    panics::catch(|| {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.expect("a runtime without IO needs nothing that could fail");
        runtime.block_on(async {
            let world = World::start(plan);
            world.live().await
        })
    })
}

fn run_machines(plan: &Plan) -> Ended {
    let report = machines::report(plan.seed, &plan.faults);
    let mut text = replay::header(plan) + "\n";
    report.outcome.history.iter().for_each(|happened| text += &(happened.to_json() + "\n"));
    let faults = fired(report.outcome.history.iter().filter_map(Happened::as_journal));
    Ended { faults, weather: report.disturbances, text, outcome: report.outcome, troubles: Vec::new() }
}

/// How many faults of the cluster struck.
fn fired<'a>(entries: impl Iterator<Item = &'a JournalEvent>) -> usize {
    let (mut fired, mut undone) = (0, 0);
    for event in entries {
        match event {
            JournalEvent::FaultFired { .. } => fired += 1,
            JournalEvent::FaultUndone { .. } => undone += 1,
            _ => {}
        }
    }
    fired - undone
}

struct World<'a> {
    plan: &'a Plan,
    broker: Arc<TestBroker>,
    notebook: Notebook,
    networks: BTreeMap<String, MemoryNetwork>,
    clock: Clock,
    started: Instant,
}

impl<'a> World<'a> {
    fn start(plan: &'a Plan) -> Self {
        let settings = &plan.cluster;
        let broker = TestBroker::builder().start_unix_ms(START_UNIX_MS).cluster(|cluster| {
            let cluster = settings.session.into_iter().fold(cluster, sessions::listen);
            let old = OLD_VERSIONS.iter().filter(|_| settings.is_old);
            old.fold(cluster, |cluster, (api, max)| cluster.api_versions(*api, VersionRange::new(0, *max)))
                .nodes(settings.nodes)
                .seed(plan.seed)
                .journal(true)
                .auto_create_topics_enable(false)
                .min_insync_replicas(settings.min_insync_replicas)
                .replica_fetch_delay(Duration::ZERO, settings.replica_fetch_delay)
                .replica_lag_time_max(settings.replica_lag_time_max)
                .broker_session_timeout(settings.broker_session_timeout)
                .metadata_propagation_delay(settings.metadata_propagation_delay)
                .coordinator_load_time(settings.coordinator_load_time)
                .group_initial_rebalance_delay(settings.group_initial_rebalance_delay)
        });
        let broker = Arc::new(broker.start_in_memory().expect("settings that can be"));
        for (topic, partitions) in &settings.topics {
            let made = broker.create_replicated_topic(topic, *partitions, settings.replication_factor);
            made.expect("a topic that can be");
        }
        let started = Instant::now();
        let notebook = Notebook::new(Arc::clone(&broker), started, plan);
        let names = (plan.producers.iter().map(|producer| producer.name.clone()))
            .chain(plan.consumers.iter().map(|consumer| consumer.name.clone()))
            .chain((0..plan.wanderers.len()).map(wanderer::name))
            .chain((!plan.mortal_topics().is_empty()).then(|| producer::FAREWELL.to_owned()));
        let network = |name: String| {
            let network = MemoryNetwork::new(Arc::clone(&broker));
            network.delay(LATENCY);
            (name, network)
        };
        let networks = names.map(network).collect();
        Self { plan, networks, notebook, broker, clock: Clock::starting_at(START_UNIX_MS), started }
    }

    async fn live(self) -> Ended {
        self.broker.faults().load(&self.plan.faults).expect("rules that can be");
        let mut producers = JoinSet::new();
        for plan in &self.plan.producers {
            producers.spawn(producer::run(
                plan.clone(),
                self.builder(&plan.name, plan.seed),
                self.notebook.clone(),
            ));
        }
        // A watch channel would wake them in random order.
        let mut ends = Vec::new();
        let mut consumers = JoinSet::new();
        for plan in &self.plan.consumers {
            let network = self.networks[&plan.name].clone();
            let builder = self.builder(&plan.name, plan.seed);
            let (end, ended) = oneshot::channel();
            ends.push(end);
            consumers.spawn(consumer::run(plan.clone(), builder, network, self.notebook.clone(), ended));
        }
        for (nth, seed) in self.plan.wanderers.iter().enumerate() {
            let builder = self.builder(&wanderer::name(nth), *seed);
            let (end, ended) = oneshot::channel();
            ends.push(end);
            consumers.spawn(wanderer::run(nth, *seed, builder, self.notebook.clone(), ended));
        }
        self.weather().await;
        sleep_until(self.started + self.plan.work).await;
        self.stop_faults();
        self.notebook.note(ClientEvent::FaultsStopped);
        let groups: BTreeSet<String> =
            self.plan.consumers.iter().map(|consumer| consumer.group.clone()).collect();
        if let Some(topic) = self.plan.mortal_topics().pop_first() {
            let builder = self.builder(producer::FAREWELL, self.plan.seed);
            producers.spawn(producer::say_farewell(topic, groups.clone(), builder, self.notebook.clone()));
        }
        let all = async {
            while producers.join_next().await.is_some() {}
            while !self.notebook.has_converged(&groups) {
                sleep(Duration::from_millis(50)).await;
            }
        };
        match timeout(CONVERGENCE_LIMIT, all).await {
            Ok(()) => self.notebook.note(ClientEvent::Converged),
            Err(_) => self.notebook.trouble(self.notebook.what_is_missing(&groups)),
        }
        ends.into_iter().for_each(drop);
        let closed = async { while consumers.join_next().await.is_some() {} };
        if timeout(CLOSING_LIMIT, closed).await.is_err() {
            self.notebook.trouble("consumers do not close".to_owned());
        }
        sleep(SETTLING).await;
        self.into_ended()
    }

    fn builder(&self, name: &str, seed: u64) -> ottla_client::ClientBuilder {
        let builder = ottla_client::Client::builder(self.broker.bootstrap_servers())
            .client_id(name)
            .connector(self.networks[name].clone())
            .deterministic(self.clock, seed);
        let builder = match self.plan.cluster.rebootstrap {
            Some(trigger) => builder.metadata_recovery(MetadataRecovery::Rebootstrap { trigger }),
            None => builder,
        };
        match self.plan.scenario {
            Scenario::Logins => sessions::log_in_at_times(builder, seed),
            _ if self.plan.cluster.session.is_some() => sessions::log_in(builder, seed),
            _ => builder,
        }
    }

    /// What goes wrong on the networks, until the last of it is over or the work is.
    async fn weather(&self) {
        let mut changes: Vec<(Duration, bool, &NetworkFault)> = Vec::new();
        for fault in &self.plan.network {
            changes.push((fault.at, true, fault));
            if !fault.weather.lasting().is_zero() {
                changes.push((fault.at + fault.weather.lasting(), false, fault));
            }
        }
        changes.sort_by_key(|(at, begins, _)| (*at, *begins));
        let begin = spare_begins(self.plan.work);
        let (first, second) = changes.split_at(changes.partition_point(|(at, ..)| *at < begin));
        self.change_weather(first).await;
        sleep_until(self.started + begin).await;
        self.load_spare_faults();
        self.change_weather(second).await;
    }

    /// What goes wrong on its own may be too little.
    fn load_spare_faults(&self) {
        let fired = self.broker.with_cluster(|cluster, _| {
            let entries = cluster.journal().map(|journal| journal.entries()).unwrap_or_default();
            fired(entries.iter().map(|entry| &entry.event))
        });
        if fired < LEAST_FAULTS {
            self.broker.faults().load(&self.plan.spare).expect("rules that can be");
        }
    }

    async fn change_weather(&self, changes: &[(Duration, bool, &NetworkFault)]) {
        for &(at, begins, fault) in changes {
            if at >= self.plan.work {
                return;
            }
            sleep_until(self.started + at).await;
            for (name, network) in &self.networks {
                if fault.client.as_ref().is_none_or(|client| client == name) {
                    set_weather(network, fault.weather, begins, self.plan);
                }
            }
        }
    }

    /// Nothing goes wrong from here on: all nodes are back, followers follow, networks work.
    fn stop_faults(&self) {
        self.broker.faults().clear();
        self.broker.with_cluster(|cluster, now| {
            let nodes: Vec<NodeId> = cluster.node_ids().collect();
            for node in nodes {
                if !cluster.node_is_up(node) || cluster.node_is_fenced(node) {
                    cluster.start_node(now, node).expect("a node of the cluster");
                }
            }
            cluster.restore_deleted_topics(now);
            for (topic, partitions) in &self.plan.cluster.topics {
                for partition in 0..*partitions {
                    let scope = ReplicationScope::Partition(topic.as_str().into(), partition);
                    cluster.resume_replication(now, &scope).expect("a partition of the cluster");
                }
            }
        });
        for network in self.networks.values() {
            network.silence(false);
            network.cut_next(0, 0, 0);
            network.delay(LATENCY);
            for node in node_ids(self.plan.cluster.nodes) {
                network.bring_up(node);
                network.isolate(node, false);
            }
        }
    }

    fn into_ended(self) -> Ended {
        let (logs, losses) = (self.logs(), self.losses());
        let (entries, left_out) = self.broker.with_cluster(|cluster, _| {
            let journal = cluster.journal().expect("the cluster keeps a journal");
            (journal.entries().to_vec(), journal.left_out())
        });
        if left_out > 0 {
            self.notebook.trouble(format!("the journal is full: {left_out} entries more"));
        }
        let faults = fired(entries.iter().map(|entry| &entry.event));
        let history = self.notebook.history().merge(&entries);
        let mut text = replay::header(self.plan) + "\n";
        history.iter().for_each(|happened| text += &(happened.to_json() + "\n"));
        for (name, network) in &self.networks {
            text += &format!("{{\"network\":\"{name}\",\"trace\":\"{:016x}\"}}\n", network.trace());
        }
        let outcome = Outcome {
            history,
            logs,
            idempotent: self.plan.is_idempotent(),
            is_calm: self.plan.faults() == 0,
            is_prompt: self.plan.network.is_empty(),
            convergence_limit: CONVERGENCE_LIMIT,
            losses,
        };
        let weather = self.plan.network.len();
        Ended { outcome, text, faults, weather, troubles: self.notebook.into_troubles() }
    }

    /// What nobody can be blamed for.
    fn losses(&self) -> Losses {
        let mut starts = BTreeMap::new();
        for (topic, partitions) in &self.plan.cluster.topics {
            for partition in 0..*partitions {
                let place = Place { topic: topic.clone(), partition };
                if let Some(start) = self.notebook.log_start(&place).filter(|start| *start > 0) {
                    starts.insert(place, start);
                }
            }
        }
        Losses { topics: self.plan.mortal_topics(), producers: self.plan.careless_producers(), starts }
    }

    /// What consumers can read in the end.
    fn logs(&self) -> Vec<(Place, Vec<Stored>)> {
        let mut logs = Vec::new();
        for (topic, partitions) in &self.plan.cluster.topics {
            for partition in 0..*partitions {
                let status =
                    self.broker.with_cluster(|cluster, _| cluster.partition_status(topic, partition));
                let end = status.and_then(|status| status.high_watermark()).unwrap_or(0);
                let records = self.broker.records(topic, partition).expect("a partition of the cluster");
                let readable = records.iter().filter(|record| record.offset < end);
                let stored = readable
                    .map(|record| Stored { offset: record.offset, id: id_of(record.value.as_deref()) })
                    .collect();
                logs.push((Place { topic: topic.clone(), partition }, stored));
            }
        }
        logs
    }
}

fn node_ids(nodes: usize) -> impl Iterator<Item = NodeId> {
    (1..=i32::try_from(nodes).expect("few nodes")).map(NodeId)
}

fn set_weather(network: &MemoryNetwork, weather: Weather, begins: bool, plan: &Plan) {
    match weather {
        Weather::Cut { node } => network.cut(node),
        Weather::CutNext { streams, most_bytes } => network.cut_next(streams, most_bytes, plan.seed),
        Weather::Refuse { node, .. } if begins => network.take_down(node),
        Weather::Refuse { node, .. } => network.bring_up(node),
        Weather::Isolate { node, .. } => network.isolate(node, begins),
        Weather::Silence { .. } => network.silence(begins),
        Weather::Outage { .. } => {
            for node in node_ids(plan.cluster.nodes) {
                if begins { network.take_down(node) } else { network.bring_up(node) }
            }
        }
        Weather::Slow { latency, .. } => network.delay(if begins { latency } else { LATENCY }),
    }
}
