//! Why a connection could not be made: from the name of the broker to the last step of authentication.
//!
//! The kinds are here, below those who find them: connectors (names, sockets, TLS, proxies) put a [`ConnectError`] into
//! the `io::Error` that they return, and whoever waits for the connection gets it back as it is.

use std::fmt;
use std::io;

use crate::sasl::{SaslError, SaslErrorKind};

/// A connection that could not be made, or not be used once it stood. No request was sent on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectError {
    kind: ConnectErrorKind,
    text: String,
}

/// What stood in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectErrorKind {
    /// The name has no address, or nobody could be asked for one.
    NameNotResolved,
    /// Nobody listens on the port.
    Refused,
    /// The network or the operating system says no.
    Unreachable,
    /// It took longer than `socket.connection.setup.timeout.ms`.
    TimedOut,
    /// The proxy cannot be reached.
    ProxyUnreachable,
    /// What listens there is no such proxy.
    NotAProxy,
    /// The proxy wants other credentials.
    ProxyCredentialsRefused,
    /// The proxy may not connect to the broker, by its rules.
    ProxyRefused,
    /// The proxy tried, and could not connect to the broker.
    ProxyCannotConnect,
    /// The peer does not speak TLS.
    NotTls,
    /// The peer speaks TLS, but is spoken to in plaintext.
    TlsRequired,
    /// The broker's certificate has expired.
    CertificateExpired,
    /// The broker's certificate is not valid yet.
    CertificateNotYetValid,
    /// The broker's certificate is signed by nobody who is trusted.
    CertificateUnknownIssuer,
    /// The broker's certificate is for other names.
    CertificateWrongHost,
    /// The broker's certificate is no good in another way.
    CertificateInvalid,
    /// The broker wants a client certificate, and got none.
    ClientCertificateRequired,
    /// The broker does not take the client's certificate.
    ClientCertificateRefused,
    /// The certificates or the key that the client is to use cannot be used.
    TlsConfiguration,
    /// TLS failed in another way.
    Tls,
    /// Whoever listens there does not speak Kafka's protocol.
    NotKafka,
    /// The broker has no authentication, or it does not have this mechanism.
    MechanismNotEnabled,
    /// The authentication failed.
    Authentication(SaslErrorKind),
}

impl ConnectError {
    /// An error of this kind. `text` is lower case, without a full stop, says what to check, and holds no secret.
    pub fn new(kind: ConnectErrorKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    /// What stood in the way.
    pub fn kind(&self) -> ConnectErrorKind {
        self.kind
    }

    /// Whether another attempt with the same settings may succeed. Certificates and credentials that were refused are
    /// not tried again by themselves.
    pub fn is_retriable(&self) -> bool {
        use ConnectErrorKind as K;
        match self.kind {
            K::NameNotResolved
            | K::Refused
            | K::Unreachable
            | K::TimedOut
            | K::ProxyUnreachable
            | K::ProxyCannotConnect
            // A broker that shuts down closes what it has just accepted, before it has said a word.
            | K::NotKafka
            | K::NotTls => true,
            K::Authentication(kind) => kind == SaslErrorKind::CredentialsUnavailable,
            _ => false,
        }
    }

    /// The same, with where it happened in front of it.
    #[must_use]
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.text = format!("{place}: {}", self.text);
        self
    }

    /// The error that a connector put into an `io::Error`; one of the operating system's is told by its kind.
    pub fn from_io(error: &io::Error) -> Self {
        if let Some(known) = Self::within(error) {
            return known.clone();
        }
        let kind = match error.kind() {
            io::ErrorKind::ConnectionRefused => ConnectErrorKind::Refused,
            io::ErrorKind::TimedOut => ConnectErrorKind::TimedOut,
            _ => ConnectErrorKind::Unreachable,
        };
        Self::new(kind, error.to_string())
    }

    /// The error that a connector, or a stream that it made, put into an `io::Error`.
    pub fn within(error: &io::Error) -> Option<&Self> {
        error.get_ref().and_then(|inner| inner.downcast_ref())
    }
}

impl From<ConnectError> for io::Error {
    fn from(error: ConnectError) -> Self {
        let kind = match error.kind {
            ConnectErrorKind::NameNotResolved => io::ErrorKind::NotFound,
            ConnectErrorKind::Refused => io::ErrorKind::ConnectionRefused,
            ConnectErrorKind::TimedOut => io::ErrorKind::TimedOut,
            ConnectErrorKind::Authentication(_) | ConnectErrorKind::ProxyCredentialsRefused => {
                io::ErrorKind::PermissionDenied
            }
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

impl From<SaslError> for ConnectError {
    fn from(error: SaslError) -> Self {
        Self::new(ConnectErrorKind::Authentication(error.kind()), error.to_string())
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for ConnectError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_passes_through_io_unchanged() {
        let error = ConnectError::new(ConnectErrorKind::CertificateWrongHost, "the certificate is for b");
        assert_eq!(ConnectError::from_io(&error.clone().into()), error);
    }

    #[test]
    fn what_the_operating_system_says_has_a_kind() {
        for (io, kind) in [
            (io::ErrorKind::ConnectionRefused, ConnectErrorKind::Refused),
            (io::ErrorKind::TimedOut, ConnectErrorKind::TimedOut),
            (io::ErrorKind::HostUnreachable, ConnectErrorKind::Unreachable),
        ] {
            let error = ConnectError::from_io(&io.into());
            assert_eq!(error.kind(), kind);
            assert!(error.is_retriable());
        }
    }

    #[test]
    fn refused_credentials_are_not_tried_again() {
        for (kind, retriable) in
            [(SaslErrorKind::CredentialsRefused, false), (SaslErrorKind::CredentialsUnavailable, true)]
        {
            let error = ConnectError::from(SaslError::new(kind, "no"));
            assert_eq!(error.kind(), ConnectErrorKind::Authentication(kind));
            assert_eq!(error.is_retriable(), retriable);
        }
    }
}
