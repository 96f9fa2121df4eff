//! What every client has: its connections, and its picture of the cluster.

use std::sync::Arc;
use std::time::Duration;

use ottla_core::connection::{Answer, Encodable};
use ottla_core::metadata::{ClusterSnapshot, Metadata, MetadataConfig};
use ottla_core::random::Jitter;
use ottla_core::request::RequestError;
use ottla_core::time::{Instant, earliest};
use ottla_protocol::message::{Message, VersionRange};
use ottla_protocol::messages::metadata_request::MetadataRequest;
use ottla_protocol::types::TopicName;

use super::connections::{Connections, Lane, Limits, Peer, Purpose, Request};
use super::network::Network;

pub(super) struct Client {
    pub(super) connections: Connections,
    pub(super) metadata: Metadata,
    pub(super) limits: Limits,
    /// Moves on to another broker when one does not answer.
    attempt: usize,
}

/// What comes of a request that is not the client's own.
pub(super) type Done = (Purpose, Result<Answer, RequestError>);

impl Client {
    pub(super) fn new(client: usize, host: &str, nodes: usize, limits: Limits, mut jitter: Jitter) -> Self {
        let config = MetadataConfig {
            max_age: Duration::from_secs(30),
            backoff: limits.backoff,
            allow_auto_topic_creation: true,
        };
        let metadata = Metadata::new(config, jitter.fork(), Instant::ZERO);
        let connections = Connections::new(client, host, nodes, limits.clone(), jitter);
        Self { connections, metadata, limits, attempt: 0 }
    }

    pub(super) fn want<'a>(&mut self, now: Instant, topics: impl IntoIterator<Item = &'a TopicName>) {
        topics.into_iter().for_each(|topic| self.metadata.want(now, topic));
    }

    pub(super) fn send<R: Encodable + 'static>(
        &mut self,
        now: Instant,
        to: (Peer, Lane),
        (purpose, body): (Purpose, R),
        (versions, timeout): (VersionRange, Duration),
        network: &mut Network,
    ) {
        let request = Request { purpose, body: Box::new(body), versions, timeout };
        self.connections.send(now, to, request, network);
    }

    /// What has become of requests, one at a time, with a new picture of the cluster if one came with it; asks for one
    /// when it is time to.
    pub(super) fn poll(&mut self, now: Instant, network: &mut Network) -> Option<Progress> {
        if let Some(request) = self.metadata.poll_request(now) {
            let peer = self.connections.any_peer(self.attempt);
            let options = (MetadataRequest::VERSIONS, self.limits.request_timeout);
            self.send(now, (peer, Lane::Control), (Purpose::Metadata, request), options, network);
        }
        let (purpose, result) = self.connections.done.pop_front()?;
        if !matches!(purpose, Purpose::Metadata) {
            return Some(Progress::Done((purpose, result)));
        }
        let result = match result {
            Ok(answer) => self.metadata.on_answer(now, &answer),
            Err(error) => {
                self.metadata.on_failure(now, &error);
                Err(error)
            }
        };
        if result.is_err() {
            self.attempt += 1;
            return Some(Progress::NoSnapshot);
        }
        self.attempt = 0;
        let snapshot = Arc::clone(self.metadata.snapshot());
        self.connections.on_snapshot(now, &snapshot, network);
        Some(Progress::Snapshot(snapshot))
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        earliest(self.connections.next_timeout(), self.metadata.next_timeout())
    }
}

/// What came.
pub(super) enum Progress {
    Snapshot(Arc<ClusterSnapshot>),
    NoSnapshot,
    Done(Done),
}
