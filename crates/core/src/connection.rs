//! One connection to one broker: what is sent in which order, in which version, and which answer belongs to what.
//!
//! | state | event | next state | output |
//! |---|---|---|---|
//! | Negotiating | created | Negotiating | ApiVersions is written |
//! | Negotiating | ApiVersions answers UNSUPPORTED_VERSION | Negotiating | ApiVersions again, in the version it offers |
//! | Negotiating | ApiVersions answers, authentication is wanted | Authenticating | the driver is asked for a mechanism |
//! | Negotiating | ApiVersions answers | Ready | what was submitted so far is written |
//! | Authenticating | the broker knows who we are | Ready | what was submitted so far is written |
//! | Ready | a request is submitted | Ready | it is written |
//! | Ready | a frame comes | Ready | it answers the oldest request under way |
//! | Ready | the session is about to end | Reauthenticating | the driver is asked for a mechanism |
//! | Reauthenticating | a request is submitted | Reauthenticating | it waits; those under way are answered |
//! | Reauthenticating | the broker knows who we are | Ready | what waits is written |
//! | any | a frame that answers nothing, a request times out, the stream ends | Closed | every request ends in an error |
//!
//! How the authentication goes on is in `login.rs`.
//!
//! Brokers answer one connection in order; an answer out of order means that the stream is broken.
//!
//! Not here: the bytes' way ([`ottla-transport`](https://docs.rs/ottla-transport)), and which connection to use.

mod error;
mod login;
mod outgoing;
mod versions;

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ottla_protocol::api::ApiKey;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::frame::{FrameBuf, decode_response_header, encode_request};
use ottla_protocol::message::{Message, Request, VersionRange};
use ottla_protocol::messages::api_versions_request::ApiVersionsRequest;
use ottla_protocol::messages::api_versions_response::ApiVersionsResponse;
use ottla_protocol::messages::sasl_authenticate_request::SaslAuthenticateRequest;
use ottla_protocol::messages::sasl_authenticate_response::SaslAuthenticateResponse;
use ottla_protocol::messages::sasl_handshake_request::SaslHandshakeRequest;
use ottla_protocol::messages::sasl_handshake_response::SaslHandshakeResponse;
use ottla_protocol::types::Str;

use self::login::{Authentication, Progress};
use crate::random::Jitter;
use crate::request::{RequestError, Token};
use crate::sasl::{Mechanism, SaslError};
use crate::state_table::StateTable;
use crate::time::{Instant, earliest};

#[cfg(feature = "__coverage")]
pub(crate) use login::EDGES as LOGIN_EDGES;

pub use error::{ConnectError, ConnectErrorKind};
pub use login::Login;
pub use outgoing::{Encodable, Outgoing};
pub use versions::ApiVersions;

/// The largest frame that is taken before the broker is known, in bytes: ApiVersions has a few kilobytes.
const MAX_OPENING_FRAME_SIZE: usize = 1 << 20;

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
    /// How long an authentication may take, getting the credentials included. `None`: there is none.
    pub authentication_timeout: Option<Duration>,
}

/// Something that the driver must do or pass on.
#[derive(Debug)]
pub enum Action {
    /// Write this frame.
    Write(FrameBuf),
    /// A request has its answer, or never will have one.
    Complete(Token, Result<Answer, RequestError>),
    /// Get a mechanism and hand it to [`Connection::authenticate`].
    Authenticate,
    /// The broker has said its versions and knows who we are; requests flow from here on.
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
    jitter: Jitter,
    state: State,
    versions: ApiVersions,
    authentication: Authentication,
    /// When the authentication under way must be done, or the next one begins.
    authentication_due: Option<Instant>,
    /// What becomes of requests once the connection has ended.
    ended: RequestError,
    next_correlation_id: i32,
    /// Submitted before they may be written.
    waiting: VecDeque<Outgoing>,
    /// Written, in the order of writing.
    under_way: VecDeque<UnderWay>,
    actions: VecDeque<Action>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Negotiating,
    Authenticating,
    Ready,
    Reauthenticating,
    Closed,
}

