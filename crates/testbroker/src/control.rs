//! What tests do to a cluster: nodes go down and come up, leaders and coordinators move, replication stops.
//!
//! Every call takes effect at once; what follows from it in time comes with
//! [`Cluster::handle_timeout`]. Drain the actions afterwards, as after every other call.

use std::fmt;

use ottla_protocol::types::{NodeId, TopicName, Uuid};

use crate::cluster::Cluster;
use crate::coordinators::CoordinatorKind;
use crate::journal::JournalEvent;
use crate::now::Now;
use crate::topic::TopicKey;

/// Whose followers stop fetching.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplicationScope {
    /// What this node follows. What it leads goes on.
    Node(NodeId),
    /// All followers of one partition.
    Partition(TopicName, i32),
}

/// Why a cluster cannot be made to do something.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ControlError {
    /// There is no such node.
    UnknownNode(NodeId),
    /// There is no such partition.
    UnknownPartition(TopicName, i32),
    /// There is no such topic.
    UnknownTopic(TopicName),
    /// The partition has no leader now.
    NoLeader(TopicName, i32),
    /// The controller has given the node up.
    NodeFenced(NodeId),
    /// There is no such listener, or it has no SASL.
    UnknownListener(String),
    /// The node's replica lacks records: it must not lead.
    NotInSync(NodeId),
    /// There is no such config, or its value is none; with Kafka's text.
    InvalidConfig(String),
}

impl fmt::Display for ControlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownNode(node) => write!(f, "no such node: {node}"),
            Self::UnknownPartition(topic, partition) => write!(f, "no such partition: {topic}-{partition}"),
            Self::UnknownTopic(topic) => write!(f, "no such topic: {topic}"),
            Self::NoLeader(topic, partition) => write!(f, "without a leader: {topic}-{partition}"),
            Self::UnknownListener(name) => write!(f, "no such listener with SASL: {name}"),
            Self::NodeFenced(node) => write!(f, "the node is fenced: {node}"),
            Self::NotInSync(node) => write!(f, "not in sync, so it cannot lead: {node}"),
            Self::InvalidConfig(why) => write!(f, "not a config: {why}"),
        }
    }
}

impl std::error::Error for ControlError {}

impl Cluster {
    /// A clean shutdown: what the node leads moves to others in sync, then its connections are closed. What it alone
    /// has is without a leader until it is back.
    ///
    /// # Errors
    /// There is no such node.
    pub fn stop_node(&mut self, now: Now, node: NodeId) -> Result<(), ControlError> {
        self.begin(now, node)?;
        self.fence(node);
        // Who waits on it is told to go elsewhere before it goes.
        self.settle(now);
        self.take_down(node);
        self.settle(now);
        Ok(())
    }

    /// A crash: the node's connections are closed at once, and the controller gives it up when its session is over
    /// (`broker_session_timeout`). Its logs stay as they are, with what nobody else has.
    ///
    /// # Errors
    /// There is no such node.
    pub fn kill_node(&mut self, now: Now, node: NodeId) -> Result<(), ControlError> {
        self.begin(now, node)?;
        if self.is_up(node) {
            self.take_down(node);
            if !self.node_is_fenced(node) {
                let at = now.instant + self.settings.broker_session_timeout;
                self.controller.sessions.set(&node, Some(at));
            }
        }
        self.settle(now);
        Ok(())
    }

    /// Brings back a node that is down or was fenced. It follows the leaders there are, gives up what they do not have,
    /// and is in sync again when it has caught up.
    ///
    /// # Errors
    /// There is no such node.
    pub fn start_node(&mut self, now: Now, node: NodeId) -> Result<(), ControlError> {
        self.begin(now, node)?;
        // The controller takes nobody in whose last life it still believes in.
        if !self.is_up(node) {
            self.fence(node);
        }
        if let Some(found) = self.nodes.get_mut(&node) {
            found.is_up = true;
            found.is_cut_off = false;
        }
        self.inform(node);
        self.unfence(node);
        self.note(|_| JournalEvent::NodeUp { node });
        // What it decided in its own favour it knows.
        self.inform(node);
        self.settle(now);
        Ok(())
    }

