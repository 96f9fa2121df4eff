//! The client: settings, connections, and the picture of the cluster that everything built on it shares.

mod builder;
mod metadata;
mod pool;
mod published;
mod reporter;
mod request;
mod sources;
mod traffic;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ottla_core::metadata::{ClusterSnapshot, Topic};
use ottla_core::metrics::ClientMetrics;

use ottla_protocol::types::GroupId;

use crate::consumer::ConsumerBuilder;
use crate::error::{ClientError, ClientErrorKind};
use crate::producer::ProducerBuilder;

pub use builder::ClientBuilder;
pub(crate) use metadata::MetadataHandle;
pub(crate) use pool::{Lane, Owner, Peer, Pool};
pub(crate) use published::Follower;
pub use request::Destination;
pub(crate) use sources::Source;

use reporter::Reporter;
use sources::Parts;

/// A handle to a cluster; cheap to clone. Its tasks and connections end when the last handle, and all that was built
/// on it, is gone; dropping never blocks.
#[derive(Clone)]
pub struct Client {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) pool: Arc<Pool>,
    pub(crate) metadata: MetadataHandle,
    pub(crate) settings: Settings,
    pub(crate) parts: Arc<Parts>,
    reporter: Option<Reporter>,
}

/// What producers and consumers take over from the client.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) request_timeout: Duration,
    pub(crate) api_timeout: Duration,
    pub(crate) backoff: ottla_core::backoff::Backoff,
    pub(crate) seed: Option<u64>,
}

impl Client {
    /// Starts with the cluster's address: `host:port`, several by comma.
    pub fn builder(bootstrap_servers: impl Into<String>) -> ClientBuilder {
        ClientBuilder::new(bootstrap_servers.into())
    }

    /// A producer on this client's cluster.
    pub fn producer(&self) -> ProducerBuilder {
        ProducerBuilder::new(self.clone())
    }

    /// A consumer that shares topics with the other members of a group.
    pub fn consumer(&self, group_id: impl Into<GroupId>) -> ConsumerBuilder {
        ConsumerBuilder::new(self.clone(), Some(group_id.into()))
    }

    /// A consumer that reads the partitions it is told, and commits nothing.
    pub fn consumer_without_group(&self) -> ConsumerBuilder {
        ConsumerBuilder::new(self.clone(), None)
    }

    /// What the client knows of the cluster right now.
    pub fn snapshot(&self) -> Arc<ClusterSnapshot> {
        self.shared.metadata.snapshot()
    }

    /// What a broker says of a topic: asks unless it is known.
    ///
    /// # Errors
    /// [`ClientErrorKind::UnknownTopic`], or why no broker answers.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn topic(&self, name: &str) -> Result<Arc<Topic>, ClientError> {
        self.shared.metadata.topic(&name.into(), self.shared.settings.api_timeout).await
    }

    /// What the client, its producers and its consumers did so far. Takes their locks, one after the other.
    pub fn metrics(&self) -> ClientMetrics {
        reporter::read(&self.shared.pool, &self.shared.parts)
    }

    /// Closes the connections. What is still under way fails.
    pub async fn close(&self) {
        self.shared.metadata.stop();
        self.shared.pool.close();
        if let Some(reporter) = &self.shared.reporter {
            reporter.finish().await;
        }
    }

    pub(crate) fn check_open(&self) -> Result<(), ClientError> {
        match self.shared.pool.is_closed() {
            true => Err(ClientError::new(ClientErrorKind::Closed)),
            false => Ok(()),
        }
    }

    /// Whether something with a task of its own can be built on the client.
    pub(crate) fn check_usable(&self) -> Result<(), ClientError> {
        self.check_open()?;
        match tokio::runtime::Handle::try_current() {
            Ok(_) => Ok(()),
            Err(_) => Err(ClientError::new(ClientErrorKind::NoRuntime)),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("cluster_id", &self.snapshot().cluster_id).finish_non_exhaustive()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.metadata.stop();
        self.pool.close();
        if let Some(reporter) = &self.reporter {
            reporter.stop();
        }
    }
}
