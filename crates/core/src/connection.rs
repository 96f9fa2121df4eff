//! One connection to one broker: what is sent in which order, in which version, and which answer belongs to what.
//!
//! | state | event | next state | output |
//! |---|---|---|---|
//! | Negotiating | created | Negotiating | ApiVersions is written |
//! | Negotiating | ApiVersions answers UNSUPPORTED_VERSION | Negotiating | ApiVersions again, in the version it offers |
//! | Negotiating | ApiVersions answers | Ready | what was submitted so far is written |
//! | Ready | a request is submitted | Ready | it is written |
//! | Ready | a frame comes | Ready | it answers the oldest request under way |
//! | any | a frame that answers nothing, a request times out, the stream ends | Closed | every request ends in an error |
//!
//! Brokers answer one connection in order; an answer out of order means that the stream is broken.
//!
//! Not here: the bytes' way ([`ottla-transport`](https://docs.rs/ottla-transport)), and which connection to use.

mod error;
mod outgoing;
mod versions;

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use ottla_protocol::api::ApiKey;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::frame::{FrameBuf, decode_response_header, encode_request};
use ottla_protocol::message::{Message, Request, VersionRange};
use ottla_protocol::messages::api_versions_request::ApiVersionsRequest;
use ottla_protocol::messages::api_versions_response::ApiVersionsResponse;
use ottla_protocol::types::Str;

use crate::request::{RequestError, Token};
use crate::state_table::StateTable;
use crate::time::Instant;

pub use error::{ConnectError, ConnectErrorKind};
pub use outgoing::{Encodable, Outgoing};
pub use versions::ApiVersions;

/// What a connection says about itself.
#[derive(Clone, Debug)]
pub struct ConnectionConfig {
    /// `client.id`, sent in every request's header.
    pub client_id: Str,
    /// The name that ApiVersions carries (KIP-511).
    pub client_software_name: Str,
    /// The version that ApiVersions carries.
    pub client_software_version: Str,
    /// How long the broker may take to say its versions.
    pub negotiation_timeout: Duration,
}

/// Something that the driver must do or pass on.
#[derive(Debug)]
pub enum Action {
    /// Write this frame.
    Write(FrameBuf),
    /// A request has its answer, or never will have one.
    Complete(Token, Result<Answer, RequestError>),
    /// The broker has said its versions; requests flow from here on.
    Ready,
}

/// The answer to a request: its body, not yet decoded.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The version of the request, and so of the answer.
    pub version: i16,
    /// The frame behind the header. Empty for a request that has no answer.
    pub body: Bytes,
}

impl Answer {
    /// Reads the answer to an `R`. As in Java, bytes behind it are ignored.
    ///
    /// # Errors
    /// A body that is not that answer.
    pub fn decode<R: Request>(&self) -> Result<R::Response, RequestError> {
        let (response, _) =
            R::Response::decode_prefix(&self.body, self.version).map_err(RequestError::Decode)?;
        Ok(response)
    }
}

/// The machine of one connection. Made when the stream stands.
#[derive(Debug)]
pub struct Connection {
    config: ConnectionConfig,
    state: State,
    versions: ApiVersions,
    next_correlation_id: i32,
    /// Submitted before the versions were known.
    waiting: VecDeque<Outgoing>,
    /// Written, in the order of writing.
    under_way: VecDeque<UnderWay>,
    actions: VecDeque<Action>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Negotiating,
    Ready,
    Closed,
}

/// Every legal edge. Negotiating goes on with another version of ApiVersions.
pub(crate) static EDGES: StateTable<State> = {
    use State::*;
    StateTable::new(
        "connection",
        &[(Negotiating, &[Negotiating, Ready, Closed]), (Ready, &[Closed]), (Closed, &[])],
    )
};

#[derive(Debug)]
struct UnderWay {
    correlation_id: i32,
    /// `None`: our own ApiVersions.
    token: Option<Token>,
    api: ApiKey,
    version: i16,
    deadline: Instant,
}

