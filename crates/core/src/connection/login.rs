//! The authentication of one connection: SaslHandshake names the mechanism, SaslAuthenticate carries its messages
//! (KIP-43, KIP-152); before the session ends all of it is done again on the same connection (KIP-368).
//!
//! | state | event | next state | output |
//! |---|---|---|---|
//! | LoggedOut, LoggedIn | it is time | Choosing | the driver is asked for a mechanism |
//! | Choosing | there is one | Shaking | SaslHandshake |
//! | Shaking | the broker has the mechanism | Exchanging | SaslAuthenticate with the first message |
//! | Exchanging | a challenge that asks for more | Exchanging | SaslAuthenticate with the next one |
//! | Exchanging | a challenge that ends it well | LoggedIn | how long the session lasts |
//! | Choosing, Shaking, Exchanging | anything else | LoggedOut | an error |
//!
//! Not here: requests that wait for the end of it, and the connection's end when it fails.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::sasl_authenticate_response::SaslAuthenticateResponse;
use ottla_protocol::messages::sasl_handshake_response::SaslHandshakeResponse;
use ottla_protocol::types::Str;

use super::error::{ConnectError, ConnectErrorKind};
use crate::random::Entropy;
use crate::sasl::{Exchange, Mechanism, SaslError, SaslErrorKind, Start, Step, shown};
use crate::state_table::StateTable;
use crate::time::Now;

/// How far into its lifetime a session is renewed at the earliest; Java's figures, as are the next.
const RENEWED_AFTER: f64 = 0.85;
/// How much later than that it may be, so that the connections of a client do not all do it at once.
const RENEWED_WITHIN: f64 = 0.10;

/// What it takes to begin an authentication, all of it from the driver.
#[derive(Debug)]
pub struct Login<'a> {
    /// The broker's host, as it was dialled.
    pub host: &'a str,
    /// The present.
    pub now: Now,
    /// For this authentication alone.
    pub entropy: Entropy,
}

/// The machine.
#[derive(Debug)]
pub(super) struct Authentication {
    phase: Phase,
    /// The name of the mechanism, once there is one.
    mechanism: String,
    /// While it is under way.
    exchange: Option<Box<dyn Exchange>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    LoggedOut,
    Choosing,
    Shaking,
    Exchanging,
    LoggedIn,
}

/// Every legal edge.
pub(crate) static EDGES: StateTable<Phase> = {
    use Phase::*;
    StateTable::new(
        "authentication",
        &[
            (LoggedOut, &[Choosing]),
            (Choosing, &[LoggedOut, Shaking]),
            (Shaking, &[LoggedOut, Exchanging]),
            (Exchanging, &[LoggedOut, Exchanging, LoggedIn]),
            (LoggedIn, &[Choosing]),
        ],
    )
};

/// What follows an answer of the broker.
#[derive(Debug)]
pub(super) enum Progress {
    /// Send this.
    Send(Bytes),
    /// The broker knows who we are; for so long, if it said how long.
    Done { session: Option<Duration> },
}

impl Authentication {
    pub(super) fn new() -> Self {
        Self { phase: Phase::LoggedOut, mechanism: String::new(), exchange: None }
    }

    /// It is time: a mechanism is needed.
    pub(super) fn begin(&mut self) {
        self.go(Phase::Choosing);
    }

    /// Whether it waits for a mechanism.
    pub(super) fn is_choosing(&self) -> bool {
        self.phase == Phase::Choosing
    }

    /// There is a mechanism; its name is for SaslHandshake.
    pub(super) fn on_mechanism(
        &mut self,
        mechanism: Result<Arc<dyn Mechanism>, SaslError>,
        login: Login<'_>,
    ) -> Result<Str, ConnectError> {
        let start = Start::new(login.host, login.now, login.entropy);
        let begun = mechanism.and_then(|mechanism| {
            self.exchange = Some(mechanism.start(start)?);
            mechanism.name().clone_into(&mut self.mechanism);
            Ok(())
        });
        begun.map_err(|error| self.fail(error.into()))?;
        self.go(Phase::Shaking);
        Ok(Str::from(self.mechanism.as_str()))
    }

