//! Settings of a test broker, and its start.

use std::fmt;
use std::io;
use std::sync::Arc;

use ottla_protocol::frame::DEFAULT_MAX_FRAME_SIZE;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use super::TestBroker;
use crate::cluster::Cluster;
use crate::config::{BuildError, ClusterBuilder};
use crate::listener::{ListenerConfig, ListenerId};
use crate::server::{Lifeline, Shared, Way, accept, drive};
#[cfg(feature = "tls")]
use crate::tls::InvalidTls;

/// Settings of a [`TestBroker`] that is to be started.
#[derive(Clone, Debug)]
pub struct TestBrokerBuilder {
    cluster: ClusterBuilder,
    listen: String,
    advertised_host: Option<String>,
    max_frame_size: usize,
    start_unix_ms: Option<i64>,
}

/// Why a test broker did not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// A setting that no cluster can have.
    Settings(BuildError),
    /// Certificates or keys that do not work.
    #[cfg(feature = "tls")]
    Tls(InvalidTls),
    /// An address that cannot be listened on.
    Listen {
        /// The address.
        address: String,
        /// What the system said.
        source: io::Error,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings(error) => error.fmt(f),
            #[cfg(feature = "tls")]
            Self::Tls(error) => error.fmt(f),
            Self::Listen { address, source } => write!(f, "cannot listen on {address}: {source}"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Settings(error) => Some(error),
            #[cfg(feature = "tls")]
            Self::Tls(error) => Some(error),
            Self::Listen { source, .. } => Some(source),
        }
    }
}

#[cfg(feature = "tls")]
impl From<InvalidTls> for StartError {
    fn from(error: InvalidTls) -> Self {
        Self::Tls(error)
    }
}

impl TestBrokerBuilder {
    pub(super) fn new() -> Self {
        Self {
            cluster: ClusterBuilder::new(),
            listen: "127.0.0.1:0".to_owned(),
            advertised_host: None,
            max_frame_size: DEFAULT_MAX_FRAME_SIZE,
            start_unix_ms: None,
        }
    }

    /// How many nodes. Default 1.
    #[must_use]
    pub fn nodes(self, nodes: usize) -> Self {
        self.cluster(|cluster| cluster.nodes(nodes))
    }

    /// Changes settings of the cluster itself.
    #[must_use]
    pub fn cluster(mut self, change: impl FnOnce(ClusterBuilder) -> ClusterBuilder) -> Self {
        self.cluster = change(self.cluster);
        self
    }

    /// A way in, beside those that were added before: each node gets a port of its own for it. Default: one that asks for
    /// nothing, named `PLAINTEXT`.
    #[must_use]
    pub fn listener(self, listener: ListenerConfig) -> Self {
        self.cluster(|cluster| cluster.listener(listener))
    }

    /// Where to listen, as `host:port` (`listeners`). The first node gets the port, the next ones those behind it, and
    /// behind these come those of the next listener; port 0 gives each a free one. Default `127.0.0.1:0`.
    #[must_use]
    pub fn listen(mut self, address: &str) -> Self {
        address.clone_into(&mut self.listen);
        self
    }

    /// The host that clients are told to connect to (`advertised.listeners`). Default: the one listened on.
    #[must_use]
    pub fn advertised_host(mut self, host: &str) -> Self {
        self.advertised_host = Some(host.to_owned());
        self
    }

    /// The largest request, in bytes; a peer that announces more is disconnected (`socket.request.max.bytes`).
    /// Default 100 MiB.
    #[must_use]
    pub fn max_frame_size(mut self, bytes: usize) -> Self {
        self.max_frame_size = bytes;
        self
    }

    /// The cluster's wall clock starts here, in milliseconds since 1970, and goes on with tokio's clock: for tests that
    /// must repeat. Default: the machine's.
    #[must_use]
    pub fn start_unix_ms(mut self, unix_ms: i64) -> Self {
        self.start_unix_ms = Some(unix_ms);
        self
    }

