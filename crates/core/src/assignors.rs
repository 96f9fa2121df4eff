//! How the leader of a classic group shares partitions out: `partition.assignment.strategy`.
//!
//! Not here: who leads and how assignments travel ([`groups`](crate::groups)); server-side assignors (KIP-848), which
//! live in brokers.

mod range;
mod round_robin;
mod topic_order;

use std::collections::BTreeMap;

use bytes::Bytes;
use ottla_protocol::types::{Str, TopicName};

use crate::consumer::TopicPartition;
use crate::metadata::ClusterSnapshot;
pub use range::RangeAssignor;
pub use round_robin::RoundRobinAssignor;

/// How members behave when their group rebalances (KIP-429).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RebalanceProtocol {
    /// Every member gives up all partitions before it joins again.
    Eager,
    /// Members keep what they have and give up only what another member is to get.
    Cooperative,
}

/// A number that grows with every rebalance of a classic group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GenerationId(pub i32);

/// What a member told the group about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subscription {
    /// The topics that it wants to read.
    pub topics: Vec<TopicName>,
    /// What its assignor has to say.
    pub user_data: Option<Bytes>,
    /// The partitions that it held when it joined (KIP-429).
    pub owned_partitions: Vec<TopicPartition>,
    /// The generation in which it held them (KIP-792).
    pub generation_id: Option<GenerationId>,
    /// Where it runs (KIP-881): `client.rack`.
    pub rack_id: Option<Str>,
}

impl Subscription {
    /// A subscription to `topics` by a member that holds nothing.
    pub fn new(topics: Vec<TopicName>) -> Self {
        Self { topics, ..Self::default() }
    }
}

/// A member of the group, as its leader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member {
    /// Its id, unique in the group.
    pub member_id: Str,
    /// Its lasting name, if it is a static member (KIP-345).
    pub group_instance_id: Option<Str>,
    /// What it told about itself.
    pub subscription: Subscription,
}

impl Member {
    /// A member.
    pub fn new(member_id: Str, group_instance_id: Option<Str>, subscription: Subscription) -> Self {
        Self { member_id, group_instance_id, subscription }
    }

    /// Java's order of members: static ones first, by their instance id, then the others by their member id.
    fn rank(&self) -> (bool, &str, &str) {
        match &self.group_instance_id {
            Some(instance) => (false, instance, &self.member_id),
            None => (true, &self.member_id, &self.member_id),
        }
    }
}

/// What a leader knows about topics: how many partitions they have, and in which racks their replicas are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicSnapshot {
    topics: BTreeMap<TopicName, TopicShape>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct TopicShape {
    partition_count: i32,
    /// By partition, then replica; empty where racks are not known.
    racks: Vec<Vec<Str>>,
}

impl TopicSnapshot {
    /// Adds or replaces a topic whose replicas' racks are not known.
    pub fn insert(&mut self, topic: TopicName, partition_count: i32) {
        self.topics.insert(topic, TopicShape { partition_count, racks: Vec::new() });
    }

    /// Adds or replaces a topic: the racks of each partition's replicas, one entry a partition.
    pub fn insert_with_racks(&mut self, topic: TopicName, racks: Vec<Vec<Str>>) {
        let partition_count = i32::try_from(racks.len()).unwrap_or(i32::MAX);
        self.topics.insert(topic, TopicShape { partition_count, racks });
    }

    /// What the cluster has of `topics`; those that it lacks, or does not let us see, are left out.
    pub fn of_cluster(cluster: &ClusterSnapshot, topics: &[TopicName]) -> Self {
        let rack = |node_id| cluster.brokers.get(&node_id).and_then(|broker| broker.rack.clone());
        let knows_racks = cluster.brokers.values().any(|broker| broker.rack.is_some());
        let mut snapshot = Self::default();
        for name in topics {
            let Some(topic) = cluster.topic(name).filter(|topic| topic.error.is_none()) else { continue };
            if knows_racks {
                let racks = topic.partitions.iter().map(|of| of.replicas.iter().filter_map(rack).collect());
                snapshot.insert_with_racks(name.clone(), racks.collect());
            } else {
                let count = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
                snapshot.insert(name.clone(), count);
            }
        }
        snapshot
    }

