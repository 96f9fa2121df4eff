//! What the keys of SASL say together: the mechanism, and its credentials in Java's way (`sasl.jaas.config`) or in
//! librdkafka's.

use std::path::PathBuf;

use super::login_module::{KerberosOptions, LoginModule};
use super::password::Password;
use super::token_source::{self, OAuthBearerSettings};
use super::values::{Given, Values};
use crate::config_error::ConfigError;

/// How the client proves who it is.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum SaslSettings {
    /// PLAIN.
    Plain {
        /// Who.
        username: String,
        /// The password.
        password: Password,
    },
    /// SCRAM-SHA-256 or SCRAM-SHA-512.
    Scram {
        /// Which hash.
        hash: ScramHash,
        /// Who; or a delegation token's id.
        username: String,
        /// The password; or the token's HMAC.
        password: Password,
        /// Whether it is a delegation token (KIP-48).
        is_delegation_token: bool,
    },
    /// OAUTHBEARER.
    OAuthBearer(Box<OAuthBearerSettings>),
    /// GSSAPI.
    Gssapi {
        /// The first part of the brokers' principal: `kafka`.
        service_name: String,
        /// The client's own credentials.
        options: KerberosOptions,
    },
}

/// Which hash SCRAM uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScramHash {
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl SaslSettings {
    pub(super) fn new(values: &Values) -> Result<Self, ConfigError> {
        let mechanism = values.text("sasl.mechanism").unwrap_or_default();
        let module = values
            .given("sasl.jaas.config")
            .map(|given| login_module(values, given, &mechanism))
            .transpose()?;
        match mechanism.as_str() {
            "PLAIN" => plain(values, module),
            "SCRAM-SHA-256" => scram(values, module, ScramHash::Sha256, &mechanism),
            "SCRAM-SHA-512" => scram(values, module, ScramHash::Sha512, &mechanism),
            "OAUTHBEARER" => {
                let options = match module {
                    Some(LoginModule::OAuthBearer(options)) => options,
                    _ => Default::default(),
                };
                token_source::settings(values, options).map(|settings| Self::OAuthBearer(Box::new(settings)))
            }
            _ => gssapi(values, module),
        }
    }

    /// The mechanism's registered name.
    pub fn mechanism(&self) -> &'static str {
        match self {
            Self::Plain { .. } => "PLAIN",
            Self::Scram { hash: ScramHash::Sha256, .. } => "SCRAM-SHA-256",
            Self::Scram { hash: ScramHash::Sha512, .. } => "SCRAM-SHA-512",
            Self::OAuthBearer(_) => "OAUTHBEARER",
            Self::Gssapi { .. } => "GSSAPI",
        }
    }
}

/// The module, if it is one for the mechanism.
fn login_module(values: &Values, given: &Given, mechanism: &str) -> Result<LoginModule, ConfigError> {
    let text = values.password("sasl.jaas.config").unwrap_or_else(|| Password::new(""));
    let module = LoginModule::parse(text.expose()).map_err(|reason| given.error(reason))?;
    let expected = match mechanism {
        "PLAIN" => "PlainLoginModule",
        "OAUTHBEARER" => "OAuthBearerLoginModule",
        "GSSAPI" => "Krb5LoginModule",
        _ => "ScramLoginModule",
    };
    if module.class() == expected {
        return Ok(module);
    }
    let default = if values.given("sasl.mechanism").is_none() { ", the default" } else { "" };
    let fitting = match module {
        LoginModule::Plain { .. } => "PLAIN",
        LoginModule::Scram { .. } => "SCRAM-SHA-256 or SCRAM-SHA-512",
        LoginModule::OAuthBearer(_) => "OAUTHBEARER",
        LoginModule::Kerberos(_) => "GSSAPI",
    };
    Err(given.error(format!(
        "{} does not fit sasl.mechanism={mechanism}{default}, which needs {expected}: set sasl.mechanism to {fitting}, \
         or change the module",
        module.class()
    )))
}

fn plain(values: &Values, module: Option<LoginModule>) -> Result<SaslSettings, ConfigError> {
    match module {
        Some(LoginModule::Plain { username, password }) => {
            not_beside_jaas(values, &["sasl.username", "sasl.password"])?;
            Ok(SaslSettings::Plain { username, password })
        }
        _ => {
            let (username, password) = name_and_password(values, "PLAIN", "plain.PlainLoginModule")?;
            Ok(SaslSettings::Plain { username, password })
        }
    }
}

fn scram(
    values: &Values,
    module: Option<LoginModule>,
    hash: ScramHash,
    mechanism: &str,
) -> Result<SaslSettings, ConfigError> {
    match module {
        Some(LoginModule::Scram { username, password, is_delegation_token }) => {
            not_beside_jaas(values, &["sasl.username", "sasl.password"])?;
            Ok(SaslSettings::Scram { hash, username, password, is_delegation_token })
        }
        _ => {
            let (username, password) = name_and_password(values, mechanism, "scram.ScramLoginModule")?;
            Ok(SaslSettings::Scram { hash, username, password, is_delegation_token: false })
        }
    }
}

fn name_and_password(
    values: &Values,
    mechanism: &str,
    module: &str,
) -> Result<(String, Password), ConfigError> {
    match (values.text("sasl.username"), values.password("sasl.password")) {
        (Some(username), Some(password)) => Ok((username, password)),
        (Some(_), None) => Err(ConfigError::new("sasl.password", "missing beside sasl.username")),
        (None, Some(_)) => Err(ConfigError::new("sasl.username", "missing beside sasl.password")),
        (None, None) => Err(ConfigError::new(
            "sasl.jaas.config",
            format!(
                "missing: {mechanism} needs sasl.username and sasl.password, or sasl.jaas.config=\
                 org.apache.kafka.common.security.{module} required username=\"…\" password=\"…\";"
            ),
        )),
    }
}

/// Two sources of the same thing are a mistake, and which one holds would be a guess.
pub(super) fn not_beside_jaas(values: &Values, names: &[&str]) -> Result<(), ConfigError> {
    match names.iter().find_map(|name| values.given(name)) {
        Some(given) => Err(given.error("says the same as sasl.jaas.config: give one of the two")),
        None => Ok(()),
    }
}

fn gssapi(values: &Values, module: Option<LoginModule>) -> Result<SaslSettings, ConfigError> {
    let mut options = match module {
        Some(LoginModule::Kerberos(options)) => {
            not_beside_jaas(values, &["sasl.kerberos.principal", "sasl.kerberos.keytab"])?;
            options
        }
        _ => KerberosOptions {
            keytab: values.text("sasl.kerberos.keytab").map(PathBuf::from),
            principal: values.text("sasl.kerberos.principal"),
            use_ticket_cache: values.given("sasl.kerberos.keytab").is_none(),
            ..KerberosOptions::default()
        },
    };
    if options.keytab.is_some() && options.principal.is_none() {
        return Err(ConfigError::new("sasl.kerberos.principal", "missing beside sasl.kerberos.keytab"));
    }
    let of_module =
        options.service_name.take().filter(|_| values.given("sasl.kerberos.service.name").is_none());
    let service_name = of_module.or_else(|| values.text("sasl.kerberos.service.name")).unwrap_or_default();
    Ok(SaslSettings::Gssapi { service_name, options })
}
