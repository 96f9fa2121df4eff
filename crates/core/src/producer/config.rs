//! What a producer is told.

use std::time::Duration;

use ottla_protocol::compression::{Compression, CompressionLevel};

use crate::backoff::Backoff;

/// Who must have a batch before it counts as written (`acks`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Acks {
    /// Nobody: the broker does not even answer.
    None,
    /// The leader.
    Leader,
    /// Every replica in sync.
    #[default]
    All,
}

impl Acks {
    /// As the request carries it.
    pub fn code(self) -> i16 {
        match self {
            Acks::None => 0,
            Acks::Leader => 1,
            Acks::All => -1,
        }
    }
}

/// The machine's settings, already checked.
#[derive(Clone, Debug)]
pub struct ProducerConfig {
    /// `acks`.
    pub acks: Acks,
    /// `enable.idempotence`.
    pub enable_idempotence: bool,
    /// `batch.size` in bytes: a batch takes no record beyond it, but for its first.
    pub batch_size: usize,
    /// `linger.ms`: how long a batch may wait for company.
    pub linger: Duration,
    /// `buffer.memory` in bytes.
    pub buffer_memory: usize,
    /// `max.request.size` in bytes.
    pub max_request_size: usize,
    /// `max.in.flight.requests.per.connection`.
    pub max_in_flight: usize,
    /// `compression.type`.
    pub compression: Compression,
    /// `compression.*.level`.
    pub compression_level: CompressionLevel,
    /// `retries`: how often a batch is sent again that has reached a broker, or may have.
    pub retries: u32,
    /// `delivery.timeout.ms`: from `append` to the last attempt.
    pub delivery_timeout: Duration,
    /// `retry.backoff.ms` and `retry.backoff.max.ms`.
    pub backoff: Backoff,
}
