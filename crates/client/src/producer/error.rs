//! Why a record was not queued, or not delivered.

use std::fmt;
use std::time::Duration;

use ottla_core::producer::ProduceError;
use ottla_core::serdes::{Part, SerializeError};
use ottla_protocol::types::TopicName;

use crate::error::ClientError;

/// A record was not written, or not certainly.
#[derive(Clone)]
#[non_exhaustive]
pub enum SendError {
    /// The record alone is larger than `max.request.size`.
    TooLarge {
        /// Its size in a batch of its own, in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// `buffer.memory` was in use for all of `max.block.ms`.
    BufferFull {
        /// How long.
        waited: Duration,
    },
    /// The topic or partition could not be looked up.
    Client(ClientError),
    /// The record was queued and not acknowledged.
    NotDelivered {
        /// Its topic.
        topic: TopicName,
        /// Its partition.
        partition: i32,
        /// Why.
        error: ProduceError,
    },
    /// The key or the value could not be serialized.
    Serialize {
        /// Which of the two.
        part: Part,
        /// Why.
        source: SerializeError,
    },
    /// The producer was closed.
    Closed,
}

impl SendError {
    /// Whether the record may be in the log all the same.
    pub fn is_perhaps_written(&self) -> bool {
        matches!(self, Self::NotDelivered { error, .. } if error.is_perhaps_written())
    }

    /// Whether the same may succeed later.
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::BufferFull { .. } => true,
            Self::Client(error) => error.is_retriable(),
            Self::NotDelivered { error, .. } => error.is_retriable(),
            Self::Serialize { source, .. } => source.is_retriable(),
            Self::TooLarge { .. } | Self::Closed => false,
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { size, limit } => {
                write!(f, "the record takes {size} bytes, and max.request.size is {limit}")
            }
            Self::BufferFull { waited } => {
                write!(f, "buffer.memory was in use for {waited:?}: brokers take less than is sent")
            }
            Self::Client(error) => error.fmt(f),
            Self::NotDelivered { topic, partition, error } => write!(f, "{topic}-{partition}: {error}"),
            Self::Serialize { part, source } => {
                write!(f, "the {} cannot be serialized: {source}", part.name())
            }
            Self::Closed => f.write_str("the producer is closed"),
        }
    }
}

/// What a program prints whose `main` returns the error: the text and its causes.
impl fmt::Debug for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::error::with_causes(self, f)
    }
}

impl std::error::Error for SendError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Client(error) => error.source(),
            Self::NotDelivered { error, .. } => error.source(),
            Self::Serialize { source, .. } => source.source(),
            _ => None,
        }
    }
}

impl From<ClientError> for SendError {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

/// A record was not queued at once.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TrySendError {
    /// The topic is not known yet: the first `enqueue` or `send` to it learns it.
    UnknownTopic,
    /// All of `buffer.memory` is in use.
    BufferFull,
    /// Waiting would not help.
    Refused(SendError),
}

impl fmt::Display for TrySendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownTopic => f.write_str("the topic is not known yet"),
            Self::BufferFull => f.write_str("buffer.memory is in use"),
            Self::Refused(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for TrySendError {}
