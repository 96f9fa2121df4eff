//! Making and deleting topics: the controller's checks (`ReplicationControlManager`) and where replicas go.

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::types::{NodeId, TopicName, Uuid};

use crate::cluster::Cluster;
use crate::faults::FAULT_MESSAGE;
use crate::journal::JournalEvent;
use crate::partition::Partition;
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
        if factor > self.nodes.len() {
            let message = format!(
                "Unable to replicate the partition {factor} time(s): The target replication factor of {factor} \
                 cannot be reached because only {} broker(s) are registered.",
                self.nodes.len()
            );
            return Err(TopicError::new(ErrorCode::INVALID_REPLICATION_FACTOR, message));
        }
        self.check_partition_count(partitions)?;
        let nodes: Vec<NodeId> = self.nodes.keys().copied().collect();
        // The first leader moves on with every topic, so that topics of one partition are spread too.
        let first = self.topics.created;
        let replicas = (0..partitions as usize)
            .map(|partition| (0..factor).map(|n| nodes[(first + partition + n) % nodes.len()]).collect())
            .collect();
        Ok(NewTopic {
            name: name.detach(),
            config: TopicConfig::new(self.settings.message_max_bytes),
            replicas,
        })
    }

    /// A topic whose replicas the client chose.
    pub(crate) fn plan_assigned_topic(
        &self,
        name: &TopicName,
        replicas: Vec<Vec<NodeId>>,
    ) -> Result<NewTopic, TopicError> {
        self.check_new_name(name)?;
        let invalid = |message: String| TopicError::new(ErrorCode::INVALID_REPLICA_ASSIGNMENT, message);
        self.check_partition_count(i32::try_from(replicas.len()).unwrap_or(i32::MAX))?;
        for nodes in &replicas {
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
        }
        let config = TopicConfig::new(self.settings.message_max_bytes);
        Ok(NewTopic { name: name.detach(), config, replicas })
    }

    /// Makes a planned topic.
    pub(crate) fn add_topic(&mut self, topic: NewTopic) -> Uuid {
        let id = self.random.uuid();
        let partitions = topic.replicas.into_iter().map(Partition::new).collect();
        let topic = Topic { id, name: topic.name, config: topic.config, partitions };
        self.note(|_| JournalEvent::TopicCreated {
            topic_id: id,
            topic: topic.name.to_string(),
            partitions: topic.partitions.len(),
        });
        self.topics.insert(topic);
        id
    }

    /// Deletes a topic with what groups committed for it; those who wait for its records are answered.
    pub(crate) fn delete_topic(&mut self, id: Uuid) -> bool {
        let Some(topic) = self.topics.remove(id) else { return false };
        for (index, partition) in topic.partitions.iter().enumerate() {
            self.log_bytes -= partition.log.size_bytes();
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
