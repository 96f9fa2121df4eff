//! Faults of the cluster itself: nodes that go down, leaders and coordinators that move, followers that stop. What
//! comes back after a while comes back by itself.

use std::collections::BTreeMap;
use std::time::Duration;

use ottla_protocol::types::{NodeId, TopicName};

use super::FaultAction;
use super::armed::Fired;
use crate::cluster::Cluster;
use crate::control::{ControlError, ReplicationScope};
use crate::journal::JournalEvent;
use crate::now::{Instant, Now};
use crate::timers::Timers;

/// What faults have stopped and will start again: at most every node, every partition and every topic once.
#[derive(Debug)]
pub(crate) struct Recoveries {
    nodes: Timers<NodeId>,
    partitions: Timers<(TopicName, i32)>,
    topics: Timers<TopicName>,
    /// Partitions and replicas of topics that are gone for a while.
    gone: BTreeMap<TopicName, (i32, i16)>,
}

impl Default for Recoveries {
    fn default() -> Self {
        Self { nodes: Timers::new(), partitions: Timers::new(), topics: Timers::new(), gone: BTreeMap::new() }
    }
}

impl Recoveries {
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        [self.nodes.next(), self.partitions.next(), self.topics.next()].into_iter().flatten().min()
    }
}

impl Cluster {
    /// Does what rules want done by now without a request, and brings back what was to stop only for a while.
    pub(crate) fn handle_fault_timeouts(&mut self) {
        let now = self.now;
        while let Some(node) = self.recoveries.nodes.pop_due(now.instant) {
            report(self.start_node(now, node));
        }
        while let Some((topic, partition)) = self.recoveries.partitions.pop_due(now.instant) {
            report(self.resume_replication(now, &ReplicationScope::Partition(topic, partition)));
        }
        while let Some(topic) = self.recoveries.topics.pop_due(now.instant) {
            self.make_again(&topic);
        }
        while let Some(Fired { rule_id, rule }) = self.armed_rules.pop_due(now.instant) {
            let what = rule.clone();
            self.note(|_| JournalEvent::FaultFired { rule: rule_id, request: None, api: None, what });
            apply_control(self, now, &Fired { rule_id, rule });
        }
    }

    /// Makes a topic that a fault has deleted, unless somebody else did meanwhile.
    fn make_again(&mut self, topic: &TopicName) {
        let Some((partitions, replicas)) = self.recoveries.gone.remove(topic) else { return };
        if let Ok(planned) = self.plan_topic(topic, partitions, replicas) {
            self.add_topic(planned);
        }
    }

    /// Makes all topics at once that faults have deleted for a while.
    pub fn restore_deleted_topics(&mut self, now: Now) {
        self.now = now;
        for topic in self.recoveries.gone.keys().cloned().collect::<Vec<_>>() {
            self.recoveries.topics.set(&topic, None);
            self.make_again(&topic);
        }
        self.settle(now);
    }
}

/// Does what an action does to the cluster, if it is one of those. What the cluster cannot do (a node that is not
/// there, a leader that is not in sync) is left undone, and the journal says so.
pub(crate) fn apply_control(cluster: &mut Cluster, now: Now, fired: &Fired) {
    let done = match &fired.rule.action {
        FaultAction::StopNode { node, down_for } => {
            cluster.recoveries.nodes.set(node, down_for.map(|time| now.instant + time));
            cluster.stop_node(now, *node)
        }
        FaultAction::KillNode { node, down_for } => {
            cluster.recoveries.nodes.set(node, down_for.map(|time| now.instant + time));
            cluster.kill_node(now, *node)
        }
        FaultAction::MoveLeader { topic, partition, node } => {
            cluster.move_leader(now, topic, *partition, *node)
        }
        FaultAction::MoveCoordinator { group, node } => cluster.move_coordinator(now, group, *node),
        FaultAction::PauseReplication { topic, partition, by } => {
            let topic = TopicName::from(topic.as_str());
            let scope = ReplicationScope::Partition(topic.clone(), *partition);
            let paused = cluster.pause_replication(now, &scope);
            if paused.is_ok() {
                cluster.recoveries.partitions.set(&(topic, *partition), Some(now.instant + *by));
            }
            paused
        }
        FaultAction::DeleteTopic { topic, gone_for } => delete_topic(cluster, now, topic, *gone_for),
        FaultAction::DeleteRecords { topic, partition, left } => {
            cluster.delete_oldest_records(now, topic, *partition, *left)
        }
        FaultAction::SetTopicConfig { topic, name, value } => {
            cluster.set_topic_config(now, topic, name, value)
        }
        _ => Ok(()),
    };
    if let Err(error) = done {
        tracing::warn!(%error, "a fault of the cluster cannot be done");
        cluster.note(|_| JournalEvent::FaultUndone { rule: fired.rule_id, reason: error.to_string() });
    }
}

fn delete_topic(
    cluster: &mut Cluster,
    now: Now,
    topic: &str,
    gone_for: Option<Duration>,
) -> Result<(), ControlError> {
    let name = TopicName::from(topic);
    let Some(found) = cluster.topics.named(topic) else { return Err(ControlError::UnknownTopic(name)) };
    let partitions = i32::try_from(found.partitions.len()).unwrap_or(i32::MAX);
    let replicas = found.partition(0).map_or(0, |partition| partition.state().replicas.len());
    let replicas = i16::try_from(replicas).unwrap_or(i16::MAX);
    cluster.delete_topic(now, topic);
    if let Some(time) = gone_for {
        cluster.recoveries.gone.insert(name.clone(), (partitions, replicas));
        cluster.recoveries.topics.set(&name, Some(now.instant + time));
    }
    Ok(())
}

/// What a pause has ended for was there when it began; unless its topic was deleted meanwhile.
fn report(done: Result<(), ControlError>) {
    if let Err(error) = done {
        tracing::warn!(%error, "what a fault has stopped cannot go on");
    }
}
