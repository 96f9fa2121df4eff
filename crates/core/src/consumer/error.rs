//! What can go wrong while reading partitions.

use std::fmt;

use ottla_protocol::api::ApiKey;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::types::NodeId;

use super::{Offset, TopicPartition};
use crate::request::RequestError;

/// Why a partition cannot be read, for now or at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerError {
    kind: ConsumerErrorKind,
    partition: Option<TopicPartition>,
    offset: Option<Offset>,
    node_id: Option<NodeId>,
    api: Option<ApiKey>,
    cause: Option<Cause>,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConsumerErrorKind {
    /// The user may not read the topic.
    TopicAuthorizationFailed,
    /// The position is outside of the partition, and `auto.offset.reset` is `none`.
    OffsetOutOfRange,
    /// Nothing is committed, and `auto.offset.reset` is `none`.
    NoCommittedOffset,
    /// A batch is larger than what brokers of old versions send at a time.
    BatchTooLarge,
    /// The broker found its data broken, or what it sent makes no sense.
    Corrupt,
    /// The broker is too old for what is asked.
    UnsupportedVersion,
    /// A request failed in a way that trying again may not mend.
    Request,
    /// The broker answered with a code that nothing else here is for.
    Broker,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Cause {
    Code(ErrorCode),
    Request(RequestError),
}

impl ConsumerError {
    pub(super) fn new(kind: ConsumerErrorKind) -> Self {
        Self { kind, partition: None, offset: None, node_id: None, api: None, cause: None }
    }

    pub(super) fn from_code(code: ErrorCode, api: ApiKey) -> Self {
        let kind = match code {
            ErrorCode::TOPIC_AUTHORIZATION_FAILED => ConsumerErrorKind::TopicAuthorizationFailed,
            ErrorCode::OFFSET_OUT_OF_RANGE => ConsumerErrorKind::OffsetOutOfRange,
            ErrorCode::CORRUPT_MESSAGE => ConsumerErrorKind::Corrupt,
            ErrorCode::UNSUPPORTED_VERSION | ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT => {
                ConsumerErrorKind::UnsupportedVersion
            }
            _ => ConsumerErrorKind::Broker,
        };
        Self { api: Some(api), cause: Some(Cause::Code(code)), ..Self::new(kind) }
    }

    pub(super) fn from_request(error: RequestError, api: ApiKey) -> Self {
        let kind = match &error {
            RequestError::UnsupportedVersion { .. } => ConsumerErrorKind::UnsupportedVersion,
            RequestError::Decode(_) => ConsumerErrorKind::Corrupt,
            _ => ConsumerErrorKind::Request,
        };
        Self { api: Some(api), cause: Some(Cause::Request(error)), ..Self::new(kind) }
    }

    pub(super) fn at(mut self, partition: &TopicPartition, offset: Option<Offset>) -> Self {
        self.partition = Some(partition.clone());
        self.offset = offset;
        self
    }

    pub(super) fn of_node(mut self, node_id: NodeId) -> Self {
        self.node_id = Some(node_id);
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ConsumerErrorKind {
        self.kind
    }

    /// The partition, unless it concerns all of a broker's.
    pub fn partition(&self) -> Option<&TopicPartition> {
        self.partition.as_ref()
    }

    /// The position at which it happened.
    pub fn offset(&self) -> Option<Offset> {
        self.offset
    }

    /// The broker that was asked.
    pub fn node_id(&self) -> Option<NodeId> {
        self.node_id
    }

    /// The API, if a request failed.
    pub fn api(&self) -> Option<ApiKey> {
        self.api
    }

    /// The broker's code, if it answered with one.
    pub fn code(&self) -> Option<ErrorCode> {
        match self.cause {
            Some(Cause::Code(code)) => Some(code),
            _ => None,
        }
    }

    /// Whether the consumer goes on trying, so that it may pass by itself or once rights are granted. What is not
    /// needs a seek.
    pub fn is_retriable(&self) -> bool {
        !self.is_fatal()
    }

    /// Whether nothing more is read of the partition until the application seeks.
    pub fn is_fatal(&self) -> bool {
        matches!(self.kind, ConsumerErrorKind::OffsetOutOfRange | ConsumerErrorKind::NoCommittedOffset)
    }
}

impl fmt::Display for ConsumerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            ConsumerErrorKind::TopicAuthorizationFailed => {
                "not authorized to read the topic; grant READ on it"
            }
            ConsumerErrorKind::OffsetOutOfRange => {
                "the position is outside of the partition and auto.offset.reset is none; seek to another"
            }
            ConsumerErrorKind::NoCommittedOffset => {
                "nothing is committed and auto.offset.reset is none; seek to a position"
            }
            ConsumerErrorKind::BatchTooLarge => {
                "a batch is larger than an answer may be; raise max.partition.fetch.bytes"
            }
            ConsumerErrorKind::Corrupt => "what the broker has or sent is broken",
            ConsumerErrorKind::UnsupportedVersion => "the broker is too old for what is asked",
            ConsumerErrorKind::Request => "a request failed",
            ConsumerErrorKind::Broker => "the broker refused a request",
        })?;
        let mut separator = ": ";
        let mut part = |f: &mut fmt::Formatter<'_>, text: fmt::Arguments<'_>| {
            write!(f, "{}{text}", std::mem::replace(&mut separator, ", "))
        };
        if let Some(partition) = &self.partition {
            part(f, format_args!("partition {partition}"))?;
        }
        if let Some(offset) = self.offset {
            part(f, format_args!("offset {offset}"))?;
        }
        if let Some(node_id) = self.node_id {
            part(f, format_args!("broker {node_id}"))?;
        }
        if let Some(api) = self.api {
            part(f, format_args!("{api}"))?;
        }
        match &self.cause {
            Some(Cause::Code(code)) => part(f, format_args!("{code}")),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for ConsumerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            Some(Cause::Code(code)) => Some(code),
            Some(Cause::Request(error)) => Some(error),
            None => None,
        }
    }
}
