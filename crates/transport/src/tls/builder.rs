//! The settings of [`TlsConfig`], named after Java's and librdkafka's keys.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use ottla_core::connection::ConnectError;
use rustls::RootCertStore;
use rustls_pki_types::ServerName;

use super::config::{Identity, Settings, TlsConfig, TlsVersion, Verification};
use super::failure::unusable;
use super::provider::TlsProvider;
use super::source::Source;

/// Collects the settings of a [`TlsConfig`].
///
/// At least one of `bundled_roots`, `system_roots`,
/// [`ca_location`](Self::ca_location), [`ca_pem`](Self::ca_pem) and [`ca_der`](Self::ca_der) is needed; they add up.
#[derive(Clone, Debug)]
#[must_use]
pub struct TlsConfigBuilder {
    fixed_roots: Vec<Fixed>,
    given_roots: Vec<Source>,
    chain: Option<Source>,
    key: Option<Source>,
    password: Option<Password>,
    verification: Verification,
    server_name: Option<String>,
    versions: (TlsVersion, TlsVersion),
    provider: Option<TlsProvider>,
}

/// Authorities that are not given by the user.
#[derive(Clone, Copy, Debug)]
enum Fixed {
    #[cfg(feature = "webpki-roots")]
    Bundled,
    #[cfg(feature = "native-roots")]
    System,
}

impl Fixed {
    fn load(self) -> Result<(&'static str, RootCertStore), ConnectError> {
        match self {
            #[cfg(feature = "webpki-roots")]
            Self::Bundled => Ok(("bundled", super::material::bundled_roots())),
            #[cfg(feature = "native-roots")]
            Self::System => Ok(("system", super::material::system_roots()?)),
        }
    }
}

#[derive(Clone)]
struct Password(Arc<str>);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

impl Default for TlsConfigBuilder {
    fn default() -> Self {
        Self {
            fixed_roots: Vec::new(),
            given_roots: Vec::new(),
            chain: None,
            key: None,
            password: None,
            verification: Verification::Full,
            server_name: None,
            versions: (TlsVersion::Tls12, TlsVersion::Tls13),
            provider: None,
        }
    }
}

impl TlsConfigBuilder {
    /// Trusts Mozilla's authorities, as they were when the program was built. For brokers with public certificates.
    #[cfg(feature = "webpki-roots")]
    pub fn bundled_roots(mut self) -> Self {
        self.fixed_roots.push(Fixed::Bundled);
        self
    }

    /// Trusts the operating system's authorities, as they are when [`build`](Self::build) is called, or those that
    /// `SSL_CERT_FILE` and `SSL_CERT_DIR` name.
    #[cfg(feature = "native-roots")]
    pub fn system_roots(mut self) -> Self {
        self.fixed_roots.push(Fixed::System);
        self
    }

    /// Trusts the certificates in a file, PEM (one or more) or DER (one). `ssl.ca.location`, and
    /// `ssl.truststore.location` with the type `PEM`.
    pub fn ca_location(mut self, path: impl Into<PathBuf>) -> Self {
        self.given_roots.push(Source::File(path.into()));
        self
    }

    /// Trusts certificates in PEM, one or more. `ssl.ca.pem` and `ssl.truststore.certificates`.
    pub fn ca_pem(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.given_roots.push(memory(pem));
        self
    }

    /// Trusts one certificate in DER.
    pub fn ca_der(mut self, der: impl AsRef<[u8]>) -> Self {
        self.given_roots.push(memory(der));
        self
    }

    /// The client's certificate chain and its private key, both in one PEM file. `ssl.keystore.location` with the type
    /// `PEM`.
    pub fn keystore_location(mut self, path: impl Into<PathBuf>) -> Self {
        let source = Source::File(path.into());
        self.chain = Some(source.clone());
        self.key = Some(source);
        self
    }

    /// The client's certificate chain, its own certificate first, in a PEM file (or one certificate in DER).
    /// `ssl.certificate.location`.
    pub fn certificate_location(mut self, path: impl Into<PathBuf>) -> Self {
        self.chain = Some(Source::File(path.into()));
        self
    }

    /// The client's certificate chain, its own certificate first, in PEM. `ssl.certificate.pem` and
    /// `ssl.keystore.certificate.chain`.
    pub fn certificate_pem(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.chain = Some(memory(pem));
        self
    }

