//! Builders made of a checked configuration: the one place where keys become settings.

use std::sync::Arc;
use std::time::Duration;

use ottla_core::assignors::{Assignor, RangeAssignor, RoundRobinAssignor};
use ottla_core::metadata::MetadataRecovery;
use ottla_core::producer::{Acks, BuiltInPartitioner, UnknownPartitioner};
use ottla_protocol::compression::{Compression, CompressionLevel};
use ottla_transport::TcpConnector;

use super::key::Role;
use super::properties::Properties;
use super::secured;
use super::security::SecuritySettings;
use super::unused::{self, Unused};
use super::value::Value;
use super::values::Values;
use crate::client::{Client, ClientBuilder};
use crate::config_error::ConfigError;
use crate::consumer::ConsumerBuilder;
use crate::producer::ProducerBuilder;

/// A checked configuration, of which clients, producers and consumers are made.
///
/// What builders only take as code is added to the builders: topics, listeners, partitioners, connectors.
#[derive(Clone, Debug)]
pub struct Config {
    values: Values,
    security: SecuritySettings,
}

impl Config {
    /// Checks names and values, of all roles.
    ///
    /// # Errors
    /// An unknown key, with the one that was meant perhaps; a malformed value; security settings that contradict one
    /// another or lack something. The line is told where there is one, the value of a secret key never.
    pub fn new(properties: &Properties) -> Result<Self, ConfigError> {
        let values = Values::new(properties)?;
        check_role(&values, Role::Client)?;
        let security = SecuritySettings::new(&values)?;
        Ok(Self { values, security })
    }

