//! Topics that the producer has learned: how many partitions, and which is next.

use std::collections::BTreeMap;
use std::sync::Arc;

use ottla_core::metadata::{ClusterSnapshot, Topic};
use ottla_core::producer::{self as machine, PartitionIndex, Partitioner};
use ottla_protocol::types::TopicName;

use super::delivery::BatchState;
use super::error::{SendError, TrySendError};
use crate::error::{ClientError, ClientErrorKind};
use crate::record::Record;

/// Makes a partitioner for a topic.
pub(crate) type MakePartitioner = Box<dyn FnMut(&TopicName) -> Box<dyn Partitioner> + Send>;

pub(crate) struct Topics {
    by_name: BTreeMap<TopicName, Known>,
    make_partitioner: MakePartitioner,
}

struct Known {
    name: TopicName,
    partitions: Vec<PartitionIndex>,
    partitioner: Box<dyn Partitioner>,
}

/// Where a record goes.
pub(super) struct Picked<'a> {
    pub(super) topic: &'a TopicName,
    pub(super) partition: i32,
    pub(super) index: PartitionIndex,
}

impl Topics {
    pub(super) fn new(make_partitioner: MakePartitioner) -> Self {
        Self { by_name: BTreeMap::new(), make_partitioner }
    }

    /// Takes over how many partitions a topic has.
    pub(super) fn learn(
        &mut self,
        topic: &Topic,
        machine: &mut machine::Producer<Arc<BatchState>>,
        snapshot: &ClusterSnapshot,
    ) {
        let count = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
        let partitions = (0..count).map(|p| machine.partition(&topic.name, p, snapshot)).collect();
        match self.by_name.get_mut(&topic.name) {
            Some(known) => known.partitions = partitions,
            None => {
                let partitioner = (self.make_partitioner)(&topic.name);
                let name = topic.name.clone();
                self.by_name.insert(name.clone(), Known { name, partitions, partitioner });
            }
        }
    }

    /// Takes over what changed in topics that are known already.
    pub(super) fn on_snapshot(
        &mut self,
        snapshot: &ClusterSnapshot,
        machine: &mut machine::Producer<Arc<BatchState>>,
    ) {
        let grown: Vec<Arc<Topic>> = self
            .by_name
            .iter()
            .filter_map(|(name, known)| {
                snapshot.topic(name).filter(|topic| topic.partitions.len() > known.partitions.len()).cloned()
            })
            .collect();
        for topic in grown {
            self.learn(&topic, machine, snapshot);
        }
    }

    /// Where `record` goes.
    pub(super) fn pick(&mut self, record: &Record<'_>) -> Result<Picked<'_>, TrySendError> {
        let Some(known) = self.by_name.get_mut(record.topic) else { return Err(TrySendError::UnknownTopic) };
        let topic = &known.name;
        let count = known.partitions.len() as u32;
        let partition = match record.partition {
            Some(partition) => partition,
            None => {
                let len = record.value.map_or(0, <[u8]>::len);
                known.partitioner.partition(record.key, len, count) as i32
            }
        };
        match usize::try_from(partition).ok().and_then(|at| known.partitions.get(at)) {
            Some(&index) => Ok(Picked { topic, partition, index }),
            None => {
                let kind = ClientErrorKind::UnknownPartition {
                    topic: topic.clone(),
                    partition,
                    partitions: known.partitions.len(),
                };
                Err(TrySendError::Refused(SendError::Client(ClientError::new(kind))))
            }
        }
    }
}
