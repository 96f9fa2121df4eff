//! Any request of Kafka's protocol, for what has no method of its own.

use ottla_protocol::message::{Request, VersionRange};
use ottla_protocol::types::NodeId;

use super::Client;
use super::pool::{Lane, Peer};
use crate::error::ClientError;

/// Whom to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Destination {
    /// Any broker, for what each of them knows.
    AnyBroker,
    /// This one.
    Broker(NodeId),
}

impl Client {
    /// Sends one request, in the highest version of `R` that the broker speaks too, and reads the answer. It is tried
    /// once: what the answer says about retrying is for the caller to read.
    ///
    /// # Errors
    /// No connection, no common version, no answer within `request.timeout.ms`, or one that cannot be read.
    ///
    /// # Cancel safety
    /// Once polled, the request may be carried out though the future is dropped.
    pub async fn request<R>(&self, to: Destination, request: R) -> Result<R::Response, ClientError>
    where
        R: Request + Send + 'static,
    {
        self.request_in(to, request, R::VERSIONS).await
    }

    /// The same in these versions only.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    ///
    /// # Cancel safety
    /// As [`request`](Self::request).
    pub async fn request_in<R>(
        &self,
        to: Destination,
        request: R,
        versions: VersionRange,
    ) -> Result<R::Response, ClientError>
    where
        R: Request + Send + 'static,
    {
        self.check_open()?;
        let pool = &self.shared.pool;
        let peer = match to {
            Destination::AnyBroker => pool.any_peer(0),
            Destination::Broker(node) => Peer::Node(node),
        };
        let answer = pool.call(peer, Lane::Control, request, versions).await?;
        Ok(answer.decode::<R>()?)
    }
}
