//! Topics that the producer has learned: how many partitions, and which is next.

use std::collections::BTreeMap;
use std::sync::Arc;

use ottla_core::metadata::{ClusterSnapshot, Topic};
use ottla_core::producer::{
    self as machine, Choice, PartitionIndex, PartitionerConfig, TopicPartitioner, Unplaced,
};
use ottla_core::random::Jitter;
use ottla_core::time::Instant;
use ottla_protocol::types::{TopicName, Uuid};

use super::delivery::BatchState;
use super::error::{SendError, TrySendError};
use crate::error::{ClientError, ClientErrorKind};
use crate::record::Record;

pub(crate) struct Topics {
    by_name: BTreeMap<TopicName, Known>,
    config: PartitionerConfig,
    jitter: Jitter,
}

struct Known {
    name: TopicName,
    topic_id: Uuid,
    partitions: Vec<PartitionIndex>,
    partitioner: TopicPartitioner,
}

/// Where a record goes.
pub(super) struct Picked<'a> {
    pub(super) topic: &'a TopicName,
    pub(super) partition: i32,
    pub(super) index: PartitionIndex,
    /// A batch of another partition is due now.
    pub(super) news: bool,
    choice: Option<(&'a mut TopicPartitioner, Choice)>,
}

impl Picked<'_> {
    /// The record is in its batch.
    pub(super) fn taken(self) {
        if let Some((partitioner, choice)) = self.choice {
            partitioner.taken(choice);
        }
    }
}

impl Topics {
    pub(super) fn new(config: PartitionerConfig, jitter: Jitter) -> Self {
        Self { by_name: BTreeMap::new(), config, jitter }
    }

    /// Takes over which partitions a topic has, and who leads them.
    pub(super) fn learn(
        &mut self,
        topic: &Topic,
        machine: &mut machine::Producer<Arc<BatchState>>,
        snapshot: &ClusterSnapshot,
    ) {
        let Self { by_name, config, jitter } = self;
        let known = by_name.entry(topic.name.clone()).or_insert_with(|| Known {
            name: topic.name.clone(),
            topic_id: topic.topic_id,
            partitions: Vec::new(),
            partitioner: TopicPartitioner::new(*config, jitter.fork()),
        });
        if known.partitions.len() != topic.partitions.len() {
            let count = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
            known.partitions = (0..count).map(|p| machine.partition(&topic.name, p, snapshot)).collect();
        }
        let anew = known.topic_id != topic.topic_id;
        known.topic_id = topic.topic_id;
        known.partitioner.on_partitions(&known.partitions, machine, anew);
    }

    /// Takes over what changed in topics that are known already.
    pub(super) fn on_snapshot(
        &mut self,
        snapshot: &ClusterSnapshot,
        machine: &mut machine::Producer<Arc<BatchState>>,
    ) {
        let known = self.by_name.keys().filter_map(|name| snapshot.topic(name));
        // While a topic is missing, what is queued for it may wait for it to come back.
        let described: Vec<Arc<Topic>> = known.filter(|topic| topic.error.is_none()).cloned().collect();
        for topic in described {
            self.learn(&topic, machine, snapshot);
        }
    }

    /// Where `record` goes: to its `partition`, or to the one that the built-in partitioner picks.
    pub(super) fn pick(
        &mut self,
        now: Instant,
        record: &Record<'_>,
        machine: &mut machine::Producer<Arc<BatchState>>,
    ) -> Result<Picked<'_>, TrySendError> {
        let Some(known) = self.by_name.get_mut(record.topic) else { return Err(TrySendError::UnknownTopic) };
        let Known { name, partitions, partitioner, .. } = known;
        let (partition, news, choice) = match record.partition {
            Some(partition) => (partition, false, None),
            None => {
                let unplaced = Unplaced::new(record.key, record.value, &record.headers);
                let choice = partitioner.pick(now, &unplaced, partitions, machine);
                (choice.partition as i32, choice.news, Some((partitioner, choice)))
            }
        };
        match usize::try_from(partition).ok().and_then(|at| partitions.get(at)) {
            Some(&index) => Ok(Picked { topic: name, partition, index, news, choice }),
            None => {
                let kind = ClientErrorKind::UnknownPartition {
                    topic: name.clone(),
                    partition,
                    partitions: partitions.len(),
                };
                Err(TrySendError::Refused(SendError::Client(ClientError::new(kind))))
            }
        }
    }
}
