//! Making and deleting topics: the controller's checks (`ReplicationControlManager`) and where replicas go.

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::types::{NodeId, TopicName, Uuid};

use crate::cluster::Cluster;
use crate::faults::FAULT_MESSAGE;
use crate::journal::JournalEvent;
use crate::partition::Partition;
use crate::partition_state::PartitionState;
use crate::topic::{Topic, check_name};
use crate::topic_config::TopicConfig;

/// The most partitions one topic may be made with; Kafka's bound for one CreateTopics request.
const MAX_PARTITIONS_PER_TOPIC: i32 = 10_000;
/// The most partitions of the cluster: metadata of all topics must fit a response, and memory.
const MAX_PARTITIONS: usize = 200_000;

/// Why a topic could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TopicError {
    pub(crate) error: ErrorCode,
    pub(crate) message: String,
}

impl From<ErrorCode> for TopicError {
    fn from(error: ErrorCode) -> Self {
        Self::new(error, FAULT_MESSAGE)
    }
}

impl TopicError {
    pub(crate) fn new(error: ErrorCode, message: impl Into<String>) -> Self {
        Self { error, message: message.into() }
    }
}

/// A topic that is wanted.
#[derive(Clone, Debug)]
pub(crate) struct NewTopic {
    pub(crate) name: TopicName,
    pub(crate) config: TopicConfig,
    /// The replicas of each partition, the preferred leader first.
    pub(crate) replicas: Vec<Vec<NodeId>>,
}

impl Cluster {
    /// A topic as wanted, if it can be; -1 partitions or replicas: as many as the settings say.
    pub(crate) fn plan_topic(
        &self,
        name: &TopicName,
        num_partitions: i32,
        replication_factor: i16,
    ) -> Result<NewTopic, TopicError> {
        self.check_new_name(name)?;
        if replication_factor == 0 || replication_factor < -1 {
            return Err(TopicError::new(
                ErrorCode::INVALID_REPLICATION_FACTOR,
                "Replication factor must be larger than 0, or -1 to use the default value.",
            ));
        }
        if num_partitions == 0 || num_partitions < -1 {
            return Err(TopicError::new(
                ErrorCode::INVALID_PARTITIONS,
                "Number of partitions was set to an invalid non-positive value.",
            ));
        }
        let partitions = if num_partitions == -1 { self.settings.num_partitions } else { num_partitions };
        let factor = match usize::try_from(replication_factor) {
            Ok(factor) => factor,
            Err(_) => usize::try_from(self.settings.default_replication_factor).unwrap_or(1),
        };
        let nodes: Vec<NodeId> = self.brokers.current().iter().copied().collect();
        if factor > nodes.len() {
            let message = format!(
                "Unable to replicate the partition {factor} time(s): The target replication factor of {factor} \
                 cannot be reached because only {} broker(s) are registered.",
                nodes.len()
            );
            return Err(TopicError::new(ErrorCode::INVALID_REPLICATION_FACTOR, message));
        }
        self.check_partition_count(partitions)?;
        // The first leader moves on with every topic, so that topics of one partition are spread too.
        let first = self.topics.created;
        let replicas = (0..partitions as usize)
            .map(|partition| (0..factor).map(|n| nodes[(first + partition + n) % nodes.len()]).collect())
            .collect();
        Ok(NewTopic { name: name.detach(), config: self.default_config(), replicas })
    }

    /// A topic whose replicas the client chose.
    pub(crate) fn plan_assigned_topic(
        &self,
        name: &TopicName,
        replicas: Vec<Vec<NodeId>>,
    ) -> Result<NewTopic, TopicError> {
        self.check_new_name(name)?;
        self.check_partition_count(i32::try_from(replicas.len()).unwrap_or(i32::MAX))?;
        self.check_assignment(&replicas)?;
        let config = self.default_config();
        Ok(NewTopic { name: name.detach(), config, replicas })
    }

    fn check_assignment(&self, replicas: &[Vec<NodeId>]) -> Result<(), TopicError> {
        let invalid = |message: String| TopicError::new(ErrorCode::INVALID_REPLICA_ASSIGNMENT, message);
        for nodes in replicas {
            if nodes.is_empty() {
                return Err(invalid(
                    "The manual partition assignment includes an empty replica list.".into(),
                ));
            }
            if let Some(unknown) = nodes.iter().find(|node| !self.nodes.contains_key(node)) {
                return Err(invalid(format!(
                    "The manual partition assignment includes broker {unknown}, but no such broker is registered."
                )));
            }
            let mut seen = nodes.clone();
            seen.sort_unstable();
            if seen.windows(2).any(|pair| pair[0] == pair[1]) {
                return Err(invalid("The manual partition assignment includes a broker twice.".into()));
            }
            if !nodes.iter().any(|node| self.brokers.current().contains(node)) {
                return Err(invalid("All brokers of the manual partition assignment are fenced.".into()));
            }
        }
        Ok(())
    }