    /// The number of partitions; 0 for a topic that is not known.
    pub fn partition_count(&self, topic: &TopicName) -> i32 {
        self.topics.get(topic).map_or(0, |shape| shape.partition_count.max(0))
    }

    /// The racks of a partition's replicas; empty where they are not known.
    pub fn racks(&self, topic: &TopicName, partition: i32) -> &[Str] {
        let racks = self.topics.get(topic).map(|shape| &shape.racks);
        racks.and_then(|racks| racks.get(usize::try_from(partition).ok()?)).map_or(&[], Vec::as_slice)
    }

    /// The same topics, of which only the numbers of partitions are kept.
    #[must_use]
    pub(crate) fn without_racks(&self) -> Self {
        let mut counts = Self::default();
        for (topic, shape) in &self.topics {
            counts.insert(topic.clone(), shape.partition_count);
        }
        counts
    }

    /// The part that concerns `topics`.
    #[must_use]
    pub(crate) fn only<'a>(&self, topics: impl IntoIterator<Item = &'a TopicName>) -> Self {
        let known = topics.into_iter().filter_map(|topic| self.topics.get_key_value(topic));
        Self { topics: known.map(|(topic, shape)| (topic.clone(), shape.clone())).collect() }
    }
}

/// What a member gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Assignment {
    /// Its partitions.
    pub partitions: Vec<TopicPartition>,
    /// What the assignor tells the assignor of the member.
    pub user_data: Option<Bytes>,
}

/// A way to share partitions out among the members of a classic group. Must be a function of its arguments: the
/// leader may change, and all members must run the same strategy.
pub trait Assignor: Send + Sync {
    /// The name that members agree on: `range`.
    fn name(&self) -> &str;

    /// How members behave while their group rebalances.
    fn protocol(&self) -> RebalanceProtocol {
        RebalanceProtocol::Eager
    }

    /// What goes into the `user_data` of this member's subscription, given what it holds and since when.
    fn subscription_user_data(
        &self,
        topics: &[TopicName],
        owned_partitions: &[TopicPartition],
        generation_id: Option<GenerationId>,
    ) -> Option<Bytes> {
        let _ = (topics, owned_partitions, generation_id);
        None
    }

    /// Shares the partitions of the members' topics out. The result has an entry for every member, by member id; a
    /// member that it lacks gets nothing.
    fn assign(&self, members: &[Member], topics: &TopicSnapshot) -> BTreeMap<Str, Assignment>;
}

/// The members in Java's order, and for each topic with partitions that anyone wants, its members in that order, by
/// index.
fn members_by_topic<'a>(
    members: &'a [Member],
    topics: &TopicSnapshot,
) -> (Vec<&'a Member>, BTreeMap<&'a TopicName, Vec<usize>>) {
    let mut sorted: Vec<&Member> = members.iter().collect();
    sorted.sort_by(|a, b| a.rank().cmp(&b.rank()));
    let mut by_topic: BTreeMap<&TopicName, Vec<usize>> = BTreeMap::new();
    for (at, member) in sorted.iter().enumerate() {
        for topic in &member.subscription.topics {
            if topics.partition_count(topic) > 0 {
                let interested = by_topic.entry(topic).or_default();
                // A topic that a member names twice counts once.
                if interested.last() != Some(&at) {
                    interested.push(at);
                }
            }
        }
    }
    (sorted, by_topic)
}

/// The result in the form that [`Assignor::assign`] returns.
fn into_assignments(members: &[&Member], partitions: Vec<Vec<TopicPartition>>) -> BTreeMap<Str, Assignment> {
    let each = members.iter().zip(partitions);
    each.map(|(member, partitions)| (member.member_id.clone(), Assignment { partitions, user_data: None }))
        .collect()
}
