//! The offsets that a group has committed.

use std::collections::BTreeMap;

use ottla_protocol::types::{Str, TopicName};

/// What a group committed for a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CommittedOffset {
    pub(crate) offset: i64,
    pub(crate) leader_epoch: i32,
    pub(crate) metadata: Str,
}

/// By topic and partition. Only partitions that exist are committed, which bounds it.
#[derive(Clone, Debug, Default)]
pub(crate) struct CommittedOffsets {
    by_topic: BTreeMap<TopicName, BTreeMap<i32, CommittedOffset>>,
}

impl CommittedOffsets {
    pub(crate) fn commit(&mut self, topic: &TopicName, partition: i32, offset: CommittedOffset) {
        if let Some(partitions) = self.by_topic.get_mut(topic) {
            partitions.insert(partition, offset);
        } else {
            self.by_topic.insert(topic.detach(), BTreeMap::from([(partition, offset)]));
        }
    }

    pub(crate) fn find(&self, topic: &str, partition: i32) -> Option<&CommittedOffset> {
        self.by_topic.get(topic)?.get(&partition)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&TopicName, &BTreeMap<i32, CommittedOffset>)> {
        self.by_topic.iter()
    }

    pub(crate) fn forget_topic(&mut self, topic: &str) {
        self.by_topic.remove(topic);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_topic.is_empty()
    }
}
