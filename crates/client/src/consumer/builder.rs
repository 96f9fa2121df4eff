//! How a consumer is made.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use ottla_core::assignors::{Assignor, RangeAssignor, RoundRobinAssignor};
use ottla_core::backoff::Backoff;
use ottla_core::consumer::{Consumed, FetchConfig, Fetcher, OffsetReset, OffsetResetPolicy, TopicPartition};
use ottla_core::groups::{ClassicGroup, ClassicGroupConfig};
use ottla_core::random::Jitter;
use ottla_protocol::types::{GroupId, Str, TopicName};
use tokio::sync::Notify;

use super::driver;
use super::engine::{Engine, Machines};
use super::listener::{Deaf, RebalanceListener};
use super::poll::Poller;
use super::{Consumer, ConsumerSettings, Shared};
use crate::client::Client;
use crate::config_error::ConfigError;
use crate::error::ClientError;

/// The largest batch that is decompressed, in bytes, unless `fetch_memory` is larger: what brokers accept by default
/// is 1 MiB, and compression rarely gains more than this.
const MIN_BATCH_LIMIT: usize = 64 << 20;

/// Settings of a [`Consumer`].
pub struct ConsumerBuilder {
    client: Client,
    group_id: Option<GroupId>,
    group_instance_id: Option<Str>,
    topics: BTreeSet<TopicName>,
    partitions: Vec<TopicPartition>,
    fetch: FetchConfig,
    enable_auto_commit: bool,
    auto_commit_interval: Duration,
    session_timeout: Duration,
    heartbeat_interval: Duration,
    max_poll_interval: Duration,
    assignors: Vec<Arc<dyn Assignor>>,
    listener: Box<dyn RebalanceListener>,
}

impl ConsumerBuilder {
    pub(crate) fn new(client: Client, group_id: Option<GroupId>) -> Self {
        let settings = &client.shared.settings;
        let mut fetch = FetchConfig::default();
        fetch.request_timeout = settings.request_timeout;
        fetch.backoff = settings.backoff;
        Self {
            client,
            enable_auto_commit: group_id.is_some(),
            group_id,
            group_instance_id: None,
            topics: BTreeSet::new(),
            partitions: Vec::new(),
            fetch,
            auto_commit_interval: Duration::from_secs(5),
            session_timeout: Duration::from_secs(45),
            heartbeat_interval: Duration::from_secs(3),
            max_poll_interval: Duration::from_secs(300),
            assignors: vec![Arc::new(RangeAssignor), Arc::new(RoundRobinAssignor)],
            listener: Box::new(Deaf),
        }
    }

    /// Adds topics whose partitions the group shares among its members.
    #[must_use]
    pub fn subscribe<T: Into<TopicName>>(mut self, topics: impl IntoIterator<Item = T>) -> Self {
        self.topics.extend(topics.into_iter().map(Into::into));
        self
    }

    /// Adds partitions to read, whoever else reads them. Not together with [`subscribe`](Self::subscribe).
    #[must_use]
    pub fn assign(mut self, partitions: impl IntoIterator<Item = TopicPartition>) -> Self {
        self.partitions.extend(partitions);
        self
    }

    /// `auto.offset.reset`: where to start where nothing is committed, or the position is gone. Default: latest.
    #[must_use]
    pub fn auto_offset_reset(mut self, policy: OffsetResetPolicy) -> Self {
        self.fetch.reset_policy = policy;
        self
    }

    /// `enable.auto.commit`: whether offsets that are done with are committed by themselves. Default: true in a group.
    #[must_use]
    pub fn enable_auto_commit(mut self, enable: bool) -> Self {
        self.enable_auto_commit = enable;
        self
    }

    /// `auto.commit.interval.ms`. Default: 5 s.
    #[must_use]
    pub fn auto_commit_interval(mut self, interval: Duration) -> Self {
        self.auto_commit_interval = interval;
        self
    }

