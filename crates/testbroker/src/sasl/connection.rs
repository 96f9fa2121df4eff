//! The cluster's connections as they authenticate: what passes, what is refused, and how long a refusal takes.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use ottla_protocol::api::ApiKey;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::frame::FrameBuf;
use ottla_protocol::message::Response;
use ottla_protocol::messages::api_versions_response::ApiVersionsResponse;
use ottla_protocol::messages::sasl_handshake_response::SaslHandshakeResponse;

use super::exchange::{Exchange, Identity, Refusal, Step, Surroundings};
use super::mechanism::Mechanism;
use super::session::{Established, Event, Exchanging, Session, Verdict};
use crate::cluster::{Call, Cluster};
use crate::connection::{Action, CloseReason, ConnectionId};
use crate::now::{Instant, Now};

/// The largest frame of a client that nobody knows (`sasl.server.max.receive.size`), in bytes.
const MAX_FRAME_BYTES: usize = 512 * 1024;

/// Who is on the other side of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authenticated {
    mechanism: Mechanism,
    name: String,
    extensions: BTreeMap<String, String>,
}

impl Authenticated {
    pub(crate) fn new(mechanism: Mechanism, name: &str, extensions: BTreeMap<String, String>) -> Self {
        Self { mechanism, name: name.to_owned(), extensions }
    }

    /// The mechanism it logged in by.
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// The user's name, which Kafka calls `User:name`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The extensions of OAUTHBEARER (KIP-342) and SCRAM.
    pub fn extensions(&self) -> &BTreeMap<String, String> {
        &self.extensions
    }
}

/// The end that an answer, or no answer, comes with.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) reason: CloseReason,
    pub(crate) delay: Duration,
}

/// An answer to a token that was taken.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) token: Bytes,
    pub(crate) session_lifetime: Duration,
}

impl Cluster {
    /// Who is on the other side; `None` for a connection that is gone, has not authenticated, or need not.
    pub fn authenticated(&self, connection: ConnectionId) -> Option<&Authenticated> {
        match self.session(connection)? {
            Session::Authenticated(established) => Some(&established.who),
            _ => None,
        }
    }

    /// Whether a frame may be read at all, and does not end here already.
    pub(crate) fn takes_frame(&mut self, call: &Call, frame: &Bytes) -> bool {
        let Some(session) = self.session(call.id.connection) else { return false };
        if session.is_stranger() && frame.len() > MAX_FRAME_BYTES {
            self.fail(call, format!("a frame of {} bytes before authentication", frame.len()));
            return false;
        }
        if let Session::OtherMechanism(message) = session {
            let message = message.clone();
            self.fail(call, message);
            return false;
        }
        if session.takes_bare_tokens() {
            self.on_bare_token(call, frame);
            return false;
        }
        true
    }

    /// Whether a request goes on to its API's handler.
    pub(crate) fn lets_in(&mut self, call: &Call, key: ApiKey) -> bool {
        let connection = call.id.connection;
        let Some(session) = self.session_mut(connection) else { return false };
        match session.verdict(Event::from(key), call.now.instant) {
            Verdict::Serve => return true,
            Verdict::Reauthenticate => {
                if let Session::Authenticated(established) = std::mem::replace(session, Session::Failed) {
                    *session = Session::Again(established);
                }
                return true;
            }
            Verdict::Refuse => self.refuse(call, key),
            Verdict::Fail => self.fail(call, format!("{key} in a failed re-authentication")),
            Verdict::Close => self.close(connection, CloseReason::NotAuthenticated(key)),
            Verdict::Expired => self.close(connection, CloseReason::SessionExpired),
        }
        false
    }

    /// The versions are known: after that only a handshake will do.
    pub(crate) fn on_versions_told(&mut self, connection: ConnectionId) {
        if let Some(session @ Session::Fresh) = self.session_mut(connection) {
            *session = Session::Versioned;
        }
    }

    /// Agrees upon a mechanism. `Err(None)`: there is nothing to authenticate for; `Err(Some(_))`: it is not offered.
    pub(crate) fn on_handshake(&mut self, call: &Call, name: &str) -> Result<(), Option<String>> {
        let connection = call.id.connection;
        let mechanism = self.authority(connection).and_then(|authority| authority.mechanism(name));
        let Some(session) = self.session_mut(connection) else { return Err(None) };
        let before = match session {
            Session::Fresh | Session::Versioned => None,
            Session::Again(established) => Some((**established).clone()),
            _ => return Err(None),
        };
        let mechanism = mechanism.ok_or_else(|| Some(format!("Unsupported SASL mechanism {name}")))?;
        if let Some(before) = before.as_ref().filter(|before| before.mechanism != mechanism) {
            *session = Session::OtherMechanism(format!(
                "SASL mechanism '{mechanism}' requested by client is not supported for re-authentication of mechanism \
                 '{}'",
                before.mechanism
            ));
            return Ok(());
        }
        *session = Session::Exchanging(Box::new(Exchanging {
            mechanism,
            exchange: Exchange::new(mechanism),
            in_requests: call.version > 0,
            before: before
                .map(|before| Established { last_reauthentication: Some(call.now.instant), ..before }),
        }));
        Ok(())
    }

    /// Whether a token is awaited.
    pub(crate) fn is_exchanging(&self, connection: ConnectionId) -> bool {
        matches!(self.session(connection), Some(Session::Exchanging(_)))
    }

