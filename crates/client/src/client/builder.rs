//! How a client is made.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ottla_core::backoff::Backoff;
use ottla_core::connection::ConnectionConfig;
use ottla_core::events::{EventSink, Events};
use ottla_core::metadata::{Metadata, MetadataConfig, MetadataRecovery, Recovery};
use ottla_core::metrics::MetricsSnapshot;
use ottla_core::random::Jitter;
use ottla_core::reconnect::ReconnectConfig;
use ottla_core::sasl::Mechanism;
use ottla_protocol::frame::DEFAULT_MAX_FRAME_SIZE;
use ottla_protocol::types::Str;
use ottla_transport::{Clock, Connector, CredentialsProvider, Dialer, FixedCredentials, TcpConnector};
#[cfg(feature = "tls")]
use ottla_transport::{TlsConfig, TlsConnector};

use super::pool::{Pool, PoolConfig};
use super::reporter::{Reporter, ReporterConfig};
use super::sources::Parts;
use super::{Client, MetadataHandle, Settings, Shared};
use crate::address;
use crate::config_error::ConfigError;
use crate::error::ClientError;

/// Settings of a [`Client`].
#[derive(Clone)]
pub struct ClientBuilder {
    bootstrap_servers: String,
    client_id: Str,
    connector: Arc<dyn Connector>,
    #[cfg(feature = "tls")]
    tls: Option<TlsConfig>,
    credentials: Option<Arc<dyn CredentialsProvider>>,
    connection_timeout: Duration,
    connection_timeout_max: Duration,
    connections_max_idle: Duration,
    reconnect_backoff: (Duration, Duration),
    max_frame_size: usize,
    max_requests_per_connection: usize,
    metadata_recovery: MetadataRecovery,
    events: Events,
    metrics_reporter: Option<ReporterConfig>,
    authentication_timeout: Duration,
    request_timeout: Duration,
    api_timeout: Duration,
    metadata_max_age: Duration,
    retry_backoff: Duration,
    retry_backoff_max: Duration,
    allow_auto_topic_creation: bool,
    clock: Option<Clock>,
    seed: Option<u64>,
}

impl ClientBuilder {
    pub(super) fn new(bootstrap_servers: String) -> Self {
        Self {
            bootstrap_servers,
            client_id: Str::from_static("ottla"),
            connector: Arc::new(TcpConnector::default()),
            #[cfg(feature = "tls")]
            tls: None,
            credentials: None,
            connection_timeout: Duration::from_secs(10),
            connection_timeout_max: Duration::from_secs(30),
            connections_max_idle: Duration::from_secs(540),
            reconnect_backoff: (Duration::from_millis(50), Duration::from_secs(1)),
            max_frame_size: DEFAULT_MAX_FRAME_SIZE,
            max_requests_per_connection: 1024,
            metadata_recovery: MetadataRecovery::default(),
            events: Events::default(),
            metrics_reporter: None,
            authentication_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            api_timeout: Duration::from_secs(60),
            metadata_max_age: Duration::from_secs(300),
            retry_backoff: Duration::from_millis(100),
            retry_backoff_max: Duration::from_secs(1),
            allow_auto_topic_creation: true,
            clock: None,
            seed: None,
        }
    }

