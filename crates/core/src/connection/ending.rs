//! Why a connection ends, as its requests are told.

use std::fmt;

use super::error::{ConnectError, ConnectErrorKind};
use crate::request::RequestError;

/// What the requests of a connection that ends are told.
#[derive(Debug)]
pub(super) struct Ending {
    /// Those that may have reached the broker.
    pub(super) of_sent: RequestError,
    /// Those that have not.
    pub(super) of_unsent: RequestError,
}

impl Ending {
    /// `was_opening`: the peer had not yet shown that it is a broker that takes requests.
    pub(super) fn new(reason: RequestError, was_opening: bool) -> Self {
        let (of_sent, of_unsent) = match reason {
            RequestError::Connect(error) => {
                let reason = error.to_string();
                (RequestError::Disconnected { sent: true, reason }, RequestError::Connect(error))
            }
            reason @ RequestError::UnsupportedVersion { .. } => (reason.clone(), reason),
            not_kafka @ RequestError::NotKafka { .. } if was_opening => {
                let of_unsent = connect_error(ConnectErrorKind::NotKafka, not_kafka.to_string());
                (not_kafka, of_unsent)
            }
            RequestError::Disconnected { reason, .. } => {
                let of_unsent = RequestError::Disconnected { sent: false, reason: reason.clone() };
                (RequestError::Disconnected { sent: true, reason }, of_unsent)
            }
            reason => {
                let of_unsent = RequestError::Disconnected { sent: false, reason: reason.to_string() };
                (reason, of_unsent)
            }
        };
        Self { of_sent, of_unsent }
    }
}

/// The peer breaks the protocol so early or so badly that it probably speaks another.
pub(super) fn not_kafka(reason: impl Into<String>) -> RequestError {
    RequestError::NotKafka { reason: reason.into() }
}

pub(super) fn connect_error(kind: ConnectErrorKind, text: impl Into<String>) -> RequestError {
    RequestError::Connect(ConnectError::new(kind, text))
}

pub(super) fn timed_out(text: impl Into<String>) -> RequestError {
    connect_error(ConnectErrorKind::TimedOut, text)
}

/// What bytes say that are no frames. `start` is where the peer's next frame should begin.
pub fn not_frames(start: &[u8], error: impl fmt::Display) -> RequestError {
    // A TLS record: an alert (21) or a handshake (22) of any version of TLS.
    if let [21 | 22, 3, ..] = start {
        let text = "the peer answers in tls, use SSL or SASL_SSL with this port";
        return connect_error(ConnectErrorKind::TlsRequired, text);
    }
    not_kafka(error.to_string())
}
