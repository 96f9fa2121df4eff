//! What all connections of a client have in common.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ottla_core::connection::ConnectionConfig;
use ottla_core::random::Jitter;

use crate::clock::Clock;
use crate::connection::Connection;
use crate::connector::Connector;
use crate::credentials::CredentialsProvider;
use crate::entropy::EntropySource;
use crate::tcp::TcpConnector;

/// Opens connections.
#[derive(Clone)]
pub struct Dialer {
    /// How streams are made. Default: TCP.
    pub connector: Arc<dyn Connector>,
    /// The credentials for brokers that authenticate, with the timeout that is in `connection`. Default: none.
    pub credentials: Option<Arc<dyn CredentialsProvider>>,
    /// How long making a stream may take. Default: 10 s.
    pub connection_timeout: Duration,
    /// What each connection says about itself.
    pub connection: ConnectionConfig,
    /// The clock.
    pub clock: Clock,
    /// For authentication.
    pub entropy: EntropySource,
}

impl Dialer {
    /// Plain TCP without authentication, for a client that says this of itself.
    pub fn new(connection: ConnectionConfig, clock: Clock) -> Self {
        Self {
            connector: Arc::new(TcpConnector::default()),
            credentials: None,
            connection_timeout: Duration::from_secs(10),
            connection,
            clock,
            entropy: EntropySource::default(),
        }
    }

    /// Starts a task that, after `delay`, connects to `host` and `port` and then serves requests. Requests can be sent
    /// at once; they wait. `jitter` spreads what connections must not all do at once.
    pub fn open(&self, host: &str, port: u16, delay: Duration, jitter: Jitter) -> Connection {
        Connection::open(self.clone(), host.to_owned(), port, delay, jitter)
    }
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialer")
            .field("client_id", &self.connection.client_id)
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}
