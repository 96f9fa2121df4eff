//! How a client is made.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ottla_core::backoff::Backoff;
use ottla_core::connection::ConnectionConfig;
use ottla_core::metadata::{Metadata, MetadataConfig};
use ottla_core::random::Jitter;
use ottla_core::sasl::Mechanism;
use ottla_protocol::types::Str;
use ottla_transport::{Clock, Connector, CredentialsProvider, Dialer, FixedCredentials, TcpConnector};
#[cfg(feature = "tls")]
use ottla_transport::{TlsConfig, TlsConnector};

use super::pool::{Pool, PoolConfig};
use super::{Client, MetadataHandle, Settings, Shared};
use crate::address;
use crate::config::ConfigError;
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

    /// `socket.connection.setup.timeout.ms`: how long connecting may take. Default: 10 s.
    #[must_use]
    pub fn connection_timeout(mut self, timeout: Duration) -> Self {
        self.connection_timeout = timeout;
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
        for (key, value) in [
            ("socket.connection.setup.timeout.ms", self.connection_timeout),
            ("authentication.timeout.ms", self.authentication_timeout),
            ("request.timeout.ms", self.request_timeout),
        ] {
            if value.is_zero() {
                return Err(ConfigError::new(key, "must be longer than zero").into());
            }
        }
        let clock = self.clock.unwrap_or_else(Clock::system);
        let mut jitter = Jitter::seeded(self.seed.unwrap_or_else(fresh_seed));
        let backoff = Backoff::new(self.retry_backoff, self.retry_backoff_max);
        let connection = ConnectionConfig {
            client_id: self.client_id,
            client_software_name: Str::from_static("ottla"),
            client_software_version: Str::from_static(env!("CARGO_PKG_VERSION")),
            negotiation_timeout: self.connection_timeout,
            authentication_timeout: Some(self.authentication_timeout),
        };
        let mut dialer = Dialer::new(connection, clock);
        dialer.connector = self.connector;
        #[cfg(feature = "tls")]
        if let Some(config) = self.tls {
            dialer.connector = Arc::new(TlsConnector::new(dialer.connector, config));
        }
        dialer.credentials = self.credentials;
        dialer.connection_timeout = self.connection_timeout;
        let config = PoolConfig { dialer, request_timeout: self.request_timeout, backoff };
        let pool = Arc::new(Pool::new(config, bootstrap, jitter.fork()));
        let metadata = MetadataConfig {
            max_age: self.metadata_max_age,
            backoff,
            allow_auto_topic_creation: self.allow_auto_topic_creation,
        };
        let metadata = Metadata::new(metadata, jitter.fork(), clock.instant());
        let metadata = MetadataHandle::start(metadata, Arc::clone(&pool), clock).await?;
        let settings = Settings {
            request_timeout: self.request_timeout,
            api_timeout: self.api_timeout,
            backoff,
            seed: self.seed,
        };
        Ok(Client { shared: Arc::new(Shared { pool, metadata, settings }) })
    }
}

impl Settings {
    /// Randomness for a part of the client.
    pub(crate) fn jitter(&self) -> Jitter {
        Jitter::seeded(self.seed.unwrap_or_else(fresh_seed))
    }
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
            .field("connection_timeout", &self.connection_timeout)
            .field("authentication_timeout", &self.authentication_timeout)
            .field("request_timeout", &self.request_timeout)
            .field("default_api_timeout", &self.api_timeout)
            .field("metadata_max_age", &self.metadata_max_age)
            .field("retry_backoff", &(self.retry_backoff, self.retry_backoff_max))
            .field("allow_auto_create_topics", &self.allow_auto_topic_creation)
            .finish_non_exhaustive()
    }
}
