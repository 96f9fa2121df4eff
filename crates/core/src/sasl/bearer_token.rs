//! A bearer token with its lifetime: what a token provider gives, and a mechanism in itself.
//!
//! Not here: where tokens come from, and when a new one is needed ([`TokenRefresh`](super::TokenRefresh)).

use super::error::SaslError;
use super::mechanism::{Exchange, Mechanism, Start};
use super::oauth_bearer::OAuthBearer;

/// A token for OAUTHBEARER and when it expires. The token is secret: it is in no `Debug`.
///
/// ```
/// use ottla_core::sasl::BearerToken;
///
/// let token = BearerToken::new("eyJhbGciOiJSUzI1NiJ9.e30.c2ln", 1_700_000_300_000)?.principal("alice");
/// let token = token.extension("logicalCluster", "lkc-1")?;
/// assert!(!format!("{token:?}").contains("eyJ"));
/// # Ok::<(), ottla_core::sasl::SaslError>(())
/// ```
#[derive(Clone, Debug)]
pub struct BearerToken {
    mechanism: OAuthBearer,
    expires_at_unix_ms: i64,
    principal: Option<String>,
}

impl BearerToken {
    /// A token that is good until then, in milliseconds since 1970.
    ///
    /// # Errors
    /// A text that is no bearer token (RFC 6750).
    pub fn new(token: &str, expires_at_unix_ms: i64) -> Result<Self, SaslError> {
        Ok(Self { mechanism: OAuthBearer::new(token)?, expires_at_unix_ms, principal: None })
    }

    /// Whom the token is for, where the issuer tells. For people; the broker reads the token itself.
    #[must_use]
    pub fn principal(mut self, principal: impl Into<String>) -> Self {
        self.principal = Some(principal.into());
        self
    }

    /// Adds an extension (KIP-342), sent beside the token. Not secret.
    ///
    /// # Errors
    /// As [`OAuthBearer::extension`].
    pub fn extension(mut self, name: &str, value: &str) -> Result<Self, SaslError> {
        self.mechanism = self.mechanism.extension(name, value)?;
        Ok(self)
    }

    /// When it expires, in milliseconds since 1970.
    pub fn expires_at_unix_ms(&self) -> i64 {
        self.expires_at_unix_ms
    }

    /// Whom it is for, if that is known.
    pub fn principal_name(&self) -> Option<&str> {
        self.principal.as_deref()
    }
}

impl Mechanism for BearerToken {
    fn name(&self) -> &str {
        self.mechanism.name()
    }

    fn start(&self, start: Start<'_>) -> Result<Box<dyn Exchange>, SaslError> {
        self.mechanism.start(start)
    }
}
