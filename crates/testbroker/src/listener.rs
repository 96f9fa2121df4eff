//! Ways into a cluster. Each node has all of them, at an address each; who comes in by one is told the others' addresses
//! of the same one, as with Kafka's `listeners` and `advertised.listeners`.

use std::fmt;

use crate::sasl::{Authority, SaslConfig};
#[cfg(feature = "tls")]
use crate::tls::TlsConfig;

/// The one that a cluster has if it is not told of others.
const DEFAULT_NAME: &str = "PLAINTEXT";
/// More than these are a mistake in a test. They also must fit into the ports there are.
pub(crate) const MAX_LISTENERS: usize = 50;

/// Settings of a listener: its name, and what is asked of those who come in by it.
///
/// ```
/// use ottla_testbroker::{ListenerConfig, SaslConfig, TestBroker};
///
/// let broker = TestBroker::builder()
///     .listener(ListenerConfig::new("OPEN"))
///     .listener(ListenerConfig::new("LOGIN").sasl(SaslConfig::new().plain_user("alice", "secret")));
/// ```
#[derive(Clone, Debug)]
pub struct ListenerConfig {
    pub(crate) name: String,
    pub(crate) sasl: Option<SaslConfig>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<TlsConfig>,
}

/// Kafka's `security.protocol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecurityProtocol {
    /// Neither TLS nor SASL.
    Plaintext,
    /// TLS.
    Ssl,
    /// SASL.
    SaslPlaintext,
    /// SASL over TLS.
    SaslSsl,
}

impl SecurityProtocol {
    /// As clients are told it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "PLAINTEXT",
            Self::Ssl => "SSL",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::SaslSsl => "SASL_SSL",
        }
    }
}

impl fmt::Display for SecurityProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl ListenerConfig {
    /// One that asks for nothing.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            sasl: None,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// Clients must log in.
    #[must_use]
    pub fn sasl(mut self, sasl: SaslConfig) -> Self {
        self.sasl = Some(sasl);
        self
    }

    /// Clients must speak TLS. A [`Cluster`](crate::Cluster) by itself sees what is within.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, tls: TlsConfig) -> Self {
        self.tls = Some(tls);
        self
    }

    /// What clients must be told to speak.
    pub fn protocol(&self) -> SecurityProtocol {
        #[cfg(feature = "tls")]
        let has_tls = self.tls.is_some();
        #[cfg(not(feature = "tls"))]
        let has_tls = false;
        match (self.sasl.is_some(), has_tls) {
            (false, false) => SecurityProtocol::Plaintext,
            (false, true) => SecurityProtocol::Ssl,
            (true, false) => SecurityProtocol::SaslPlaintext,
            (true, true) => SecurityProtocol::SaslSsl,
        }
    }
}

impl Default for ListenerConfig {
    fn default() -> Self {
        Self::new(DEFAULT_NAME)
    }
}

/// A listener's place among those of its cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ListenerId(pub(crate) usize);

/// A listener of a cluster that runs.
#[derive(Clone, Debug)]
pub(crate) struct Listener {
    pub(crate) name: String,
    pub(crate) authority: Option<Authority>,
}

impl Listener {
    pub(crate) fn new(config: &ListenerConfig, seed: u64) -> Self {
        let authority = config.sasl.as_ref().map(|sasl| Authority::new(sasl, seed));
        Self { name: config.name.clone(), authority }
    }
}
