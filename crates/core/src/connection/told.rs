//! What a connection tells of its requests, to those who listen.

use std::time::Duration;

use ottla_protocol::api::ApiKey;

use crate::events::Role;
use crate::time::Instant;

/// Something that happened. `ottla_core::events` has what listeners see of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// A request has its answer.
    Answered {
        /// Which one.
        request: RequestTold,
        /// When the answer came.
        at: Instant,
        /// The answer's frame, in bytes, without its size.
        size: usize,
    },
    /// A request that was sent has no answer in time.
    TimedOut(RequestTold),
    /// The number of requests that wait to be sent has changed.
    Waiting {
        /// Who asked for the latest one that came or went.
        role: Role,
        /// How many wait.
        count: usize,
    },
    /// The broker asks that nothing be sent for so long (KIP-219).
    Throttled {
        /// Who asked for the answer in which it says so.
        role: Role,
        /// In the answer to which request.
        api: ApiKey,
        /// For how long.
        time: Duration,
    },
}

/// A request that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestTold {
    /// Its number on this connection.
    pub correlation_id: i32,
    /// Its API.
    pub api: ApiKey,
    /// The version in which it was written.
    pub version: i16,
    /// Who asked.
    pub role: Role,
    /// When it was handed in.
    pub created: Instant,
    /// When it was written.
    pub sent: Instant,
}
