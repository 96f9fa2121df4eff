//! Who coordinates which group and which transactional id: the leader of the partition of `__consumer_offsets` or
//! `__transaction_state` that the id falls on.
//!
//! Only the partitions' leaders are modelled, not their logs: whatever a coordinator has acknowledged, the next one
//! knows. A coordinator that is cut off answers COORDINATOR_NOT_AVAILABLE, since it cannot write; Kafka's would go on
//! answering heartbeats.

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::types::NodeId;

use crate::cluster::Cluster;
use crate::controller::Subject;
use crate::image::Image;
use crate::journal::JournalEvent;
use crate::now::Instant;
use crate::partition_state::PartitionState;

/// `offsets.topic.num.partitions` and `transaction.state.log.num.partitions`.
const PARTITIONS: usize = 50;

/// What is coordinated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CoordinatorKind {
    Group,
    Transaction,
}

/// The partitions of both topics.
#[derive(Debug)]
pub(crate) struct Coordinators {
    groups: Vec<Coordinator>,
    transactions: Vec<Coordinator>,
}

#[derive(Clone, Debug)]
struct Coordinator {
    image: Image<PartitionState>,
    /// Until then the leader reads what its predecessor wrote.
    loaded_at: Instant,
}

impl Coordinators {
    /// Partitions led by `nodes` in turn.
    pub(crate) fn new(nodes: &[NodeId], group_replicas: usize, transaction_replicas: usize) -> Self {
        let made = |replicas: usize| {
            let state = |index: usize| {
                let nodes = (0..replicas.min(nodes.len())).map(|n| nodes[(index + n) % nodes.len()]);
                PartitionState::new(nodes.collect(), |_| true)
            };
            let coordinator =
                |index| Coordinator { image: Image::new(state(index)), loaded_at: Instant::default() };
            (0..PARTITIONS).map(coordinator).collect()
        };
        Self { groups: made(group_replicas), transactions: made(transaction_replicas) }
    }

    /// The partitions of which this is true.
    pub(crate) fn partitions_where(
        &self,
        holds: impl Fn(&PartitionState) -> bool,
    ) -> Vec<(CoordinatorKind, usize)> {
        let kinds = [CoordinatorKind::Group, CoordinatorKind::Transaction];
        let of_kind = |kind| {
            let all = self.of_kind(kind).iter().enumerate();
            let found = all.filter(|(_, coordinator)| holds(coordinator.image.current()));
            found.map(move |(index, _)| (kind, index)).collect::<Vec<_>>()
        };
        kinds.into_iter().flat_map(of_kind).collect()
    }

    pub(crate) fn learn(&mut self, kind: CoordinatorKind, index: usize, node: NodeId) {
        if let Some(coordinator) = self.of_kind_mut(kind).get_mut(index) {
            coordinator.image.learn(node);
        }
    }

    fn find(&self, kind: CoordinatorKind, key: &str) -> &Coordinator {
        &self.of_kind(kind)[partition_of(key)]
    }

    fn of_kind(&self, kind: CoordinatorKind) -> &[Coordinator] {
        match kind {
            CoordinatorKind::Group => &self.groups,
            CoordinatorKind::Transaction => &self.transactions,
        }
    }

    fn of_kind_mut(&mut self, kind: CoordinatorKind) -> &mut [Coordinator] {
        match kind {
            CoordinatorKind::Group => &mut self.groups,
            CoordinatorKind::Transaction => &mut self.transactions,
        }
    }
}

/// The partition that an id falls on: Java's hash of it over all.
pub(crate) fn partition_of(key: &str) -> usize {
    let hash =
        key.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    // Kafka's `Utils.abs`, which keeps the smallest number from staying negative.
    (hash & i32::MAX) as usize % PARTITIONS
}

impl Cluster {
    /// The node that coordinates `key`, if there is one.
    pub(crate) fn coordinator_of(&self, kind: CoordinatorKind, key: &str) -> Option<NodeId> {
        let state = self.coordinators.find(kind, key).image.current();
        state.has_leader().then_some(state.leader)
    }

