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
//! | Ready | an answer says that the broker throttles | Throttled | listeners are told |
//! | Throttled | a request is submitted | Throttled | it waits; those under way are answered |
//! | Throttled | the time has passed | Ready | what waits is written |
//! | Ready, Throttled | the session is about to end | Reauthenticating | the driver is asked for a mechanism |
//! | Reauthenticating | a request is submitted | Reauthenticating | it waits; those under way are answered |
//! | Reauthenticating | the broker knows who we are | Ready, or still Throttled | what waits is written, if Ready |
//! | Ready | nobody has used it for long | Closed | |
//! | any | a frame that answers nothing, a request times out, the stream ends | Closed | every request ends in an error |
//!
//! How the authentication goes on is in `login.rs`.
//!
//! A broker that throttles answers at once and then reads nothing more for as long as it says (KIP-219): what is sent
//! meanwhile would only fill its buffers, and count as under way. So requests wait, and their deadlines count on.
//!
//! Brokers answer one connection in order; an answer out of order means that the stream is broken.
//!
//! Not here: the bytes' way ([`ottla-transport`](https://docs.rs/ottla-transport)), and which connection to use.

mod config;
mod ending;
mod error;
mod login;
mod opening;
mod outgoing;
mod pending;
mod told;
mod versions;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ottla_protocol::api::ApiKey;
use ottla_protocol::error::EncodeError;
use ottla_protocol::frame::{FrameBuf, decode_response_header};
use ottla_protocol::message::{Message, Request, VersionRange};
use ottla_protocol::messages::api_versions_request::ApiVersionsRequest;
use ottla_protocol::messages::sasl_handshake_request::SaslHandshakeRequest;
use ottla_protocol::types::Str;

use self::ending::{Ending, not_kafka, timed_out};
use self::login::Authentication;
use self::pending::{Due, Pending};
use crate::events::Role;
use crate::random::Jitter;
use crate::request::{RequestError, Token};
use crate::sasl::{Mechanism, SaslError};
use crate::state_table::StateTable;
use crate::time::{Instant, earliest};

#[cfg(feature = "__coverage")]
pub(crate) use login::EDGES as LOGIN_EDGES;

pub use config::ConnectionConfig;
pub use ending::not_frames;
pub use error::{ConnectError, ConnectErrorKind};
pub use login::Login;
pub use outgoing::{Encodable, Outgoing};
pub use told::{RequestTold, Told};
pub use versions::ApiVersions;

/// The largest frame that is taken before the broker is known, in bytes: ApiVersions has a few kilobytes.
const MAX_OPENING_FRAME_SIZE: usize = 1 << 20;
/// Room for the frame of a small request, in bytes.
const SMALL_FRAME_SIZE: usize = 256;

/// Something that the driver must do or pass on.
#[derive(Debug)]
pub enum Action {
    /// Write these frames: one or more.
    Write(FrameBuf),
    /// A request has its answer, or never will have one.
    Complete(Token, Result<Answer, RequestError>),
    /// Get a mechanism and hand it to [`Connection::authenticate`].
    Authenticate,
    /// The broker has said its versions and knows who we are; requests flow from here on.
    Ready,
    /// Tell those who listen. Comes only once it was [asked for](Connection::tell).
    Tell(Told),
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
    waiting: Pending<Outgoing>,
    /// Written, in the order of writing.
    under_way: Pending<UnderWay>,
    /// Until when nothing is written, because the broker throttles.
    throttled_until: Instant,
    /// All throttle times so far.
    throttle_time: Duration,
    /// When a request was last submitted or answered.
    last_used: Instant,
    /// Whether the broker has answered a request that was not of our own.
    has_answered: bool,
    /// Whether somebody listens.
    is_heard: bool,
    actions: VecDeque<Action>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Negotiating,
    Authenticating,
    Ready,
    Throttled,
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
            (Ready, &[Throttled, Reauthenticating, Closed]),
            (Throttled, &[Ready, Reauthenticating, Closed]),
            (Reauthenticating, &[Ready, Throttled, Closed]),
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
    role: Role,
    created: Instant,
    sent: Instant,
}

impl Due for UnderWay {
    fn deadline(&self) -> Instant {
        self.deadline
    }
}