    /// `group.instance.id`: a member that keeps its place when it restarts (KIP-345). Default: none.
    #[must_use]
    pub fn group_instance_id(mut self, id: impl Into<String>) -> Self {
        self.group_instance_id = Some(id.into().into());
        self
    }

    /// `session.timeout.ms`: without a heartbeat for so long, the member is taken for dead. Default: 45 s.
    #[must_use]
    pub fn session_timeout(mut self, timeout: Duration) -> Self {
        self.session_timeout = timeout;
        self
    }

    /// `heartbeat.interval.ms`, below a third of the session timeout. Default: 3 s.
    #[must_use]
    pub fn heartbeat_interval(mut self, interval: Duration) -> Self {
        self.heartbeat_interval = interval;
        self
    }

    /// `max.poll.interval.ms`: how long the application may work on what it got before others get its partitions.
    /// Default: 5 min.
    #[must_use]
    pub fn max_poll_interval(mut self, interval: Duration) -> Self {
        self.max_poll_interval = interval;
        self
    }

    /// `partition.assignment.strategy`, by preference. Default: range, roundrobin.
    #[must_use]
    pub fn assignors(mut self, assignors: impl IntoIterator<Item = Arc<dyn Assignor>>) -> Self {
        self.assignors = assignors.into_iter().collect();
        self
    }

    /// `fetch.min.bytes`: a broker waits until it has so much. Default: 1.
    #[must_use]
    pub fn fetch_min_bytes(mut self, bytes: i32) -> Self {
        self.fetch.min_bytes = bytes;
        self
    }

    /// `fetch.max.wait.ms`: but no longer than this. Default: 500 ms.
    #[must_use]
    pub fn fetch_max_wait(mut self, wait: Duration) -> Self {
        self.fetch.max_wait = wait;
        self
    }

    /// `fetch.max.bytes`: the most that one answer may have. Default: 50 MiB.
    #[must_use]
    pub fn fetch_max_bytes(mut self, bytes: usize) -> Self {
        self.fetch.max_bytes = bytes;
        self
    }

    /// `max.partition.fetch.bytes`: likewise, of one partition. Default: 1 MiB.
    #[must_use]
    pub fn max_partition_fetch_bytes(mut self, bytes: usize) -> Self {
        self.fetch.max_partition_bytes = bytes;
        self
    }

    /// The most that is fetched ahead and held, in bytes: answers under way, batches that wait, and batches that the
    /// application still holds. Default: 32 MiB. One batch that is larger is always admitted.
    #[must_use]
    pub fn fetch_memory(mut self, bytes: usize) -> Self {
        self.fetch.memory = bytes;
        self
    }

    /// Is told of rebalances.
    #[must_use]
    pub fn rebalance_listener(mut self, listener: impl RebalanceListener + 'static) -> Self {
        self.listener = Box::new(listener);
        self
    }

