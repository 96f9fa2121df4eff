//! Configuration: what is refused, and (with the feature `properties`) settings as text under the names that Java's
//! client and librdkafka have for them.
//!
//! A file that works with those clients works here: [`Properties`] reads it, [`Config`] checks it and makes builders of
//! it. Keys of other roles are accepted, since such files are shared; so are keys that only mean something in Java, or
//! nothing here. [`Config::unused`] tells which, and why. A key that nobody knows is an error, and so is one without
//! which the program would do something else than was meant. `docs/configuration.md` lists all of them.
//!
//! Not here: reading files but for certificates, environment variables, and settings that are code (listeners,
//! partitioners, connectors): those are set on the builders.
//!
#![cfg_attr(feature = "properties", doc = "```no_run")]
#![cfg_attr(not(feature = "properties"), doc = "```ignore")]
//! use ottla_client::config::{Config, Role};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let config = Config::parse(&std::fs::read_to_string("client.properties")?)?;
//! for unused in config.unused(&[Role::Producer, Role::Consumer]) {
//!     eprintln!("client.properties: {unused}");
//! }
//! let client = config.client()?.connect().await?;
//! let producer = config.producer(&client)?.build()?;
//! let consumer = config.consumer(&client)?.subscribe(["orders"]).build()?;
//! # Ok(())
//! # }
//! ```

pub(crate) mod error;

#[cfg(feature = "properties")]
mod builders;
#[cfg(feature = "properties")]
mod duration;
#[cfg(feature = "properties")]
mod jaas;
#[cfg(feature = "properties")]
mod key;
#[cfg(feature = "properties")]
mod keys;
#[cfg(feature = "properties")]
mod login_module;
#[cfg(feature = "properties")]
mod password;
#[cfg(feature = "properties")]
mod properties;
#[cfg(feature = "properties")]
mod sasl;
#[cfg(feature = "properties")]
mod secured;
#[cfg(feature = "properties")]
mod security;
#[cfg(feature = "properties")]
mod store_conversion;
#[cfg(feature = "properties")]
mod suggestion;
#[cfg(feature = "properties")]
mod tls;
#[cfg(feature = "properties")]
mod token_source;
#[cfg(all(feature = "properties", feature = "oidc"))]
mod tokens;
#[cfg(feature = "properties")]
mod unused;
#[cfg(feature = "properties")]
mod value;
#[cfg(feature = "properties")]
mod values;

pub(crate) use error::ConfigError;

#[cfg(feature = "properties")]
pub use self::{
    builders::Config,
    key::{Key, Kind, Role, Status},
    keys::{SECTIONS, all as keys, find as key},
    login_module::{KerberosOptions, LoginModule, OAuthBearerOptions, UnsecuredOptions},
    password::Password,
    properties::{MAX_KEYS, MAX_TEXT_BYTES, Properties},
    sasl::{SaslSettings, ScramHash},
    security::SecuritySettings,
    tls::{Pem, TlsIdentity, TlsSettings, TlsVersion, Verification},
    token_source::{
        AssertionClaims, AssertionKey, AssertionSource, OAuthBearerSettings, TokenRefresh, TokenSource,
    },
    unused::Unused,
};
