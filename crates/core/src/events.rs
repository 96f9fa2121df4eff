//! What happens in a client, for those who listen: KafkaJS's instrumentation events as structs.
//!
//! A sink is called on the task where the event happened, with no lock held. Without a sink nothing is built: a
//! connection that nobody listens to does not even note that there was something to tell.
//!
//! No event holds a secret or a record.
//!
//! Not here: when events happen, which is each machine's business; and sums ([`metrics`](crate::metrics)).

mod network;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use ottla_protocol::types::Str;

use crate::time::Now;

pub(crate) use network::wall;
pub use network::{
    Connect, Disconnect, NetworkRequest, Request, RequestQueueSize, RequestTimeout, Throttled, of_connection,
};

/// The part of a client for whom something was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Role {
    /// The client itself: metadata, and what a connection needs for itself.
    #[default]
    Client,
    /// A producer.
    Producer,
    /// A consumer.
    Consumer,
    /// Administration.
    Admin,
}

/// Something that happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Event {
    /// When, by the machine's clock.
    pub timestamp: SystemTime,
    /// For whom.
    pub role: Role,
    /// `client.id`.
    pub client_id: Str,
    /// What.
    pub payload: Payload,
}

/// What happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Payload {
    /// A connection takes requests. Of the client alone; KafkaJS has no such event.
    Connect(Connect),
    /// A connection has ended. Likewise.
    Disconnect(Disconnect),
    /// CONNECT: a producer has begun its work.
    Opened,
    /// DISCONNECT: a producer takes no more records, and those that it took are acknowledged or given up.
    Closed,
    /// REQUEST.
    Request(Request),
    /// REQUEST_TIMEOUT.
    RequestTimeout(RequestTimeout),
    /// REQUEST_QUEUE_SIZE.
    RequestQueueSize(RequestQueueSize),
    /// A broker throttles this client; KafkaJS has no such event.
    Throttled(Throttled),
}

/// Whoever listens. A closure will do.
///
/// It is called on the client's own tasks, one of which may be a connection's: it must be quick, and must not block. A
/// panic in it ends that task.
pub trait EventSink: Send + Sync {
    /// Something happened.
    fn on_event(&self, event: &Event);
}

impl<F: Fn(&Event) + Send + Sync> EventSink for F {
    fn on_event(&self, event: &Event) {
        self(event);
    }
}

/// A sink that may not be there.
#[derive(Clone, Default)]
pub struct Events(Option<Arc<dyn EventSink>>);

impl Events {
    /// Tells `sink`.
    pub fn to(sink: Arc<dyn EventSink>) -> Self {
        Self(Some(sink))
    }

    /// Whether anybody listens. What is costly to find out should depend on it.
    pub fn is_heard(&self) -> bool {
        self.0.is_some()
    }

    /// Tells what `event` makes, if anybody listens.
    pub fn tell(&self, event: impl FnOnce() -> Event) {
        if let Some(sink) = &self.0 {
            sink.on_event(&event());
        }
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("is_heard", &self.is_heard()).finish()
    }
}

impl Role {
    /// In lower case, as KafkaJS begins the names of events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Producer => "producer",
            Self::Consumer => "consumer",
            Self::Admin => "admin",
        }
    }
}

impl Event {
    /// An event of the present.
    pub fn new(now: Now, role: Role, client_id: Str, payload: Payload) -> Self {
        Self { timestamp: network::wall(now), role, client_id, payload }
    }

    /// Its name without the role, as in KafkaJS: `network.request`.
    pub const fn kind(&self) -> &'static str {
        match &self.payload {
            Payload::Connect(_) | Payload::Opened => "connect",
            Payload::Disconnect(_) | Payload::Closed => "disconnect",
            Payload::Request(_) => "network.request",
            Payload::RequestTimeout(_) => "network.request_timeout",
            Payload::RequestQueueSize(_) => "network.request_queue_size",
            Payload::Throttled(_) => "network.throttled",
        }
    }
}

/// The name as KafkaJS spells it: `producer.network.request`.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.role.as_str(), self.kind())
    }
}
