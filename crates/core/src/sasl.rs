//! How a client proves who it is: SASL mechanisms as machines over bytes.
//!
//! A [`Mechanism`] holds credentials; [`Mechanism::start`] begins an [`Exchange`], which takes what the broker said and
//! gives the next [`Step`]. Built in, with the feature `sasl`: [`Plain`], [`Scram`] and [`OAuthBearer`]. An application
//! adds its own by implementing the two traits.
//!
//! | exchange | event | exchange then | output |
//! |---|---|---|---|
//! | fresh | `next(None)` | under way | `Step::Respond`, the opening message |
//! | under way | `next(Some(challenge))` that asks for more | under way | `Step::Respond` |
//! | under way | `next(Some(challenge))` that ends it well | over | `Step::Done` |
//! | any | anything else | over | an error |
//!
//! **Who waits for a token.** Nothing here waits. A driver whose credentials come from elsewhere (a token endpoint, a
//! credential chain) fetches them first, makes a mechanism of them, and then starts the exchange. When a bearer token is
//! fetched anew is decided by [`TokenRefresh`].
//!
//! **Re-authentication** (KIP-368) is a new exchange of the same mechanism, or of a newer one, on the same connection.
//!
//! **Secrets** appear in no `Debug`, no `Display` and no error. Those that the built-in mechanisms keep are overwritten
//! when they are dropped, as well as safe code can; the messages that carry them to the broker are ordinary buffers.
//!
//! Not here: the requests that carry the messages (SaslHandshake, SaslAuthenticate), timeouts, fetching tokens, and
//! the server's side.
//!
#![cfg_attr(feature = "sasl", doc = "```")]
#![cfg_attr(not(feature = "sasl"), doc = "```ignore")]
//! use ottla_core::random::Entropy;
//! use ottla_core::sasl::{Mechanism, Plain, Start, Step};
//! use ottla_core::time::Now;
//!
//! let plain = Plain::new("alice", "secret")?;
//! let mut exchange = plain.start(Start::new("broker-1", Now::default(), Entropy::from_bytes([7; 32])))?;
//! let Step::Respond(opening) = exchange.next(None)? else { panic!("it opens") };
//! assert_eq!(opening, "\0alice\0secret");
//! assert!(matches!(exchange.next(Some(b""))?, Step::Done));
//! # Ok::<(), ottla_core::sasl::SaslError>(())
//! ```

#[cfg(feature = "sasl")]
mod bearer_token;
mod error;
mod mechanism;
#[cfg(feature = "sasl")]
mod oauth_bearer;
#[cfg(feature = "sasl")]
mod plain;
#[cfg(feature = "sasl")]
mod scram;
#[cfg(feature = "sasl")]
mod secret;
#[cfg(feature = "sasl")]
pub(crate) mod token_refresh;
#[cfg(feature = "sasl")]
mod unsecured_token;

#[cfg(feature = "sasl")]
pub use bearer_token::BearerToken;
pub(crate) use error::shown;
pub use error::{SaslError, SaslErrorKind};
pub use mechanism::{Exchange, Mechanism, Start, Step};
#[cfg(feature = "sasl")]
pub use oauth_bearer::OAuthBearer;
#[cfg(feature = "sasl")]
pub use plain::Plain;
#[cfg(feature = "sasl")]
pub use scram::{MAX_ITERATIONS, MAX_SERVER_MESSAGE_SIZE, MIN_ITERATIONS, Scram, ScramMechanism};
#[cfg(feature = "sasl")]
pub use token_refresh::{TokenAnswer, TokenRefresh, TokenRefreshConfig};
#[cfg(feature = "sasl")]
pub use unsecured_token::UnsecuredToken;
