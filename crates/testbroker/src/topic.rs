//! Topics by name and by id.

use std::collections::BTreeMap;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::types::{TopicName, Uuid};

use crate::partition::Partition;
use crate::topic_config::TopicConfig;

/// The longest name Kafka allows, so that a partition's directory fits a file system.
const MAX_NAME_LEN: usize = 249;

/// A topic and its partitions.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) id: Uuid,
    pub(crate) name: TopicName,
    pub(crate) config: TopicConfig,
    /// By their index.
    pub(crate) partitions: Vec<Partition>,
}

impl Topic {
    pub(crate) fn partition(&self, index: i32) -> Option<&Partition> {
        self.partitions.get(usize::try_from(index).ok()?)
    }

    /// The ids of its partitions.
    pub(crate) fn partition_ids(&self) -> impl Iterator<Item = (Uuid, i32)> + '_ {
        (0..).zip(&self.partitions).map(|(index, _)| (self.id, index))
    }

    /// A partition to change, with the topic's config.
    pub(crate) fn partition_mut(&mut self, index: i32) -> Option<(&TopicConfig, &mut Partition)> {
        let partition = self.partitions.get_mut(usize::try_from(index).ok()?)?;
        Some((&self.config, partition))
    }

    /// Whether Kafka itself writes to it.
    pub(crate) fn is_internal(&self) -> bool {
        matches!(self.name.as_str(), "__consumer_offsets" | "__transaction_state")
    }
}

/// How a request names a topic: the old versions by name, the new ones by id (KIP-516).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TopicKey {
    Name(TopicName),
    Id(Uuid),
}

impl TopicKey {
    /// The name up to the version before `id_from`, from then on the id.
    pub(crate) fn of(version: i16, id_from: i16, name: &TopicName, id: Uuid) -> Self {
        if version < id_from { Self::Name(name.clone()) } else { Self::Id(id) }
    }

    /// The error for a topic that is not there.
    pub(crate) fn unknown(&self) -> ErrorCode {
        match self {
            Self::Name(_) => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            Self::Id(_) => ErrorCode::UNKNOWN_TOPIC_ID,
        }
    }
}

/// All topics of the cluster.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    by_id: BTreeMap<Uuid, Topic>,
    ids: BTreeMap<TopicName, Uuid>,
    partition_count: usize,
    /// How many were ever made; spreads first leaders.
    pub(crate) created: usize,
}

impl Topics {
    pub(crate) fn insert(&mut self, topic: Topic) {
        self.partition_count += topic.partitions.len();
        self.created += 1;
        self.ids.insert(topic.name.clone(), topic.id);
        self.by_id.insert(topic.id, topic);
    }

    pub(crate) fn remove(&mut self, id: Uuid) -> Option<Topic> {
        let topic = self.by_id.remove(&id)?;
        self.ids.remove(&topic.name);
        self.partition_count -= topic.partitions.len();
        Some(topic)
    }

    pub(crate) fn find(&self, key: &TopicKey) -> Option<&Topic> {
        match key {
            TopicKey::Name(name) => self.named(name),
            TopicKey::Id(id) => self.by_id.get(id),
        }
    }

    pub(crate) fn find_mut(&mut self, key: &TopicKey) -> Option<&mut Topic> {
        let id = match key {
            TopicKey::Name(name) => self.ids.get(name)?,
            TopicKey::Id(id) => id,
        };
        self.by_id.get_mut(id)
    }

    /// The name of what a request asks for; `None` for an id that is not known.
    pub(crate) fn name_of(&self, key: &TopicKey) -> Option<TopicName> {
        match key {
            TopicKey::Name(name) => Some(name.clone()),
            TopicKey::Id(id) => self.by_id.get(id).map(|topic| topic.name.clone()),
        }
    }

    pub(crate) fn named(&self, name: &str) -> Option<&Topic> {
        self.by_id.get(self.ids.get(name)?)
    }

    pub(crate) fn with_id(&self, id: Uuid) -> Option<&Topic> {
        self.by_id.get(&id)
    }

    /// A partition by its topic's id and its index.
    pub(crate) fn partition(&self, (topic, index): (Uuid, i32)) -> Option<&Partition> {
        self.by_id.get(&topic)?.partition(index)
    }

    /// A partition to change.
    pub(crate) fn partition_mut(&mut self, (topic, index): (Uuid, i32)) -> Option<&mut Partition> {
        self.by_id.get_mut(&topic)?.partition_mut(index).map(|(_, partition)| partition)
    }

    /// The partitions of which this is true.
    pub(crate) fn partitions_where(&self, holds: impl Fn(&Partition) -> bool) -> Vec<(Uuid, i32)> {
        let of_topic = |topic: &Topic| {
            let found = (0..).zip(&topic.partitions).filter(|(_, partition)| holds(partition));
            found.map(|(index, _)| (topic.id, index)).collect::<Vec<_>>()
        };
        self.by_id.values().flat_map(of_topic).collect()
    }

    /// Adds partitions to a topic.
    pub(crate) fn extend(&mut self, id: Uuid, partitions: Vec<Partition>) {
        if let Some(topic) = self.by_id.get_mut(&id) {
            self.partition_count += partitions.len();
            topic.partitions.extend(partitions);
        }
    }

    /// In the order of their names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Topic> {
        self.ids.values().filter_map(|id| self.by_id.get(id))
    }

    /// Partitions of all topics together.
    pub(crate) fn partition_count(&self) -> usize {
        self.partition_count
    }
}

/// Kafka's rules for names; says which one is broken.
pub(crate) fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("Topic name is invalid: the empty string is not allowed");
    }
    if name == "." || name == ".." {
        return Err("Topic name is invalid: '.' or '..' is not allowed");
    }
    if name.len() > MAX_NAME_LEN {
        return Err("Topic name is invalid: the length of the name is longer than 249");
    }
    if !name.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-')) {
        return Err("Topic name is invalid: it contains one or more characters other than ASCII \
                    alphanumerics, '.', '_' and '-'");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_kafkas_rules() {
        for good in ["a", "A.b_c-9", "...", &"x".repeat(249)] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in ["", ".", "..", "a b", "ä", "a/b", &"x".repeat(250)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
