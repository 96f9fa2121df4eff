//! Settings of a connection.

use std::time::Duration;

use ottla_protocol::frame::DEFAULT_MAX_FRAME_SIZE;
use ottla_protocol::types::Str;

/// What a connection says about itself, and how long it waits for what.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectionConfig {
    /// `client.id`, sent in every request's header.
    pub client_id: Str,
    /// The name that ApiVersions carries (KIP-511). Default: `ottla`.
    pub client_software_name: Str,
    /// The version that ApiVersions carries. Default: this crate's.
    pub client_software_version: Str,
    /// How long the broker may take to say its versions. Default: 10 s.
    pub negotiation_timeout: Duration,
    /// How long an authentication may take, getting the credentials included. Default: `None`, there is none.
    pub authentication_timeout: Option<Duration>,
    /// `connections.max.idle.ms`: a connection that nobody used for so long is closed. Brokers close after 10 min, so a
    /// shorter time spares whoever comes next a broken connection. `None`: never. Default: 9 min, as in Java.
    pub max_idle: Option<Duration>,
    /// The largest frame that is taken from a broker, in bytes, without its size. Default: 100 MiB, which is also the
    /// largest that brokers take; librdkafka's `receive.message.max.bytes`.
    pub max_frame_size: usize,
}

impl ConnectionConfig {
    /// The defaults, for a client that calls itself so.
    pub fn new(client_id: impl Into<Str>) -> Self {
        Self {
            client_id: client_id.into(),
            client_software_name: Str::from_static("ottla"),
            client_software_version: Str::from_static(env!("CARGO_PKG_VERSION")),
            negotiation_timeout: Duration::from_secs(10),
            authentication_timeout: None,
            max_idle: Some(Duration::from_secs(540)),
            max_frame_size: DEFAULT_MAX_FRAME_SIZE,
        }
    }
}
