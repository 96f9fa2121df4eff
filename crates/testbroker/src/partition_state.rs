//! What the controller keeps of a partition: its replicas, which of them are in sync, and which one leads.

use ottla_protocol::types::NodeId;

/// The leader's id where there is none.
pub(crate) const NO_LEADER: NodeId = NodeId(-1);

/// Kafka's `PartitionRegistration`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PartitionState {
    pub(crate) leader: NodeId,
    /// One more with each election.
    pub(crate) leader_epoch: i32,
    /// The preferred leader first.
    pub(crate) replicas: Vec<NodeId>,
    /// In the order of `replicas`. Never empty: the last one stays, alive or not, since only it has everything.
    pub(crate) isr: Vec<NodeId>,
}

impl PartitionState {
    /// A new partition whose replicas are in sync where their nodes are alive.
    pub(crate) fn new(replicas: Vec<NodeId>, is_alive: impl Fn(NodeId) -> bool) -> Self {
        let mut isr: Vec<NodeId> = replicas.iter().copied().filter(|node| is_alive(*node)).collect();
        if isr.is_empty() {
            isr.extend(replicas.first());
        }
        let leader = isr.first().copied().filter(|node| is_alive(*node)).unwrap_or(NO_LEADER);
        Self { leader, leader_epoch: 0, replicas, isr }
    }

    pub(crate) fn has_leader(&self) -> bool {
        self.leader != NO_LEADER
    }

    /// Elects a leader unless there is one that may stay: the first replica that is alive and in sync; if `unclean`,
    /// else the first that is alive, whatever it lacks.
    pub(crate) fn elect(&mut self, is_alive: impl Fn(NodeId) -> bool, unclean: bool) {
        if is_alive(self.leader) && self.isr.contains(&self.leader) {
            return;
        }
        let mut alive = self.replicas.iter().copied().filter(|node| is_alive(*node));
        let in_sync = alive.clone().find(|node| self.isr.contains(node));
        match in_sync.or_else(|| alive.next().filter(|_| unclean)) {
            Some(next) => {
                if in_sync.is_none() {
                    self.isr = vec![next];
                }
                self.lead(next);
            }
            None if self.has_leader() => self.lead(NO_LEADER),
            None => {}
        }
    }

    /// Makes `node` the leader.
    pub(crate) fn lead(&mut self, node: NodeId) {
        self.leader = node;
        self.leader_epoch += 1;
    }

    /// Takes `node` out of the ISR, unless it is the last one.
    pub(crate) fn shrink_isr(&mut self, node: NodeId) {
        if self.isr.len() > 1 {
            self.isr.retain(|member| *member != node);
        }
    }

    /// Takes a replica into the ISR.
    pub(crate) fn expand_isr(&mut self, node: NodeId) {
        let isr = std::mem::take(&mut self.isr);
        let belongs = |member: &NodeId| *member == node || isr.contains(member);
        self.isr = self.replicas.iter().copied().filter(belongs).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(ids: &[i32]) -> Vec<NodeId> {
        ids.iter().copied().map(NodeId).collect()
    }

    /// Three replicas, led by the first; then only `alive` are. Returns leader, leader epoch and ISR.
    fn after(alive: &[i32], isr: &[i32], unclean: bool) -> (i32, i32, Vec<NodeId>) {
        let mut state = PartitionState::new(nodes(&[1, 2, 3]), |_| true);
        state.isr = nodes(isr);
        state.elect(|node| alive.contains(&node.0), unclean);
        (state.leader.0, state.leader_epoch, state.isr)
    }

    #[test]
    fn the_first_replica_that_is_alive_and_in_sync_leads() {
        assert_eq!(after(&[1, 2, 3], &[1, 2, 3], false), (1, 0, nodes(&[1, 2, 3])));
        assert_eq!(after(&[2, 3], &[1, 2, 3], false), (2, 1, nodes(&[1, 2, 3])));
        assert_eq!(after(&[2, 3], &[1, 3], false), (3, 1, nodes(&[1, 3])));
    }

    #[test]
    fn without_one_in_sync_there_is_no_leader_unless_losing_records_is_allowed() {
        assert_eq!(after(&[2, 3], &[1], false), (-1, 1, nodes(&[1])));
        assert_eq!(after(&[2, 3], &[1], true), (2, 1, nodes(&[2])));
        assert_eq!(after(&[], &[1], true), (-1, 1, nodes(&[1])));
    }

    #[test]
    fn the_isr_keeps_its_last_member_and_the_order_of_the_replicas() {
        let mut state = PartitionState::new(nodes(&[3, 1, 2]), |_| true);
        [3, 1, 2].into_iter().for_each(|node| state.shrink_isr(NodeId(node)));
        assert_eq!(state.isr, nodes(&[2]));
        state.expand_isr(NodeId(3));
        assert_eq!(state.isr, nodes(&[3, 2]));
    }
}
