//! How a producer is made.

use std::fmt;
use std::time::Duration;

use ottla_core::backoff::Backoff;
use ottla_core::producer::{
    self as machine, Acks, BuiltInPartitioner, Partitioner, PartitionerConfig, ProducerConfig,
};
use ottla_protocol::compression::{Compression, CompressionLevel};
use ottla_protocol::types::TopicName;

use super::custom_partitioners::{CustomPartitioners, MakePartitioner};
use super::interceptors::{Interceptors, ProducerInterceptor};
use super::topics::Topics;
use super::{Producer, ProducerSettings};
use crate::client::Client;
use crate::config_error::ConfigError;
use crate::error::ClientError;

/// Settings of a [`Producer`].
pub struct ProducerBuilder {
    client: Client,
    acks: Acks,
    enable_idempotence: bool,
    batch_size: usize,
    linger: Duration,
    buffer_memory: usize,
    max_request_size: usize,
    max_in_flight: usize,
    compression: Compression,
    compression_level: CompressionLevel,
    retries: u32,
    retry_backoff: Backoff,
    delivery_timeout: Duration,
    request_timeout: Duration,
    max_block: Duration,
    partitioner: BuiltInPartitioner,
    partitioner_ignore_keys: bool,
    partitioner_adaptive: bool,
    partitioner_availability_timeout: Duration,
    custom_partitioner: Option<MakePartitioner>,
    interceptors: Vec<Box<dyn ProducerInterceptor>>,
}

impl ProducerBuilder {
    pub(crate) fn new(client: Client) -> Self {
        let request_timeout = client.shared.settings.request_timeout;
        let retry_backoff = client.shared.settings.backoff;
        Self {
            client,
            acks: Acks::All,
            enable_idempotence: true,
            batch_size: 128 * 1024,
            linger: Duration::ZERO,
            buffer_memory: 32 * 1024 * 1024,
            max_request_size: 1024 * 1024,
            max_in_flight: 5,
            compression: Compression::None,
            compression_level: CompressionLevel::DEFAULT,
            retries: i32::MAX as u32,
            retry_backoff,
            delivery_timeout: Duration::from_secs(120),
            request_timeout,
            max_block: Duration::from_secs(60),
            partitioner: BuiltInPartitioner::default(),
            partitioner_ignore_keys: false,
            partitioner_adaptive: true,
            partitioner_availability_timeout: Duration::ZERO,
            custom_partitioner: None,
            interceptors: Vec::new(),
        }
    }

    /// `acks`: who must have a record before it counts as written. Default: all. Anything else needs
    /// [`enable_idempotence`](Self::enable_idempotence)`(false)`.
    #[must_use]
    pub fn acks(mut self, acks: Acks) -> Self {
        self.acks = acks;
        self
    }

    /// `enable.idempotence`: no duplicates when a request is repeated. Default: true.
    #[must_use]
    pub fn enable_idempotence(mut self, enable: bool) -> Self {
        self.enable_idempotence = enable;
        self
    }

    /// `batch.size` in bytes before compression. Default: 128 KiB; a batch is sent sooner whenever the broker is free.
    /// Where a topic's `max.message.bytes` allows less, batches that are refused are sent again in parts, and later ones
    /// stay smaller (KIP-126).
    #[must_use]
    pub fn batch_size(mut self, bytes: usize) -> Self {
        self.batch_size = bytes;
        self
    }

    /// `linger.ms`: how long a batch waits for company. Default: 0, as batches fill while earlier ones are under way.
    #[must_use]
    pub fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    /// `buffer.memory` in bytes: records that are queued or under way. Default: 32 MiB.
    #[must_use]
    pub fn buffer_memory(mut self, bytes: usize) -> Self {
        self.buffer_memory = bytes;
        self
    }

    /// `max.request.size` in bytes: of a request, and so of a record. Default: 1 MiB. Brokers have limits of their own
    /// (`message.max.bytes`).
    #[must_use]
    pub fn max_request_size(mut self, bytes: usize) -> Self {
        self.max_request_size = bytes;
        self
    }

    /// `max.in.flight.requests.per.connection`. Default: 5, the most that idempotence allows and keeps in
    /// order. Without idempotence, only 1 keeps the order when requests fail.
    #[must_use]
    pub fn max_in_flight(mut self, requests: usize) -> Self {
        self.max_in_flight = requests;
        self
    }

    /// `compression.type`. Default: none.
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// `compression.gzip.level` and its siblings. Default: the codec's own.
    #[must_use]
    pub fn compression_level(mut self, level: CompressionLevel) -> Self {
        self.compression_level = level;
        self
    }