    /// Reads the text of a `.properties` file, as [`Properties::parse`] does, and checks it.
    ///
    /// # Errors
    /// As [`Properties::parse`] and [`Config::new`].
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        Self::new(&Properties::parse(text)?)
    }

    /// How connections are secured.
    pub fn security(&self) -> &SecuritySettings {
        &self.security
    }

    /// What was given and is not used by a program that has these roles (and a client), and why not.
    pub fn unused(&self, roles: &[Role]) -> Vec<Unused> {
        unused::list(&self.values, &self.security, roles)
    }

    /// A client.
    ///
    /// # Errors
    /// No `bootstrap.servers`; security settings that are understood and not possible here; certificates that cannot be
    /// read.
    pub fn client(&self) -> Result<ClientBuilder, ConfigError> {
        let values = &self.values;
        let Some(servers) = values.text("bootstrap.servers").filter(|servers| !servers.is_empty()) else {
            return Err(ConfigError::new(
                "bootstrap.servers",
                "missing: host:port of a broker, several by comma",
            ));
        };
        let builder = Client::builder(servers)
            .client_id(values.text("client.id").unwrap_or_default())
            .connector(self.connector())
            .authentication_timeout(values.duration("authentication.timeout.ms"))
            .connection_timeout(values.duration("socket.connection.setup.timeout.ms"))
            .connection_timeout_max(values.duration("socket.connection.setup.timeout.max.ms"))
            .reconnect_backoff(
                values.duration("reconnect.backoff.ms"),
                values.duration("reconnect.backoff.max.ms"),
            )
            .connections_max_idle(match values.duration("connections.max.idle.ms") {
                Duration::ZERO => Duration::MAX,
                idle => idle,
            })
            .max_frame_size(values.size("receive.message.max.bytes").max(1 << 20))
            .metadata_recovery(self.metadata_recovery())
            .request_timeout(values.duration("request.timeout.ms"))
            .default_api_timeout(values.duration("default.api.timeout.ms"))
            .metadata_max_age(values.duration("metadata.max.age.ms"))
            .retry_backoff(values.duration("retry.backoff.ms"), values.duration("retry.backoff.max.ms"))
            .allow_auto_create_topics(values.boolean("allow.auto.create.topics"));
        secured::secure(builder, &self.security)
    }

    fn metadata_recovery(&self) -> MetadataRecovery {
        let strategy = self.values.text("metadata.recovery.strategy").unwrap_or_default();
        match strategy.eq_ignore_ascii_case("none") {
            true => MetadataRecovery::None,
            false => {
                let trigger = self.values.duration("metadata.recovery.rebootstrap.trigger.ms");
                MetadataRecovery::Rebootstrap { trigger }
            }
        }
    }

    /// TCP with the settings of sockets: for a proxy around it, which is then given to the builder.
    pub fn connector(&self) -> TcpConnector {
        let values = &self.values;
        // -1 in Java and 0 in librdkafka leave the size to the system.
        let size = |name| {
            values.integer(name).and_then(|bytes| u32::try_from(bytes).ok()).filter(|bytes| *bytes > 0)
        };
        let keepalive = values.boolean("socket.keepalive.enable");
        let mut connector = TcpConnector::default().socket_keepalive_enable(keepalive);
        if let Some(bytes) = size("send.buffer.bytes") {
            connector = connector.send_buffer_bytes(bytes);
        }
        if let Some(bytes) = size("receive.buffer.bytes") {
            connector = connector.receive_buffer_bytes(bytes);
        }
        connector
    }

    /// `statistics.interval.ms`, where it is given and not 0: what is to be shown, and to whom, is said to
    /// [`ClientBuilder::metrics_reporter`].
    pub fn statistics_interval(&self) -> Option<Duration> {
        Some(self.values.duration("statistics.interval.ms")).filter(|interval| !interval.is_zero())
    }

    /// A producer.
    ///
    /// As in Java, idempotence is off if `acks`, `retries` or `max.in.flight.requests.per.connection` does not go with it
    /// and `enable.idempotence` is not given; and `delivery.timeout.ms` is long enough for `linger.ms` and
    /// `request.timeout.ms` if it is not given.
    ///
    /// # Errors
    /// A value that is understood and not possible here.
    pub fn producer(&self, client: &Client) -> Result<ProducerBuilder, ConfigError> {
        let values = &self.values;
        check_role(values, Role::Producer)?;
        let acks = match values.text("acks").unwrap_or_default().as_str() {
            "0" => Acks::None,
            "1" => Acks::Leader,
            _ => Acks::All,
        };
        let max_in_flight = values.size("max.in.flight.requests.per.connection");
        // Java's largest means no limit.
        let retries = u32::try_from(values.size("retries")).unwrap_or(u32::MAX);
        let idempotence = match values.given("enable.idempotence") {
            Some(_) => values.boolean("enable.idempotence"),
            None => acks == Acks::All && max_in_flight <= MAX_IN_FLIGHT_IDEMPOTENT && retries > 0,
        };
        let (compression, level) = compression(values)?;
        let builder = client
            .producer()
            .acks(acks)
            .enable_idempotence(idempotence)
            .batch_size(values.size("batch.size"))
            .linger(values.duration("linger.ms"))
            .buffer_memory(buffer_memory(values))
            .max_request_size(values.size("max.request.size"))
            .max_in_flight(max_in_flight)
            .compression(compression)
            .compression_level(level)
            .retries(retries)
            .retry_backoff(values.duration("retry.backoff.ms"), values.duration("retry.backoff.max.ms"))
            .request_timeout(values.duration("request.timeout.ms"))
            .delivery_timeout(delivery_timeout(values))
            .max_block(values.duration("max.block.ms"))
            .partitioner(partitioner(values)?)
            .partitioner_ignore_keys(values.boolean("partitioner.ignore.keys"))
            .partitioner_adaptive_partitioning_enable(
                values.boolean("partitioner.adaptive.partitioning.enable"),
            )
            .partitioner_availability_timeout(values.duration("partitioner.availability.timeout.ms"));
        Ok(builder)
    }

    /// A consumer: of the group in `group.id`, or of none. Topics or partitions are added to the builder.
    ///
    /// # Errors
    /// A value that is understood and not possible here.
    pub fn consumer(&self, client: &Client) -> Result<ConsumerBuilder, ConfigError> {
        let values = &self.values;
        check_role(values, Role::Consumer)?;
        let mut builder = match values.text("group.id") {
            Some(group) => client.consumer(group),
            None => client.consumer_without_group(),
        };
        if values.given("enable.auto.commit").is_some() {
            builder = builder.enable_auto_commit(values.boolean("enable.auto.commit"));
        }
        if let Some(id) = values.text("group.instance.id") {
            builder = builder.group_instance_id(id);
        }
        if let Some(Value::OffsetReset(policy)) = values.value("auto.offset.reset") {
            builder = builder.auto_offset_reset(policy);
        }
        let builder = builder
            .auto_commit_interval(values.duration("auto.commit.interval.ms"))
            .session_timeout(values.duration("session.timeout.ms"))
            .heartbeat_interval(values.duration("heartbeat.interval.ms"))
            .max_poll_interval(values.duration("max.poll.interval.ms"))
            .assignors(assignors(values)?)
            .fetch_min_bytes(i32::try_from(values.size("fetch.min.bytes")).unwrap_or(i32::MAX))
            .fetch_max_wait(values.duration("fetch.max.wait.ms"))
            .fetch_max_bytes(values.size("fetch.max.bytes"))
            .max_partition_fetch_bytes(values.size("max.partition.fetch.bytes"))
            .fetch_memory(values.size("queued.max.messages.kbytes"));
        Ok(builder)
    }
}

