//! The cluster as something to start, point clients at and stop.

mod start;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::records::{Batch, Header, Record};
use ottla_protocol::types::NodeId;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, watch};

use crate::cluster::Cluster;
use crate::control::ControlError;
use crate::faults::{Faults, Place};
use crate::listener::ListenerId;
use crate::log::MAX_DECOMPRESSED_BYTES;
use crate::now::Now;
use crate::server::{Lifeline, Shared, Way, serve};
use crate::topic_creation::TopicError;

pub use start::{StartError, TestBrokerBuilder};

/// A running cluster. It ends when this is dropped, without blocking; [`shutdown`](Self::shutdown) also waits for it.
#[derive(Debug)]
pub struct TestBroker {
    shared: Arc<Shared>,
    lifeline: Lifeline,
    /// Dropped to end all tasks.
    end: watch::Sender<()>,
    /// Closed when all tasks have ended.
    all_ended: mpsc::Receiver<()>,
}

/// A record as it lies in a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredRecord {
    /// Its offset.
    pub offset: i64,
    /// Its timestamp in milliseconds since 1970; -1 without one.
    pub timestamp: i64,
    /// Its key.
    pub key: Option<Bytes>,
    /// Its value.
    pub value: Option<Bytes>,
    /// Its headers in their order; a key that is not UTF-8 is shown with replacement characters.
    pub headers: Vec<(String, Option<Bytes>)>,
}

/// What a cluster refused to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminError {
    code: ErrorCode,
    message: String,
}

impl AdminError {
    /// The code that a client would get.
    pub fn code(&self) -> ErrorCode {
        self.code
    }
}

impl fmt::Display for AdminError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for AdminError {}

impl TestBroker {
    /// Settings for a new one: one node on a free port of the loopback interface.
    pub fn builder() -> TestBrokerBuilder {
        TestBrokerBuilder::new()
    }

    /// `host:port` of every node, with commas between, by the first listener.
    pub fn bootstrap_servers(&self) -> String {
        self.shared.with(|cluster, _| cluster.bootstrap_servers())
    }

    /// The same by any listener; `None` if there is no such one.
    pub fn bootstrap_servers_by(&self, listener: &str) -> Option<String> {
        self.shared.with(|cluster, _| cluster.bootstrap_servers_by(listener))
    }

    /// The node that says it is to be reached at `host` and `port`: for connectors that open in-memory streams.
    pub fn node_at(&self, host: &str, port: u16) -> Option<NodeId> {
        self.shared.with(|cluster, _| cluster.node_at(host, port))
    }

    /// Makes a topic whose partitions have one replica each.
    ///
    /// # Errors
    /// What a CreateTopics request would be answered with.
    pub fn create_topic(&self, name: &str, partitions: i32) -> Result<(), AdminError> {
        self.create_replicated_topic(name, partitions, 1)
    }

    /// Makes a topic whose partitions have `replicas` replicas each.
    ///
    /// # Errors
    /// What a CreateTopics request would be answered with.
    pub fn create_replicated_topic(
        &self,
        name: &str,
        partitions: i32,
        replicas: i16,
    ) -> Result<(), AdminError> {
        let result = self.shared.with(|cluster, _| {
            let plan = cluster.plan_topic(&name.into(), partitions, replicas)?;
            cluster.add_topic(plan);
            Ok(())
        });
        result.map_err(|error: TopicError| AdminError { code: error.error, message: error.message })
    }

    /// Makes a topic with these configs, by Kafka's names, whose partitions have one replica each.
    ///
    /// # Errors
    /// What a CreateTopics request would be answered with.
    pub fn create_topic_with(
        &self,
        name: &str,
        partitions: i32,
        configs: &[(&str, &str)],
    ) -> Result<(), AdminError> {
        let result = self.shared.with(|cluster, _| {
            let mut plan = cluster.plan_topic(&name.into(), partitions, 1)?;
            for (key, value) in configs {
                plan.config
                    .set(key, Some(&(*value).into()))
                    .map_err(|message| TopicError::new(ErrorCode::INVALID_CONFIG, message))?;
            }
            cluster.add_topic(plan);
            Ok(())
        });
        result.map_err(|error: TopicError| AdminError { code: error.error, message: error.message })
    }

    /// All records of a partition's leader, committed or not, from its log start offset; `None` if there is no such partition.
    pub fn records(&self, topic: &str, partition: i32) -> Option<Vec<StoredRecord>> {
        let batches: Vec<Bytes> = self.shared.with(|cluster, _| {
            let partition = cluster.topics.named(topic)?.partition(partition)?;
            Some(partition.best_replica()?.log.batches().map(|batch| batch.bytes.clone()).collect())
        })?;
        let mut records = Vec::new();
        for batch in batches {
            // Batches were looked through before they were appended.
            let Ok(batch) = Batch::parse(batch).and_then(|batch| batch.records(MAX_DECOMPRESSED_BYTES))
            else {
                continue;
            };
            records.extend(batch.iter().map_while(Result::ok).map(|record| StoredRecord::from(&record)));
        }
        Some(records)
    }

    /// The faults that requests meet with.
    pub fn faults(&self) -> Faults<'_> {
        Faults::new(Place::Server(&self.shared))
    }

    /// Does something with the cluster itself, at the present of its clock.
    pub fn with_cluster<R>(&self, act: impl FnOnce(&mut Cluster, Now) -> R) -> R {
        self.shared.with(act)
    }

    /// Serves a stream, which may be a pipe in memory, as a connection to `node` by the first listener. Returns at once;
    /// the connection lives on a task of its own. Must be called within a tokio runtime.
    pub fn handle_connection<S>(&self, node: NodeId, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        self.spawn(Way { node, listener: ListenerId::default() }, stream);
    }

    /// The same by any listener; TLS is spoken on the stream if the listener wants it.
    ///
    /// # Errors
    /// There is no such listener.
    pub fn handle_connection_by<S>(&self, listener: &str, node: NodeId, stream: S) -> Result<(), ControlError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let listener = self.shared.with(|cluster, _| cluster.listener_named(listener))?;
        self.spawn(Way { node, listener }, stream);
        Ok(())
    }

    fn spawn<S>(&self, way: Way, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (shared, lifeline) = (self.shared.clone(), self.lifeline.clone());
        tokio::spawn(async move { serve(shared, way, "/127.0.0.1", stream, lifeline).await });
    }

    /// Closes all connections and ports, and waits until that is done.
    ///
    /// # Cancel safety
    /// Everything ends even if the future is dropped.
    pub async fn shutdown(self) {
        let Self { shared, lifeline, end, mut all_ended } = self;
        drop((shared, lifeline, end));
        while all_ended.recv().await.is_some() {}
    }
}

impl From<&Record<'_>> for StoredRecord {
    fn from(record: &Record<'_>) -> Self {
        let copy = |bytes: Option<&[u8]>| bytes.map(Bytes::copy_from_slice);
        let header = |header: Header<'_>| {
            (String::from_utf8_lossy(header.key_bytes()).into_owned(), copy(header.value()))
        };
        Self {
            offset: record.offset,
            timestamp: record.timestamp,
            key: copy(record.key),
            value: copy(record.value),
            headers: record.headers.map(header).collect(),
        }
    }
}
