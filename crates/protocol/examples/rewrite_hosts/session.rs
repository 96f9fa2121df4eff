//! One client's connection to one broker: frames in, frames out, no IO.
//!
//! A response says neither its API nor its version, only the correlation id of its request. So the session remembers the
//! requests under way. Brokers answer a connection in order, which makes that a queue; and a client that is not answered
//! must wait, which bounds it.

use std::collections::VecDeque;
use std::fmt;

use bytes::Bytes;
use ottla_protocol::any::AnyResponse;
use ottla_protocol::api::{Api, ApiKey};
use ottla_protocol::error::{DecodeError, EncodeError};
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::frame::{
    FrameBuf, RequestStart, decode_request_header, encode_response, relay_response, response_correlation_id,
};
use ottla_protocol::message::Message;
use ottla_protocol::messages::api_versions_response::{ApiVersion, ApiVersionsResponse};
use ottla_protocol::messages::produce_request::ProduceRequest;
use ottla_protocol::messages::response_header::ResponseHeader;

use super::hosts::{Directory, EDITED, TooManyBrokers, rewrite};

/// The most requests under way. Java's clients have 5, and brokers work on one at a time.
pub const MAX_IN_FLIGHT: usize = 1024;

/// The state of a connection.
#[derive(Debug, Default)]
pub struct Session {
    in_flight: VecDeque<RequestStart>,
}

/// What is to be done with a request.
#[derive(Debug)]
pub enum RequestStep {
    /// The broker gets it as it came.
    Forward,
    /// The client gets this answer; the broker sees nothing.
    Answer(FrameBuf),
}

/// Why a connection cannot go on.
#[derive(Debug)]
#[non_exhaustive]
pub enum SessionError {
    /// A frame, or a message that we edit, cannot be read.
    Decode(DecodeError),
    /// A message that we edit cannot be written.
    Encode(EncodeError),
    /// A version of an edited API that we cannot read: the client did not ask which there are.
    UnknownVersion(ApiKey, i16),
    /// More requests than `MAX_IN_FLIGHT`.
    TooManyRequests,
    /// More brokers than there are ports for.
    TooManyBrokers,
    /// A response to no request, or not to the oldest.
    OutOfStep(i32),
}

impl Session {
    /// Whether a response must come before the next request is taken.
    pub fn is_full(&self) -> bool {
        self.in_flight.len() >= MAX_IN_FLIGHT
    }

    /// Takes a request's frame, without its size.
    pub fn on_request(&mut self, frame: &Bytes) -> Result<RequestStep, SessionError> {
        let start = RequestStart::read(frame)?;
        if let Some(api) = edited(start.api_key) {
            if !api.versions.contains(start.version) {
                return self.refuse(start, api);
            }
            if start.api_key == ApiKey::PRODUCE && is_unanswered(frame, start.version)? {
                return Ok(RequestStep::Forward);
            }
        }
        if self.is_full() {
            return Err(SessionError::TooManyRequests);
        }
        self.in_flight.push_back(start);
        Ok(RequestStep::Forward)
    }

    /// Takes a response's frame, without its size; returns what the client gets.
    pub fn on_response(
        &mut self,
        frame: &Bytes,
        directory: &mut dyn Directory,
    ) -> Result<FrameBuf, SessionError> {
        let id = response_correlation_id(frame)?;
        let request = self.in_flight.pop_front().filter(|oldest| oldest.correlation_id == id);
        let request = request.ok_or(SessionError::OutOfStep(id))?;
        let mut out = FrameBuf::new();
        let is_changed = match edited(request.api_key) {
            Some(api) => edit(&mut out, frame, api, request.version, directory)?,
            None => false,
        };
        if !is_changed {
            relay_response(&mut out, frame, id)?;
        }
        Ok(out)
    }

    /// A version that we cannot read. Clients try ApiVersions with the highest version that they know, and brokers that
    /// do not know it answer with version 0, which everyone can read, and their own versions of it (KIP-511).
    fn refuse(&self, start: RequestStart, api: &Api) -> Result<RequestStep, SessionError> {
        // It is the first request of a connection; so our answer does not overtake a broker's.
        if start.api_key != ApiKey::API_VERSIONS || !self.in_flight.is_empty() {
            return Err(SessionError::UnknownVersion(start.api_key, start.version));
        }
        let mut versions = ApiVersion::default();
        versions.api_key = api.key.0;
        (versions.min_version, versions.max_version) = (api.versions.min, api.versions.max);
        let mut response = ApiVersionsResponse::default();
        response.error_code = ErrorCode::UNSUPPORTED_VERSION.0;
        response.api_keys.push(versions);
        let mut out = FrameBuf::new();
        encode_response(&mut out, &response, 0, start.correlation_id)?;
        Ok(RequestStep::Answer(out))
    }
}

fn edited(api_key: ApiKey) -> Option<&'static Api> {
    EDITED.contains(&api_key).then(|| api_key.api()).flatten()
}

/// Brokers do not answer a Produce request with acks 0. The records in it are not looked at.
fn is_unanswered(frame: &Bytes, version: i16) -> Result<bool, DecodeError> {
    let (_, body) = decode_request_header(frame)?;
    let (request, _) = ProduceRequest::decode_prefix(&body, version)?;
    Ok(request.acks == 0)
}

/// Writes the rewritten response; `false`, and nothing is written, if there is nothing to rewrite.
fn edit(
    out: &mut FrameBuf,
    frame: &Bytes,
    api: &Api,
    version: i16,
    directory: &mut dyn Directory,
) -> Result<bool, SessionError> {
    let header_version = api.response_header_version(version);
    let (header, read) = ResponseHeader::decode_prefix(frame, header_version)?;
    let body = frame.slice(read..);
    let refused = body.starts_with(&ErrorCode::UNSUPPORTED_VERSION.0.to_be_bytes());
    let version = if api.key == ApiKey::API_VERSIONS && refused { 0 } else { version };
    let (mut response, _) = AnyResponse::decode_prefix(api.key, &body, version)?;
    if !rewrite(&mut response, directory)? {
        return Ok(false);
    }
    // Fetched records are shared with `frame`, not copied.
    out.put_frame(|out| {
        header.encode(header_version, out)?;
        response.encode(version, out)
    })?;
    Ok(true)
}

impl From<DecodeError> for SessionError {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl From<EncodeError> for SessionError {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}

impl From<TooManyBrokers> for SessionError {
    fn from(_: TooManyBrokers) -> Self {
        Self::TooManyBrokers
    }
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decode(error) => write!(f, "cannot read: {error}"),
            Self::Encode(error) => write!(f, "cannot write: {error}"),
            Self::UnknownVersion(api_key, version) => write!(f, "unknown version of {api_key}: {version}"),
            Self::TooManyRequests => write!(f, "more requests under way than {MAX_IN_FLIGHT}"),
            Self::TooManyBrokers => f.write_str("more brokers than there are ports for"),
            Self::OutOfStep(id) => write!(f, "a response that nobody waits for: correlation id {id}"),
        }
    }
}

impl std::error::Error for SessionError {}