/// Every legal edge. Negotiating goes on with another version of ApiVersions.
pub(crate) static EDGES: StateTable<State> = {
    use State::*;
    StateTable::new(
        "connection",
        &[
            (Negotiating, &[Negotiating, Authenticating, Ready, Closed]),
            (Authenticating, &[Ready, Closed]),
            (Ready, &[Reauthenticating, Closed]),
            (Reauthenticating, &[Ready, Closed]),
            (Closed, &[]),
        ],
    )
};

#[derive(Debug)]
struct UnderWay {
    correlation_id: i32,
    /// `None`: it is one of our own.
    token: Option<Token>,
    api: ApiKey,
    version: i16,
    deadline: Instant,
}

impl Connection {
    /// A fresh stream: asks the broker for its versions first.
    pub fn new(config: ConnectionConfig, jitter: Jitter, now: Instant) -> Self {
        let mut connection = Self {
            config,
            jitter,
            state: State::Negotiating,
            versions: ApiVersions::default(),
            authentication: Authentication::new(),
            authentication_due: None,
            ended: RequestError::Closed,
            next_correlation_id: 0,
            waiting: VecDeque::new(),
            under_way: VecDeque::new(),
            actions: VecDeque::new(),
        };
        connection.ask_for_versions(now, ApiVersionsRequest::VERSIONS.max);
        connection
    }

