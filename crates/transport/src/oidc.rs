//! Bearer tokens from an OAuth 2.0 token endpoint, as OpenID Connect providers have them (feature `oidc`).
//!
//! | grant | type | Kafka's name |
//! |---|---|---|
//! | client credentials (RFC 6749 section 4.4) | [`ClientCredentials`] | `ClientCredentialsJwtRetriever` |
//! | JWT bearer (RFC 7523) | [`JwtBearer`] | `JwtBearerJwtRetriever` |
//!
//! A [`TokenEndpoint`] is asked over any `Connector`, so proxies work, and https is a connector that makes TLS streams.
//!
//! What the endpoint says is not trusted: an answer has at most [`MAX_ANSWER_SIZE`] bytes, and each part of a request has
//! its timeout. One request is one attempt; [`TokenCredentials`](crate::TokenCredentials) tries again after 5xx, 429, 408
//! and what goes wrong on the way ([`SaslErrorKind::CredentialsUnavailable`]), and tells the connections of everything
//! else: 4xx is [`SaslErrorKind::CredentialsRefused`] with the endpoint's own words.
//!
//! A [`JwtBearer`] reads its assertion from a file, or with the feature `tls` makes and signs it, with the cryptography of
//! TLS (`SignedAssertion`).
//!
//! Not here: asking a provider for its configuration, redirects, verifying tokens, and keeping them.
//!
//! ```no_run
//! use ottla_transport::{ClientCredentials, TcpConnector, TokenCredentials, TokenEndpoint};
//!
//! # fn example(tls: impl ottla_transport::Connector + 'static) -> Result<(), ottla_core::sasl::SaslError> {
//! // `tls` makes TLS streams, as `TlsConnector` does.
//! let endpoint = TokenEndpoint::new("https://login.example.com/oauth2/token", tls)?
//!     .scope("kafka")
//!     .parameter("audience", "orders");
//! let credentials = TokenCredentials::new(ClientCredentials::new(endpoint, "client", "secret")?);
//! // client.sasl_provider(credentials)
//! # drop(credentials);
//! # Ok(())
//! # }
//! ```
//!
//! [`SaslErrorKind::CredentialsUnavailable`]: ottla_core::sasl::SaslErrorKind::CredentialsUnavailable
//! [`SaslErrorKind::CredentialsRefused`]: ottla_core::sasl::SaslErrorKind::CredentialsRefused

mod answer;
#[cfg(feature = "tls")]
mod assertion;
mod client_credentials;
mod endpoint;
mod http;
mod jwt_bearer;
#[cfg(test)]
mod tests;

#[cfg(feature = "tls")]
pub use assertion::{AssertionAlgorithm, SignedAssertion};
pub use client_credentials::ClientCredentials;
pub use endpoint::TokenEndpoint;
pub use http::MAX_ANSWER_SIZE;
pub use jwt_bearer::JwtBearer;
