//! Connections as the cluster sees them: one request at a time, the others in line.
//!
//! A Kafka broker mutes a connection until the request it read is answered, which is why responses come in the order
//! of the requests and a long poll holds up what is behind it. The same here.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use ottla_protocol::api::ApiKey;
use ottla_protocol::error::DecodeError;
use ottla_protocol::frame::FrameBuf;
use ottla_protocol::types::{NodeId, Str};

use crate::faults::Fate;
use crate::listener::ListenerId;
use crate::sasl::{Failure, Session};

/// The most requests of one connection that may wait in line; clients have 5 or so in flight.
pub(crate) const MAX_QUEUED: usize = 1000;

/// A connection to one of the cluster's nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub(crate) u64);

/// One request of one connection: where its answer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RequestId {
    pub(crate) connection: ConnectionId,
    pub(crate) sequence: u64,
}

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) node: NodeId,
    pub(crate) listener: ListenerId,
    /// Whether it may do what it wants.
    pub(crate) session: Session,
    /// The peer's address as groups show it.
    pub(crate) client_host: Str,
    /// The request that is being answered.
    pub(crate) current: Option<Current>,
    pub(crate) queued: VecDeque<Bytes>,
    pub(crate) requests: u64,
    /// A fault has made it deaf: nothing more is read or answered.
    pub(crate) is_mute: bool,
}

/// What an answer needs to know of its request.
#[derive(Clone, Debug)]
pub(crate) struct Current {
    pub(crate) sequence: u64,
    pub(crate) correlation_id: i32,
    pub(crate) version: i16,
    /// What fault rules make of it, if one fired.
    pub(crate) fate: Option<Arc<Fate>>,
    /// The answer is made; a fault holds it up.
    pub(crate) is_answered: bool,
    /// The answer is the last: an authentication has failed.
    pub(crate) failure: Option<Failure>,
}

impl Current {
    /// A request of which nothing is known yet.
    pub(crate) fn new(sequence: u64) -> Self {
        Self { sequence, correlation_id: -1, version: 0, fate: None, is_answered: false, failure: None }
    }
}

/// What the cluster wants done, in this order.
#[derive(Debug)]
#[non_exhaustive]
pub enum Action {
    /// Send these bytes, and then read on.
    Respond(ConnectionId, FrameBuf),
    /// The request wants no answer (Produce with acks 0): read on.
    Proceed(ConnectionId),
    /// Close the connection; the cluster has forgotten it.
    Close(ConnectionId, CloseReason),
    /// Send these bytes, the start of an answer or the last one, and close the connection; the cluster has forgotten it.
    Cut(ConnectionId, Bytes),
    /// Send nothing more on the connection, and leave it open until the peer closes it: what it sends is for nobody.
    Mute(ConnectionId),
}

/// Why the cluster closes a connection, where a Kafka broker would.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// The frame is no request.
    Undecodable(DecodeError),
    /// The node does not serve the API, or not in that version.
    Unsupported(ApiKey, i16),
    /// The connection has too many requests in line.
    TooManyRequests,
    /// A Produce request that wants no answer failed: closing is the only way to tell (as Kafka does).
    UnacknowledgedError,
    /// The node went down.
    NodeDown,
    /// The answer cannot be written in the request's version: a bug in the test broker.
    Unencodable(String),
    /// A fault rule wants it.
    Fault,
    /// A request that is not for those who have not logged in.
    NotAuthenticated(ApiKey),
    /// A login failed, for this reason.
    AuthenticationFailed(String),
    /// The session is over, and the client went on as if it were not (KIP-368).
    SessionExpired,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undecodable(error) => write!(f, "not a request: {error}"),
            Self::Unsupported(key, version) => write!(f, "not served: {key} version {version}"),
            Self::TooManyRequests => write!(f, "more requests in line than allowed: {MAX_QUEUED}"),
            Self::UnacknowledgedError => f.write_str("a produce request without acknowledgement failed"),
            Self::NotAuthenticated(key) => write!(f, "not authenticated, and not on the way to it: {key}"),
            Self::AuthenticationFailed(why) => write!(f, "authentication failed: {why}"),
            Self::SessionExpired => f.write_str("the session has expired"),
            Self::Fault => f.write_str("a fault rule closes the connection"),
            Self::NodeDown => f.write_str("the node went down"),
            Self::Unencodable(what) => write!(f, "the answer cannot be written: {what}"),
        }
    }
}