impl Connection {
    /// A fresh stream: asks the broker for its versions first.
    pub fn new(config: ConnectionConfig, now: Instant) -> Self {
        let mut connection = Self {
            config,
            state: State::Negotiating,
            versions: ApiVersions::default(),
            next_correlation_id: 0,
            waiting: VecDeque::new(),
            under_way: VecDeque::new(),
            actions: VecDeque::new(),
        };
        connection.ask_for_versions(now, ApiVersionsRequest::VERSIONS.max);
        connection
    }

    /// What the broker speaks; empty until [`Action::Ready`].
    pub fn versions(&self) -> &ApiVersions {
        &self.versions
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Requests that wait or are under way.
    pub fn len(&self) -> usize {
        self.waiting.len() + self.under_way.len()
    }

    /// Whether nothing waits or is under way.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes a request. It is written as soon as the versions are known, and completes exactly once.
    pub fn submit(&mut self, outgoing: Outgoing) {
        match self.state {
            State::Negotiating => self.waiting.push_back(outgoing),
            State::Ready => self.write(outgoing),
            State::Closed => self.fail(outgoing.token, RequestError::Closed),
        }
    }

    /// A frame came, without its size.
    pub fn on_frame(&mut self, now: Instant, frame: &Bytes) {
        let Some(request) = self.under_way.pop_front() else {
            return self.close(not_kafka("an answer to nothing came"));
        };
        match self.read_answer(&request, frame) {
            Ok(body) => match request.token {
                Some(token) => {
                    let answer = Answer { version: request.version, body };
                    self.actions.push_back(Action::Complete(token, Ok(answer)));
                }
                None => self.on_api_versions(now, request.version, &body),
            },
            Err(reason) => {
                self.under_way.push_front(request);
                self.close(reason);
            }
        }
    }

    /// The stream ended or failed, for `reason`.
    pub fn on_broken(&mut self, reason: RequestError) {
        let reason = match reason {
            // What an address does that is no broker's, or a broker's for encrypted connections.
            RequestError::Disconnected { reason, .. } if self.state == State::Negotiating => {
                not_kafka(&format!("{reason} instead of saying its versions (is this port meant for tls?)"))
            }
            reason => reason,
        };
        self.close(reason);
    }

    /// Ends requests whose time is over. An answer that is overdue blocks all behind it, so the connection goes too.
    pub fn handle_timeout(&mut self, now: Instant) {
        let overdue = |deadline: Instant| deadline <= now;
        if self.under_way.iter().any(|request| overdue(request.deadline)) {
            return self.close(RequestError::Timeout);
        }
        let waiting = std::mem::take(&mut self.waiting);
        for outgoing in waiting {
            if overdue(outgoing.deadline) {
                self.fail(outgoing.token, RequestError::Timeout);
            } else {
                self.waiting.push_back(outgoing);
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub fn next_timeout(&self) -> Option<Instant> {
        let under_way = self.under_way.iter().map(|request| request.deadline);
        under_way.chain(self.waiting.iter().map(|outgoing| outgoing.deadline)).min()
    }

    /// What is to be done next.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    fn ask_for_versions(&mut self, now: Instant, version: i16) {
        let mut request = ApiVersionsRequest::default();
        if version >= 3 {
            request.client_software_name = self.config.client_software_name.clone();
            request.client_software_version = self.config.client_software_version.clone();
        }
        let deadline = now + self.config.negotiation_timeout;
        let correlation_id = self.take_correlation_id();
        let mut frame = FrameBuf::new();
        encode_request(&mut frame, &request, version, correlation_id, Some(&self.config.client_id))
            .expect("a name and a version fit into ApiVersions");
        self.actions.push_back(Action::Write(frame));
        self.under_way.push_back(UnderWay {
            correlation_id,
            token: None,
            api: ApiKey::API_VERSIONS,
            version,
            deadline,
        });
    }

    fn on_api_versions(&mut self, now: Instant, version: i16, body: &Bytes) {
        // A broker that does not know our version of ApiVersions answers in version 0 (KIP-511).
        let refused = body.first_chunk().is_some_and(|code| {
            version > 0 && ErrorCode(i16::from_be_bytes(*code)) == ErrorCode::UNSUPPORTED_VERSION
        });
        let body_version = if refused { 0 } else { version };
        let response = match ApiVersionsResponse::decode_prefix(body, body_version) {
            Ok((response, _)) => response,
            Err(error) => return self.close(not_kafka(&format!("ApiVersions cannot be read: {error}"))),
        };
        let versions = ApiVersions::from_response(&response);
        if refused {
            let theirs = versions.range(ApiKey::API_VERSIONS).map_or(0, |range| range.max);
            if theirs >= version {
                return self.close(not_kafka("ApiVersions was refused in a version that it offers"));
            }
            self.go(State::Negotiating);
            return self.ask_for_versions(now, theirs.max(0));
        }
        if let Err(code) = ErrorCode(response.error_code).into_result() {
            return self.close(not_kafka(&format!("ApiVersions was refused: {code}")));
        }
        self.versions = versions;
        self.go(State::Ready);
        self.actions.push_back(Action::Ready);
        for outgoing in std::mem::take(&mut self.waiting) {
            self.write(outgoing);
        }
    }

    fn write(&mut self, outgoing: Outgoing) {
        let token = outgoing.token;
        let version = match self.versions.negotiate(outgoing.request.api_key(), outgoing.versions) {
            Ok(version) => version,
            Err(error) => return self.fail(token, error),
        };
        let correlation_id = self.take_correlation_id();
        let mut frame = FrameBuf::new();
        match outgoing.request.encode(version, correlation_id, &self.config.client_id, &mut frame) {
            Ok(()) => self.actions.push_back(Action::Write(frame)),
            Err(error) => return self.fail(token, RequestError::Encode(error)),
        }
        if outgoing.expects_answer {
            self.under_way.push_back(UnderWay {
                correlation_id,
                token: Some(token),
                api: outgoing.request.api_key(),
                version,
                deadline: outgoing.deadline,
            });
        } else {
            let answer = Answer { version, body: Bytes::new() };
            self.actions.push_back(Action::Complete(token, Ok(answer)));
        }
    }

    fn read_answer(&self, request: &UnderWay, frame: &Bytes) -> Result<Bytes, RequestError> {
        let api = request.api.api().expect("only APIs of the specs are sent");
        let header_version = api.response_header_version(request.version);
        let (correlation_id, body) = decode_response_header(frame, header_version)
            .map_err(|error| not_kafka(&format!("the header of an answer cannot be read: {error}")))?;
        if correlation_id != request.correlation_id {
            let reason =
                format!("answer {correlation_id} came where {} was expected", request.correlation_id);
            return Err(match self.state {
                State::Negotiating => not_kafka(&reason),
                // It is a broker, which lost a request: what is behind it may succeed on another connection.
                State::Ready | State::Closed => RequestError::Disconnected { sent: true, reason },
            });
        }
        Ok(body)
    }

    /// Ends every request: those under way for `reason`, the others as unsent.
    fn close(&mut self, reason: RequestError) {
        if self.state != State::Closed {
            self.go(State::Closed);
        }
        let unsent = match &reason {
            RequestError::Disconnected { reason, .. } => reason.clone(),
            other => other.to_string(),
        };
        for request in std::mem::take(&mut self.under_way) {
            if let Some(token) = request.token {
                self.fail(token, reason.clone());
            }
        }
        for outgoing in std::mem::take(&mut self.waiting) {
            let reason = RequestError::Disconnected { sent: false, reason: unsent.clone() };
            self.fail(outgoing.token, reason);
        }
    }

    /// Takes an edge of the table. After one that it lacks nothing is sent any more.
    fn go(&mut self, next: State) {
        self.state = if EDGES.take(self.state, next) { next } else { State::Closed };
    }

    fn fail(&mut self, token: Token, error: RequestError) {
        self.actions.push_back(Action::Complete(token, Err(error)));
    }

    fn take_correlation_id(&mut self) -> i32 {
        let id = self.next_correlation_id;
        self.next_correlation_id = id.wrapping_add(1) & i32::MAX;
        id
    }
}

/// The peer breaks the protocol so early or so badly that it probably speaks another.
fn not_kafka(reason: &str) -> RequestError {
    RequestError::NotKafka { reason: reason.to_owned() }
}

/// The versions of a request that this client may use.
pub fn versions_up_to<R: Message>(max: i16) -> VersionRange {
    VersionRange::new(R::VERSIONS.min, R::VERSIONS.max.min(max))
}

#[cfg(test)]
mod tests;
