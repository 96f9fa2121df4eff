//! The two traits of SASL: a mechanism with its credentials, and one exchange with one broker.

use std::fmt;

use bytes::Bytes;

use super::SaslError;
use crate::random::Entropy;
use crate::time::Now;

/// A way to authenticate, with the credentials for it. One serves many connections.
///
/// `Debug` must not show the credentials.
pub trait Mechanism: Send + Sync + fmt::Debug {
    /// Its registered name, which SaslHandshake sends: `SCRAM-SHA-512`.
    fn name(&self) -> &str;

    /// Begins an exchange: with a new connection, and with each re-authentication.
    ///
    /// # Errors
    /// Credentials that cannot be sent.
    fn start(&self, start: Start<'_>) -> Result<Box<dyn Exchange>, SaslError>;
}

/// One authentication under way.
///
/// `Debug` must not show the credentials.
pub trait Exchange: Send + fmt::Debug {
    /// The next step: first with `None`, then with each message of the server, the empty one included. After
    /// [`Step::Done`] or an error there is none.
    ///
    /// The server's messages are not to be trusted; an exchange bounds what it takes of them.
    ///
    /// # Errors
    /// A server that refuses, that cannot be trusted, or that says what this mechanism does not know.
    fn next(&mut self, challenge: Option<&[u8]>) -> Result<Step, SaslError>;

    /// Why the server refused, where it said so within the exchange. Worth asking when the authentication fails without
    /// an error of the exchange: OAUTHBEARER answers a refusal before the server ends it, often by closing.
    fn refusal(&self) -> Option<SaslError> {
        None
    }
}

/// What an exchange wants done.
#[derive(Clone, PartialEq, Eq)]
pub enum Step {
    /// Send this, and come back with the server's answer. It may hold secrets: `Debug` shows its size only.
    Respond(Bytes),
    /// The exchange has ended well. The server's last message is read; nothing is to be sent.
    Done,
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Respond(message) => write!(f, "Respond({} bytes)", message.len()),
            Self::Done => f.write_str("Done"),
        }
    }
}

/// What a mechanism may want to know when it starts.
#[derive(Debug)]
pub struct Start<'a> {
    host: &'a str,
    now: Now,
    entropy: Entropy,
}

impl<'a> Start<'a> {
    /// For the broker called `host`. The entropy must be fresh for every exchange.
    pub fn new(host: &'a str, now: Now, entropy: Entropy) -> Self {
        Self { host, now, entropy }
    }

    /// The broker's host, as it was dialled. Mechanisms that sign for one host need it.
    pub fn host(&self) -> &str {
        self.host
    }

    /// The present. Mechanisms that sign for a time need it.
    pub fn now(&self) -> Now {
        self.now
    }

    /// Randomness that nobody can guess, for one use.
    pub fn into_entropy(self) -> Entropy {
        self.entropy
    }
}

/// The last of these steps is none that the exchange has, however often it is tried; those before it are.
#[cfg(all(test, feature = "sasl"))]
pub(super) fn assert_ends_in_misuse(mut exchange: Box<dyn Exchange>, steps: &[Option<&[u8]>]) {
    let (last, before) = steps.split_last().expect("there are steps");
    for step in before {
        exchange.next(*step).expect("a legal step");
    }
    for _ in 0..2 {
        let error = exchange.next(*last).expect_err("no such step");
        assert_eq!(error.kind(), super::SaslErrorKind::Misuse, "{steps:?}: {error}");
    }
}
