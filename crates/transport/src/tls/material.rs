//! Makes of certificates and keys what rustls uses.

use std::sync::Arc;

use ottla_core::connection::ConnectError;
use rustls::client::WantsClientCert;
use rustls::{ClientConfig, ConfigBuilder, Error, InconsistentKeys, RootCertStore, SupportedProtocolVersion};

use super::config::{Identity, Settings, TlsVersion, Verification};
use super::failure::unusable;
use super::pem;
use super::provider::provider;
use super::source::Source;
use super::verifier::{AnyName, Anyone};

/// What the sources held, in their order.
pub(super) type Contents = Vec<Arc<[u8]>>;

/// Makes the configuration. `contents` are those of `settings`' sources: the given roots, then chain and key.
pub(super) fn assemble(settings: &Settings, contents: &[Arc<[u8]>]) -> Result<ClientConfig, ConnectError> {
    let mut contents = contents.iter();
    let mut next = || contents.next().map(AsRef::as_ref).unwrap_or_default();
    let mut roots = RootCertStore::empty();
    for (_, fixed) in &settings.fixed_roots {
        roots.roots.extend(fixed.roots.iter().cloned());
    }
    for source in &settings.given_roots {
        add_roots(&mut roots, source, next())?;
    }
    let builder = verified(settings, roots)?;
    match &settings.identity {
        Some(identity) => with_identity(builder, identity, next(), next()),
        None => Ok(builder.with_no_client_auth()),
    }
}

/// Mozilla's authorities.
#[cfg(feature = "webpki-roots")]
pub(super) fn bundled_roots() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

/// The operating system's authorities. Blocks.
#[cfg(feature = "native-roots")]
pub(super) fn system_roots() -> Result<RootCertStore, ConnectError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // What rustls cannot use is left out: every system has some such.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let reasons: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
        return Err(unusable(format!(
            "the operating system has no certificate authorities: install its package (ca-certificates), or name a \
             file with SSL_CERT_FILE or ca_location [{}]",
            reasons.join("; ")
        )));
    }
    Ok(roots)
}

fn add_roots(roots: &mut RootCertStore, source: &Source, content: &[u8]) -> Result<(), ConnectError> {
    let certificates = pem::certificates(source, content)?;
    let count = certificates.len();
    let mut last_error = None;
    let mut refused = 0;
    for certificate in certificates {
        if let Err(error) = roots.add(certificate) {
            refused += 1;
            last_error = Some(error);
        }
    }
    match last_error {
        None => Ok(()),
        // A bundle may hold some that rustls cannot use.
        Some(error) if refused < count => {
            tracing::warn!(%source, refused, %error, "certificate authorities were left out");
            Ok(())
        }
        Some(error) => Err(unusable(format!("no certificate in {source} can be an authority: {error}"))),
    }
}

fn verified(
    settings: &Settings,
    roots: RootCertStore,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, ConnectError> {
    let provider = provider(settings.provider)?;
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions(settings.versions))
        .map_err(|error| unusable(error.to_string()))?;
    Ok(match settings.verification {
        Verification::Full => builder.with_root_certificates(roots),
        Verification::AnyName => {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyName { roots, provider }))
        }
        Verification::Nothing => {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Anyone { provider }))
        }
    })
}

fn versions((min, max): (TlsVersion, TlsVersion)) -> Vec<&'static SupportedProtocolVersion> {
    use rustls::version::{TLS12, TLS13};
    [(TlsVersion::Tls12, &TLS12), (TlsVersion::Tls13, &TLS13)]
        .into_iter()
        .filter(|(version, _)| (min..=max).contains(version))
        .map(|(_, supported)| supported)
        .collect()
}

fn with_identity(
    builder: ConfigBuilder<ClientConfig, WantsClientCert>,
    identity: &Identity,
    chain: &[u8],
    key: &[u8],
) -> Result<ClientConfig, ConnectError> {
    let Identity { chain: chain_source, key: key_source, password } = identity;
    let certificates = pem::certificates(chain_source, chain)?;
    let key = pem::private_key(key_source, key, password.as_deref())?;
    builder.with_client_auth_cert(certificates, key).map_err(|error| match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => unusable(format!(
            "the private key in {key_source} is not that of the first certificate in {chain_source}: the client's own \
             certificate comes first, and both files are to be replaced together"
        )),
        Error::InvalidCertificate(error) => {
            unusable(format!("the client certificate in {chain_source} cannot be used: {error}"))
        }
        error => unusable(format!("the private key in {key_source} cannot be used: {error}")),
    })
}
