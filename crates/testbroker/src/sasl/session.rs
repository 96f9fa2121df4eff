//! What a connection may send when, as a table (KIP-43, KIP-152, KIP-368).

use std::time::Duration;

use ottla_protocol::api::ApiKey;

use super::connection::Authenticated;
use super::exchange::Exchange;
use super::mechanism::Mechanism;
use crate::now::Instant;

/// A re-authentication may begin so long after the one before it began.
const REAUTHENTICATION_INTERVAL: Duration = Duration::from_secs(1);

/// Where a connection stands.
#[derive(Debug)]
pub(crate) enum Session {
    /// Its listener lets everyone in.
    Open,
    /// It has said nothing, or nothing that counts.
    Fresh,
    /// It knows the versions; a handshake is all that is left.
    Versioned,
    /// A new handshake has come on a connection that is authenticated.
    Again(Box<Established>),
    /// A mechanism was agreed upon, and tokens come.
    Exchanging(Box<Exchanging>),
    /// A re-authentication began with another mechanism than before: the next thing it says ends it.
    OtherMechanism(String),
    Authenticated(Box<Established>),
    /// Its refusal is on its way; nothing is heard any more.
    Failed,
}

/// An authentication under way.
#[derive(Debug)]
pub(crate) struct Exchanging {
    pub(crate) mechanism: Mechanism,
    pub(crate) exchange: Exchange,
    /// Tokens come in SaslAuthenticate; after SaslHandshake v0 they come bare.
    pub(crate) in_requests: bool,
    /// What it was before.
    pub(crate) before: Option<Established>,
}

/// A connection that is let in.
#[derive(Clone, Debug)]
pub(crate) struct Established {
    pub(crate) who: Authenticated,
    pub(crate) mechanism: Mechanism,
    /// After this instant it must authenticate again before anything else.
    pub(crate) expires: Option<Instant>,
    pub(crate) last_reauthentication: Option<Instant>,
}

/// A request, as far as the table cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    ApiVersions,
    Handshake,
    Authenticate,
    Other,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It goes on to its API's handler.
    Serve,
    /// It goes on, and begins another authentication.
    Reauthenticate,
    /// ILLEGAL_SASL_STATE, after the delay of failures, and the end.
    Refuse,
    /// The end after the delay of failures, without an answer.
    Fail,
    /// The end, at once and without an answer.
    Close,
    /// The same, because the session is over.
    Expired,
}

impl From<ApiKey> for Event {
    fn from(key: ApiKey) -> Self {
        match key {
            ApiKey::API_VERSIONS => Self::ApiVersions,
            ApiKey::SASL_HANDSHAKE => Self::Handshake,
            ApiKey::SASL_AUTHENTICATE => Self::Authenticate,
            _ => Self::Other,
        }
    }
}

impl Session {
    pub(crate) fn verdict(&self, event: Event, now: Instant) -> Verdict {
        match (self, event) {
            (Self::Open, _) => Verdict::Serve,
            (Self::Fresh, Event::ApiVersions | Event::Handshake) => Verdict::Serve,
            (Self::Versioned | Self::Again(_), Event::Handshake) => Verdict::Serve,
            (Self::Fresh | Self::Versioned | Self::Again(_), _) => Verdict::Close,
            (Self::Exchanging(_), Event::Authenticate) => Verdict::Serve,
            (Self::Exchanging(_), _) => Verdict::Refuse,
            (Self::OtherMechanism(_), _) => Verdict::Fail,
            (Self::Authenticated(established), Event::Handshake) if established.may_begin_again(now) => {
                Verdict::Reauthenticate
            }
            (Self::Authenticated(established), _) if established.has_expired(now) => Verdict::Expired,
            (Self::Authenticated(_), _) => Verdict::Serve,
            (Self::Failed, _) => Verdict::Close,
        }
    }

    /// Whether what comes next has no header.
    pub(crate) fn takes_bare_tokens(&self) -> bool {
        matches!(self, Self::Exchanging(exchanging) if !exchanging.in_requests)
    }

    /// Whether nobody is known to be on the other side: frames are small then.
    pub(crate) fn is_stranger(&self) -> bool {
        !matches!(self, Self::Open | Self::Authenticated(_))
    }
}

impl Established {
    fn may_begin_again(&self, now: Instant) -> bool {
        let rested = |last| now.saturating_since(last) >= REAUTHENTICATION_INTERVAL;
        self.expires.is_some() && self.last_reauthentication.is_none_or(rested)
    }

    fn has_expired(&self, now: Instant) -> bool {
        self.expires.is_some_and(|expires| expires < now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_micros(10_000_000);

    fn authenticated(expires: Option<u64>, last_reauthentication: Option<u64>) -> Session {
        Session::Authenticated(Box::new(established(expires, last_reauthentication)))
    }

    fn established(expires: Option<u64>, last_reauthentication: Option<u64>) -> Established {
        Established {
            who: Authenticated::new(Mechanism::Plain, "alice", Default::default()),
            mechanism: Mechanism::Plain,
            expires: expires.map(Instant::from_micros),
            last_reauthentication: last_reauthentication.map(Instant::from_micros),
        }
    }

    fn exchanging() -> Session {
        let exchange = Exchange::new(Mechanism::Plain);
        let mechanism = Mechanism::Plain;
        Session::Exchanging(Box::new(Exchanging { mechanism, exchange, in_requests: true, before: None }))
    }

    #[test]
    fn the_table() {
        use Verdict::{Close, Expired, Fail, Reauthenticate, Refuse, Serve};
        let (past, future) = (Some(9_999_999), Some(10_000_000));
        let rows = [
            ("open", Session::Open, [Serve, Serve, Serve, Serve]),
            ("fresh", Session::Fresh, [Serve, Serve, Close, Close]),
            ("versioned", Session::Versioned, [Close, Serve, Close, Close]),
            ("again", Session::Again(Box::new(established(past, None))), [Close, Serve, Close, Close]),
            ("exchanging", exchanging(), [Refuse, Refuse, Serve, Refuse]),
            ("other mechanism", Session::OtherMechanism(String::new()), [Fail, Fail, Fail, Fail]),
            ("for ever", authenticated(None, None), [Serve, Serve, Serve, Serve]),
            ("for a time", authenticated(future, None), [Serve, Reauthenticate, Serve, Serve]),
            ("too soon", authenticated(future, Some(9_000_001)), [Serve, Serve, Serve, Serve]),
            ("soon enough", authenticated(future, Some(9_000_000)), [Serve, Reauthenticate, Serve, Serve]),
            ("over", authenticated(past, None), [Expired, Reauthenticate, Expired, Expired]),
            ("over too soon", authenticated(past, Some(9_999_999)), [Expired, Expired, Expired, Expired]),
            ("failed", Session::Failed, [Close, Close, Close, Close]),
        ];
        for (name, session, expected) in rows {
            let events = [Event::ApiVersions, Event::Handshake, Event::Authenticate, Event::Other];
            assert_eq!(events.map(|event| session.verdict(event, NOW)), expected, "{name}");
        }
    }
}
