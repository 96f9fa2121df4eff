//! Configuration from text, under the names that Java's client and librdkafka have for settings.
//!
//! A file that works with those clients works here: [`Properties`] reads it, [`Config`] checks it and makes builders of
//! it. Keys of other roles are accepted, since such files are shared; so are keys that only mean something in Java, or
//! nothing here. [`Config::unused`] tells which, and why. A key that nobody knows is an error, and so is one without
//! which the program would do something else than was meant. `docs/configuration.md` lists all of them.
//!
//! Not here: reading files but for certificates, environment variables, and settings that are code (listeners,
//! partitioners, connectors): those are set on the builders.
//!
//! ```no_run
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

mod builders;
mod duration;
mod jaas;
mod key;
mod keys;
mod login_module;
mod password;
mod properties;
mod sasl;
mod secured;
mod security;
mod store_conversion;
mod suggestion;
mod tls;
mod token_source;
#[cfg(feature = "oidc")]
mod tokens;
mod unused;
mod value;
mod values;

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
