//! Requests on their way into a connection, their type forgotten.

use std::fmt;

use ottla_protocol::api::ApiKey;
use ottla_protocol::error::EncodeError;
use ottla_protocol::frame::{FrameBuf, encode_request};
use ottla_protocol::message::{Request, VersionRange};
use ottla_protocol::types::Str;

use super::pending::Due;
use crate::events::Role;
use crate::request::Token;
use crate::time::Instant;

/// A request that can be written once its version is known.
pub trait Encodable: Send {
    /// Its API.
    fn api_key(&self) -> ApiKey;

    /// Appends the request's frame to `out`.
    ///
    /// # Errors
    /// A field that cannot be written in this version.
    fn encode(
        &self,
        version: i16,
        correlation_id: i32,
        client_id: &Str,
        out: &mut FrameBuf,
    ) -> Result<(), EncodeError>;
}

impl<R: Request + Send> Encodable for R {
    fn api_key(&self) -> ApiKey {
        R::API_KEY
    }

    fn encode(
        &self,
        version: i16,
        correlation_id: i32,
        client_id: &Str,
        out: &mut FrameBuf,
    ) -> Result<(), EncodeError> {
        encode_request(out, self, version, correlation_id, Some(client_id))
    }
}

/// A request and what its sender asks of the connection.
pub struct Outgoing {
    /// What the completion will carry.
    pub token: Token,
    /// The request.
    pub request: Box<dyn Encodable>,
    /// The versions in which it can be written.
    pub versions: VersionRange,
    /// Whether the broker answers it (Produce with acks=0 it does not).
    pub expects_answer: bool,
    /// Without an answer by then it fails, and the connection with it.
    pub deadline: Instant,
    /// When it was handed in.
    pub created: Instant,
    /// Who asks.
    pub role: Role,
}

impl Due for Outgoing {
    fn deadline(&self) -> Instant {
        self.deadline
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("token", &self.token)
            .field("api", &self.request.api_key())
            .finish_non_exhaustive()
    }
}