    /// Cuts a node off from the controller, which gives it up at once. It does not hear of that: as a zombie it goes on
    /// answering clients with what it knew, until [`start_node`](Self::start_node) brings it back. Followers leave it as
    /// soon as they know the next leader.
    ///
    /// # Errors
    /// There is no such node.
    pub fn fence_node(&mut self, now: Now, node: NodeId) -> Result<(), ControlError> {
        self.begin(now, node)?;
        if let Some(found) = self.nodes.get_mut(&node) {
            found.is_cut_off = true;
        }
        self.fence(node);
        self.settle(now);
        Ok(())
    }

    /// Makes `node` the leader of a partition, under the next leader epoch, unless it is already.
    ///
    /// # Errors
    /// There is no such partition, or the node cannot lead it.
    pub fn move_leader(
        &mut self,
        now: Now,
        topic: &str,
        partition: i32,
        node: NodeId,
    ) -> Result<(), ControlError> {
        self.begin(now, node)?;
        let unknown = || ControlError::UnknownPartition(topic.into(), partition);
        let found = self.topics.named(topic).ok_or_else(unknown)?;
        let id = (found.id, partition);
        let mut next = found.partition(partition).ok_or_else(unknown)?.state().clone();
        if self.node_is_fenced(node) {
            return Err(ControlError::NodeFenced(node));
        }
        if !next.isr.contains(&node) {
            return Err(ControlError::NotInSync(node));
        }
        if next.leader != node {
            next.lead(node);
            self.decide(id, next, None);
            self.settle(now);
        }
        Ok(())
    }

    /// Lets the first replica of each partition lead, wherever it is alive and in sync: Kafka's preferred leader
    /// election.
    pub fn elect_preferred_leaders(&mut self, now: Now) {
        self.now = now;
        let alive = self.brokers.current().clone();
        let wanted = self.topics.partitions_where(|partition| {
            let state = partition.state();
            let preferred = state.replicas.first();
            preferred
                .is_some_and(|node| *node != state.leader && alive.contains(node) && state.isr.contains(node))
        });
        for id in wanted {
            let Some(partition) = self.topics.partition(id) else { continue };
            let mut next = partition.state().clone();
            if let Some(preferred) = next.replicas.first().copied() {
                next.lead(preferred);
                self.decide(id, next, None);
            }
        }
        self.settle(now);
    }

    /// Makes `node` the coordinator of a group, and of all groups of the same partition of `__consumer_offsets`.
    ///
    /// # Errors
    /// There is no such node, or it is fenced.
    pub fn move_coordinator(&mut self, now: Now, group: &str, node: NodeId) -> Result<(), ControlError> {
        self.begin(now, node)?;
        if self.node_is_fenced(node) {
            return Err(ControlError::NodeFenced(node));
        }
        self.lead_coordinator(CoordinatorKind::Group, group, node);
        self.settle(now);
        Ok(())
    }

    /// Followers stop fetching.
    ///
    /// # Errors
    /// There is no such node or partition.
    pub fn pause_replication(&mut self, now: Now, scope: &ReplicationScope) -> Result<(), ControlError> {
        self.now = now;
        match scope {
            ReplicationScope::Node(node) => {
                self.check_node(*node)?;
                self.replication.paused_nodes.insert(*node);
            }
            ReplicationScope::Partition(topic, partition) => {
                let id = self.partition_id(topic, *partition)?;
                self.replication.paused_partitions.insert(id);
            }
        }
        Ok(())
    }

    /// Followers fetch again.
    ///
    /// # Errors
    /// There is no such node or partition.
    pub fn resume_replication(&mut self, now: Now, scope: &ReplicationScope) -> Result<(), ControlError> {
        self.now = now;
        match scope {
            ReplicationScope::Node(node) => {
                self.check_node(*node)?;
                self.replication.paused_nodes.remove(node);
                let hosted = self.topics.partitions_where(|partition| partition.replica(*node).is_some());
                self.replication.dirty.extend(hosted);
            }
            ReplicationScope::Partition(topic, partition) => {
                let id = self.partition_id(topic, *partition)?;
                self.replication.paused_partitions.remove(&id);
                self.replication.dirty.insert(id);
            }
        }
        self.settle(now);
        Ok(())
    }