    /// Starts with one port per node and listener.
    ///
    /// # Errors
    /// Settings that no cluster can have, certificates that do not work, or an address that cannot be listened on.
    ///
    /// # Cancel safety
    /// Nothing is left behind if the future is dropped.
    pub async fn start(self) -> Result<TestBroker, StartError> {
        let mut cluster = self.cluster.build().map_err(StartError::Settings)?;
        let listeners = listen(&mut cluster, &self.listen, self.advertised_host.as_deref())
            .await
            .map_err(|(address, source)| StartError::Listen { address, source })?;
        let broker = run(cluster, self.max_frame_size, self.start_unix_ms)?;
        for (way, listener) in listeners {
            tokio::spawn(accept(broker.shared.clone(), way, listener, broker.lifeline.clone()));
        }
        Ok(broker)
    }

    /// Starts without ports: connections come through [`TestBroker::handle_connection`]. The nodes say that they are
    /// at `node-1:9092`, `node-2:9093` and so on ([`TestBroker::node_at`]). Must be called within a tokio runtime.
    ///
    /// # Errors
    /// Settings that no cluster can have, or certificates that do not work.
    pub fn start_in_memory(self) -> Result<TestBroker, StartError> {
        let cluster = self.cluster.build().map_err(StartError::Settings)?;
        run(cluster, self.max_frame_size, self.start_unix_ms)
    }
}

fn run(
    cluster: Cluster,
    max_frame_size: usize,
    start_unix_ms: Option<i64>,
) -> Result<TestBroker, StartError> {
    #[cfg(feature = "tls")]
    let listeners = cluster.settings.listeners.clone();
    #[cfg_attr(not(feature = "tls"), allow(unused_mut))]
    let mut shared = Shared::new(cluster, max_frame_size, start_unix_ms);
    #[cfg(feature = "tls")]
    shared.speak_tls(&listeners)?;
    let shared = Arc::new(shared);
    let (end, ended) = watch::channel(());
    let (alive, all_ended) = mpsc::channel(1);
    let lifeline = Lifeline { ended, _alive: alive };
    tokio::spawn(drive(shared.clone(), lifeline.clone()));
    Ok(TestBroker { shared, lifeline, end, all_ended })
}

type Failed = (String, io::Error);

async fn listen(
    cluster: &mut Cluster,
    address: &str,
    advertised_host: Option<&str>,
) -> Result<Vec<(Way, TcpListener)>, Failed> {
    let failed = |source| (address.to_owned(), source);
    let invalid = |why: &str| failed(io::Error::new(io::ErrorKind::InvalidInput, why));
    let (host, port) = address.rsplit_once(':').ok_or_else(|| invalid("host:port is needed"))?;
    let port: u16 = port.parse().map_err(|_| invalid("not a port"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let mut listeners = Vec::new();
    let nodes: Vec<_> = cluster.node_ids().collect();
    let ways = (0..cluster.listeners.len()).flat_map(|listener| {
        let way = move |node| Way { node, listener: ListenerId(listener) };
        nodes.iter().copied().map(way)
    });
    for (way, above) in ways.collect::<Vec<_>>().into_iter().zip(0u16..) {
        let port = match port {
            0 => 0,
            first => first.checked_add(above).ok_or_else(|| invalid("not enough ports above this one"))?,
        };
        let bound = TcpListener::bind((host, port)).await;
        let listener = bound.map_err(|source| (format!("{host}:{port}"), source))?;
        let local = listener.local_addr().map_err(failed)?;
        // Nobody can connect to "any address".
        let reachable = if local.ip().is_unspecified() { "localhost" } else { host };
        cluster.set_endpoint(way.node, way.listener, advertised_host.unwrap_or(reachable), local.port());
        listeners.push((way, listener));
    }
    Ok(listeners)
}
