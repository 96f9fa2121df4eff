//! The controller: which nodes are alive, who leads what, and how nodes hear of it.
//!
//! Its own decisions take no time and it never fails. Nodes that are down, cut off or slow to hear go on with what they
//! knew ([`Image`](crate::image::Image)).

use std::collections::{BTreeMap, BTreeSet};

use ottla_protocol::types::{NodeId, Uuid};

use crate::cluster::Cluster;
use crate::coordinators::CoordinatorKind;
use crate::journal::JournalEvent;
use crate::now::Instant;
use crate::partition_state::PartitionState;
use crate::timers::Timers;

/// Something that nodes hear of from the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    Brokers,
    Partition(Uuid, i32),
    Coordinator(CoordinatorKind, usize),
}

/// The controller's clock and what it still has to tell.
#[derive(Debug)]
pub(crate) struct Controller {
    /// When a node that was killed is given up.
    pub(crate) sessions: Timers<NodeId>,
    /// When a node hears of what it has not heard yet.
    news: Timers<NodeId>,
    unheard: BTreeMap<NodeId, BTreeSet<Subject>>,
}

impl Controller {
    pub(crate) fn new() -> Self {
        Self { sessions: Timers::new(), news: Timers::new(), unheard: BTreeMap::new() }
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.sessions.next().into_iter().chain(self.news.next()).min()
    }
}

impl Cluster {
    pub(crate) fn is_up(&self, node: NodeId) -> bool {
        self.nodes.get(&node).is_some_and(|node| node.is_up)
    }

    /// Whether controller and `node` hear of each other.
    pub(crate) fn reaches_controller(&self, node: NodeId) -> bool {
        self.nodes.get(&node).is_some_and(|node| node.is_up && !node.is_cut_off)
    }

    /// Gives up the nodes whose sessions are over and tells the others what is new.
    pub(crate) fn handle_controller_timeouts(&mut self) {
        while let Some(node) = self.controller.sessions.pop_due(self.now.instant) {
            self.fence(node);
        }
        while let Some(node) = self.controller.news.pop_due(self.now.instant) {
            self.inform(node);
        }
    }

    /// The controller gives a node up: it leads nothing and is in sync with nothing, unless it is the last that was.
    pub(crate) fn fence(&mut self, node: NodeId) {
        self.controller.sessions.set(&node, None);
        let mut alive = self.brokers.current().clone();
        if alive.remove(&node) {
            self.note(|_| JournalEvent::NodeFenced { node });
            self.change_brokers(alive);
        }
        let concerned = |state: &PartitionState| state.leader == node || state.isr.contains(&node);
        for id in self.topics.partitions_where(|partition| concerned(partition.state())) {
            self.reconsider_leader(id, |state| state.shrink_isr(node));
        }
        for (kind, index) in self.coordinators.partitions_where(concerned) {
            self.reconsider_coordinator(kind, index, |state| state.shrink_isr(node));
        }
    }

    /// The controller trusts a node again; partitions without a leader may have one now.
    pub(crate) fn unfence(&mut self, node: NodeId) {
        let mut alive = self.brokers.current().clone();
        if alive.insert(node) {
            self.change_brokers(alive);
        }
        let concerned = |state: &PartitionState| !state.has_leader() && state.replicas.contains(&node);
        for id in self.topics.partitions_where(|partition| concerned(partition.state())) {
            self.reconsider_leader(id, |_| {});
        }
        for (kind, index) in self.coordinators.partitions_where(concerned) {
            self.reconsider_coordinator(kind, index, |_| {});
        }
        // It is to catch up, and a leader may take it in again.
        let hosted = self.topics.partitions_where(|partition| partition.replica(node).is_some());
        self.replication.dirty.extend(hosted);
        for (kind, index) in self.coordinators.partitions_where(|state| state.replicas.contains(&node)) {
            // Their logs are not modelled: who is back has everything.
            self.reconsider_coordinator(kind, index, |state| state.expand_isr(node));
        }
    }

