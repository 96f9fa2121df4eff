//! What a cluster can be told before it starts. Setters carry the names of Kafka's broker configs.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use ottla_protocol::api::ApiKey;
use ottla_protocol::message::VersionRange;
use ottla_protocol::types::Str;

use crate::cluster::Cluster;

/// More brokers than this are a mistake in a test.
const MAX_NODES: usize = 1000;

/// Settings of a [`Cluster`] that is to be made.
#[derive(Clone, Debug)]
pub struct ClusterBuilder {
    pub(crate) settings: Settings,
}

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) nodes: usize,
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
            },
        }
    }

    /// How many brokers; their ids start at 1. Default 1.
    #[must_use]
    pub fn nodes(mut self, nodes: usize) -> Self {
        self.settings.nodes = nodes;
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

    /// Makes the cluster.
    ///
    /// # Errors
    /// A setting that no cluster can have.
    pub fn build(self) -> Result<Cluster, BuildError> {
        let settings = self.settings;
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
        Ok(Cluster::new(settings))
    }
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