    /// `client.id`: what brokers call this client in logs and quotas. Default: `ottla`.
    #[must_use]
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = client_id.into().into();
        self
    }

    /// How streams to brokers are made: directly, through a proxy, or in one's own way. TLS is put on top of them.
    /// Default: TCP.
    #[must_use]
    pub fn connector(mut self, connector: impl Connector + 'static) -> Self {
        self.connector = Arc::new(connector);
        self
    }

    /// Encrypts every connection. Default: plaintext.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, config: TlsConfig) -> Self {
        self.tls = Some(config);
        self
    }

    /// The mechanism, with its credentials, by which brokers are to know this client. Default: no authentication.
    #[must_use]
    pub fn sasl(self, mechanism: impl Mechanism + 'static) -> Self {
        self.sasl_provider(FixedCredentials::new(mechanism))
    }

    /// The same for credentials that change or have to be fetched: asked before each authentication.
    #[must_use]
    pub fn sasl_provider(mut self, provider: impl CredentialsProvider + 'static) -> Self {
        self.credentials = Some(Arc::new(provider));
        self
    }

    /// How long an authentication may take, getting the credentials included. Default: 10 s, as in KafkaJS.
    #[must_use]
    pub fn authentication_timeout(mut self, timeout: Duration) -> Self {
        self.authentication_timeout = timeout;
        self
    }

    /// `socket.connection.setup.timeout.ms`: how long connecting to a broker may take, TLS included. Doubles with each
    /// attempt in a row that fails, up to [`connection_timeout_max`](Self::connection_timeout_max) and spread by a fifth
    /// (KIP-601). Longer than zero. Default: 10 s.
    #[must_use]
    pub fn connection_timeout(mut self, timeout: Duration) -> Self {
        self.connection_timeout = timeout;
        self
    }

    /// `socket.connection.setup.timeout.max.ms`: how long connecting may take after attempts that failed. Less than
    /// [`connection_timeout`](Self::connection_timeout) counts as that. Default: 30 s.
    #[must_use]
    pub fn connection_timeout_max(mut self, timeout: Duration) -> Self {
        self.connection_timeout_max = timeout;
        self
    }

    /// `connections.max.idle.ms`: connections that nobody has used for so long are closed; the next request opens them
    /// again. Less than the brokers' own (10 min) spares that request a broken connection. Longer than zero;
    /// `Duration::MAX` is never. Default: 9 min, as in Java.
    #[must_use]
    pub fn connections_max_idle(mut self, idle: Duration) -> Self {
        self.connections_max_idle = idle;
        self
    }

    /// `reconnect.backoff.ms` and `reconnect.backoff.max.ms`: how long after the start of an attempt to connect to a
    /// broker the next one may begin; doubled with each that fails, spread by a fifth (KIP-144). Requests wait meanwhile.
    /// Default: 50 ms to 1 s.
    #[must_use]
    pub fn reconnect_backoff(mut self, initial: Duration, max: Duration) -> Self {
        self.reconnect_backoff = (initial, max);
        self
    }

    /// The largest answer that is taken from a broker, in bytes; librdkafka's `receive.message.max.bytes`. A fetch is
    /// limited by its own settings, but one large record batch goes beyond them. At least 1 MiB. Default: 100 MiB.
    #[must_use]
    pub fn max_frame_size(mut self, bytes: usize) -> Self {
        self.max_frame_size = bytes;
        self
    }

    /// How many requests a connection takes at a time, those under way included. Operations wait for their turn beyond
    /// it. At least 16. Default: 1024.
    #[must_use]
    pub fn max_requests_per_connection(mut self, requests: usize) -> Self {
        self.max_requests_per_connection = requests;
        self
    }

    /// `metadata.recovery.strategy` and `metadata.recovery.rebootstrap.trigger.ms`: whether the bootstrap servers are
    /// asked again when no known broker answers (KIP-899), or says so (KIP-1102). Default: they are, and they alone after
    /// 5 min without an answer.
    #[must_use]
    pub fn metadata_recovery(mut self, strategy: MetadataRecovery) -> Self {
        self.metadata_recovery = strategy;
        self
    }

    /// Who is told what happens on connections: see [`events`](ottla_core::events). Called on the client's own tasks, so
    /// it must be quick.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), ottla_client::ClientError> {
    /// use ottla_client::Client;
    /// use ottla_client::events::{Event, Payload};
    ///
    /// let client = Client::builder("localhost:9092")
    ///     .events(|event: &Event| {
    ///         if let Payload::Request(done) = &event.payload {
    ///             println!("{event}: {} took {:?}", done.request.api_key, done.duration);
    ///         }
    ///     })
    ///     .connect()
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn events(mut self, sink: impl EventSink + 'static) -> Self {
        self.events = Events::to(Arc::new(sink));
        self
    }

    /// Calls `report` with a snapshot of all figures whenever `interval` has passed, and a last time when the client is
    /// closed or dropped; librdkafka's `statistics.interval.ms`. The interval is longer than zero. Default: nobody is
    /// told, and [`Client::metrics`] is there for who asks.
    ///
    /// It runs in a task of its own and holds no lock, so that one that is slow delays nothing but the next report; those
    /// that were due meanwhile are left out. A panic in it is logged, and it is called again. It must not block for long
    /// all the same: it takes a thread of the runtime, and on a runtime with a single one everything waits for it.
    /// [`Client::close`] waits for the last report, at most for a second. A function that holds the client keeps it alive.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), ottla_client::ClientError> {
    /// use std::time::Duration;
    ///
    /// use ottla_client::Client;
    /// use ottla_client::metrics::MetricsSnapshot;
    ///
    /// let client = Client::builder("localhost:9092")
    ///     .metrics_reporter(Duration::from_secs(10), |snapshot: &MetricsSnapshot| {
    ///         for (number, producer) in &snapshot.delta.producers {
    ///             println!("producer {number}: {} records acknowledged", producer.records_acknowledged);
    ///         }
    ///     })
    ///     .connect()
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn metrics_reporter(
        mut self,
        interval: Duration,
        report: impl Fn(&MetricsSnapshot) + Send + Sync + 'static,
    ) -> Self {
        self.metrics_reporter = Some(ReporterConfig { interval, report: Arc::new(report) });
        self
    }

    /// `request.timeout.ms`: how long a broker may take to answer. Default: 30 s.
    #[must_use]
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// `default.api.timeout.ms`: how long an operation may take, with all its attempts. Default: 60 s.
    #[must_use]
    pub fn default_api_timeout(mut self, timeout: Duration) -> Self {
        self.api_timeout = timeout;
        self
    }

    /// `metadata.max.age.ms`: how old the picture of the cluster may get. Default: 5 min.
    #[must_use]
    pub fn metadata_max_age(mut self, age: Duration) -> Self {
        self.metadata_max_age = age;
        self
    }

    /// `retry.backoff.ms` and `retry.backoff.max.ms`: between attempts. Default: 100 ms to 1 s.
    #[must_use]
    pub fn retry_backoff(mut self, initial: Duration, max: Duration) -> Self {
        (self.retry_backoff, self.retry_backoff_max) = (initial, max);
        self
    }

    /// `allow.auto.create.topics`: whether asking for a topic may create it, where the broker allows that too.
    /// Default: true, as in Java.
    #[must_use]
    pub fn allow_auto_create_topics(mut self, allow: bool) -> Self {
        self.allow_auto_topic_creation = allow;
        self
    }

    /// The clock and the seed of all that is spread at random, for tests that must repeat. Default: the machine's.
    #[must_use]
    pub fn deterministic(mut self, clock: Clock, seed: u64) -> Self {
        (self.clock, self.seed) = (Some(clock), Some(seed));
        self
    }

    /// Connects to one of the bootstrap servers and learns who is in the cluster.
    ///
    /// # Errors
    /// A setting that makes no sense; or, when every address was tried for `socket.connection.setup.timeout.ms`, what
    /// each of them did.
    ///
    /// # Cancel safety
    /// Dropping the future gives up and leaves nothing behind.
    pub async fn connect(self) -> Result<Client, ClientError> {
        let bootstrap = address::parse_list(&self.bootstrap_servers)?;
        self.check()?;
        let clock = self.clock.unwrap_or_else(Clock::system);
        let mut jitter = Jitter::seeded(self.seed.unwrap_or_else(fresh_seed));
        let backoff = Backoff::new(self.retry_backoff, self.retry_backoff_max);
        let bootstrap_servers = bootstrap.len();
        let pool = Arc::new(Pool::new(self.pool(clock), bootstrap, jitter.fork()));
        let metadata = MetadataConfig {
            max_age: self.metadata_max_age,
            backoff,
            allow_auto_topic_creation: self.allow_auto_topic_creation,
        };
        let metadata = Metadata::new(metadata, jitter.fork(), clock.instant());
        let recovery = Recovery::new(self.metadata_recovery, bootstrap_servers, jitter.fork());
        let metadata = MetadataHandle::start(metadata, recovery, Arc::clone(&pool), clock).await?;
        let settings = Settings {
            request_timeout: self.request_timeout,
            api_timeout: self.api_timeout,
            backoff,
            seed: self.seed,
        };
        let parts = Arc::new(Parts::new(self.metrics_reporter.is_some()));
        let reporter = self
            .metrics_reporter
            .map(|config| Reporter::start(config, self.client_id, Arc::clone(&pool), Arc::clone(&parts)));
        Ok(Client { shared: Arc::new(Shared { pool, metadata, settings, parts, reporter }) })
    }

    fn check(&self) -> Result<(), ConfigError> {
        let interval = self.metrics_reporter.as_ref().map_or(Duration::MAX, |reporter| reporter.interval);
        for (key, value) in [
            ("socket.connection.setup.timeout.ms", self.connection_timeout),
            ("connections.max.idle.ms", self.connections_max_idle),
            ("authentication.timeout.ms", self.authentication_timeout),
            ("request.timeout.ms", self.request_timeout),
            ("statistics.interval.ms", interval),
        ] {
            if value.is_zero() {
                return Err(ConfigError::new(key, "must be longer than zero"));
            }
        }
        for (key, value, min) in [
            ("receive.message.max.bytes", self.max_frame_size, 1 << 20),
            ("max.requests.per.connection", self.max_requests_per_connection, 16),
        ] {
            if value < min {
                return Err(ConfigError::new(key, format!("must be at least {min}: {value}")));
            }
        }
        Ok(())
    }

    fn pool(&self, clock: Clock) -> PoolConfig {
        let mut connection = ConnectionConfig::new(self.client_id.clone());
        connection.client_software_version = Str::from_static(env!("CARGO_PKG_VERSION"));
        connection.negotiation_timeout = self.connection_timeout;
        connection.authentication_timeout = Some(self.authentication_timeout);
        connection.max_idle = Some(self.connections_max_idle);
        connection.max_frame_size = self.max_frame_size;
        let mut dialer = Dialer::new(connection, clock);
        dialer.connector = Arc::clone(&self.connector);
        #[cfg(feature = "tls")]
        if let Some(config) = &self.tls {
            dialer.connector = Arc::new(TlsConnector::new(dialer.connector, config.clone()));
        }
        dialer.credentials = self.credentials.clone();
        #[cfg(feature = "__simulation")]
        if let Some(seed) = self.seed {
            dialer.entropy = fixed_entropy(seed);
        }
        dialer.events = self.events.clone();
        dialer.max_requests = self.max_requests_per_connection;
        let (initial, max) = self.reconnect_backoff;
        let longest = self.connection_timeout_max.max(self.connection_timeout);
        let reconnect = ReconnectConfig {
            backoff: Backoff::new(initial, max.max(initial)),
            setup_timeout: Backoff::new(self.connection_timeout, longest),
        };
        PoolConfig { dialer, request_timeout: self.request_timeout, reconnect }
    }
}

