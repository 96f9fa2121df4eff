//! Settings of a test broker, and its start.

use std::fmt;
use std::io;
use std::sync::Arc;

use ottla_protocol::frame::DEFAULT_MAX_FRAME_SIZE;
use ottla_protocol::types::NodeId;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use super::TestBroker;
use crate::cluster::Cluster;
use crate::config::{BuildError, ClusterBuilder};
use crate::server::{Lifeline, Shared, accept, drive};

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
            Self::Listen { address, source } => write!(f, "cannot listen on {address}: {source}"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Settings(error) => Some(error),
            Self::Listen { source, .. } => Some(source),
        }
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

    /// Where to listen, as `host:port` (`listeners`). The first node gets the port, the next ones those behind it;
    /// port 0 gives each a free one. Default `127.0.0.1:0`.
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

    /// Starts with one port per node.
    ///
    /// # Errors
    /// Settings that no cluster can have, or an address that cannot be listened on.
    ///
    /// # Cancel safety
    /// Nothing is left behind if the future is dropped.
    pub async fn start(self) -> Result<TestBroker, StartError> {
        let mut cluster = self.cluster.build().map_err(StartError::Settings)?;
        let listeners = listen(&mut cluster, &self.listen, self.advertised_host.as_deref())
            .await
            .map_err(|(address, source)| StartError::Listen { address, source })?;
        let broker = run(cluster, self.max_frame_size, self.start_unix_ms);
        for (node, listener) in listeners {
            tokio::spawn(accept(broker.shared.clone(), node, listener, broker.lifeline.clone()));
        }
        Ok(broker)
    }

    /// Starts without ports: connections come through [`TestBroker::handle_connection`]. The nodes say that they are
    /// at `node-1:9092`, `node-2:9093` and so on ([`TestBroker::node_at`]). Must be called within a tokio runtime.
    ///
    /// # Errors
    /// Settings that no cluster can have.
    pub fn start_in_memory(self) -> Result<TestBroker, StartError> {
        let cluster = self.cluster.build().map_err(StartError::Settings)?;
        Ok(run(cluster, self.max_frame_size, self.start_unix_ms))
    }
}

fn run(cluster: Cluster, max_frame_size: usize, start_unix_ms: Option<i64>) -> TestBroker {
    let shared = Arc::new(Shared::new(cluster, max_frame_size, start_unix_ms));
    let (end, ended) = watch::channel(());
    let (alive, all_ended) = mpsc::channel(1);
    let lifeline = Lifeline { ended, _alive: alive };
    tokio::spawn(drive(shared.clone(), lifeline.clone()));
    TestBroker { shared, lifeline, end, all_ended }
}

type Failed = (String, io::Error);

async fn listen(
    cluster: &mut Cluster,
    address: &str,
    advertised_host: Option<&str>,
) -> Result<Vec<(NodeId, TcpListener)>, Failed> {
    let failed = |source| (address.to_owned(), source);
    let invalid = |why: &str| failed(io::Error::new(io::ErrorKind::InvalidInput, why));
    let (host, port) = address.rsplit_once(':').ok_or_else(|| invalid("host:port is needed"))?;
    let port: u16 = port.parse().map_err(|_| invalid("not a port"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let mut listeners = Vec::new();
    for (node, above) in cluster.node_ids().collect::<Vec<_>>().into_iter().zip(0u16..) {
        let port = match port {
            0 => 0,
            first => first.checked_add(above).ok_or_else(|| invalid("not enough ports above this one"))?,
        };
        let bound = TcpListener::bind((host, port)).await;
        let listener = bound.map_err(|source| (format!("{host}:{port}"), source))?;
        let local = listener.local_addr().map_err(failed)?;
        // Nobody can connect to "any address".
        let reachable = if local.ip().is_unspecified() { "localhost" } else { host };
        cluster.advertise(node, advertised_host.unwrap_or(reachable), local.port());
        listeners.push((node, listener));
    }
    Ok(listeners)
}