    /// `delivery.timeout.ms`: from queueing a record to giving up on it. Default: 2 min. At least `linger.ms` +
    /// `request.timeout.ms`.
    #[must_use]
    pub fn delivery_timeout(mut self, timeout: Duration) -> Self {
        self.delivery_timeout = timeout;
        self
    }

    /// `retries`: how often a batch is sent again after an error that may pass; then it ends with that error. Default:
    /// 2147483647, as in Java: no limit but [`delivery_timeout`](Self::delivery_timeout). KafkaJS has 5. Attempts that
    /// reached no broker do not count. 0 needs [`enable_idempotence`](Self::enable_idempotence)`(false)`.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// `retry.backoff.ms` and `retry.backoff.max.ms` (KIP-580): how long a batch, or the request for a producer id, waits
    /// after an error before it is sent again: `initial`, doubled with each error up to `max`, a fifth more or less at
    /// random but never more than `max`. Not waited for where the partition has got another leader since (KIP-951).
    /// Default: the [client's](crate::ClientBuilder::retry_backoff), 100 ms to 1 s.
    #[must_use]
    pub fn retry_backoff(mut self, initial: Duration, max: Duration) -> Self {
        self.retry_backoff = Backoff::new(initial, max);
        self
    }

    /// `request.timeout.ms`: how long an answer to a request is waited for, and how long the broker may wait for its
    /// replicas. Without one the batch may be written, and is sent again. Default: the
    /// [client's](crate::ClientBuilder::request_timeout), 30 s.
    #[must_use]
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// `max.block.ms`: how long queueing may wait for metadata and memory. Default: 60 s.
    #[must_use]
    pub fn max_block(mut self, limit: Duration) -> Self {
        self.max_block = limit;
        self
    }

    /// `partitioner` (librdkafka), `partitioner.class` (Java): where records go that do not name their partition.
    /// Default: Java's, [`BuiltInPartitioner::Murmur2Random`]. librdkafka's default is
    /// [`BuiltInPartitioner::ConsistentRandom`]: programs that write the same topic should have the same.
    #[must_use]
    pub fn partitioner(mut self, partitioner: BuiltInPartitioner) -> Self {
        self.partitioner = partitioner;
        self
    }

    /// `partitioner.ignore.keys`: records with a key are spread like those without. Default: false. Of no effect on
    /// records for which a [`custom_partitioner`](Self::custom_partitioner) has an answer.
    #[must_use]
    pub fn partitioner_ignore_keys(mut self, ignore: bool) -> Self {
        self.partitioner_ignore_keys = ignore;
        self
    }

    /// `partitioner.adaptive.partitioning.enable` (KIP-794): whether records without a key go more often to partitions
    /// with fewer batches waiting, so to faster brokers. Default: true. Without, they go to all partitions that have a
    /// leader alike.
    #[must_use]
    pub fn partitioner_adaptive_partitioning_enable(mut self, enable: bool) -> Self {
        self.partitioner_adaptive = enable;
        self
    }

    /// `partitioner.availability.timeout.ms` (KIP-794): a broker that owes an answer for longer, and has given none in
    /// the meantime, gets no more records without a key, until it answers. Default: 0, which turns this off. Of no effect
    /// without [adaptive partitioning](Self::partitioner_adaptive_partitioning_enable). Java looks at how long batches
    /// could not be sent, which with several requests in flight is later.
    #[must_use]
    pub fn partitioner_availability_timeout(mut self, timeout: Duration) -> Self {
        self.partitioner_availability_timeout = timeout;
        self
    }