impl Settings {
    /// Randomness for a part of the client.
    pub(crate) fn jitter(&self) -> Jitter {
        Jitter::seeded(self.seed.unwrap_or_else(fresh_seed))
    }
}

/// The same secrets again in the same world; never in a program.
#[cfg(feature = "__simulation")]
fn fixed_entropy(seed: u64) -> ottla_transport::EntropySource {
    let mut bytes = [0; 32];
    let mut jitter = Jitter::seeded(seed);
    bytes.chunks_exact_mut(8).for_each(|chunk| chunk.copy_from_slice(&jitter.next_u64().to_be_bytes()));
    ottla_transport::EntropySource::Fixed(bytes)
}

/// A seed from the operating system. It only spreads load, so without one the same seed does.
fn fresh_seed() -> u64 {
    getrandom::u64().unwrap_or(0x6f_7474_6c61)
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("client_id", &self.client_id)
            .field("credentials", &self.credentials)
            .field("connection_timeout", &(self.connection_timeout, self.connection_timeout_max))
            .field("connections_max_idle", &self.connections_max_idle)
            .field("reconnect_backoff", &self.reconnect_backoff)
            .field("max_frame_size", &self.max_frame_size)
            .field("max_requests_per_connection", &self.max_requests_per_connection)
            .field("metadata_recovery", &self.metadata_recovery)
            .field("metrics_reporter", &self.metrics_reporter)
            .field("authentication_timeout", &self.authentication_timeout)
            .field("request_timeout", &self.request_timeout)
            .field("default_api_timeout", &self.api_timeout)
            .field("metadata_max_age", &self.metadata_max_age)
            .field("retry_backoff", &(self.retry_backoff, self.retry_backoff_max))
            .field("allow_auto_create_topics", &self.allow_auto_topic_creation)
            .finish_non_exhaustive()
    }
}
