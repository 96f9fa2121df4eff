//! Security settings put into effect: the one place where they become a connector's and a mechanism's.

#[cfg(feature = "sasl")]
use ottla_core::sasl::{OAuthBearer, Plain, SaslError, Scram, ScramMechanism, UnsecuredToken};

#[cfg(feature = "tls")]
use ottla_transport::{TlsConfig, TlsConfigBuilder};

use super::error::ConfigError;
#[cfg(feature = "sasl")]
use super::login_module::UnsecuredOptions;
use super::sasl::SaslSettings;
#[cfg(feature = "sasl")]
use super::sasl::ScramHash;
use super::security::SecuritySettings;
use super::tls::TlsSettings;
#[cfg(feature = "tls")]
use super::tls::{Pem, TlsVersion, Verification};
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

#[cfg(not(feature = "tls"))]
fn with_tls(_: ClientBuilder, _: &TlsSettings, protocol: &str) -> Result<ClientBuilder, ConfigError> {
    let reason = format!("this program was built without the feature `tls`: {protocol}");
    Err(ConfigError::new("security.protocol", reason))
}

#[cfg(feature = "tls")]
fn with_tls(builder: ClientBuilder, tls: &TlsSettings, _: &str) -> Result<ClientBuilder, ConfigError> {
    let mut config =
        TlsConfig::builder().min_version(version(tls.min_version)).max_version(version(tls.max_version));
    config = match tls.verification {
        Verification::Full => config,
        Verification::WithoutHostName => config.verify_hostname(false),
        Verification::Nothing => config.danger_accept_invalid_certs(),
    };
    config = match &tls.roots {
        Some(Pem::File(path)) => config.ca_location(path),
        Some(Pem::Inline(pem)) => config.ca_pem(pem.expose()),
        None if tls.verification == Verification::Nothing => config,
        None => usual_roots(config)?,
    };
    if let Some(identity) = &tls.identity {
        config = match &identity.certificate_chain {
            Pem::File(path) => config.certificate_location(path),
            Pem::Inline(pem) => config.certificate_pem(pem.expose()),
        };
        config = match &identity.key {
            Pem::File(path) => config.key_location(path),
            Pem::Inline(pem) => config.key_pem(pem.expose()),
        };
        if let Some(password) = &identity.key_password {
            config = config.key_password(password.expose());
        }
    }
    match config.build() {
        Ok(config) => Ok(builder.tls(config)),
        Err(error) => Err(ConfigError::new("security.protocol", error.to_string())),
    }
}

#[cfg(feature = "tls")]
fn version(version: TlsVersion) -> ottla_transport::TlsVersion {
    match version {
        TlsVersion::Tls12 => ottla_transport::TlsVersion::Tls12,
        TlsVersion::Tls13 => ottla_transport::TlsVersion::Tls13,
    }
}

/// The system's authorities, as other clients have them, or else those that were compiled in.
#[cfg(feature = "tls")]
fn usual_roots(config: TlsConfigBuilder) -> Result<TlsConfigBuilder, ConfigError> {
    #[cfg(feature = "native-roots")]
    return Ok(config.system_roots());
    #[cfg(all(feature = "webpki-roots", not(feature = "native-roots")))]
    return Ok(config.bundled_roots());
    #[cfg(not(any(feature = "webpki-roots", feature = "native-roots")))]
    {
        drop(config);
        let reason = "missing: it has the authorities to trust, as this program was built without the features \
                      `native-roots` and `webpki-roots`";
        Err(ConfigError::new("ssl.truststore.location", reason))
    }
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