    /// Takes a token; an error is what the client is told, and its session has failed.
    pub(crate) fn on_token(&mut self, call: &Call, token: &[u8]) -> Result<Accepted, String> {
        const UNEXPECTED: &str = "Unexpected SASL token";
        let connection = call.id.connection;
        let session = self.session_mut(connection).ok_or(UNEXPECTED)?;
        let Session::Exchanging(mut exchanging) = std::mem::replace(session, Session::Failed) else {
            return Err(UNEXPECTED.to_owned());
        };
        let (authority, random) = self.authority_and_random(connection).ok_or(UNEXPECTED)?;
        let (mechanism, before) = (exchanging.mechanism, exchanging.before.clone());
        let lifetime = authority.connections_max_reauth();
        let mut around = Surroundings { authority, random, now_unix_ms: call.now.unix_ms };
        let step = exchanging.exchange.on_token(token, &mut around);
        let (next, accepted) = match step {
            Ok(Step::Continue(token)) => {
                (Session::Exchanging(exchanging), Accepted { token, session_lifetime: Duration::ZERO })
            }
            Ok(Step::Done(token, identity)) => {
                let established = establish(mechanism, identity, before, call.now, lifetime)?;
                let session_lifetime = established
                    .expires
                    .map_or(Duration::ZERO, |expires| expires.saturating_since(call.now.instant));
                (Session::Authenticated(Box::new(established)), Accepted { token, session_lifetime })
            }
            Err(Refusal::Told(message)) => return Err(message),
            Err(Refusal::Credentials(why)) => {
                tracing::debug!(%mechanism, why, "a login is refused");
                let what = if before.is_some() { "re-authentication" } else { "authentication" };
                return Err(format!(
                    "Authentication failed during {what} due to invalid credentials with SASL mechanism {mechanism}"
                ));
            }
        };
        if let Some(session) = self.session_mut(connection) {
            *session = next;
        }
        Ok(accepted)
    }

    fn on_bare_token(&mut self, call: &Call, token: &Bytes) {
        match self.on_token(call, token) {
            Ok(accepted) => {
                if self.take_current(call.id).is_some() {
                    let mut out = FrameBuf::new();
                    out.put_token(&accepted.token);
                    self.actions.push_back(Action::Respond(call.id.connection, out));
                }
            }
            // There is no place for a reason.
            Err(why) => self.fail(call, why),
        }
    }

    /// Answers, and ends the connection with it, both after the delay of failures.
    pub(crate) fn fail_with<R: Response>(&mut self, call: &Call, why: String, response: &R) {
        self.mark_failed(call, why);
        self.respond(call.id, response);
    }

    /// Ends the connection after the delay of failures.
    fn fail(&mut self, call: &Call, why: String) {
        self.mark_failed(call, why);
        self.end_later(call.id);
    }

    fn mark_failed(&mut self, call: &Call, why: String) {
        let connection = call.id.connection;
        let delay = self
            .authority(connection)
            .map_or(Duration::ZERO, |authority| authority.failed_authentication_delay());
        if let Some(session) = self.session_mut(connection) {
            *session = Session::Failed;
        }
        let reason = CloseReason::AuthenticationFailed(why);
        self.set_failure(call.id, Failure { reason, delay });
    }

    /// A request in the middle of an exchange. Kafka answers each API in its own way; here those that come before a
    /// login do, and the others end without an answer.
    fn refuse(&mut self, call: &Call, key: ApiKey) {
        let why = format!("Unexpected Kafka request of type {key} during SASL authentication.");
        match key {
            ApiKey::SASL_HANDSHAKE => {
                let mut response = SaslHandshakeResponse::default();
                response.error_code = ErrorCode::ILLEGAL_SASL_STATE.0;
                self.fail_with(call, why, &response);
            }
            ApiKey::API_VERSIONS => {
                let mut response = ApiVersionsResponse::default();
                response.error_code = ErrorCode::ILLEGAL_SASL_STATE.0;
                self.fail_with(call, why, &response);
            }
            _ => self.fail(call, why),
        }
    }
}

/// Lets a client in; one that authenticates again must be who it was.
fn establish(
    mechanism: Mechanism,
    identity: Identity,
    before: Option<Established>,
    now: Now,
    connections_max_reauth: Option<Duration>,
) -> Result<Established, String> {
    if let Some(before) = before.as_ref().filter(|before| before.who.name != identity.name) {
        return Err(format!(
            "Cannot change principals during re-authentication from User.{}: User.{}",
            before.who.name, identity.name
        ));
    }
    Ok(Established {
        expires: expiry(now, identity.expires_unix_ms, connections_max_reauth),
        who: Authenticated::new(mechanism, &identity.name, identity.extensions),
        mechanism,
        last_reauthentication: before.and_then(|before| before.last_reauthentication),
    })
}

/// The session ends with the credentials, and not later than the broker says.
fn expiry(
    now: Now,
    credentials_unix_ms: Option<i64>,
    connections_max_reauth: Option<Duration>,
) -> Option<Instant> {
    let left = credentials_unix_ms
        .map(|end| Duration::from_millis(u64::try_from(end.saturating_sub(now.unix_ms)).unwrap_or(0)));
    let lifetime = [left, connections_max_reauth].into_iter().flatten().min()?;
    Some(now.instant + lifetime)
}
