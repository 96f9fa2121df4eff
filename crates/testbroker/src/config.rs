//! What a cluster can be told before it starts. Setters carry the names of Kafka's broker configs.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use ottla_protocol::api::ApiKey;
use ottla_protocol::message::VersionRange;
use ottla_protocol::types::Str;

use crate::cluster::Cluster;
use crate::listener::{ListenerConfig, MAX_LISTENERS};
use crate::sasl::SaslConfig;

/// More brokers than this are a mistake in a test.
pub(crate) const MAX_NODES: usize = 1000;

/// Settings of a [`Cluster`] that is to be made.
#[derive(Clone, Debug)]
pub struct ClusterBuilder {
    pub(crate) settings: Settings,
}

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) nodes: usize,
    pub(crate) listeners: Vec<ListenerConfig>,
    pub(crate) seed: u64,
    pub(crate) cluster_id: Option<Str>,
    pub(crate) num_partitions: i32,
    pub(crate) default_replication_factor: i16,
    pub(crate) auto_create_topics_enable: bool,
    pub(crate) message_max_bytes: usize,
    pub(crate) group_initial_rebalance_delay: Duration,
    pub(crate) group_min_session_timeout: Duration,
    pub(crate) group_max_session_timeout: Duration,
    pub(crate) group_max_size: usize,
    pub(crate) offset_metadata_max_bytes: usize,
    pub(crate) max_log_bytes: u64,
    pub(crate) journal: bool,
    pub(crate) version_mask: BTreeMap<ApiKey, VersionRange>,
    pub(crate) replica_fetch_delay: (Duration, Duration),
    pub(crate) replica_lag_time_max: Duration,
    pub(crate) min_insync_replicas: usize,
    pub(crate) unclean_leader_election_enable: bool,
    pub(crate) broker_session_timeout: Duration,
    pub(crate) metadata_propagation_delay: Duration,
    pub(crate) coordinator_load_time: Duration,
    pub(crate) offsets_topic_replication_factor: usize,
    pub(crate) transaction_state_log_replication_factor: usize,
    pub(crate) producer_id_expiration: Duration,
}

impl Default for ClusterBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl ClusterBuilder {
    /// Kafka's defaults, but for one: groups do not wait for more members before their first rebalance.
    pub fn new() -> Self {
        Self {
            settings: Settings {
                nodes: 1,
                listeners: Vec::new(),
                seed: 0,
                cluster_id: None,
                num_partitions: 1,
                default_replication_factor: 1,
                auto_create_topics_enable: true,
                message_max_bytes: 1_048_588,
                group_initial_rebalance_delay: Duration::ZERO,
                group_min_session_timeout: Duration::from_secs(6),
                group_max_session_timeout: Duration::from_secs(30 * 60),
                group_max_size: 1000,
                offset_metadata_max_bytes: 4096,
                max_log_bytes: 4 << 30,
                journal: false,
                version_mask: BTreeMap::new(),
                replica_fetch_delay: (Duration::ZERO, Duration::ZERO),
                replica_lag_time_max: Duration::from_secs(30),
                min_insync_replicas: 1,
                unclean_leader_election_enable: false,
                broker_session_timeout: Duration::from_secs(9),
                metadata_propagation_delay: Duration::ZERO,
                coordinator_load_time: Duration::ZERO,
                offsets_topic_replication_factor: 3,
                transaction_state_log_replication_factor: 3,
                producer_id_expiration: Duration::from_secs(86_400),
            },
        }
    }

    /// How many brokers; their ids start at 1. Default 1.
    #[must_use]
    pub fn nodes(mut self, nodes: usize) -> Self {
        self.settings.nodes = nodes;
        self
    }

    /// A way in, beside those that were added before; the first one is where clients are sent that are told of none.
    /// Default: one that asks for nothing, named `PLAINTEXT`.
    #[must_use]
    pub fn listener(mut self, listener: ListenerConfig) -> Self {
        self.settings.listeners.push(listener);
        self
    }

