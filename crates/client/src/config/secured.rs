//! Security settings put into effect: the one place where they become a connector's and a mechanism's.

#[cfg(feature = "sasl")]
use ottla_core::sasl::{OAuthBearer, Plain, SaslError, Scram, ScramMechanism, UnsecuredToken};

use super::error::ConfigError;
#[cfg(feature = "sasl")]
use super::login_module::UnsecuredOptions;
use super::sasl::SaslSettings;
#[cfg(feature = "sasl")]
use super::sasl::ScramHash;
use super::security::SecuritySettings;
use super::tls::TlsSettings;
#[cfg(feature = "sasl")]
use super::token_source::TokenSource;
use crate::client::ClientBuilder;

/// The builder, with connections that are secured so.
pub(super) fn secure(
    mut builder: ClientBuilder,
    security: &SecuritySettings,
) -> Result<ClientBuilder, ConfigError> {
    if let Some(tls) = &security.tls {
        builder = with_tls(builder, tls, security.protocol())?;
    }
    match &security.sasl {
        Some(sasl) => with_sasl(builder, sasl),
        None => Ok(builder),
    }
}

fn with_tls(_: ClientBuilder, _: &TlsSettings, protocol: &str) -> Result<ClientBuilder, ConfigError> {
    let reason = "there is no tls yet, only PLAINTEXT and SASL_PLAINTEXT";
    Err(ConfigError::new("security.protocol", format!("{reason}: {protocol}")))
}

#[cfg(not(feature = "sasl"))]
fn with_sasl(_: ClientBuilder, sasl: &SaslSettings) -> Result<ClientBuilder, ConfigError> {
    let reason = format!("this program was built without the feature `sasl`: {}", sasl.mechanism());
    Err(ConfigError::new("sasl.mechanism", reason))
}

#[cfg(feature = "sasl")]
fn with_sasl(builder: ClientBuilder, sasl: &SaslSettings) -> Result<ClientBuilder, ConfigError> {
    // What the mechanism refuses, it says without the credentials.
    let refused = |error: SaslError| ConfigError::new("sasl.mechanism", error.to_string());
    match sasl {
        SaslSettings::Plain { username, password } => {
            Ok(builder.sasl(Plain::new(username, password.expose()).map_err(refused)?))
        }
        SaslSettings::Scram { hash, username, password, is_delegation_token } => {
            let mechanism = match hash {
                ScramHash::Sha256 => ScramMechanism::Sha256,
                ScramHash::Sha512 => ScramMechanism::Sha512,
            };
            let make = if *is_delegation_token { Scram::delegation_token } else { Scram::new };
            Ok(builder.sasl(make(mechanism, username, password.expose()).map_err(refused)?))
        }
        SaslSettings::OAuthBearer(settings) => match &settings.source {
            TokenSource::Unsecured(options) => {
                Ok(builder.sasl(unsecured(options, &settings.extensions).map_err(refused)?))
            }
            _ => {
                let reason = "tokens cannot be fetched yet: give a provider to ClientBuilder::sasl_provider";
                Err(ConfigError::new("sasl.oauthbearer.token.endpoint.url", reason))
            }
        },
        SaslSettings::Gssapi { .. } => {
            let reason =
                "GSSAPI is not supported yet; PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 and OAUTHBEARER are";
            Err(ConfigError::new("sasl.mechanism", reason))
        }
    }
}

#[cfg(feature = "sasl")]
fn unsecured(options: &UnsecuredOptions, extensions: &[(String, String)]) -> Result<OAuthBearer, SaslError> {
    let mut token = UnsecuredToken::new(&options.principal)?.lifetime(options.lifetime);
    if let Some(scope) = &options.scope {
        token = token.scope(scope);
    }
    extensions
        .iter()
        .try_fold(OAuthBearer::unsecured(token), |bearer, (name, value)| bearer.extension(name, value))
}
