//! Authentication as Kafka's brokers do it (KIP-12, KIP-43, KIP-152, KIP-368), from the RFCs of the mechanisms: what a
//! listener takes (`config.rs`), one file a mechanism, and what a connection may send when (`session.rs`).
//!
//! Not here: GSSAPI, which needs Kerberos; authorization: whoever is in may do everything.

mod config;
mod connection;
mod delegation_token;
mod exchange;
mod mechanism;
mod oauthbearer;
mod plain;
mod scram;
mod scram_credential;
mod scram_message;
mod session;
#[cfg(feature = "signed-tokens")]
mod signed_token;
mod token;

pub use config::SaslConfig;
pub use connection::Authenticated;
pub use delegation_token::DelegationToken;
pub use mechanism::{Mechanism, ScramMechanism};
pub use scram_credential::ScramCredential;
#[cfg(feature = "signed-tokens")]
pub use signed_token::{InvalidKeySet, KeySet};
pub use token::TokenPolicy;

pub(crate) use config::Authority;
pub(crate) use connection::Failure;
pub(crate) use session::Session;