    /// The node that `node` takes for the coordinator of `key`, if it takes it for alive.
    pub(crate) fn coordinator_seen_by(
        &self,
        node: NodeId,
        kind: CoordinatorKind,
        key: &str,
    ) -> Option<NodeId> {
        let leader = self.coordinators.find(kind, key).image.seen_by(node).leader;
        self.brokers.seen_by(node).contains(&leader).then_some(leader)
    }

    /// Whether `node` may answer for `key` now.
    pub(crate) fn check_coordinator(
        &self,
        kind: CoordinatorKind,
        node: NodeId,
        key: &str,
    ) -> Result<(), ErrorCode> {
        let coordinator = self.coordinators.find(kind, key);
        if coordinator.image.seen_by(node).leader != node {
            return Err(ErrorCode::NOT_COORDINATOR);
        }
        if coordinator.image.current().leader != node {
            return Err(ErrorCode::COORDINATOR_NOT_AVAILABLE);
        }
        if self.now.instant < coordinator.loaded_at {
            return Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
        }
        Ok(())
    }

    /// Whether `node` still loads any partition.
    pub(crate) fn is_loading(&self, kind: CoordinatorKind, node: NodeId) -> bool {
        self.coordinators.of_kind(kind).iter().any(|coordinator| {
            coordinator.image.current().leader == node && self.now.instant < coordinator.loaded_at
        })
    }

    /// Changes a partition and elects a leader if it needs one.
    pub(crate) fn reconsider_coordinator(
        &mut self,
        kind: CoordinatorKind,
        index: usize,
        change: impl FnOnce(&mut PartitionState),
    ) {
        let Some(coordinator) = self.coordinators.of_kind(kind).get(index) else { return };
        let mut next = coordinator.image.current().clone();
        let alive = self.brokers.current();
        change(&mut next);
        next.elect(|node| alive.contains(&node), false);
        self.decide_coordinator(kind, index, next);
    }

    /// Makes `node` the coordinator of `key`; it becomes a replica if it is none.
    pub(crate) fn lead_coordinator(&mut self, kind: CoordinatorKind, key: &str, node: NodeId) {
        let index = partition_of(key);
        let mut next = self.coordinators.find(kind, key).image.current().clone();
        if next.leader == node {
            return;
        }
        if !next.replicas.contains(&node) {
            next.replicas.pop();
            next.replicas.insert(0, node);
            next.isr.retain(|member| next.replicas.contains(member));
        }
        next.expand_isr(node);
        next.lead(node);
        self.decide_coordinator(kind, index, next);
    }

    /// The one place where a coordinator changes.
    fn decide_coordinator(&mut self, kind: CoordinatorKind, index: usize, next: PartitionState) {
        let current = self.coordinators.of_kind(kind).get(index).map(|found| found.image.current());
        let Some(before) = current.filter(|current| **current != next).map(|current| current.leader) else {
            return;
        };
        let (moves, has_leader) = (before != next.leader, next.has_leader());
        let unaware = self.unaware(Subject::Coordinator(kind, index), None);
        let loaded_at = self.now.instant + self.settings.coordinator_load_time;
        let Some(coordinator) = self.coordinators.of_kind_mut(kind).get_mut(index) else { return };
        let leader = next.leader;
        coordinator.image.change(next, &unaware);
        if moves {
            coordinator.loaded_at = loaded_at;
            if kind == CoordinatorKind::Group {
                self.note(|_| JournalEvent::CoordinatorMoved { partition: index as i32, node: leader });
                self.move_groups(index, has_leader.then_some(loaded_at));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_fall_where_javas_hash_puts_them() {
        // "group".hashCode() is 98629247.
        assert_eq!(partition_of("group"), 98_629_247 % 50);
        assert_eq!(partition_of(""), 0);
        // Its hash is i32::MIN.
        assert_eq!(partition_of("polygenelubricants"), 0);
    }

    #[test]
    fn the_nodes_lead_in_turn() {
        let nodes: Vec<NodeId> = (1..=3).map(NodeId).collect();
        let coordinators = Coordinators::new(&nodes, 2, 9);
        let state = |kind, index: usize| coordinators.of_kind(kind)[index].image.current().clone();
        assert_eq!(state(CoordinatorKind::Group, 4).replicas, [NodeId(2), NodeId(3)]);
        assert_eq!(state(CoordinatorKind::Transaction, 5).replicas, [NodeId(3), NodeId(1), NodeId(2)]);
    }
}