    /// The broker has answered SaslHandshake; the mechanism's first message is to be sent.
    pub(super) fn on_handshake(&mut self, response: &SaslHandshakeResponse) -> Result<Bytes, ConnectError> {
        let code = ErrorCode(response.error_code);
        if code == ErrorCode::UNSUPPORTED_SASL_MECHANISM {
            let enabled: Vec<&str> = response.mechanisms.iter().map(|name| &**name).collect();
            let enabled = shown(enabled.join(", ").as_bytes());
            let text =
                format!("the broker has no {}, check sasl.mechanism: it has {enabled}", self.mechanism);
            return Err(self.fail(ConnectError::new(ConnectErrorKind::MechanismNotEnabled, text)));
        }
        if code == ErrorCode::ILLEGAL_SASL_STATE {
            let text = "this port of the broker does not authenticate, check security.protocol";
            return Err(self.fail(ConnectError::new(ConnectErrorKind::MechanismNotEnabled, text)));
        }
        if code.is_error() {
            return Err(self.fail(refused(&self.mechanism, code, None)));
        }
        match self.next(None)? {
            Step::Respond(message) => {
                self.go(Phase::Exchanging);
                Ok(message)
            }
            Step::Done => {
                let text = format!("the mechanism {} ends before it has said anything", self.mechanism);
                Err(self.fail(SaslError::new(SaslErrorKind::Misuse, text).into()))
            }
        }
    }

    /// The broker has answered SaslAuthenticate.
    pub(super) fn on_authenticate(
        &mut self,
        response: &SaslAuthenticateResponse,
    ) -> Result<Progress, ConnectError> {
        let code = ErrorCode(response.error_code);
        if code.is_error() {
            // What the broker has said within the exchange tells more than the code behind it.
            let text = response.error_message.as_deref();
            let error = self.refusal().unwrap_or_else(|| refused(&self.mechanism, code, text));
            return Err(self.fail(error));
        }
        match self.next(Some(&response.auth_bytes))? {
            Step::Respond(message) => {
                self.go(Phase::Exchanging);
                Ok(Progress::Send(message))
            }
            Step::Done => {
                self.go(Phase::LoggedIn);
                self.exchange = None;
                let lifetime = u64::try_from(response.session_lifetime_ms).ok().filter(|ms| *ms > 0);
                Ok(Progress::Done { session: lifetime.map(Duration::from_millis) })
            }
        }
    }

    /// The stream ended. What the broker has said against the credentials before, if anything.
    pub(super) fn refusal(&self) -> Option<ConnectError> {
        self.exchange.as_ref().and_then(|exchange| exchange.refusal()).map(ConnectError::from)
    }

    fn next(&mut self, challenge: Option<&[u8]>) -> Result<Step, ConnectError> {
        let step = match &mut self.exchange {
            Some(exchange) => exchange.next(challenge),
            None => Err(SaslError::new(SaslErrorKind::Misuse, "no authentication is under way")),
        };
        step.map_err(|error| self.fail(error.into()))
    }

    fn fail(&mut self, error: ConnectError) -> ConnectError {
        self.exchange = None;
        if self.phase != Phase::LoggedOut {
            self.go(Phase::LoggedOut);
        }
        error
    }

    /// Takes an edge of the table. After one that it lacks nobody is logged in.
    fn go(&mut self, next: Phase) {
        self.phase = if EDGES.take(self.phase, next) { next } else { Phase::LoggedOut };
    }
}

/// The broker's refusal by code, with the text that it gives for people.
fn refused(mechanism: &str, code: ErrorCode, text: Option<&str>) -> ConnectError {
    let said = text.filter(|text| !text.is_empty()).map(|text| format!(": {}", shown(text.as_bytes())));
    let said = said.unwrap_or_default();
    let error = match code {
        ErrorCode::SASL_AUTHENTICATION_FAILED => SaslError::new(
            SaslErrorKind::CredentialsRefused,
            format!(
                "the broker refuses the credentials of {mechanism}, check user and password or token{said}"
            ),
        ),
        code => SaslError::new(
            SaslErrorKind::ExchangeRefused,
            format!("the broker refuses to authenticate by {mechanism}: {code}{said}"),
        ),
    };
    error.into()
}

/// When a session that lasts so long is to be renewed, from now on. `spread` is at least 0 and below 1.
pub(super) fn renewed_after(session: Duration, spread: f64) -> Duration {
    session.mul_f64(RENEWED_AFTER + RENEWED_WITHIN * spread)
}