    /// Starts the consumer.
    ///
    /// # Errors
    /// Settings that contradict each other, or a closed client.
    pub fn build(self) -> Result<Consumer, ClientError> {
        self.client.check_usable()?;
        self.check()?;
        let settings = &self.client.shared.settings;
        let (request_timeout, api_timeout) = (settings.request_timeout, settings.api_timeout);
        let (backoff, mut jitter) = (settings.backoff, settings.jitter());
        let now = self.client.shared.pool.clock().now();
        let group = self.group_id.map(|group_id| {
            let mut config = ClassicGroupConfig::new(group_id);
            config.group_instance_id = self.group_instance_id;
            config.session_timeout = self.session_timeout;
            config.heartbeat_interval = self.heartbeat_interval;
            config.rebalance_timeout = self.max_poll_interval;
            config.request_timeout = request_timeout;
            config.api_timeout = api_timeout;
            config.backoff = backoff;
            let mut group = ClassicGroup::new(config, self.assignors, jitter.fork());
            if !self.topics.is_empty() {
                group.subscribe(now, self.topics.iter().cloned().collect());
            }
            group
        });
        let interval = (self.enable_auto_commit && group.is_some()).then_some(self.auto_commit_interval);
        let consumer_settings = ConsumerSettings {
            enable_auto_commit: interval.is_some(),
            max_batch_bytes: self.fetch.memory.max(MIN_BATCH_LIMIT),
            close_timeout: api_timeout,
        };
        let machines = machines(self.fetch, Consumed::new(interval), group, backoff, jitter);
        let wanted: BTreeSet<TopicName> =
            self.partitions.iter().map(|partition| partition.topic.clone()).chain(self.topics).collect();
        let mut engine = Engine::new(
            machines,
            self.client.snapshot(),
            wanted.clone(),
            self.max_poll_interval,
            now.instant,
        );
        engine.assign(&self.partitions);
        self.client.shared.metadata.want(&wanted);
        let number = self.client.shared.parts.consumers.number();
        let shared = Arc::new(Shared {
            owner: self.client.shared.pool.new_owner(),
            client: self.client,
            engine: Mutex::new(engine),
            listener: Mutex::new(self.listener),
            work: Notify::new(),
            ready: Notify::new(),
            released: AtomicUsize::new(0),
            settings: consumer_settings,
            number,
        });
        let weak = Arc::downgrade(&shared);
        shared.client.shared.parts.consumers.add(number, weak);
        driver::spawn(Arc::clone(&shared));
        Ok(Consumer { shared, poller: tokio::sync::Mutex::new(Poller::new()) })
    }

    fn check(&self) -> Result<(), ConfigError> {
        if self.topics.is_empty() == self.partitions.is_empty() {
            let reason = "either subscribe to topics or assign partitions, one of the two";
            return Err(ConfigError::new("subscription", reason));
        }
        if self.group_id.is_none() && (!self.topics.is_empty() || self.enable_auto_commit) {
            return Err(ConfigError::new("group.id", "subscriptions and commits need a group"));
        }
        if self.group_id.as_ref().is_some_and(|group| group.is_empty()) {
            return Err(ConfigError::new("group.id", "must not be empty"));
        }
        if self.heartbeat_interval >= self.session_timeout {
            let reason = format!("must be below session.timeout.ms: {:?}", self.heartbeat_interval);
            return Err(ConfigError::new("heartbeat.interval.ms", reason));
        }
        if self.assignors.is_empty() {
            return Err(ConfigError::new("partition.assignment.strategy", "needs at least one assignor"));
        }
        for (key, bytes) in [
            ("fetch.max.bytes", self.fetch.max_bytes),
            ("max.partition.fetch.bytes", self.fetch.max_partition_bytes),
            ("fetch_memory", self.fetch.memory),
        ] {
            if bytes == 0 || i32::try_from(bytes).is_err() {
                return Err(ConfigError::new(key, format!("must be between 1 and 2147483647: {bytes}")));
            }
        }
        Ok(())
    }
}

fn machines(
    fetch: FetchConfig,
    consumed: Consumed,
    group: Option<ClassicGroup>,
    backoff: Backoff,
    mut jitter: Jitter,
) -> Machines {
    let policy = fetch.reset_policy;
    Machines {
        reset: OffsetReset::new(fetch.clone(), jitter.fork()),
        fetcher: Fetcher::new(fetch, jitter.fork()),
        consumed,
        group,
        policy,
        backoff,
        jitter,
    }
}

impl fmt::Debug for ConsumerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsumerBuilder")
            .field("group_id", &self.group_id)
            .field("group_instance_id", &self.group_instance_id)
            .field("topics", &self.topics)
            .field("partitions", &self.partitions)
            .field("fetch", &self.fetch)
            .field("enable_auto_commit", &self.enable_auto_commit)
            .field("auto_commit_interval", &self.auto_commit_interval)
            .field("session_timeout", &self.session_timeout)
            .field("heartbeat_interval", &self.heartbeat_interval)
            .field("max_poll_interval", &self.max_poll_interval)
            .field("assignors", &self.assignors.iter().map(|assignor| assignor.name()).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
