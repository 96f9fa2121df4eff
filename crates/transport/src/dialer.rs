//! What all connections of a client have in common.

use std::fmt;
use std::sync::Arc;

use ottla_core::connection::ConnectionConfig;
use ottla_core::events::Events;
use ottla_core::random::Jitter;
use ottla_core::reconnect::Attempt;

use crate::clock::Clock;
use crate::connection::Connection;
use crate::connector::Connector;
use crate::credentials::CredentialsProvider;
use crate::entropy::EntropySource;
use crate::tcp::TcpConnector;
use crate::traffic::Traffic;

/// Opens connections.
#[derive(Clone)]
pub struct Dialer {
    /// How streams are made. Default: TCP.
    pub connector: Arc<dyn Connector>,
    /// The credentials for brokers that authenticate, with the timeout that is in `connection`. Default: none.
    pub credentials: Option<Arc<dyn CredentialsProvider>>,
    /// What each connection says about itself.
    pub connection: ConnectionConfig,
    /// The clock.
    pub clock: Clock,
    /// For authentication.
    pub entropy: EntropySource,
    /// Who is told what happens on connections. Default: nobody.
    pub events: Events,
    /// How many requests a connection takes at a time, those under way included. Default: 1024.
    pub max_requests: usize,
    /// Where connections count what goes over them.
    pub traffic: Traffic,
}

impl Dialer {
    /// Plain TCP without authentication, for a client that says this of itself.
    pub fn new(connection: ConnectionConfig, clock: Clock) -> Self {
        Self {
            connector: Arc::new(TcpConnector::default()),
            credentials: None,
            connection,
            clock,
            entropy: EntropySource::default(),
            events: Events::default(),
            max_requests: 1024,
            traffic: Traffic::default(),
        }
    }

    /// Starts a task that makes this attempt to connect to `host` and `port` and then serves requests. Requests can be
    /// sent at once; they wait. `jitter` spreads what connections must not all do at once.
    pub fn open(&self, host: &str, port: u16, attempt: Attempt, jitter: Jitter) -> Connection {
        Connection::open(self.clone(), host.to_owned(), port, attempt, jitter)
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
