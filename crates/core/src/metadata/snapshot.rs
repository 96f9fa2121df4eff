//! A picture of the cluster: brokers, topics, partitions and who leads them.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use ottla_protocol::api::ApiKey;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::metadata_response::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use ottla_protocol::streamed::decode_each;
use ottla_protocol::types::{NodeId, NodeIds, Str, TopicName, Uuid};

use crate::coverage;
use crate::request::RequestError;

/// What one Metadata response said, together with what earlier ones said of topics that it leaves out, and newer leaders
/// that brokers named since.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClusterSnapshot {
    /// The cluster's id; `None` until a broker has said it.
    pub cluster_id: Option<Str>,
    /// The broker that clients may take for the controller.
    pub controller: Option<NodeId>,
    /// The brokers that are up.
    pub brokers: BTreeMap<NodeId, Broker>,
    pub(super) topics: BTreeMap<TopicName, Arc<Topic>>,
    answers: u64,
}

/// Where a broker listens.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Broker {
    /// Its id.
    pub node_id: NodeId,
    /// The host that it advertises.
    pub host: Str,
    /// The port that it advertises.
    pub port: u16,
    /// `broker.rack`.
    pub rack: Option<Str>,
}

/// A topic as a broker described it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Topic {
    /// Its name.
    pub name: TopicName,
    /// Its id; zero from brokers before 2.8.
    pub topic_id: Uuid,
    /// Why the broker does not describe it.
    pub error: Option<ErrorCode>,
    /// Its partitions, by index.
    pub partitions: Vec<Partition>,
}

/// A partition as a broker described it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Partition {
    /// Who leads it; `None` while nobody does.
    pub leader: Option<NodeId>,
    /// How often the leader changed; -1 where the broker does not say.
    pub leader_epoch: i32,
    /// Who holds copies.
    pub replicas: NodeIds,
    /// Who of them is in sync.
    pub isr: NodeIds,
}

impl ClusterSnapshot {
    /// What is known of a topic.
    pub fn topic(&self, name: &str) -> Option<&Arc<Topic>> {
        self.topics.get(name)
    }

    /// All topics, by name.
    pub fn topics(&self) -> impl Iterator<Item = &Arc<Topic>> {
        self.topics.values()
    }

    /// How many Metadata responses have come. Pictures with the same number differ only in leaders that brokers named
    /// elsewhere ([`LeaderHints`](super::LeaderHints)).
    pub fn answers(&self) -> u64 {
        self.answers
    }

    /// The leader of a partition and its epoch, if it has one.
    pub fn leader(&self, topic: &str, partition: i32) -> Option<(NodeId, i32)> {
        let partition = self.topic(topic)?.partitions.get(usize::try_from(partition).ok()?)?;
        Some((partition.leader?, partition.leader_epoch))
    }

    /// This picture with what a Metadata response says.
    pub(super) fn updated(&self, response: &Bytes, version: i16) -> Result<Self, RequestError> {
        let mut topics = self.topics.clone();
        let add = |topic: MetadataResponseTopic| {
            let Some(name) = topic.name.as_ref().map(TopicName::detach) else { return };
            let known = self.topics.get(&name).map(|known| &**known);
            topics.insert(name.clone(), Arc::new(Topic::from_response(name, topic, known)));
        };
        let (response, _) =
            decode_each(response, version, |response: &mut MetadataResponse| &mut response.topics, add)
                .map_err(RequestError::Decode)?;
        ErrorCode(response.error_code).into_result().map_err(RequestError::Refused)?;
        Ok(Self {
            cluster_id: response.cluster_id.as_ref().map(Str::detach).or_else(|| self.cluster_id.clone()),
            controller: Some(response.controller_id).filter(|id| id.0 >= 0),
            brokers: response.brokers.iter().map(|broker| (broker.node_id, broker.into())).collect(),
            topics,
            answers: self.answers.wrapping_add(1),
        })
    }
}

impl From<&MetadataResponseBroker> for Broker {
    fn from(broker: &MetadataResponseBroker) -> Self {
        Self {
            node_id: broker.node_id,
            host: broker.host.detach(),
            port: u16::try_from(broker.port).unwrap_or_default(),
            rack: broker.rack.as_ref().map(Str::detach),
        }
    }
}

impl Topic {
    /// Whether asking again may tell more: it is missing for now, or a partition has no leader.
    pub fn is_incomplete(&self) -> bool {
        match self.error {
            Some(code) => code.is_retriable(),
            None => self.partitions.iter().any(|partition| partition.leader.is_none()),
        }
    }

    fn from_response(name: TopicName, mut topic: MetadataResponseTopic, known: Option<&Topic>) -> Self {
        let error = ErrorCode(topic.error_code).into_result().err();
        coverage::told(ApiKey::METADATA, ErrorCode(topic.error_code));
        // A topic that was deleted and made again starts its epochs anew.
        let known = known.filter(|known| known.topic_id == topic.topic_id);
        if !topic.partitions.is_sorted_by_key(|partition| partition.partition_index) {
            topic.partitions.sort_by_key(|partition| partition.partition_index);
        }
        // Indexes have no gaps; what does not fit is no partition.
        let mut next = 0;
        topic.partitions.retain(|partition| {
            let fits = partition.partition_index == next;
            next += i32::from(fits);
            fits
        });
        let mut partitions: Vec<Partition> = topic.partitions.into_iter().map(Partition::from).collect();
        for (partition, older) in partitions.iter_mut().zip(known.iter().flat_map(|known| &known.partitions))
        {
            // A broker that lags behind must not undo what another one said (KIP-320).
            if older.leader_epoch > partition.leader_epoch && partition.leader_epoch >= 0 {
                *partition = older.clone();
            }
        }
        Self { name, topic_id: topic.topic_id, error, partitions }
    }
}

impl From<MetadataResponsePartition> for Partition {
    fn from(partition: MetadataResponsePartition) -> Self {
        Self {
            leader: Some(partition.leader_id).filter(|id| id.0 >= 0),
            leader_epoch: partition.leader_epoch,
            replicas: partition.replica_nodes,
            isr: partition.isr_nodes,
        }
    }
}
