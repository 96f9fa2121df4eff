//! Partitioners of the application.
//!
//! They are asked before the producer's own lock is taken, under one of their own: so the producer is none the worse when
//! one is slow or panics.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ottla_core::metadata::{ClusterSnapshot, Topic};
use ottla_core::producer::{Partitioner, Partitions, Unplaced};
use ottla_protocol::types::TopicName;

use super::error::{SendError, TrySendError};
use crate::error::{ClientError, ClientErrorKind};
use crate::record::Record;

/// Makes a partitioner for a topic.
pub(crate) type MakePartitioner = Box<dyn FnMut(&TopicName) -> Box<dyn Partitioner> + Send>;

pub(crate) struct CustomPartitioners {
    state: Mutex<State>,
}

struct State {
    make: MakePartitioner,
    by_topic: BTreeMap<TopicName, Custom>,
}

struct Custom {
    partitioner: Box<dyn Partitioner>,
    count: u32,
    available: Vec<u32>,
}

impl CustomPartitioners {
    pub(super) fn new(make: MakePartitioner) -> Self {
        Self { state: Mutex::new(State { make, by_topic: BTreeMap::new() }) }
    }

    /// Takes over a topic's partitions.
    pub(super) fn learn(&self, topic: &Topic) {
        let mut state = self.lock();
        let State { make, by_topic } = &mut *state;
        if !by_topic.contains_key(&topic.name) {
            let partitioner = make(&topic.name);
            by_topic.insert(topic.name.clone(), Custom { partitioner, count: 0, available: Vec::new() });
        }
        if let Some(custom) = by_topic.get_mut(&topic.name) {
            custom.update(topic);
        }
    }

    /// Takes over what changed in topics that are known already. Calls nothing of the application's.
    pub(super) fn on_snapshot(&self, snapshot: &ClusterSnapshot) {
        for (name, custom) in &mut self.lock().by_topic {
            if let Some(topic) = snapshot.topic(name).filter(|topic| topic.error.is_none()) {
                custom.update(topic);
            }
        }
    }

    /// Gives a record its partition, unless it has one or the partitioner leaves it to the built-in one.
    pub(super) fn place(&self, record: &mut Record<'_>) -> Result<(), TrySendError> {
        if record.partition.is_some() {
            return Ok(());
        }
        let mut state = self.lock();
        let Some(custom) = state.by_topic.get_mut(record.topic) else {
            return Err(TrySendError::UnknownTopic);
        };
        if custom.count == 0 {
            return Ok(());
        }
        let partitions = Partitions::new(custom.count, &custom.available);
        let unplaced = Unplaced::new(record.key, record.value, &record.headers);
        let Some(partition) = custom.partitioner.partition(&unplaced, &partitions) else { return Ok(()) };
        match i32::try_from(partition).ok().filter(|_| partition < custom.count) {
            Some(partition) => {
                record.partition = Some(partition);
                Ok(())
            }
            None => {
                let topic = record.topic.into();
                let kind =
                    ClientErrorKind::PartitionerOutOfRange { topic, partition, partitions: custom.count };
                Err(TrySendError::Refused(SendError::Client(ClientError::new(kind))))
            }
        }
    }

    /// A partitioner that panicked is asked again: what it left behind is its own affair.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Custom {
    fn update(&mut self, topic: &Topic) {
        self.count = u32::try_from(topic.partitions.len()).unwrap_or(u32::MAX);
        let led = (0..self.count).zip(&topic.partitions).filter(|(_, partition)| partition.leader.is_some());
        self.available.clear();
        self.available.extend(led.map(|(partition, _)| partition));
    }
}