    /// A rule of your own: `make` is called once for each topic, when it is first sent to. Default: none. It comes before
    /// [`partitioner`](Self::partitioner), and leaves to that one what it has no answer for.
    #[must_use]
    pub fn custom_partitioner<P: Partitioner + 'static>(
        mut self,
        mut make: impl FnMut(&TopicName) -> P + Send + 'static,
    ) -> Self {
        self.custom_partitioner = Some(Box::new(move |topic| Box::new(make(topic))));
        self
    }

    /// `interceptor.classes` (KIP-42): sees every record before it is queued and after it is resolved. Several are
    /// called in the order in which they were set. Default: none.
    #[must_use]
    pub fn interceptor(mut self, interceptor: impl ProducerInterceptor + 'static) -> Self {
        self.interceptors.push(Box::new(interceptor));
        self
    }

    /// Starts the producer. It connects when the first record comes.
    ///
    /// # Errors
    /// Settings that contradict each other, a closed client, or a thread without a tokio runtime.
    pub fn build(self) -> Result<Producer, ClientError> {
        self.client.check_usable()?;
        self.check()?;
        let mut jitter = self.client.shared.settings.jitter();
        let config = ProducerConfig {
            acks: self.acks,
            enable_idempotence: self.enable_idempotence,
            // A batch that no request takes would never leave.
            batch_size: self.batch_size.min(self.max_request_size),
            linger: self.linger,
            buffer_memory: self.buffer_memory,
            max_request_size: self.max_request_size,
            max_in_flight: self.max_in_flight,
            compression: self.compression,
            compression_level: self.compression_level,
            retries: self.retries,
            delivery_timeout: self.delivery_timeout,
            backoff: self.retry_backoff,
        };
        let machine = machine::Producer::new(config, jitter.fork());
        let timeout = self.partitioner_availability_timeout;
        let partitioner = PartitionerConfig {
            rule: self.partitioner,
            ignore_keys: self.partitioner_ignore_keys,
            adaptive: self.partitioner_adaptive,
            availability_timeout: Some(timeout).filter(|timeout| !timeout.is_zero()),
            batch_size: self.batch_size.min(self.max_request_size),
        };
        let topics = Topics::new(partitioner, jitter);
        let custom = self.custom_partitioner.map(CustomPartitioners::new);
        let settings = ProducerSettings {
            acks: self.acks,
            request_timeout: self.request_timeout,
            max_block: self.max_block,
            interceptors: Interceptors::new(self.interceptors),
        };
        Ok(Producer::start(self.client, machine, topics, custom, settings))
    }

    fn check(&self) -> Result<(), ConfigError> {
        if self.enable_idempotence && self.acks != Acks::All {
            let reason = "idempotence needs acks=all: set enable.idempotence to false, or leave acks alone";
            return Err(ConfigError::new("acks", reason));
        }
        if self.enable_idempotence && self.max_in_flight > 5 {
            let reason = format!("idempotence allows at most 5: {}", self.max_in_flight);
            return Err(ConfigError::new("max.in.flight.requests.per.connection", reason));
        }
        if self.enable_idempotence && self.retries == 0 {
            let reason = "idempotence needs retries: set enable.idempotence to false, or leave retries alone";
            return Err(ConfigError::new("retries", reason));
        }
        if self.request_timeout.is_zero() {
            return Err(ConfigError::new("request.timeout.ms", "must be longer than zero"));
        }
        if self.max_in_flight == 0 {
            return Err(ConfigError::new("max.in.flight.requests.per.connection", "must be at least 1"));
        }
        if self.delivery_timeout < self.linger.saturating_add(self.request_timeout) {
            let reason = format!(
                "must be at least linger.ms + request.timeout.ms: {:?} is less than {:?} + {:?}",
                self.delivery_timeout, self.linger, self.request_timeout
            );
            return Err(ConfigError::new("delivery.timeout.ms", reason));
        }
        for (key, bytes) in [
            ("batch.size", self.batch_size),
            ("buffer.memory", self.buffer_memory),
            ("max.request.size", self.max_request_size),
        ] {
            if bytes == 0 || i32::try_from(bytes).is_err() {
                return Err(ConfigError::new(key, format!("must be between 1 and 2147483647: {bytes}")));
            }
        }
        Ok(())
    }
}

impl fmt::Debug for ProducerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProducerBuilder")
            .field("acks", &self.acks)
            .field("enable_idempotence", &self.enable_idempotence)
            .field("batch_size", &self.batch_size)
            .field("linger", &self.linger)
            .field("buffer_memory", &self.buffer_memory)
            .field("max_request_size", &self.max_request_size)
            .field("max_in_flight", &self.max_in_flight)
            .field("compression", &self.compression)
            .field("compression_level", &self.compression_level)
            .field("retries", &self.retries)
            .field("retry_backoff", &self.retry_backoff)
            .field("delivery_timeout", &self.delivery_timeout)
            .field("request_timeout", &self.request_timeout)
            .field("max_block", &self.max_block)
            .field("partitioner", &self.partitioner)
            .field("partitioner_ignore_keys", &self.partitioner_ignore_keys)
            .field("partitioner_adaptive", &self.partitioner_adaptive)
            .field("partitioner_availability_timeout", &self.partitioner_availability_timeout)
            .finish_non_exhaustive()
    }
}