    /// The largest frame to take from the peer, of those of up to `limit` bytes that a broker may send.
    pub fn max_frame_size(&self, limit: usize) -> usize {
        match self.state {
            State::Negotiating | State::Authenticating => limit.min(MAX_OPENING_FRAME_SIZE),
            _ => limit,
        }
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

    /// Takes a request. It is written as soon as the broker takes it, and completes exactly once.
    pub fn submit(&mut self, outgoing: Outgoing) {
        match self.state {
            State::Negotiating | State::Authenticating | State::Reauthenticating => {
                self.waiting.push_back(outgoing);
            }
            State::Ready => self.write(outgoing),
            State::Closed => self.fail(outgoing.token, self.ended.clone()),
        }
    }

    /// A frame came, without its size.
    pub fn on_frame(&mut self, now: Instant, frame: &Bytes) {
        let Some(request) = self.under_way.pop_front() else {
            return self.close_as_not_kafka("an answer to nothing came");
        };
        match self.read_answer(&request, frame) {
            Ok(body) => match request.token {
                Some(token) => {
                    let answer = Answer { version: request.version, body };
                    self.actions.push_back(Action::Complete(token, Ok(answer)));
                }
                None => self.on_own_answer(now, &request, &body),
            },
            Err(reason) => {
                self.under_way.push_front(request);
                self.close(reason);
            }
        }
    }

    /// The mechanism that [`Action::Authenticate`] asks for, or why there is none.
    pub fn authenticate(&mut self, mechanism: Result<Arc<dyn Mechanism>, SaslError>, login: Login<'_>) {
        if self.state == State::Closed || !self.authentication.is_choosing() {
            return;
        }
        match self.authentication.on_mechanism(mechanism, login) {
            Ok(mechanism) => {
                let mut request = SaslHandshakeRequest::default();
                request.mechanism = mechanism;
                // In version 0 the mechanism's messages would come in no requests.
                self.write_own(&request, VersionRange::new(1, 1));
            }
            Err(error) => self.close(RequestError::Connect(error)),
        }
    }

    /// The stream ended or failed, for `reason`.
    pub fn on_broken(&mut self, reason: RequestError) {
        let RequestError::Disconnected { reason: text, .. } = &reason else { return self.close(reason) };
        let error = match self.state {
            // What an address does that is no broker's, or a broker's for encrypted connections.
            State::Negotiating => {
                let text = format!("{text} instead of saying its versions (is this port meant for tls?)");
                return self.close(not_kafka(text));
            }
            State::Authenticating | State::Reauthenticating => {
                let text = format!("during authentication: {text}");
                let cut_off = || ConnectError::new(ConnectErrorKind::Unreachable, text);
                self.authentication.refusal().unwrap_or_else(cut_off)
            }
            State::Ready | State::Closed => return self.close(reason),
        };
        self.close(RequestError::Connect(error));
    }

    /// Ends requests whose time is over, and begins an authentication that is due. An answer that is overdue blocks all
    /// behind it, so the connection goes too.
    pub fn handle_timeout(&mut self, now: Instant) {
        let overdue = |deadline: Instant| deadline <= now;
        if let Some(request) = self.under_way.iter().find(|request| overdue(request.deadline)) {
            let reason = match request.token {
                Some(_) => RequestError::Timeout,
                None => timed_out(format!("the broker did not answer {} in time", request.api)),
            };
            return self.close(reason);
        }
        if self.authentication_due.is_some_and(overdue) {
            match self.state {
                State::Ready => self.begin_authentication(now, State::Reauthenticating),
                _ => return self.close(timed_out("the authentication was not done in time")),
            }
        }
        for outgoing in std::mem::take(&mut self.waiting) {
            if overdue(outgoing.deadline) {
                self.fail(outgoing.token, timed_out("the connection was not ready in time"));
            } else {
                self.waiting.push_back(outgoing);
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub fn next_timeout(&self) -> Option<Instant> {
        let under_way = self.under_way.iter().map(|request| request.deadline);
        let requests = under_way.chain(self.waiting.iter().map(|outgoing| outgoing.deadline)).min();
        earliest(requests, self.authentication_due)
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
        self.write_own_in(&request, version, deadline);
    }

    /// One of our own requests, while the authentication is under way: that has one deadline for all of them.
    fn write_own<R: Request>(&mut self, request: &R, ours: VersionRange) {
        match self.versions.negotiate(R::API_KEY, ours) {
            Ok(version) => {
                let deadline = self.authentication_due.unwrap_or_default();
                self.write_own_in(request, version, deadline);
            }
            Err(error) => {
                let text = format!("the broker cannot authenticate: {error}");
                self.close(connect_error(ConnectErrorKind::MechanismNotEnabled, text));
            }
        }
    }

    fn write_own_in<R: Request>(&mut self, request: &R, version: i16, deadline: Instant) {
        let correlation_id = self.take_correlation_id();
        let mut frame = FrameBuf::new();
        match encode_request(&mut frame, request, version, correlation_id, Some(&self.config.client_id)) {
            Ok(()) => self.actions.push_back(Action::Write(frame)),
            Err(error) => return self.close(RequestError::Encode(error)),
        }
        let (token, api) = (None, R::API_KEY);
        self.under_way.push_back(UnderWay { correlation_id, token, api, version, deadline });
    }

    fn on_own_answer(&mut self, now: Instant, request: &UnderWay, body: &Bytes) {
        let version = request.version;
        let result = match request.api {
            ApiKey::API_VERSIONS => return self.on_api_versions(now, version, body),
            ApiKey::SASL_HANDSHAKE => SaslHandshakeResponse::decode_prefix(body, version)
                .map(|(response, _)| self.on_handshake(&response)),
            _ => SaslAuthenticateResponse::decode_prefix(body, version)
                .map(|(response, _)| self.on_authenticate(now, &response)),
        };
        if let Err(error) = result {
            let text = format!("the answer to {} cannot be read: {error}", request.api);
            self.close(connect_error(ConnectErrorKind::NotKafka, text));
        }
    }

    fn on_handshake(&mut self, response: &SaslHandshakeResponse) {
        match self.authentication.on_handshake(response) {
            Ok(message) => self.write_authenticate(message),
            Err(error) => self.close(RequestError::Connect(error)),
        }
    }

    fn on_authenticate(&mut self, now: Instant, response: &SaslAuthenticateResponse) {
        match self.authentication.on_authenticate(response) {
            Ok(Progress::Send(message)) => self.write_authenticate(message),
            Ok(Progress::Done { session }) => {
                let spread = self.jitter.factor(0.5) - 0.5;
                self.authentication_due = session.map(|session| now + login::renewed_after(session, spread));
                self.become_ready();
            }
            Err(error) => self.close(RequestError::Connect(error)),
        }
    }

    fn write_authenticate(&mut self, message: Bytes) {
        let mut request = SaslAuthenticateRequest::default();
        request.auth_bytes = message;
        self.write_own(&request, SaslAuthenticateRequest::VERSIONS);
    }

    fn begin_authentication(&mut self, now: Instant, state: State) {
        let timeout = self.config.authentication_timeout.unwrap_or_default();
        self.authentication_due = Some(now + timeout);
        self.authentication.begin();
        self.go(state);
        self.actions.push_back(Action::Authenticate);
    }

    fn become_ready(&mut self) {
        self.go(State::Ready);
        self.actions.push_back(Action::Ready);
        for outgoing in std::mem::take(&mut self.waiting) {
            self.write(outgoing);
        }
    }

    fn on_api_versions(&mut self, now: Instant, version: i16, body: &Bytes) {
        // A broker that does not know our version of ApiVersions answers in version 0 (KIP-511).
        let refused = body.first_chunk().is_some_and(|code| {
            version > 0 && ErrorCode(i16::from_be_bytes(*code)) == ErrorCode::UNSUPPORTED_VERSION
        });
        let body_version = if refused { 0 } else { version };
        let response = match ApiVersionsResponse::decode_prefix(body, body_version) {
            Ok((response, _)) => response,
            Err(error) => return self.close_as_not_kafka(&format!("ApiVersions cannot be read: {error}")),
        };
        let versions = ApiVersions::from_response(&response);
        if refused {
            // Those that say nothing speak the first version alone.
            let theirs = versions.range(ApiKey::API_VERSIONS).unwrap_or(VersionRange::new(0, 0));
            let ours = ApiVersionsRequest::VERSIONS;
            let common = theirs.intersect(ours);
            if common.is_empty() {
                let (api, theirs) = (ApiKey::API_VERSIONS, Some(theirs));
                return self.close(RequestError::UnsupportedVersion { api, ours, theirs });
            }
            if common.max >= version {
                return self.close_as_not_kafka("ApiVersions was refused in a version that it offers");
            }
            self.go(State::Negotiating);
            return self.ask_for_versions(now, common.max);
        }
        if let Err(code) = ErrorCode(response.error_code).into_result() {
            return self.close_as_not_kafka(&format!("ApiVersions was refused: {code}"));
        }
        self.versions = versions;
        match self.config.authentication_timeout {
            Some(_) => self.begin_authentication(now, State::Authenticating),
            None => self.become_ready(),
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
            .map_err(|error| not_kafka(format!("the header of an answer cannot be read: {error}")))?;
        if correlation_id != request.correlation_id {
            let reason =
                format!("answer {correlation_id} came where {} was expected", request.correlation_id);
            return Err(match self.state {
                State::Negotiating => not_kafka(reason),
                // It is a broker, which lost a request: what is behind it may succeed on another connection.
                _ => RequestError::Disconnected { sent: true, reason },
            });
        }
        Ok(body)
    }

    fn close_as_not_kafka(&mut self, reason: &str) {
        self.close(not_kafka(reason));
    }

    /// Ends every request: those under way for `reason`, the others as unsent.
    fn close(&mut self, reason: RequestError) {
        if self.state == State::Closed {
            return;
        }
        let was_opening = matches!(self.state, State::Negotiating | State::Authenticating);
        self.go(State::Closed);
        self.authentication_due = None;
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
        for request in std::mem::take(&mut self.under_way) {
            if let Some(token) = request.token {
                self.fail(token, of_sent.clone());
            }
        }
        for outgoing in std::mem::take(&mut self.waiting) {
            self.fail(outgoing.token, of_unsent.clone());
        }
        self.ended = of_unsent;
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
fn not_kafka(reason: impl Into<String>) -> RequestError {
    RequestError::NotKafka { reason: reason.into() }
}

fn connect_error(kind: ConnectErrorKind, text: impl Into<String>) -> RequestError {
    RequestError::Connect(ConnectError::new(kind, text))
}

fn timed_out(text: impl Into<String>) -> RequestError {
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

/// The versions of a request that this client may use.
pub fn versions_up_to<R: Message>(max: i16) -> VersionRange {
    VersionRange::new(R::VERSIONS.min, R::VERSIONS.max.min(max))
}

#[cfg(test)]
mod login_tests;
#[cfg(test)]
mod tests;
