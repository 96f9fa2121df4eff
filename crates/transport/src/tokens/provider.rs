//! Who fetches a token.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use ottla_core::random::Entropy;
use ottla_core::sasl::{BearerToken, SaslError};
use ottla_core::time::Now;

/// A token that is being fetched.
pub type FetchingToken<'a> = Pin<Box<dyn Future<Output = Result<BearerToken, SaslError>> + Send + 'a>>;

/// Fetches bearer tokens. `Debug` must not show secrets.
pub trait TokenProvider: Send + Sync + fmt::Debug {
    /// Fetches one, with a single attempt. [`SaslErrorKind::CredentialsUnavailable`] is tried again after a backoff; any
    /// other error is told to the connections that wait, and tried again for the next ones.
    ///
    /// The future is polled on a task of its own, and dropped when it takes too long.
    ///
    /// [`SaslErrorKind::CredentialsUnavailable`]: ottla_core::sasl::SaslErrorKind::CredentialsUnavailable
    fn token<'a>(&'a self, request: TokenRequest) -> FetchingToken<'a>;
}

/// What a provider may want to know.
#[derive(Debug)]
pub struct TokenRequest {
    now: Now,
    entropy: Entropy,
}

impl TokenRequest {
    /// For a fetch at `now`. The entropy must be fresh.
    pub fn new(now: Now, entropy: Entropy) -> Self {
        Self { now, entropy }
    }

    /// The present, when the fetch starts.
    pub fn now(&self) -> Now {
        self.now
    }

    /// Randomness that nobody can guess, for one use.
    pub fn into_entropy(self) -> Entropy {
        self.entropy
    }
}