    /// The client's private key in a file: PKCS#8, PKCS#1 or SEC1, PEM or DER. `ssl.key.location`.
    pub fn key_location(mut self, path: impl Into<PathBuf>) -> Self {
        self.key = Some(Source::File(path.into()));
        self
    }

    /// The client's private key: PKCS#8, PKCS#1 or SEC1, PEM or DER. `ssl.key.pem` and `ssl.keystore.key`.
    pub fn key_pem(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.key = Some(memory(pem));
        self
    }

    /// The password of the private key. It is not used if the key is not encrypted. Encrypted keys need the feature
    /// `encrypted-keys`. `ssl.key.password`.
    pub fn key_password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(Password(password.into().into()));
        self
    }

    /// Whether the broker's certificate must be for the host that was dialled; by default it must. Who signed it is
    /// checked all the same. `false` is an empty `ssl.endpoint.identification.algorithm` in Java, `none` in librdkafka.
    pub fn verify_hostname(mut self, verify: bool) -> Self {
        if self.verification != Verification::Nothing {
            self.verification = if verify { Verification::Full } else { Verification::AnyName };
        }
        self
    }

    /// The name or address that every broker's certificate must be for, in place of the host that is dialled. A name
    /// is also what is asked for (SNI).
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// Takes any certificate: expired, self-signed, somebody else's. Whoever sits between client and broker can then
    /// read and change everything, passwords included. For tests. `enable.ssl.certificate.verification=false` in
    /// librdkafka.
    pub fn danger_accept_invalid_certs(mut self) -> Self {
        self.verification = Verification::Nothing;
        self
    }

    /// The oldest version of TLS to speak; 1.2 by default. `ssl.enabled.protocols`.
    pub fn min_version(mut self, version: TlsVersion) -> Self {
        self.versions.0 = version;
        self
    }

    /// The newest version of TLS to speak; 1.3 by default. `ssl.enabled.protocols`.
    pub fn max_version(mut self, version: TlsVersion) -> Self {
        self.versions.1 = version;
        self
    }

    /// Who does the cryptography; by default [`TlsProvider::Ring`] if it is there.
    ///
    /// [`TlsProvider::Ring`]: super::TlsProvider
    pub fn provider(mut self, provider: TlsProvider) -> Self {
        self.provider = Some(provider);
        self
    }

    /// Reads the files and checks everything. Blocks while it reads.
    ///
    /// # Errors
    /// [`ConnectErrorKind::TlsConfiguration`]: a file cannot be read or used, the key is not the certificate's, nobody
    /// is trusted. The text names the file and what to do.
    ///
    /// [`ConnectErrorKind::TlsConfiguration`]: ottla_core::connection::ConnectErrorKind::TlsConfiguration
    pub fn build(self) -> Result<TlsConfig, ConnectError> {
        if self.versions.0 > self.versions.1 {
            return Err(unusable("min_version is newer than max_version"));
        }
        let identity = match (self.chain, self.key) {
            (Some(chain), Some(key)) => {
                Some(Identity { chain, key, password: self.password.map(|Password(password)| password) })
            }
            (None, None) => None,
            (Some(chain), None) => {
                return Err(unusable(format!(
                    "the client certificate in {chain} has no private key: add key_location, or use keystore_location \
                     if both are in one file"
                )));
            }
            (None, Some(key)) => {
                return Err(unusable(format!(
                    "the private key in {key} has no certificate: add certificate_location, or use keystore_location \
                     if both are in one file"
                )));
            }
        };
        let server_name = match self.server_name {
            None => None,
            Some(name) => Some(ServerName::try_from(name.clone()).map_err(|_| {
                unusable(format!("server_name is neither a host name nor an address: {name}"))
            })?),
        };
        let nobody = self.fixed_roots.is_empty() && self.given_roots.is_empty();
        if nobody && self.verification != Verification::Nothing {
            return Err(unusable(
                "no certificate authority is trusted: add ca_location with the one that signed the brokers' \
                 certificates, or bundled_roots or system_roots for public ones",
            ));
        }
        let fixed_roots = self.fixed_roots.into_iter().map(Fixed::load).collect::<Result<_, _>>()?;
        TlsConfig::load(Settings {
            fixed_roots,
            given_roots: self.given_roots,
            identity,
            verification: self.verification,
            server_name,
            versions: self.versions,
            provider: self.provider,
        })
    }
}

fn memory(content: impl AsRef<[u8]>) -> Source {
    Source::Memory(content.as_ref().into())
}
