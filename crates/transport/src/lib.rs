//! The way to a Kafka broker and back: streams, framing, one task a connection.
//!
//! [`Connection`] runs the machine of `ottla_core::connection` over a stream that a [`Connector`] made. It moves bytes
//! and time; every decision is the machine's.
//!
//! [`Clock`] is the only place of the client that reads clocks.
//!
//! Not here: which broker to talk to, what to send, and retries.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use ottla_core::connection::ConnectionConfig;
//! use ottla_core::random::Jitter;
//! use ottla_core::reconnect::Attempt;
//! use ottla_protocol::message::Message;
//! use ottla_protocol::messages::metadata_request::MetadataRequest;
//! use ottla_transport::{Clock, Dialer, SendOptions};
//!
//! # async fn example() {
//! let timeout = Duration::from_secs(10);
//! let dialer = Dialer::new(ConnectionConfig::new("example"), Clock::system());
//! let connection = dialer.open("localhost", 9092, Attempt::now(timeout), Jitter::seeded(1));
//! let options = SendOptions::new(MetadataRequest::VERSIONS, timeout);
//! let (sender, receiver) = tokio::sync::oneshot::channel();
//! let reply = Box::new(move |answer| _ = sender.send(answer));
//! connection.send(Box::new(MetadataRequest::default()), options, reply);
//! println!("{:?}", receiver.await);
//! # }
//! ```

mod clock;
mod connection;
mod connector;
mod credentials;
mod dialer;
mod entropy;
#[cfg(feature = "gssapi")]
mod gssapi;
#[cfg(feature = "http-connect")]
mod http_connect;
mod input;
#[cfg(feature = "oidc")]
mod oidc;
mod proxy;
mod replies;
mod socks5;
mod task;
mod tcp;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "tokens")]
mod tokens;
mod traffic;
mod write_queue;

pub use clock::Clock;
pub use connection::{Connection, Reply, SendOptions, Slot};
pub use connector::{Connecting, Connector, Stream};
pub use credentials::{CredentialsProvider, FixedCredentials, Providing};
pub use dialer::Dialer;
pub use entropy::EntropySource;
#[cfg(feature = "gssapi")]
pub use gssapi::Gssapi;
#[cfg(feature = "http-connect")]
pub use http_connect::HttpConnectConnector;
#[cfg(all(feature = "oidc", feature = "tls"))]
pub use oidc::{AssertionAlgorithm, SignedAssertion};
#[cfg(feature = "oidc")]
pub use oidc::{ClientCredentials, JwtBearer, MAX_ANSWER_SIZE, TokenEndpoint};
pub use socks5::Socks5Connector;
pub use tcp::TcpConnector;
#[cfg(feature = "tls")]
pub use tls::{TlsConfig, TlsConfigBuilder, TlsConnector, TlsProvider, TlsVersion};
#[cfg(feature = "tokens")]
pub use tokens::{
    FetchingToken, FileToken, TokenCredentials, TokenCredentialsBuilder, TokenProvider, TokenRequest,
};
pub use traffic::Traffic;
