//! Who leads which partition: what the consumer's machines have to know of the cluster.

use ottla_protocol::types::{NodeId, TopicName, Uuid};

use super::{LeaderEpoch, TopicPartition};
use crate::metadata::ClusterSnapshot;

/// A picture of the cluster.
pub trait Leaders {
    /// The leader of a partition, and its epoch where it is known; `None` while it has none or is not known.
    fn leader(&self, partition: &TopicPartition) -> Option<(NodeId, Option<LeaderEpoch>)>;

    /// The topic's id; zero where it is not known or the brokers have none (before 2.8).
    fn topic_id(&self, topic: &TopicName) -> Uuid;

    /// Whether the broker is up.
    fn has_node(&self, node_id: NodeId) -> bool;
}

impl Leaders for ClusterSnapshot {
    fn leader(&self, partition: &TopicPartition) -> Option<(NodeId, Option<LeaderEpoch>)> {
        let (node_id, leader_epoch) = ClusterSnapshot::leader(self, &partition.topic, partition.partition)?;
        Some((node_id, LeaderEpoch::from_wire(leader_epoch)))
    }

    fn topic_id(&self, topic: &TopicName) -> Uuid {
        self.topic(topic).map_or(Uuid::ZERO, |topic| topic.topic_id)
    }

    fn has_node(&self, node_id: NodeId) -> bool {
        self.brokers.contains_key(&node_id)
    }
}