impl UnderWay {
    fn told(&self) -> RequestTold {
        let Self { correlation_id, api, version, role, created, sent, .. } = *self;
        RequestTold { correlation_id, api, version, role, created, sent }
    }
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
            waiting: Pending::new(),
            under_way: Pending::new(),
            throttled_until: now,
            throttle_time: Duration::ZERO,
            last_used: now,
            has_answered: false,
            is_heard: false,
            actions: VecDeque::new(),
        };
        connection.ask_for_versions(now, ApiVersionsRequest::VERSIONS.max);
        connection
    }

    /// From now on [`Action::Tell`] comes too.
    pub fn tell(&mut self) {
        self.is_heard = true;
    }

    /// The largest frame to take from the peer, in bytes, without its size.
    pub fn max_frame_size(&self) -> usize {
        let limit = self.config.max_frame_size;
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

    /// Why it has ended, as requests that were not sent are told; [`RequestError::Closed`] while it has not.
    pub fn ended(&self) -> &RequestError {
        &self.ended
    }

    /// For how long the broker has said that it throttles, all together.
    pub fn throttle_time(&self) -> Duration {
        self.throttle_time
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
    pub fn submit(&mut self, now: Instant, outgoing: Outgoing) {
        self.last_used = now;
        match self.state {
            State::Ready => self.write(now, outgoing),
            State::Closed => self.fail(outgoing.token, self.ended.clone()),
            State::Negotiating | State::Authenticating | State::Throttled | State::Reauthenticating => {
                let role = outgoing.role;
                self.waiting.push(outgoing);
                self.tell_waiting(role);
            }
        }
    }

    /// A frame came, without its size.
    pub fn on_frame(&mut self, now: Instant, frame: &Bytes) {
        let Some(request) = self.under_way.first() else {
            return self.close(not_kafka("an answer to nothing came"));
        };
        let body = match self.read_answer(request, frame) {
            Ok(body) => body,
            Err(reason) => return self.close(reason),
        };
        let Some(request) = self.under_way.pop() else { return };
        if self.is_heard {
            let told = Told::Answered { request: request.told(), at: now, size: frame.len() };
            self.actions.push_back(Action::Tell(told));
        }
        match request.token {
            Some(token) => {
                (self.last_used, self.has_answered) = (now, true);
                self.heed_throttle(now, &request, &body);
                let answer = Answer { version: request.version, body };
                self.actions.push_back(Action::Complete(token, Ok(answer)));
            }
            None => self.on_own_answer(now, &request, &body),
        }
    }

    /// The mechanism that [`Action::Authenticate`] asks for, or why there is none.
    pub fn authenticate(&mut self, mechanism: Result<Arc<dyn Mechanism>, SaslError>, login: Login<'_>) {
        let now = login.now.instant;
        if self.state == State::Closed || !self.authentication.is_choosing() {
            return;
        }
        match self.authentication.on_mechanism(mechanism, login) {
            Ok(mechanism) => {
                let mut request = SaslHandshakeRequest::default();
                request.mechanism = mechanism;
                // In version 0 the mechanism's messages would come in no requests.
                self.write_own(now, &request, VersionRange::new(1, 1));
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
            // What a broker does that wants to know first who is there: it says its versions to anybody.
            State::Ready if !self.has_answered && self.is_plain() && !self.under_way.is_empty() => {
                let reason = format!("{text} at the first request (does this port require sasl?)");
                return self.close(RequestError::Disconnected { sent: true, reason });
            }
            State::Ready | State::Throttled | State::Closed => return self.close(reason),
        };
        self.close(RequestError::Connect(error));
    }

    /// Ends requests whose time is over, and does what is due. An answer that is overdue blocks all behind it, so the
    /// connection goes too; so does one that nobody uses.
    pub fn handle_timeout(&mut self, now: Instant) {
        let overdue = |deadline: Instant| deadline <= now;
        if self.under_way.is_overdue(now) {
            return self.on_no_answer(now);
        }
        if self.authentication_due.is_some_and(overdue) {
            match self.state {
                State::Ready | State::Throttled => self.begin_authentication(now, State::Reauthenticating),
                _ => return self.close(timed_out("the authentication was not done in time")),
            }
        }
        if self.state == State::Throttled && overdue(self.throttled_until) {
            self.go(State::Ready);
            self.write_waiting(now);
        }
        if self.idle_at().is_some_and(overdue) {
            return self.close(RequestError::Disconnected { sent: false, reason: "it was idle".to_owned() });
        }
        self.fail_overdue(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub fn next_timeout(&self) -> Option<Instant> {
        let throttle = (self.state == State::Throttled).then_some(self.throttled_until);
        [self.under_way.next_deadline(), self.waiting.next_deadline(), throttle, self.idle_at()]
            .into_iter()
            .fold(self.authentication_due, earliest)
    }

    /// What is to be done next.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    fn become_ready(&mut self, now: Instant) {
        if now < self.throttled_until {
            return self.go(State::Throttled);
        }
        if self.state != State::Reauthenticating {
            self.last_used = now;
            self.actions.push_back(Action::Ready);
        }
        self.go(State::Ready);
        self.write_waiting(now);
    }

    fn write_waiting(&mut self, now: Instant) {
        if !self.waiting.is_empty() {
            let mut role = Role::Client;
            for outgoing in self.waiting.take_all() {
                role = outgoing.role;
                self.write(now, outgoing);
            }
            self.tell_waiting(role);
        }
    }

    /// An answer says for how long the broker throttles.
    fn heed_throttle(&mut self, now: Instant, request: &UnderWay, body: &Bytes) {
        let time = request.api.throttle_time_ms_in(request.version, body).unwrap_or(0);
        let Some(time) = u64::try_from(time).ok().filter(|ms| *ms > 0).map(Duration::from_millis) else {
            return;
        };
        self.throttled_until = self.throttled_until.max(now + time);
        self.throttle_time = self.throttle_time.saturating_add(time);
        if self.state == State::Ready {
            self.go(State::Throttled);
        }
        if self.is_heard {
            self.actions.push_back(Action::Tell(Told::Throttled {
                role: request.role,
                api: request.api,
                time,
            }));
        }
    }

    /// When it is to be closed because nobody uses it.
    fn idle_at(&self) -> Option<Instant> {
        let max_idle = self.config.max_idle?;
        (self.state == State::Ready && self.is_empty()).then(|| self.last_used + max_idle)
    }

    /// A request under way has no answer in time.
    fn on_no_answer(&mut self, now: Instant) {
        let Some(request) = self.under_way.find_overdue(now) else { return };
        let reason = match request.token {
            Some(_) => RequestError::Timeout,
            None => timed_out(format!("the broker did not answer {} in time", request.api)),
        };
        if self.is_heard {
            self.actions.push_back(Action::Tell(Told::TimedOut(request.told())));
        }
        self.close(reason);
    }

    /// Ends requests that wait and whose time is over.
    fn fail_overdue(&mut self, now: Instant) {
        let overdue = self.waiting.take_overdue(now);
        if overdue.is_empty() {
            return;
        }
        let reason = match self.state {
            State::Throttled => RequestError::NotSent { reason: "the broker throttles this client" },
            _ => timed_out("the connection was not ready in time"),
        };
        let mut role = Role::Client;
        for outgoing in overdue {
            role = outgoing.role;
            self.fail(outgoing.token, reason.clone());
        }
        self.tell_waiting(role);
    }

    /// `role` is that of the latest request that came or went.
    fn tell_waiting(&mut self, role: Role) {
        if self.is_heard {
            self.actions.push_back(Action::Tell(Told::Waiting { role, count: self.waiting.len() }));
        }
    }

    /// Whether brokers are not told who this is.
    fn is_plain(&self) -> bool {
        self.config.authentication_timeout.is_none()
    }

    fn write(&mut self, now: Instant, outgoing: Outgoing) {
        let token = outgoing.token;
        let api = outgoing.request.api_key();
        let version = match self.versions.negotiate(api, outgoing.versions) {
            Ok(version) => version,
            Err(error) => return self.fail(token, error),
        };
        let request = &outgoing.request;
        let encode = |id, client_id: &Str, out: &mut FrameBuf| request.encode(version, id, client_id, out);
        let correlation_id = match self.put(encode) {
            Ok(correlation_id) => correlation_id,
            Err(error) => return self.fail(token, RequestError::Encode(error)),
        };
        if !outgoing.expects_answer {
            let answer = Answer { version, body: Bytes::new() };
            return self.actions.push_back(Action::Complete(token, Ok(answer)));
        }
        let Outgoing { deadline, role, created, .. } = outgoing;
        let token = Some(token);
        self.under_way.push(UnderWay {
            correlation_id,
            token,
            api,
            version,
            deadline,
            role,
            created,
            sent: now,
        });
    }

    /// Writes a frame, behind those that nobody has taken yet: what is sent at a time shares its memory and its way
    /// into the kernel. Returns the frame's correlation id.
    fn put(
        &mut self,
        encode: impl FnOnce(i32, &Str, &mut FrameBuf) -> Result<(), EncodeError>,
    ) -> Result<i32, EncodeError> {
        let id = self.next_correlation_id;
        if !matches!(self.actions.back(), Some(Action::Write(_))) {
            self.actions.push_back(Action::Write(FrameBuf::with_capacity(SMALL_FRAME_SIZE)));
        }
        if let Some(Action::Write(frames)) = self.actions.back_mut() {
            encode(id, &self.config.client_id, frames)?;
        }
        self.next_correlation_id = id.wrapping_add(1) & i32::MAX;
        Ok(id)
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

    /// Ends every request: those under way for `reason`, the others as unsent.
    fn close(&mut self, reason: RequestError) {
        if self.state == State::Closed {
            return;
        }
        let was_opening = matches!(self.state, State::Negotiating | State::Authenticating);
        self.go(State::Closed);
        self.authentication_due = None;
        let Ending { of_sent, of_unsent } = Ending::new(reason, was_opening);
        for request in self.under_way.take_all() {
            if let Some(token) = request.token {
                self.fail(token, of_sent.clone());
            }
        }
        for outgoing in self.waiting.take_all() {
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
}

/// The versions of a request that this client may use.
pub fn versions_up_to<R: Message>(max: i16) -> VersionRange {
    VersionRange::new(R::VERSIONS.min, R::VERSIONS.max.min(max))
}

#[cfg(test)]
mod login_tests;
#[cfg(test)]
mod tests;
