//! Security settings put into effect: the one place where they become a connector's and a mechanism's.

#[cfg(feature = "sasl")]
use ottla_core::sasl::{OAuthBearer, Plain, SaslError, Scram, ScramMechanism, UnsecuredToken};

#[cfg(feature = "tls")]
use ottla_core::connection::ConnectError;
#[cfg(feature = "oidc")]
use ottla_transport::TcpConnector;
#[cfg(feature = "tls")]
use ottla_transport::{TlsConfig, TlsConfigBuilder};

#[cfg(feature = "sasl")]
use super::login_module::{KerberosOptions, UnsecuredOptions};
use super::sasl::SaslSettings;
#[cfg(feature = "sasl")]
use super::sasl::ScramHash;
use super::security::SecuritySettings;
use super::tls::TlsSettings;
#[cfg(feature = "tls")]
use super::tls::{Pem, TlsVersion, Verification};
#[cfg(feature = "sasl")]
use super::token_source::{OAuthBearerSettings, TokenSource};
use crate::client::ClientBuilder;
use crate::config_error::ConfigError;

/// The builder, with connections that are secured so.
pub(super) fn secure(
    mut builder: ClientBuilder,
    security: &SecuritySettings,
) -> Result<ClientBuilder, ConfigError> {
    if let Some(tls) = &security.tls {
        builder = with_tls(builder, tls, security.protocol())?;
    }
    match &security.sasl {
        Some(sasl) => with_sasl(builder, sasl, &SecuredConnector { security }),
        None => Ok(builder),
    }
}

/// What makes streams to others than brokers, secured as those to brokers are.
pub(super) struct SecuredConnector<'a> {
    #[cfg_attr(
        not(all(feature = "tls", feature = "oidc")),
        expect(dead_code, reason = "nobody else is asked")
    )]
    security: &'a SecuritySettings,
}

#[cfg(all(feature = "oidc", feature = "tls"))]
impl SecuredConnector<'_> {
    /// Streams with TLS.
    pub(super) fn over_tls(&self) -> Result<ottla_transport::TlsConnector<TcpConnector>, ConfigError> {
        let config = match &self.security.tls {
            Some(tls) => tls_config(tls)?,
            None => usual_roots(TlsConfig::builder())?.build().map_err(unusable)?,
        };
        Ok(ottla_transport::TlsConnector::new(TcpConnector::default(), config))
    }
}

#[cfg(all(feature = "oidc", not(feature = "tls")))]
impl SecuredConnector<'_> {
    /// There is no TLS in this program.
    pub(super) fn over_tls(&self) -> Result<TcpConnector, ConfigError> {
        let reason = "https needs the feature `tls`, without which this program was built";
        Err(ConfigError::new("sasl.oauthbearer.token.endpoint.url", reason))
    }
}

#[cfg(not(feature = "tls"))]
fn with_tls(_: ClientBuilder, _: &TlsSettings, protocol: &str) -> Result<ClientBuilder, ConfigError> {
    let reason = format!("this program was built without the feature `tls`: {protocol}");
    Err(ConfigError::new("security.protocol", reason))
}

#[cfg(feature = "tls")]
fn with_tls(builder: ClientBuilder, tls: &TlsSettings, _: &str) -> Result<ClientBuilder, ConfigError> {
    tls_config(tls).map(|config| builder.tls(config))
}

#[cfg(feature = "tls")]
fn tls_config(tls: &TlsSettings) -> Result<TlsConfig, ConfigError> {
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
    config.build().map_err(unusable)
}

#[cfg(feature = "tls")]
fn unusable(error: ConnectError) -> ConfigError {
    ConfigError::new("security.protocol", error.to_string())
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
fn with_sasl(
    _: ClientBuilder,
    sasl: &SaslSettings,
    _: &SecuredConnector<'_>,
) -> Result<ClientBuilder, ConfigError> {
    let reason = format!("this program was built without the feature `sasl`: {}", sasl.mechanism());
    Err(ConfigError::new("sasl.mechanism", reason))
}

#[cfg(feature = "sasl")]
fn with_sasl(
    builder: ClientBuilder,
    sasl: &SaslSettings,
    connector: &SecuredConnector<'_>,
) -> Result<ClientBuilder, ConfigError> {
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
            _ => with_tokens(builder, settings, connector),
        },
        SaslSettings::Gssapi { service_name, options } => with_gssapi(builder, service_name, options),
    }
}

#[cfg(all(feature = "sasl", feature = "oidc"))]
fn with_tokens(
    builder: ClientBuilder,
    settings: &OAuthBearerSettings,
    connector: &SecuredConnector<'_>,
) -> Result<ClientBuilder, ConfigError> {
    Ok(match super::tokens::fetching(settings, connector)? {
        Some(credentials) => builder.sasl_provider(credentials),
        None => builder,
    })
}

#[cfg(all(feature = "sasl", not(feature = "oidc")))]
fn with_tokens(
    _: ClientBuilder,
    _: &OAuthBearerSettings,
    _: &SecuredConnector<'_>,
) -> Result<ClientBuilder, ConfigError> {
    let reason = "this program was built without the feature `oidc`, which fetches tokens";
    Err(ConfigError::new("sasl.oauthbearer.token.endpoint.url", reason))
}

/// The library takes tickets from where the environment says, so that is where a keytab has to be named too.
#[cfg(all(feature = "sasl", feature = "gssapi"))]
fn with_gssapi(
    builder: ClientBuilder,
    service_name: &str,
    options: &KerberosOptions,
) -> Result<ClientBuilder, ConfigError> {
    let named_by = |option: &str, variable: &str| {
        let reason = format!("{option} cannot be set here: name the file in the environment, as {variable}");
        Err(ConfigError::new("sasl.jaas.config", reason))
    };
    if options.keytab.is_some() {
        return named_by("keyTab", "KRB5_CLIENT_KTNAME");
    }
    if options.ticket_cache.is_some() {
        return named_by("ticketCache", "KRB5CCNAME");
    }
    let mut gssapi = ottla_transport::Gssapi::new().service_name(service_name);
    if let Some(principal) = &options.principal {
        gssapi = gssapi.principal(principal);
    }
    Ok(builder.sasl_provider(gssapi))
}

#[cfg(all(feature = "sasl", not(feature = "gssapi")))]
fn with_gssapi(_: ClientBuilder, _: &str, _: &KerberosOptions) -> Result<ClientBuilder, ConfigError> {
    let reason = "this program was built without the feature `gssapi`; PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 and \
                  OAUTHBEARER are there";
    Err(ConfigError::new("sasl.mechanism", reason))
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