    /// Changes a partition and elects a leader if it needs one.
    fn reconsider_leader(&mut self, id: (Uuid, i32), change: impl FnOnce(&mut PartitionState)) {
        let Some(topic) = self.topics.with_id(id.0) else { return };
        let unclean =
            topic.config.unclean_leader_election.unwrap_or(self.settings.unclean_leader_election_enable);
        let Some(partition) = topic.partition(id.1) else { return };
        let mut next = partition.state().clone();
        let alive = self.brokers.current();
        change(&mut next);
        next.elect(|node| alive.contains(&node), unclean);
        self.decide(id, next, None);
    }

    /// A leader has the controller change its ISR. It knows at once; the others hear of it.
    pub(crate) fn change_isr(&mut self, id: (Uuid, i32), change: impl FnOnce(&mut PartitionState)) {
        let Some(partition) = self.topics.partition(id) else { return };
        let mut next = partition.state().clone();
        change(&mut next);
        let leader = next.leader;
        self.decide(id, next, Some(leader));
    }

    /// The one place where a partition's leader, leader epoch or ISR changes. `informed` knows at once.
    pub(crate) fn decide(&mut self, id: (Uuid, i32), next: PartitionState, informed: Option<NodeId>) {
        if self.topics.partition(id).is_none_or(|partition| *partition.state() == next) {
            return;
        }
        self.note_decision(id, &next);
        let unaware = self.unaware(Subject::Partition(id.0, id.1), informed);
        let now = self.now.instant;
        let Some(partition) = self.topics.partition_mut(id) else { return };
        let nodes: Vec<NodeId> = next.replicas.clone();
        partition.decide(next, &unaware);
        if let Some(informed) = informed {
            partition.learn(informed);
        }
        for node in nodes.into_iter().filter(|node| !unaware.contains(node)) {
            partition.assume_role(node, now);
        }
        self.replication.dirty.insert(id);
        self.touched.insert(id);
        self.note_high_watermark(id);
    }

    fn change_brokers(&mut self, alive: BTreeSet<NodeId>) {
        let unaware = self.unaware(Subject::Brokers, None);
        self.brokers.change(alive, &unaware);
    }

    /// The nodes that will not hear of a change of `subject` at once; sees to it that they will later.
    pub(crate) fn unaware(&mut self, subject: Subject, informed: Option<NodeId>) -> Vec<NodeId> {
        let delay = self.settings.metadata_propagation_delay;
        let is_unaware = |node: &crate::node::Node| {
            !node.is_up || node.is_cut_off || (!delay.is_zero() && Some(node.id) != informed)
        };
        let unaware: Vec<NodeId> =
            self.nodes.values().filter(|node| is_unaware(node)).map(|node| node.id).collect();
        for node in &unaware {
            self.controller.unheard.entry(*node).or_default().insert(subject);
            if self.reaches_controller(*node) && !self.controller.news.is_set(node) {
                self.controller.news.set(node, Some(self.now.instant + delay));
            }
        }
        unaware
    }

    /// Tells a node everything it has not heard, if it can be told.
    pub(crate) fn inform(&mut self, node: NodeId) {
        self.controller.news.set(&node, None);
        if !self.reaches_controller(node) {
            return;
        }
        let now = self.now.instant;
        for subject in self.controller.unheard.remove(&node).unwrap_or_default() {
            match subject {
                Subject::Brokers => self.brokers.learn(node),
                Subject::Coordinator(kind, index) => self.coordinators.learn(kind, index, node),
                Subject::Partition(topic, index) => {
                    let Some(partition) = self.topics.partition_mut((topic, index)) else { continue };
                    partition.learn(node);
                    partition.assume_role(node, now);
                    self.replication.dirty.insert((topic, index));
                    self.touched.insert((topic, index));
                    self.note_high_watermark((topic, index));
                }
            }
        }
    }
}
