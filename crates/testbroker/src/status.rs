//! What tests can see of a cluster: its partitions, replicas, groups and nodes, as the controller has them.

use bytes::Bytes;
use ottla_protocol::types::{NodeId, Uuid};

use crate::cluster::Cluster;
use crate::coordinators::CoordinatorKind;

/// A partition as the controller has it, with the logs of all its replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartitionStatus {
    /// Who leads it, if anyone does.
    pub leader: Option<NodeId>,
    /// One more with each election.
    pub leader_epoch: i32,
    /// Who is in sync, in the order of the assignment.
    pub isr: Vec<NodeId>,
    /// The assignment, the preferred leader first.
    pub replicas: Vec<ReplicaStatus>,
}

/// One replica's log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplicaStatus {
    /// Where it is.
    pub node: NodeId,
    /// The first offset it has.
    pub log_start_offset: i64,
    /// The offset behind its last record.
    pub log_end_offset: i64,
    /// Up to where it knows its records to be committed.
    pub high_watermark: i64,
    /// Whether it takes itself for the leader.
    pub is_leading: bool,
}

/// A classic group as its coordinator has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupStatus {
    /// `Empty`, `PreparingRebalance`, `CompletingRebalance` or `Stable`.
    pub state: &'static str,
    /// One more with each rebalance.
    pub generation_id: i32,
    /// The ids of its members.
    pub members: Vec<String>,
    /// Who coordinates it, if anyone does.
    pub coordinator: Option<NodeId>,
}

impl PartitionStatus {
    /// A replica by its node.
    pub fn replica(&self, node: NodeId) -> Option<&ReplicaStatus> {
        self.replicas.iter().find(|replica| replica.node == node)
    }

    /// The leader's high watermark.
    pub fn high_watermark(&self) -> Option<i64> {
        self.leader.and_then(|leader| self.replica(leader)).map(|replica| replica.high_watermark)
    }
}

impl Cluster {
    /// A partition; `None` if there is no such one.
    pub fn partition_status(&self, topic: &str, partition: i32) -> Option<PartitionStatus> {
        let partition = self.topics.named(topic)?.partition(partition)?;
        let state = partition.state();
        let replicas = state.replicas.iter().filter_map(|node| {
            let replica = partition.replica(*node)?;
            Some(ReplicaStatus {
                node: *node,
                log_start_offset: replica.log.start_offset(),
                log_end_offset: replica.log.end_offset(),
                high_watermark: replica.high_watermark(),
                is_leading: replica.leading.is_some(),
            })
        });
        Some(PartitionStatus {
            leader: state.has_leader().then_some(state.leader),
            leader_epoch: state.leader_epoch,
            isr: state.isr.clone(),
            replicas: replicas.collect(),
        })
    }

    /// The batches in the log of one replica, committed or not; `None` if there is no such one.
    pub fn replica_batches(&self, topic: &str, partition: i32, node: NodeId) -> Option<Vec<Bytes>> {
        let replica = self.topics.named(topic)?.partition(partition)?.replica(node)?;
        Some(replica.log.batches().map(|batch| batch.bytes.clone()).collect())
    }

    /// A topic's id and how many partitions it has; `None` if there is no such topic.
    pub fn topic_status(&self, topic: &str) -> Option<(Uuid, usize)> {
        self.topics.named(topic).map(|topic| (topic.id, topic.partitions.len()))
    }

    /// A group; `None` if there is no such one.
    pub fn group_status(&self, group: &str) -> Option<GroupStatus> {
        let found = self.groups.find(group)?;
        Some(GroupStatus {
            state: found.state().name(),
            generation_id: found.generation_id(),
            members: found.members().map(|(id, _)| id.0.to_string()).collect(),
            coordinator: self.coordinator(group),
        })
    }

    /// The node that coordinates a group, whether the group exists or not; `None` if none is alive.
    pub fn coordinator(&self, group: &str) -> Option<NodeId> {
        self.coordinator_of(CoordinatorKind::Group, group)
    }

    /// Whether the process of `node` runs; false for a node that does not exist.
    pub fn node_is_up(&self, node: NodeId) -> bool {
        self.is_up(node)
    }

    /// Whether the controller has given `node` up.
    pub fn node_is_fenced(&self, node: NodeId) -> bool {
        !self.brokers.current().contains(&node)
    }
}
