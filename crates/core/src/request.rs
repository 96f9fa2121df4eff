//! Requests that machines ask their driver to send, and what can become of them.

use std::fmt;

use ottla_protocol::api::ApiKey;
use ottla_protocol::error::{DecodeError, EncodeError};
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::message::VersionRange;

use crate::connection::ConnectError;

/// What a machine calls a request that it asked for, so that it knows the answer when it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// A request without a usable answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError {
    /// The connection could not be made, so nothing was sent.
    Connect(ConnectError),
    /// The connection was lost.
    Disconnected {
        /// Whether the request may have reached the broker.
        sent: bool,
        /// What the operating system or the peer said.
        reason: String,
    },
    /// It was never sent, because it would have had to wait too long.
    NotSent {
        /// For what.
        reason: &'static str,
    },
    /// The peer does not keep to the protocol: probably no Kafka broker listens there.
    NotKafka {
        /// What it did.
        reason: String,
    },
    /// No answer came in time. It may have been carried out.
    Timeout,
    /// No version of the API is spoken by both sides.
    UnsupportedVersion {
        /// The API.
        api: ApiKey,
        /// The versions that this client speaks.
        ours: VersionRange,
        /// The versions that the broker speaks; `None` where it does not know the API.
        theirs: Option<VersionRange>,
    },
    /// The request cannot be written in the version that both sides speak.
    Encode(EncodeError),
    /// The answer is not what it should be.
    Decode(DecodeError),
    /// The broker refuses the whole request, by a code that stands for all of it.
    Refused(ErrorCode),
    /// No such broker is known.
    UnknownNode,
    /// The client was closed.
    Closed,
}

impl RequestError {
    /// Whether the broker may have carried the request out.
    pub fn is_perhaps_applied(&self) -> bool {
        matches!(
            self,
            Self::Disconnected { sent: true, .. } | Self::Timeout | Self::Decode(_) | Self::NotKafka { .. }
        )
    }

    /// Whether the same request may succeed later.
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Connect(error) => error.is_retriable(),
            // By another broker.
            Self::Refused(code) => code.is_retriable() || *code == ErrorCode::REBOOTSTRAP_REQUIRED,
            Self::Disconnected { .. } | Self::NotSent { .. } | Self::Timeout | Self::UnknownNode => true,
            _ => false,
        }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(_) => f.write_str("cannot connect"),
            Self::Disconnected { sent, reason } => {
                let when =
                    if *sent { "while a request was under way" } else { "before the request was sent" };
                write!(f, "disconnected {when}: {reason}")
            }
            Self::NotSent { reason } => write!(f, "not sent in time: {reason}"),
            Self::NotKafka { reason } => write!(f, "the peer does not speak kafka: {reason}"),
            Self::Timeout => f.write_str("no answer in time"),
            Self::UnsupportedVersion { api, ours, theirs: Some(theirs) } => {
                write!(f, "no common version of {api}: the broker speaks {theirs}, this client {ours}")
            }
            Self::UnsupportedVersion { api, ours, theirs: None } => {
                write!(f, "the broker does not know {api}, of which this client speaks versions {ours}")
            }
            Self::Encode(_) => f.write_str("the request cannot be written"),
            Self::Decode(_) => f.write_str("the answer cannot be read"),
            Self::Refused(code) => write!(f, "the broker refuses the request: {code}"),
            Self::UnknownNode => f.write_str("no such broker is known"),
            Self::Closed => f.write_str("the client is closed"),
        }
    }
}

impl std::error::Error for RequestError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Connect(error) => Some(error),
            Self::Encode(error) => Some(error),
            Self::Decode(error) => Some(error),
            _ => None,
        }
    }
}