/// What brokers remember of each producer, and so keep in order.
const MAX_IN_FLIGHT_IDEMPOTENT: usize = 5;

/// Refuses what the role would have to do otherwise than was meant.
fn check_role(values: &Values, role: Role) -> Result<(), ConfigError> {
    values.all().filter(|given| given.key.roles().contains(&role)).try_for_each(|given| given.check())
}

/// Java's name before librdkafka's, whose unit is another.
fn buffer_memory(values: &Values) -> usize {
    match (values.given("buffer.memory"), values.given("queue.buffering.max.kbytes")) {
        (None, Some(_)) => values.size("queue.buffering.max.kbytes"),
        _ => values.size("buffer.memory"),
    }
}

fn delivery_timeout(values: &Values) -> Duration {
    let timeout = values.duration("delivery.timeout.ms");
    match values.given("delivery.timeout.ms") {
        Some(_) => timeout,
        None => timeout.max(values.duration("linger.ms") + values.duration("request.timeout.ms")),
    }
}

/// The type, and the level of the key for that type.
fn compression(values: &Values) -> Result<(Compression, CompressionLevel), ConfigError> {
    let compression: Compression =
        values.text("compression.type").unwrap_or_default().parse().unwrap_or_default();
    let name = level_key(compression);
    let given = name.and_then(|name| values.given(name)).or_else(|| values.given("compression.level"));
    let Some(given) = given else { return Ok((compression, CompressionLevel::DEFAULT)) };
    let Value::Integer(level) = given.value else { return Ok((compression, CompressionLevel::DEFAULT)) };
    if compression.level_range().is_none() || (level == -1 && given.key.name() == "compression.level") {
        return Ok((compression, CompressionLevel::DEFAULT));
    }
    let level = i32::try_from(level).unwrap_or(i32::MAX);
    match CompressionLevel::new(compression, level) {
        Ok(level) => Ok((compression, level)),
        Err(error) => Err(given.error(error.to_string())),
    }
}

fn partitioner(values: &Values) -> Result<BuiltInPartitioner, ConfigError> {
    let key = "partitioner.class";
    values.text(key).unwrap_or_default().parse().map_err(|unknown: UnknownPartitioner| {
        let reason = format!("{unknown}; a rule of your own is given to ProducerBuilder::custom_partitioner");
        match values.given(key) {
            Some(given) => given.error(reason),
            None => ConfigError::new(key, reason),
        }
    })
}

/// The key with the level of this type.
pub(super) fn level_key(compression: Compression) -> Option<&'static str> {
    match compression {
        Compression::Gzip => Some("compression.gzip.level"),
        Compression::Lz4 => Some("compression.lz4.level"),
        Compression::Zstd => Some("compression.zstd.level"),
        _ => None,
    }
}

fn assignors(values: &Values) -> Result<Vec<Arc<dyn Assignor>>, ConfigError> {
    let key = "partition.assignment.strategy";
    let assignor = |name: String| -> Result<Arc<dyn Assignor>, ConfigError> {
        let short = name.strip_prefix("org.apache.kafka.clients.consumer.").unwrap_or(&name);
        match short {
            "range" | "RangeAssignor" => Ok(Arc::new(RangeAssignor)),
            "roundrobin" | "RoundRobinAssignor" => Ok(Arc::new(RoundRobinAssignor)),
            _ => {
                let reason = match short {
                    "cooperative-sticky" | "CooperativeStickyAssignor" | "sticky" | "StickyAssignor" => {
                        "not supported yet, only range and roundrobin are"
                    }
                    _ => {
                        "neither range nor roundrobin; a strategy of your own is given to ConsumerBuilder::assignors"
                    }
                };
                let reason = format!("{reason}: {name}");
                Err(match values.given(key) {
                    Some(given) => given.error(reason),
                    None => ConfigError::new(key, reason),
                })
            }
        }
    };
    values.list(key).into_iter().map(assignor).collect()
}
