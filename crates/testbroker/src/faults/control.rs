//! Faults of the cluster itself: nodes that go down, leaders and coordinators that move, followers that stop. What
//! comes back after a while comes back by itself.

use ottla_protocol::types::{NodeId, TopicName};

use super::FaultAction;
use super::armed::Fired;
use crate::cluster::Cluster;
use crate::control::{ControlError, ReplicationScope};
use crate::journal::JournalEvent;
use crate::now::{Instant, Now};
use crate::timers::Timers;

/// What faults have stopped and will start again: at most every node and every partition once.
#[derive(Debug)]
pub(crate) struct Recoveries {
    nodes: Timers<NodeId>,
    partitions: Timers<(TopicName, i32)>,
}

impl Default for Recoveries {
    fn default() -> Self {
        Self { nodes: Timers::new(), partitions: Timers::new() }
    }
}

impl Recoveries {
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        [self.nodes.next(), self.partitions.next()].into_iter().flatten().min()
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
        while let Some(Fired { rule_id, rule }) = self.armed_rules.pop_due(now.instant) {
            let action = rule.action.clone();
            self.note(|_| JournalEvent::FaultFired { rule: rule_id, request: None, api: None, what: rule });
            apply_control(self, now, &action);
        }
    }
}

/// Does what an action does to the cluster, if it is one of those. What the cluster cannot do (a node that is not
/// there, a leader that is not in sync) is left undone.
pub(crate) fn apply_control(cluster: &mut Cluster, now: Now, action: &FaultAction) {
    let done = match action {
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
        _ => Ok(()),
    };
    report(done);
}

fn report(done: Result<(), ControlError>) {
    if let Err(error) = done {
        tracing::warn!(%error, "a fault of the cluster cannot be done");
    }
}
