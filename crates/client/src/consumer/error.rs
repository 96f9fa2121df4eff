//! What can go wrong while consuming.

use std::fmt;

use ottla_core::consumer::{self as machine, TopicPartition};
use ottla_core::groups::GroupError;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::records::RecordError;

use crate::error::ClientError;

/// Something went wrong in a partition, in the group, or on the way to the cluster.
#[derive(Clone)]
#[non_exhaustive]
pub enum ConsumerError {
    /// The cluster, or a topic in it.
    Client(ClientError),
    /// The group.
    Group(GroupError),
    /// Fetching from a partition.
    Partition(Box<machine::ConsumerError>),
    /// A batch of a partition is broken. It is fetched again by the next call; to pass over it, seek behind it.
    Records {
        /// The partition.
        partition: TopicPartition,
        /// What is broken.
        error: RecordError,
    },
    /// The group refused to commit an offset.
    Commit {
        /// The partition.
        partition: TopicPartition,
        /// The group's answer.
        code: ErrorCode,
    },
    /// A consumer without a group has nowhere to commit.
    NoGroup,
    /// The consumer is closed.
    Closed,
}

impl ConsumerError {
    /// Whether the consumer cannot go on without the application doing something.
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Client(error) => !error.is_retriable(),
            Self::Partition(error) => error.is_fatal(),
            Self::Group(error) => error.is_fatal(),
            Self::Records { .. } | Self::NoGroup | Self::Closed => true,
            Self::Commit { code, .. } => !code.is_retriable(),
        }
    }
}

impl fmt::Display for ConsumerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(error) => error.fmt(f),
            Self::Group(error) => error.fmt(f),
            Self::Partition(error) => error.fmt(f),
            Self::Records { partition, error } => {
                write!(f, "{}-{}: {error}", partition.topic, partition.partition)
            }
            Self::Commit { partition, code } => {
                write!(f, "{}-{}: the commit was refused: {code}", partition.topic, partition.partition)
            }
            Self::NoGroup => f.write_str("a consumer without a group cannot commit"),
            Self::Closed => f.write_str("the consumer is closed"),
        }
    }
}

/// What a program prints whose `main` returns the error: the text and its causes.
impl fmt::Debug for ConsumerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl std::error::Error for ConsumerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Client(error) => error.source(),
            Self::Group(error) => error.source(),
            Self::Partition(error) => error.source(),
            Self::Records { error, .. } => error.source(),
            _ => None,
        }
    }
}

impl From<machine::ConsumerError> for ConsumerError {
    fn from(error: machine::ConsumerError) -> Self {
        Self::Partition(Box::new(error))
    }
}

impl From<ClientError> for ConsumerError {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}