    /// Where ids (topics, members, cluster) come from: same seed, same ids. Default 0.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.settings.seed = seed;
        self
    }

    /// The cluster's id. Default: made from the seed.
    #[must_use]
    pub fn cluster_id(mut self, id: &str) -> Self {
        self.settings.cluster_id = Some(id.into());
        self
    }

    /// Partitions of topics that do not say how many (`num.partitions`). Default 1.
    #[must_use]
    pub fn num_partitions(mut self, partitions: i32) -> Self {
        self.settings.num_partitions = partitions;
        self
    }

    /// Replicas of topics that do not say how many (`default.replication.factor`). Default 1.
    #[must_use]
    pub fn default_replication_factor(mut self, replicas: i16) -> Self {
        self.settings.default_replication_factor = replicas;
        self
    }

    /// Whether asking for a topic makes it (`auto.create.topics.enable`). Default true.
    #[must_use]
    pub fn auto_create_topics_enable(mut self, enable: bool) -> Self {
        self.settings.auto_create_topics_enable = enable;
        self
    }

    /// The largest batch, in bytes, of topics that do not say it (`message.max.bytes`). Default 1048588.
    #[must_use]
    pub fn message_max_bytes(mut self, bytes: usize) -> Self {
        self.settings.message_max_bytes = bytes;
        self
    }

    /// How long a new group waits for more members (`group.initial.rebalance.delay.ms`). Default 0; Kafka's is 3 s.
    #[must_use]
    pub fn group_initial_rebalance_delay(mut self, delay: Duration) -> Self {
        self.settings.group_initial_rebalance_delay = delay;
        self
    }

    /// The shortest session timeout a member may ask for (`group.min.session.timeout.ms`). Default 6 s.
    #[must_use]
    pub fn group_min_session_timeout(mut self, timeout: Duration) -> Self {
        self.settings.group_min_session_timeout = timeout;
        self
    }

    /// The longest session timeout a member may ask for (`group.max.session.timeout.ms`). Default 30 min.
    #[must_use]
    pub fn group_max_session_timeout(mut self, timeout: Duration) -> Self {
        self.settings.group_max_session_timeout = timeout;
        self
    }

    /// The most members of a group (`group.max.size`). Default 1000; Kafka has no bound.
    #[must_use]
    pub fn group_max_size(mut self, members: usize) -> Self {
        self.settings.group_max_size = members;
        self
    }

    /// Bytes of all logs together, from which on Produce answers `KAFKA_STORAGE_ERROR`, as on a full disk: logs are
    /// kept in memory. Default 4 GiB.
    #[must_use]
    pub fn max_log_bytes(mut self, bytes: u64) -> Self {
        self.settings.max_log_bytes = bytes;
        self
    }

    /// Offers only these versions of an API, as an older Kafka would; an empty range hides the API.
    #[must_use]
    pub fn api_versions(mut self, key: ApiKey, versions: VersionRange) -> Self {
        self.settings.version_mask.insert(key, versions);
        self
    }

    /// Whether the cluster keeps a journal of what it sees and does. Default false.
    #[must_use]
    pub fn journal(mut self, journal: bool) -> Self {
        self.settings.journal = journal;
        self
    }

    /// How long a follower takes from one fetch of something new to the next, drawn anew each time from `shortest` to
    /// `longest` by the seed. A record is committed after two fetches of each replica in sync. Default: no time at all,
    /// so that what is appended is committed at once.
    #[must_use]
    pub fn replica_fetch_delay(mut self, shortest: Duration, longest: Duration) -> Self {
        self.settings.replica_fetch_delay = (shortest, longest);
        self
    }

    /// How long a follower may lack records before it is taken out of the ISR (`replica.lag.time.max.ms`). Default 30 s.
    #[must_use]
    pub fn replica_lag_time_max(mut self, lag: Duration) -> Self {
        self.settings.replica_lag_time_max = lag;
        self
    }

    /// Replicas in sync without which acks -1 is refused, of topics that do not say it (`min.insync.replicas`).
    /// Default 1.
    #[must_use]
    pub fn min_insync_replicas(mut self, replicas: usize) -> Self {
        self.settings.min_insync_replicas = replicas;
        self
    }

    /// Whether a replica that lacks committed records may lead when no other is left, of topics that do not say it
    /// (`unclean.leader.election.enable`). Default false.
    #[must_use]
    pub fn unclean_leader_election_enable(mut self, enable: bool) -> Self {
        self.settings.unclean_leader_election_enable = enable;
        self
    }

    /// How long the controller believes in a node that was killed (`broker.session.timeout.ms`). Default 9 s.
    #[must_use]
    pub fn broker_session_timeout(mut self, timeout: Duration) -> Self {
        self.settings.broker_session_timeout = timeout;
        self
    }

    /// How long nodes take to hear what the controller decided: until then they answer as before. What topics there are
    /// is known to all at once. Default: no time at all.
    #[must_use]
    pub fn metadata_propagation_delay(mut self, delay: Duration) -> Self {
        self.settings.metadata_propagation_delay = delay;
        self
    }

    /// How long a new coordinator answers COORDINATOR_LOAD_IN_PROGRESS. Default: no time at all.
    #[must_use]
    pub fn coordinator_load_time(mut self, time: Duration) -> Self {
        self.settings.coordinator_load_time = time;
        self
    }

    /// How many nodes can coordinate a group, at most as many as there are (`offsets.topic.replication.factor`).
    /// Default 3.
    #[must_use]
    pub fn offsets_topic_replication_factor(mut self, replicas: usize) -> Self {
        self.settings.offsets_topic_replication_factor = replicas;
        self
    }

    /// How many nodes can coordinate a transactional id, at most as many as there are
    /// (`transaction.state.log.replication.factor`). Default 3.
    #[must_use]
    pub fn transaction_state_log_replication_factor(mut self, replicas: usize) -> Self {
        self.settings.transaction_state_log_replication_factor = replicas;
        self
    }

    /// How long a partition remembers a silent idempotent producer (`producer.id.expiration.ms`). Default one day.
    #[must_use]
    pub fn producer_id_expiration(mut self, expiration: Duration) -> Self {
        self.settings.producer_id_expiration = expiration;
        self
    }

    /// Makes the cluster.
    ///
    /// # Errors
    /// A setting that no cluster can have.
    pub fn build(self) -> Result<Cluster, BuildError> {
        let mut settings = self.settings;
        if settings.listeners.is_empty() {
            settings.listeners.push(ListenerConfig::default());
        }
        check_listeners(&settings.listeners)?;
        if !(1..=MAX_NODES).contains(&settings.nodes) {
            return Err(BuildError(format!("nodes must be from 1 to {MAX_NODES}: {}", settings.nodes)));
        }
        if settings.num_partitions < 1 {
            return Err(BuildError(format!(
                "num.partitions must be at least 1: {}",
                settings.num_partitions
            )));
        }
        let replicas = settings.default_replication_factor;
        if usize::try_from(replicas).map_or(true, |replicas| replicas == 0 || replicas > settings.nodes) {
            return Err(BuildError(format!(
                "default.replication.factor must be from 1 to nodes: {replicas}"
            )));
        }
        let (shortest, longest) = settings.replica_fetch_delay;
        if shortest > longest {
            let message =
                format!("replica_fetch_delay must not end before it starts: {shortest:?} to {longest:?}");
            return Err(BuildError(message));
        }
        let factors =
            [settings.offsets_topic_replication_factor, settings.transaction_state_log_replication_factor];
        if factors.contains(&0) || settings.min_insync_replicas == 0 {
            return Err(BuildError(
                "replication factors and min.insync.replicas must be at least 1: 0".to_owned(),
            ));
        }
        Ok(Cluster::new(settings))
    }
}

fn check_listeners(listeners: &[ListenerConfig]) -> Result<(), BuildError> {
    if listeners.len() > MAX_LISTENERS {
        return Err(BuildError(format!("more listeners than {MAX_LISTENERS}: {}", listeners.len())));
    }
    for (index, ListenerConfig { name, sasl, .. }) in listeners.iter().enumerate() {
        if listeners[..index].iter().any(|other| other.name == *name) {
            return Err(BuildError(format!("two listeners with the same name: {name}")));
        }
        if sasl.as_ref().is_some_and(SaslConfig::is_empty) {
            return Err(BuildError(format!("a listener with SASL and no mechanism: {name}")));
        }
    }
    Ok(())
}

/// A setting that no cluster can have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildError(String);

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BuildError {}