    /// More partitions for a topic, up to `count`, on the nodes of `assignments` or in turn.
    pub(crate) fn plan_partitions(
        &self,
        topic: &Topic,
        count: i32,
        assignments: Option<Vec<Vec<NodeId>>>,
    ) -> Result<Vec<Vec<NodeId>>, TopicError> {
        let existing = topic.partitions.len();
        let wanted = usize::try_from(count).unwrap_or(0);
        if wanted <= existing {
            let message = if wanted == existing {
                format!("Topic already has {existing} partition(s).")
            } else {
                let name = &topic.name;
                format!(
                    "The topic {name} currently has {existing} partition(s); {count} would not be an increase."
                )
            };
            return Err(TopicError::new(ErrorCode::INVALID_PARTITIONS, message));
        }
        let more = wanted - existing;
        let factor = topic.partitions.first().map_or(1, |partition| partition.state().replicas.len());
        self.check_partition_count(i32::try_from(more).unwrap_or(i32::MAX))?;
        if let Some(assignments) = assignments {
            if assignments.len() != more {
                let message = format!(
                    "Attempted to add {more} additional partition(s), but only {} assignment(s) were specified.",
                    assignments.len()
                );
                return Err(TopicError::new(ErrorCode::INVALID_REPLICA_ASSIGNMENT, message));
            }
            self.check_assignment(&assignments)?;
            if let Some(nodes) = assignments.iter().find(|nodes| nodes.len() != factor) {
                let message = format!(
                    "The manual partition assignment includes a partition with {} replica(s), but this is not \
                     consistent with previous partitions, which have {factor} replica(s).",
                    nodes.len()
                );
                return Err(TopicError::new(ErrorCode::INVALID_REPLICA_ASSIGNMENT, message));
            }
            return Ok(assignments);
        }
        let nodes: Vec<NodeId> = self.brokers.current().iter().copied().collect();
        if factor > nodes.len() {
            let message = format!("Unable to replicate the partition {factor} time(s).");
            return Err(TopicError::new(ErrorCode::INVALID_REPLICATION_FACTOR, message));
        }
        // They go on in the turn that the topic's first partitions began.
        let first = topic.partitions.first().and_then(|partition| partition.state().replicas.first());
        let first = first.and_then(|node| nodes.iter().position(|other| other == node)).unwrap_or(0);
        let placed = |index: usize| (0..factor).map(|n| nodes[(first + index + n) % nodes.len()]).collect();
        Ok((existing..wanted).map(placed).collect())
    }

    /// Adds planned partitions to a topic.
    pub(crate) fn add_partitions(&mut self, id: Uuid, replicas: Vec<Vec<NodeId>>) {
        let Some(topic) = self.topics.with_id(id) else { return };
        let min_insync_replicas = topic.config.min_insync_replicas;
        let partitions = replicas.into_iter().map(|nodes| self.new_partition(nodes, min_insync_replicas));
        let partitions = partitions.collect();
        self.topics.extend(id, partitions);
    }

    fn default_config(&self) -> TopicConfig {
        let mut config = TopicConfig::new(self.settings.message_max_bytes);
        config.min_insync_replicas = self.settings.min_insync_replicas;
        config
    }

    fn new_partition(&self, replicas: Vec<NodeId>, min_insync_replicas: usize) -> Partition {
        let alive = self.brokers.current();
        let state = PartitionState::new(replicas, |node| alive.contains(&node));
        let mut partition = Partition::new(state.clone(), min_insync_replicas);
        for node in state.replicas {
            partition.assume_role(node, self.now.instant);
        }
        partition
    }

    /// Makes a planned topic.
    pub(crate) fn add_topic(&mut self, topic: NewTopic) -> Uuid {
        let id = self.random.uuid();
        let min_insync_replicas = topic.config.min_insync_replicas;
        let partitions =
            topic.replicas.into_iter().map(|nodes| self.new_partition(nodes, min_insync_replicas));
        let partitions = partitions.collect();
        let topic = Topic { id, name: topic.name, config: topic.config, partitions };
        self.replication.dirty.extend(topic.partition_ids());
        self.note(|_| JournalEvent::TopicCreated {
            topic_id: id,
            topic: topic.name.to_string(),
            partitions: topic.partitions.len(),
        });
        self.topics.insert(topic);
        id
    }

    /// Deletes a topic with what groups committed for it; those who wait for its records are answered.
    pub(crate) fn remove_topic(&mut self, id: Uuid) -> bool {
        let Some(topic) = self.topics.remove(id) else { return false };
        for (index, partition) in topic.partitions.iter().enumerate() {
            self.log_bytes = self.log_bytes.saturating_sub(partition.counted_bytes());
            self.touched.insert((id, index as i32));
        }
        self.groups.forget_topic(&topic.name);
        self.note(|_| JournalEvent::TopicDeleted { topic_id: id, topic: topic.name.to_string() });
        true
    }

    fn check_new_name(&self, name: &TopicName) -> Result<(), TopicError> {
        check_name(name).map_err(|rule| TopicError::new(ErrorCode::INVALID_TOPIC_EXCEPTION, rule))?;
        match self.topics.named(name) {
            None => Ok(()),
            Some(_) => Err(TopicError::new(
                ErrorCode::TOPIC_ALREADY_EXISTS,
                format!("Topic '{name}' already exists."),
            )),
        }
    }

    fn check_partition_count(&self, partitions: i32) -> Result<(), TopicError> {
        let total = self.topics.partition_count() + usize::try_from(partitions).unwrap_or(usize::MAX / 2);
        if partitions > MAX_PARTITIONS_PER_TOPIC || total > MAX_PARTITIONS {
            let message = format!("Excessively large number of partitions per request: {partitions}");
            return Err(TopicError::new(ErrorCode::POLICY_VIOLATION, message));
        }
        Ok(())
    }
}
