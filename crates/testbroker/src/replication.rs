//! When followers fetch, and what follows from their fetches: commits, and who is in sync.
//!
//! A follower fetches when there is something new for it or its leader, after a delay that the seed decides; without a
//! delay all followers fetch until nothing is new. An idle partition costs nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use ottla_protocol::types::{NodeId, Uuid};

use crate::cluster::Cluster;
use crate::now::Instant;
use crate::random::Random;
use crate::timers::Timers;

/// Keeps delays from being drawn from the ids' sequence: they would change with them.
const SEED_OF_DELAYS: u64 = 0x7265_706c_6963_6173;

/// What keeps replicas apart, and the timers of their fetches.
#[derive(Debug)]
pub(crate) struct Replication {
    /// Partitions whose followers may have something to fetch.
    pub(crate) dirty: BTreeSet<(Uuid, i32)>,
    fetches: Timers<(Uuid, i32, NodeId)>,
    /// When a leader looks who lags.
    laggards: Timers<(Uuid, i32)>,
    pub(crate) paused_nodes: BTreeSet<NodeId>,
    pub(crate) paused_partitions: BTreeSet<(Uuid, i32)>,
    random: Random,
}

impl Replication {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            dirty: BTreeSet::new(),
            fetches: Timers::new(),
            laggards: Timers::new(),
            paused_nodes: BTreeSet::new(),
            paused_partitions: BTreeSet::new(),
            random: Random::new(seed ^ SEED_OF_DELAYS),
        }
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.fetches.next().into_iter().chain(self.laggards.next()).min()
    }

    fn draw(&mut self, (shortest, longest): (Duration, Duration)) -> Duration {
        let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX - 1);
        let span = micros(longest) - micros(shortest) + 1;
        Duration::from_micros(micros(shortest) + self.random.next_u64() % span)
    }
}

impl Cluster {
    /// Lets the followers of a partition fetch, or sees to it that they will.
    pub(crate) fn replicate(&mut self, id: (Uuid, i32)) {
        let Some(partition) = self.topics.partition(id) else { return };
        if partition.replicas().count() > 1 {
            let followers: Vec<NodeId> = partition.replicas().map(|(node, _)| node).collect();
            let delay = self.settings.replica_fetch_delay;
            if delay.1.is_zero() {
                let mut changed = true;
                while changed {
                    changed = false;
                    for node in &followers {
                        changed |= self.fetch_once(id, *node);
                    }
                }
            } else {
                for node in followers {
                    let key = (id.0, id.1, node);
                    if !self.replication.fetches.is_set(&key) && self.wants_to_fetch(id, node) {
                        let at = self.now.instant + self.replication.draw(delay);
                        self.replication.fetches.set(&key, Some(at));
                    }
                }
            }
            self.watch_laggards(id);
        }
        self.retain(id);
        self.account(id);
    }

    /// Lets those fetch whose time has come, and takes out of the ISR who lags for too long.
    pub(crate) fn handle_replication_timeouts(&mut self) {
        while let Some((topic, index, node)) = self.replication.fetches.pop_due(self.now.instant) {
            self.fetch_once((topic, index), node);
            self.replication.dirty.insert((topic, index));
        }
        while let Some(id) = self.replication.laggards.pop_due(self.now.instant) {
            self.expel_laggards(id);
            self.replication.dirty.insert(id);
        }
    }

    fn wants_to_fetch(&self, id: (Uuid, i32), node: NodeId) -> bool {
        let Some(partition) = self.topics.partition(id) else { return false };
        self.can_fetch(id, node) && partition.has_news_for(node, self.may_join_isr(id, node))
    }

    fn can_fetch(&self, id: (Uuid, i32), node: NodeId) -> bool {
        let leader = self.topics.partition(id).map(|partition| partition.seen_by(node).leader);
        self.is_up(node)
            && leader.is_some_and(|leader| self.is_up(leader))
            && !self.replication.paused_nodes.contains(&node)
            && !self.replication.paused_partitions.contains(&id)
    }

    /// Whether the controller would take `node` into the ISR: it must be alive, and the leader must reach the controller.
    fn may_join_isr(&self, id: (Uuid, i32), node: NodeId) -> bool {
        let Some(partition) = self.topics.partition(id) else { return false };
        self.leads_for_controller(id, partition.seen_by(node).leader)
            && self.brokers.current().contains(&node)
    }

    /// Whether the controller would take changes of the ISR from `node`: only from the leader, and only if it knows the
    /// partition as it is now (AlterPartition's partition epoch). Else a leader could go on for ever to take someone out
    /// whom the controller has taken out already.
    fn leads_for_controller(&self, id: (Uuid, i32), node: NodeId) -> bool {
        let agrees = |partition: &crate::partition::Partition| {
            let decided = partition.state();
            decided.leader == node && partition.seen_by(node) == decided
        };
        self.reaches_controller(node) && self.topics.partition(id).is_some_and(agrees)
    }

    /// One fetch; says whether it changed anything.
    fn fetch_once(&mut self, id: (Uuid, i32), node: NodeId) -> bool {
        if !self.can_fetch(id, node) {
            return false;
        }
        let may_join = self.may_join_isr(id, node);
        let now = self.now;
        let Some(partition) = self.topics.partition_mut(id) else { return false };
        let fetched = partition.fetch_as(node, now);
        if let Some(truncated) = fetched.truncated {
            self.note_truncated(id, node, truncated);
        }
        if fetched.high_watermark_moved {
            self.touched.insert(id);
            self.note_high_watermark(id);
        }
        if fetched.can_join_isr && may_join {
            self.change_isr(id, |state| state.expand_isr(node));
            return true;
        }
        fetched.changed
    }

    fn watch_laggards(&mut self, id: (Uuid, i32)) {
        let max_lag = self.settings.replica_lag_time_max;
        let next = self.topics.partition(id).and_then(|partition| {
            let leader = partition.state().leader;
            let can_change = self.leads_for_controller(id, leader) && partition.state().isr.len() > 1;
            can_change.then(|| partition.next_laggard(leader, max_lag)).flatten()
        });
        self.replication.laggards.set(&id, next.map(|(at, _)| at));
    }

    fn expel_laggards(&mut self, id: (Uuid, i32)) {
        let max_lag = self.settings.replica_lag_time_max;
        loop {
            let Some(partition) = self.topics.partition(id) else { return };
            let leader = partition.state().leader;
            let next = partition.next_laggard(leader, max_lag);
            let Some((_, laggard)) = next.filter(|(at, _)| *at <= self.now.instant) else { return };
            if !self.leads_for_controller(id, leader) || partition.state().isr.len() == 1 {
                return;
            }
            if partition.state().isr.contains(&laggard) {
                self.change_isr(id, |state| state.shrink_isr(laggard));
            } else if let Some(partition) = self.topics.partition_mut(id) {
                // The controller has taken it out already, which its answer tells the leader before the news does.
                partition.learn(leader);
            }
        }
    }

    /// Keeps the sum of all logs' bytes.
    pub(crate) fn account(&mut self, id: (Uuid, i32)) {
        if let Some(partition) = self.topics.partition_mut(id) {
            let (before, after) = partition.recount();
            self.log_bytes = (self.log_bytes + after).saturating_sub(before);
        }
    }
}
