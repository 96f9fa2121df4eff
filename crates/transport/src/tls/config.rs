//! Whom to trust, and who the client is; files are read again for each connection.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ottla_core::connection::ConnectError;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;

use super::builder::TlsConfigBuilder;
use super::failure::unusable;
use super::material::{self, Contents};
use super::provider::TlsProvider;
use super::source::Source;

/// A version of TLS. Older ones are not spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// Whom to trust, and who the client is. Clones share what they have read.
///
/// The files are read again whenever a connection is made, and used if their content has changed. Certificates can so
/// be replaced while the client runs; connections that stand are not touched. A new file that cannot be used fails new
/// connections with [`ConnectErrorKind::TlsConfiguration`]. The roots of the operating system are read once.
///
/// `Debug` shows paths and sizes, neither keys nor passwords.
///
/// [`ConnectErrorKind::TlsConfiguration`]: ottla_core::connection::ConnectErrorKind::TlsConfiguration
#[derive(Clone)]
pub struct TlsConfig {
    shared: Arc<Shared>,
}

struct Shared {
    settings: Settings,
    loaded: Mutex<Loaded>,
}

/// What was read last, and what came of it.
struct Loaded {
    contents: Contents,
    client: Arc<ClientConfig>,
}

#[derive(Clone)]
pub(super) struct Settings {
    /// Authorities that were there when the configuration was made: compiled in, or the operating system's.
    pub(super) fixed_roots: Vec<(&'static str, RootCertStore)>,
    pub(super) given_roots: Vec<Source>,
    pub(super) identity: Option<Identity>,
    pub(super) verification: Verification,
    pub(super) server_name: Option<ServerName<'static>>,
    pub(super) versions: (TlsVersion, TlsVersion),
    pub(super) provider: Option<TlsProvider>,
}

#[derive(Clone)]
pub(super) struct Identity {
    pub(super) chain: Source,
    pub(super) key: Source,
    pub(super) password: Option<Arc<str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verification {
    Full,
    AnyName,
    Nothing,
}

impl TlsConfig {
    /// TLS 1.2 and 1.3, no authority trusted, no client certificate.
    pub fn builder() -> TlsConfigBuilder {
        TlsConfigBuilder::default()
    }

    /// Reads everything for the first time. Blocks.
    pub(super) fn load(settings: Settings) -> Result<Self, ConnectError> {
        let contents = settings.read()?;
        let client = Arc::new(material::assemble(&settings, &contents)?);
        let loaded = Mutex::new(Loaded { contents, client });
        Ok(Self { shared: Arc::new(Shared { settings, loaded }) })
    }

    /// What rustls is to use for a connection made now.
    pub(super) async fn client(&self) -> Result<Arc<ClientConfig>, ConnectError> {
        if !self.shared.settings.has_files() {
            return Ok(Arc::clone(&self.loaded().client));
        }
        let this = self.clone();
        // A network drive may hang, and a key's password takes its time: neither may hold up other connections.
        tokio::task::spawn_blocking(move || this.refresh())
            .await
            .unwrap_or_else(|_| Err(unusable("the runtime ended while the files were read")))
    }

    pub(super) fn has_identity(&self) -> bool {
        self.shared.settings.identity.is_some()
    }

    pub(super) fn server_name(&self) -> Option<&ServerName<'static>> {
        self.shared.settings.server_name.as_ref()
    }

    fn refresh(&self) -> Result<Arc<ClientConfig>, ConnectError> {
        // The content is compared and not the time of change: certificates of one authority have the same size, and a
        // file system's clock may be too coarse to tell two writes apart. The files are small.
        let contents = self.shared.settings.read()?;
        {
            let loaded = self.loaded();
            if loaded.contents == contents {
                return Ok(Arc::clone(&loaded.client));
            }
        }
        let client = Arc::new(material::assemble(&self.shared.settings, &contents)?);
        tracing::debug!("the TLS certificates or keys have changed");
        *self.loaded() = Loaded { contents, client: Arc::clone(&client) };
        Ok(client)
    }

    fn loaded(&self) -> MutexGuard<'_, Loaded> {
        // What is in it is replaced whole, so a panic elsewhere leaves it good.
        self.shared.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Settings {
    fn sources(&self) -> impl Iterator<Item = &Source> {
        self.given_roots
            .iter()
            .chain(self.identity.iter().flat_map(|identity| [&identity.chain, &identity.key]))
    }

    fn has_files(&self) -> bool {
        self.sources().any(Source::is_file)
    }

    fn read(&self) -> Result<Contents, ConnectError> {
        self.sources().map(Source::read).collect()
    }
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.shared.settings, f)
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fixed_roots: Vec<_> = self.fixed_roots.iter().map(|(name, _)| name).collect();
        f.debug_struct("TlsConfig")
            .field("fixed_roots", &fixed_roots)
            .field("given_roots", &self.given_roots)
            .field("identity", &self.identity)
            .field("verification", &self.verification)
            .field("server_name", &self.server_name)
            .field("versions", &self.versions)
            .field("provider", &self.provider)
            .finish()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("chain", &self.chain)
            .field("key", &self.key)
            .field("has_password", &self.password.is_some())
            .finish()
    }
}
