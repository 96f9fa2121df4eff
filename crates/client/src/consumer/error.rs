//! What can go wrong while consuming.

use std::collections::VecDeque;
use std::fmt;

use ottla_core::consumer::{self as machine, TopicPartition};
use ottla_core::groups::GroupError;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::records::RecordError;

use crate::error::ClientError;

/// Errors that wait for the application, which may be busy for hours: what goes wrong again and again must not pile up.
const MAX_ERRORS: usize = 100;

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
        crate::error::with_causes(self, f)
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

/// What the application is to be told, oldest first.
#[derive(Debug, Default)]
pub(super) struct ErrorQueue {
    errors: VecDeque<ConsumerError>,
}

impl ErrorQueue {
    /// Adds an error. Of too many, the first ones tell how it began, and the last one how it is now.
    pub(super) fn push(&mut self, error: impl Into<ConsumerError>) {
        if self.errors.len() == MAX_ERRORS {
            self.errors.pop_back();
        }
        self.errors.push_back(error.into());
    }

    pub(super) fn pop(&mut self) -> Option<ConsumerError> {
        self.errors.pop_front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }
}
