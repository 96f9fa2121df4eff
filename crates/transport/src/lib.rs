//! The way to a Kafka broker and back: streams, framing, one task a connection.
//!
//! [`Connection`] runs the machine of `ottla_core::connection` over a stream that a [`Connector`] made. It moves bytes
//! and time; every decision is the machine's.
//!
//! Not here: which broker to talk to, what to send, and retries.

mod clock;
mod connection;
mod connector;
mod write_queue;

pub use clock::Clock;
pub use connection::{Connection, Reply, SendOptions};
pub use connector::{Connecting, Connector, Stream, TcpConnector};
