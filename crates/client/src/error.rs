//! Why a client cannot reach a cluster or find something in it.

use std::fmt;

use ottla_core::connection::{ConnectError, ConnectErrorKind};
use ottla_core::request::RequestError;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::types::TopicName;

use crate::config_error::ConfigError;

/// An operation of the client failed.
#[derive(Clone)]
pub struct ClientError {
    kind: ClientErrorKind,
    source: Option<RequestError>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientErrorKind {
    /// A setting was refused.
    Config(ConfigError),
    /// None of the bootstrap servers could be reached; what each of them did. It may pass.
    Unreachable(Vec<BootstrapFailure>),
    /// A connection could not be made, and another attempt with the same settings would fare no better.
    Connect(ConnectErrorKind),
    /// The topic does not exist, and is not created by asking for it.
    UnknownTopic(TopicName),
    /// The topic has no such partition.
    UnknownPartition {
        /// The topic.
        topic: TopicName,
        /// The partition asked for.
        partition: i32,
        /// How many it has.
        partitions: usize,
    },
    /// The application's partitioner picked a partition that the topic does not have.
    PartitionerOutOfRange {
        /// The topic.
        topic: TopicName,
        /// What it picked.
        partition: u32,
        /// How many partitions there are.
        partitions: u32,
    },
    /// A broker refused, for this reason.
    Refused {
        /// What was asked.
        what: String,
        /// The broker's answer.
        code: ErrorCode,
    },
    /// The time for the operation passed.
    TimedOut {
        /// What was waited for.
        what: String,
    },
    /// A request failed.
    Request,
    /// The client was closed.
    Closed,
    /// The call was made outside of a tokio runtime, which runs what is started.
    NoRuntime,
}

/// What one of the bootstrap servers did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootstrapFailure {
    /// As it was given: `host:port`.
    pub server: String,
    /// What happened.
    pub error: RequestError,
}

impl fmt::Display for BootstrapFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match &self.error {
            RequestError::Connect(error) => error.to_string(),
            RequestError::Disconnected { reason, .. } => reason.clone(),
            other => match std::error::Error::source(other) {
                Some(source) => format!("{other}: {source}"),
                None => other.to_string(),
            },
        };
        // What failed to connect names the address already.
        if text.contains(&self.server) { f.write_str(&text) } else { write!(f, "{}: {text}", self.server) }
    }
}

impl ClientError {
    pub(crate) fn new(kind: ClientErrorKind) -> Self {
        Self { kind, source: None }
    }

    pub(crate) fn refused(what: impl Into<String>, code: ErrorCode) -> Self {
        Self::new(ClientErrorKind::Refused { what: what.into(), code })
    }

    pub(crate) fn timed_out(what: impl Into<String>) -> Self {
        Self::new(ClientErrorKind::TimedOut { what: what.into() })
    }

    /// What happened.
    pub fn kind(&self) -> &ClientErrorKind {
        &self.kind
    }

    /// Why a connection could not be made, if that is what happened; of several bootstrap servers the first one's.
    pub fn connect_error(&self) -> Option<&ConnectError> {
        let failures = match &self.kind {
            ClientErrorKind::Unreachable(failures) => &failures[..],
            _ => &[],
        };
        let errors = self.source.iter().chain(failures.iter().map(|failure| &failure.error));
        errors.into_iter().find_map(|error| match error {
            RequestError::Connect(error) => Some(error),
            _ => None,
        })
    }

    /// Whether the same may succeed later.
    pub fn is_retriable(&self) -> bool {
        match &self.kind {
            ClientErrorKind::Unreachable(_) | ClientErrorKind::TimedOut { .. } => true,
            ClientErrorKind::Refused { code, .. } => code.is_retriable(),
            ClientErrorKind::Request => self.source.as_ref().is_some_and(RequestError::is_retriable),
            _ => false,
        }
    }
}

impl From<RequestError> for ClientError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Closed => Self::new(ClientErrorKind::Closed),
            RequestError::Connect(error) if !error.is_retriable() => Self {
                kind: ClientErrorKind::Connect(error.kind()),
                source: Some(RequestError::Connect(error)),
            },
            other => Self { kind: ClientErrorKind::Request, source: Some(other) },
        }
    }
}

impl From<ConfigError> for ClientError {
    fn from(error: ConfigError) -> Self {
        Self::new(ClientErrorKind::Config(error))
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ClientErrorKind::Config(error) => error.fmt(f),
            ClientErrorKind::Unreachable(attempts) => {
                f.write_str("no bootstrap server can be used: ")?;
                for (at, attempt) in attempts.iter().enumerate() {
                    write!(f, "{}{attempt}", if at == 0 { "" } else { "; " })?;
                }
                Ok(())
            }
            ClientErrorKind::UnknownTopic(topic) => {
                write!(f, "unknown topic: {topic} (create it, or allow its creation on the broker)")
            }
            ClientErrorKind::UnknownPartition { topic, partition, partitions } => {
                write!(f, "unknown partition: {topic} has {partitions} of them, so no number {partition}")
            }
            ClientErrorKind::PartitionerOutOfRange { topic, partition, partitions } => {
                write!(
                    f,
                    "the partitioner of {topic} picked partition {partition}, and there are {partitions}, from 0 on"
                )
            }
            ClientErrorKind::Refused { what, code } => write!(f, "{what} was refused: {code}"),
            ClientErrorKind::TimedOut { what } => write!(f, "timed out waiting for {what}"),
            ClientErrorKind::Request | ClientErrorKind::Connect(_) => match &self.source {
                Some(error) => error.fmt(f),
                None => f.write_str("a request failed"),
            },
            ClientErrorKind::Closed => f.write_str("the client is closed"),
            ClientErrorKind::NoRuntime => f.write_str(
                "no tokio runtime: build it in an async function, or where Runtime::enter or Handle::enter is in force",
            ),
        }
    }
}

/// What a program prints whose `main` returns the error: the text and its causes.
impl fmt::Debug for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        with_causes(self, f)
    }
}

impl std::error::Error for ClientError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().and_then(std::error::Error::source)
    }
}

/// Prints an error and what caused it, on one line.
pub(crate) fn with_causes(error: &dyn std::error::Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{error}")?;
    let mut cause = error.source();
    while let Some(error) = cause {
        write!(f, ": {error}")?;
        cause = error.source();
    }
    Ok(())
}
