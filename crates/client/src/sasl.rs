//! Ways to say who the client is: mechanisms with their credentials, and where credentials come from that change.
//!
//! [`ClientBuilder::sasl`](crate::ClientBuilder::sasl) takes a mechanism,
//! [`sasl_provider`](crate::ClientBuilder::sasl_provider) what gives a new one to each authentication.

pub use ottla_core::sasl::*;
#[cfg(feature = "gssapi")]
pub use ottla_transport::Gssapi;
#[cfg(all(feature = "oidc", feature = "tls"))]
pub use ottla_transport::{AssertionAlgorithm, SignedAssertion};
#[cfg(feature = "oidc")]
pub use ottla_transport::{ClientCredentials, JwtBearer, MAX_ANSWER_SIZE, TokenEndpoint};
pub use ottla_transport::{CredentialsProvider, FixedCredentials, Providing};
#[cfg(feature = "tokens")]
pub use ottla_transport::{
    FetchingToken, FileToken, TokenCredentials, TokenCredentialsBuilder, TokenProvider, TokenRequest,
};
