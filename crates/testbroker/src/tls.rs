//! TLS of a listener: its certificate, and whether clients need one.
//!
//! Not here: revocation, resumption across nodes, and names of clients: whoever has a certificate of the right authority
//! is in.

use std::fmt;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// How a listener speaks TLS. Everything is in memory, and cheap to clone.
///
/// ```no_run
/// # fn example(chain: &str, key: &str, ca: &str) -> Result<(), Box<dyn std::error::Error>> {
/// use ottla_testbroker::{ClientCertificates, ListenerConfig, TlsConfig, TlsVersion};
///
/// let tls = TlsConfig::from_pem(chain, key)?;
/// let open = ListenerConfig::new("SSL").tls(tls.clone());
/// let mutual = tls.client_certificates(ClientCertificates::required(ca)?).versions(&[TlsVersion::V1_3]);
/// let mutual = ListenerConfig::new("MTLS").tls(mutual);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TlsConfig {
    chain: Arc<[CertificateDer<'static>]>,
    key: Arc<PrivateKeyDer<'static>>,
    client_certificates: ClientCertificates,
    versions: Vec<TlsVersion>,
}

/// What is asked of clients (`ssl.client.auth`).
#[derive(Clone, Debug, Default)]
pub struct ClientCertificates {
    authorities: Arc<[CertificateDer<'static>]>,
    are_required: bool,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2.
    V1_2,
    /// TLS 1.3.
    V1_3,
}

/// Certificates or keys that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidTls(String);

impl fmt::Display for InvalidTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidTls {}

impl fmt::Debug for TlsConfig {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("TlsConfig");
        shown.field("certificates", &self.chain.len()).field("versions", &self.versions);
        shown.field("client_certificates", &self.client_certificates).finish_non_exhaustive()
    }
}

impl TlsConfig {
    /// A chain of certificates, the node's own first, and its key, in PEM. All nodes share it: it must hold for all their
    /// hosts.
    ///
    /// # Errors
    /// What is no PEM, or has no certificate or no key in it.
    pub fn from_pem(chain: &str, key: &str) -> Result<Self, InvalidTls> {
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
            .map_err(|error| InvalidTls(format!("cannot read the key: {error}")))?;
        Ok(Self::new(certificates(chain)?, key))
    }

    /// The same in DER; the key in PKCS #8, SEC 1 or PKCS #1.
    ///
    /// # Errors
    /// A key that is none of these.
    pub fn from_der(chain: Vec<Vec<u8>>, key: Vec<u8>) -> Result<Self, InvalidTls> {
        let key = PrivateKeyDer::try_from(key).map_err(|error| InvalidTls(error.to_owned()))?;
        Ok(Self::new(chain.into_iter().map(CertificateDer::from).collect(), key))
    }

    fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Self {
        Self {
            chain: chain.into(),
            key: Arc::new(key),
            client_certificates: ClientCertificates::default(),
            versions: vec![TlsVersion::V1_2, TlsVersion::V1_3],
        }
    }

    /// What is asked of clients (`ssl.client.auth`). Default: nothing.
    #[must_use]
    pub fn client_certificates(mut self, wanted: ClientCertificates) -> Self {
        self.client_certificates = wanted;
        self
    }

    /// The versions that are spoken (`ssl.enabled.protocols`). Default: 1.2 and 1.3.
    #[must_use]
    pub fn versions(mut self, versions: &[TlsVersion]) -> Self {
        self.versions = versions.to_vec();
        self
    }

    pub(crate) fn server_config(&self) -> Result<ServerConfig, InvalidTls> {
        let invalid = |error: &dyn fmt::Display| InvalidTls(format!("cannot speak TLS with this: {error}"));
        let provider = Arc::new(ring::default_provider());
        let versions: Vec<&SupportedProtocolVersion> =
            self.versions.iter().map(|version| version.supported()).collect();
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&versions)
            .map_err(|error| invalid(&error))?;
        let builder = match self.client_certificates.verifier(&provider)? {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let config = builder.with_single_cert(self.chain.to_vec(), self.key.clone_key());
        config.map_err(|error| invalid(&error))
    }
}

impl ClientCertificates {
    /// None are asked for (`none`).
    pub fn none() -> Self {
        Self::default()
    }

    /// Clients may show one, which must then be signed by one of these authorities, in PEM (`requested`).
    ///
    /// # Errors
    /// What is no PEM or has no certificate in it.
    pub fn requested(authorities: &str) -> Result<Self, InvalidTls> {
        Ok(Self { authorities: certificates(authorities)?.into(), are_required: false })
    }

    /// Clients must show one that is signed by one of these authorities, in PEM (`required`).
    ///
    /// # Errors
    /// What is no PEM or has no certificate in it.
    pub fn required(authorities: &str) -> Result<Self, InvalidTls> {
        Ok(Self { authorities: certificates(authorities)?.into(), are_required: true })
    }

    fn verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Option<Arc<dyn ClientCertVerifier>>, InvalidTls> {
        if self.authorities.is_empty() {
            return Ok(None);
        }
        let mut roots = RootCertStore::empty();
        for authority in self.authorities.iter() {
            let added = roots.add(authority.clone());
            added.map_err(|error| InvalidTls(format!("not an authority's certificate: {error}")))?;
        }
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        let builder = if self.are_required { builder } else { builder.allow_unauthenticated() };
        let verifier = builder.build();
        verifier.map(Some).map_err(|error| InvalidTls(format!("cannot check certificates: {error}")))
    }
}

impl TlsVersion {
    fn supported(self) -> &'static SupportedProtocolVersion {
        match self {
            Self::V1_2 => &rustls::version::TLS12,
            Self::V1_3 => &rustls::version::TLS13,
        }
    }
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, InvalidTls> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let all = all.map_err(|error| InvalidTls(format!("cannot read certificates: {error}")))?;
    if all.is_empty() { Err(InvalidTls("no certificate in the PEM".to_owned())) } else { Ok(all) }
}