    /// Deletes a topic with all that groups committed for it, as an administrator would; says whether there was one.
    pub fn delete_topic(&mut self, now: Now, topic: &str) -> bool {
        self.now = now;
        let id = self.topics.find(&TopicKey::Name(topic.into())).map(|topic| topic.id);
        let existed = id.is_some_and(|id| self.remove_topic(id));
        self.settle(now);
        existed
    }

    /// Deletes a partition's oldest records, as a DeleteRecords request would, with every replica in sync: `left` offsets
    /// below the high watermark stay.
    ///
    /// # Errors
    /// There is no such partition, or it has no leader now.
    pub fn delete_oldest_records(
        &mut self,
        now: Now,
        topic: &str,
        partition: i32,
        left: u32,
    ) -> Result<(), ControlError> {
        self.now = now;
        let id = self.partition_id(topic, partition)?;
        let no_leader = || ControlError::NoLeader(topic.into(), partition);
        let leader = self.topics.partition(id).map(|found| found.state().leader);
        let leader = leader.filter(|node| self.is_up(*node)).ok_or_else(no_leader)?;
        let replica = self.topics.partition(id).and_then(|found| found.replica(leader));
        let replica = replica.ok_or_else(no_leader)?;
        let start = replica.high_watermark().saturating_sub(i64::from(left));
        if start > replica.log.start_offset() {
            let isr = self.topics.partition(id).map(|found| found.state().isr.clone()).unwrap_or_default();
            isr.into_iter().for_each(|node| self.delete_records(id, node, start));
        }
        self.settle(now);
        Ok(())
    }

    /// Gives a config of a topic another value, as IncrementalAlterConfigs would; what it holds already stays as it is.
    ///
    /// # Errors
    /// There is no such topic, or no such config, or it takes no such value.
    pub fn set_topic_config(
        &mut self,
        now: Now,
        topic: &str,
        name: &str,
        value: &str,
    ) -> Result<(), ControlError> {
        self.now = now;
        let key = TopicKey::Name(topic.into());
        let found = self.topics.find_mut(&key).ok_or_else(|| ControlError::UnknownTopic(topic.into()))?;
        found.config.set(name, Some(&value.into())).map_err(ControlError::InvalidConfig)?;
        let min_insync_replicas = found.config.min_insync_replicas;
        let partitions: Vec<_> = found.partition_ids().collect();
        for partition in &mut found.partitions {
            partition.set_min_insync_replicas(min_insync_replicas);
        }
        for partition in partitions {
            self.retain(partition);
            self.replication.dirty.insert(partition);
        }
        self.settle(now);
        Ok(())
    }

    fn begin(&mut self, now: Now, node: NodeId) -> Result<(), ControlError> {
        self.now = now;
        self.check_node(node)
    }

    fn check_node(&self, node: NodeId) -> Result<(), ControlError> {
        if self.nodes.contains_key(&node) { Ok(()) } else { Err(ControlError::UnknownNode(node)) }
    }

    fn partition_id(&self, topic: &str, partition: i32) -> Result<(Uuid, i32), ControlError> {
        let found = self.topics.named(topic).filter(|found| found.partition(partition).is_some());
        found
            .map(|found| (found.id, partition))
            .ok_or_else(|| ControlError::UnknownPartition(topic.into(), partition))
    }

    fn take_down(&mut self, node: NodeId) {
        self.note(|_| JournalEvent::NodeDown { node });
        if let Some(found) = self.nodes.get_mut(&node) {
            found.is_up = false;
        }
        self.close_connections(node);
        self.fetch_sessions.forget_node(node);
        for id in self.topics.partitions_where(|partition| partition.replica(node).is_some()) {
            if let Some(partition) = self.topics.partition_mut(id) {
                partition.restart(node);
            }
        }
    }
}
