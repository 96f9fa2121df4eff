//! TLS over any stream, by rustls (feature `tls`, with `ring` or `aws-lc-rs` for the cryptography).
//!
//! [`TlsConfig`] says whom to trust and who the client is; [`TlsConnector`] puts TLS on what another connector makes.
//!
//! Not here: Java's key stores. They are recognised, and the error says how to turn them into PEM.
//!
//! ```no_run
//! use ottla_core::connection::ConnectError;
//! use ottla_transport::{TcpConnector, TlsConfig, TlsConnector};
//!
//! # fn example() -> Result<(), ConnectError> {
//! let config = TlsConfig::builder()
//!     .ca_location("ca.pem")
//!     .certificate_location("client.crt")
//!     .key_location("client.key")
//!     .build()?;
//! let connector = TlsConnector::new(TcpConnector::default(), config);
//! # drop(connector);
//! # Ok(())
//! # }
//! ```

mod builder;
mod config;
mod connector;
mod encrypted_key;
mod failure;
mod java_store;
mod material;
mod observed;
mod pem;
mod provider;
#[cfg(feature = "oidc")]
mod signing;
mod source;
mod stream;
#[cfg(all(test, feature = "ring"))]
mod tests;
mod verifier;

pub use builder::TlsConfigBuilder;
pub use config::{TlsConfig, TlsVersion};
pub use connector::TlsConnector;
pub use provider::TlsProvider;
#[cfg(feature = "oidc")]
pub(crate) use signing::signer;
#[cfg(feature = "oidc")]
pub(crate) use source::Source;
