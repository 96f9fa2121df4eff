//! Bearer tokens that are fetched, for OAUTHBEARER (feature `tokens`).
//!
//! A [`TokenProvider`] fetches one token; [`TokenCredentials`] keeps it, hands it to every connection and has it fetched
//! anew in time. Built in are [`FileToken`] and, with the feature `oidc`, the grants of the module `oidc`; an
//! application adds its own in a few lines:
//!
//! ```
//! use ottla_core::sasl::{BearerToken, SaslError, SaslErrorKind};
//! use ottla_transport::{FetchingToken, TokenCredentials, TokenProvider, TokenRequest};
//!
//! #[derive(Debug)]
//! struct Vault;
//!
//! impl TokenProvider for Vault {
//!     fn token<'a>(&'a self, request: TokenRequest) -> FetchingToken<'a> {
//!         Box::pin(async move {
//!             let token = read_from_the_vault().await.map_err(|error| {
//!                 SaslError::new(SaslErrorKind::CredentialsUnavailable, format!("the vault is closed: {error}"))
//!             })?;
//!             BearerToken::new(&token, request.now().unix_ms + 300_000)
//!         })
//!     }
//! }
//! # async fn read_from_the_vault() -> Result<String, &'static str> { Ok("t".into()) }
//!
//! let credentials = TokenCredentials::new(Vault);
//! // client.sasl_provider(credentials)
//! # drop(credentials);
//! ```
//!
//! **What it costs.** One task for each fetch, none between them. A connection that needs a token while one is held takes
//! one short lock.
//!
//! Not here: when a token is fetched anew, which `ottla_core::sasl::TokenRefresh` decides.

mod credentials;
mod file;
mod jwt;
mod provider;
#[cfg(test)]
mod tests;

pub use credentials::{TokenCredentials, TokenCredentialsBuilder};
pub use file::FileToken;
#[cfg(feature = "oidc")]
pub(crate) use file::read as read_token;
#[cfg(feature = "oidc")]
pub(crate) use jwt::{claims_of, expiry_ms, subject};
pub use provider::{FetchingToken, TokenProvider, TokenRequest};
