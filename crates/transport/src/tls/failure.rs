//! What stood in the way of TLS, told as a [`ConnectError`].

use std::io;

use ottla_core::connection::{ConnectError, ConnectErrorKind as Kind};
use rustls::{AlertDescription as Alert, CertificateError, Error, InvalidMessage};

/// An alert of a peer that has said nothing else is shorter, in bytes; one that refuses a client certificate comes after
/// more.
const ALERT_ALONE: u64 = 7;

/// Certificates, keys or settings that cannot be used.
pub(super) fn unusable(text: impl Into<String>) -> ConnectError {
    ConnectError::new(Kind::TlsConfiguration, text)
}

/// How far the peer had come when the handshake failed, and what the client would have shown it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    pub(super) received: u64,
    pub(super) has_identity: bool,
}

/// A handshake that failed.
pub(super) fn of_handshake(error: &io::Error, progress: Progress) -> ConnectError {
    if let Some(error) = within(error) {
        return of_rustls(error, progress);
    }
    if let Some(known) = ConnectError::within(error) {
        return known.clone();
    }
    let ended = matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
    );
    match (ended, progress.received) {
        (true, 0) => ConnectError::new(
            Kind::NotTls,
            "the peer closed the connection when it was spoken to in TLS: a plaintext listener does that; check the \
             port and security.protocol",
        ),
        (true, _) => {
            ConnectError::new(Kind::Unreachable, "the peer closed the connection during the TLS handshake")
        }
        (false, _) => ConnectError::from_io(error),
    }
}

/// An error on a stream whose handshake was done. With TLS 1.3 only this tells that the peer wants another client
/// certificate.
pub(super) fn of_stream(error: io::Error, has_identity: bool) -> io::Error {
    match within(&error) {
        Some(known) => of_rustls(known, Progress { received: u64::MAX, has_identity }).into(),
        None => error,
    }
}

/// What rustls says, in our words.
pub(super) fn of_rustls(error: &Error, progress: Progress) -> ConnectError {
    match error {
        Error::InvalidCertificate(error) => of_certificate(error),
        Error::NoCertificatesPresented => {
            ConnectError::new(Kind::CertificateInvalid, "the broker has no certificate")
        }
        Error::AlertReceived(alert) => of_alert(*alert, progress),
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
        ) => ConnectError::new(
            Kind::NotTls,
            "what the peer answers is not TLS: check the port and security.protocol",
        ),
        error => ConnectError::new(Kind::Tls, format!("TLS failed: {error}")),
    }
}

fn of_certificate(error: &CertificateError) -> ConnectError {
    use CertificateError as E;
    let (kind, text) = match error {
        E::Expired => {
            (Kind::CertificateExpired, "the broker's certificate, or one above it, has expired".to_owned())
        }
        E::ExpiredContext { time, not_after } => {
            let ago = span(time.as_secs().saturating_sub(not_after.as_secs()));
            let text = format!(
                "the broker's certificate, or one above it, expired {ago} ago by the clock of this machine"
            );
            (Kind::CertificateExpired, text)
        }
        E::NotValidYet => (
            Kind::CertificateNotYetValid,
            "the broker's certificate, or one above it, is not valid yet".to_owned(),
        ),
        E::NotValidYetContext { time, not_before } => {
            let until = span(not_before.as_secs().saturating_sub(time.as_secs()));
            let text = format!(
                "the broker's certificate, or one above it, becomes valid in {until} by the clock of this machine"
            );
            (Kind::CertificateNotYetValid, text)
        }
        E::UnknownIssuer => {
            let text = "the broker's certificate is signed by nobody who is trusted: add the certificate of its \
                        authority with ca_location (ssl.ca.location, ssl.truststore.location)";
            (Kind::CertificateUnknownIssuer, text.to_owned())
        }
        E::NotValidForName => (
            Kind::CertificateWrongHost,
            "the broker's certificate is not for the host that was dialled".to_owned(),
        ),
        E::NotValidForNameContext { expected, presented } => {
            let names = if presented.is_empty() {
                "for no host at all: it has no subject alternative names, and its common name does not count"
                    .to_owned()
            } else {
                // The names are the peer's: what is shown of them is bounded.
                let names: Vec<_> = presented.iter().take(MAX_NAMES).map(|name| bounded(name)).collect();
                format!("for {}", names.join(", "))
            };
            let text = format!("the broker's certificate is not for {}, but {names}", expected.to_str());
            (Kind::CertificateWrongHost, text)
        }
        error => {
            let mut text = format!("the broker's certificate is no good: {error}");
            if text.contains("CaUsedAsEndEntity") {
                text = "the broker's certificate is an authority's own, which may not be a server's: make one for the \
                        broker, signed by it"
                    .to_owned();
            }
            (Kind::CertificateInvalid, text)
        }
    };
    ConnectError::new(kind, text)
}

/// Names of a certificate that an error shows.
const MAX_NAMES: usize = 10;
/// How much of each, in characters: a DNS name is not longer.
const MAX_NAME: usize = 253;

/// rustls writes `DnsName("localhost")`, `IpAddress(127.0.0.1)`.
fn bounded(name: &str) -> String {
    let bare = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
    bare.trim_matches('"').chars().take(MAX_NAME).collect()
}

fn of_alert(alert: Alert, progress: Progress) -> ConnectError {
    let refused = match alert {
        Alert::CertificateRequired => return certificate_required(alert, progress.has_identity),
        Alert::NoCertificate
        | Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateRevoked
        | Alert::CertificateExpired
        | Alert::CertificateUnknown
        | Alert::UnknownCA
        | Alert::AccessDenied => true,
        // With TLS 1.2 OpenSSL says no more than this. Earlier it is about versions and ciphers.
        Alert::HandshakeFailure => progress.received > ALERT_ALONE,
        Alert::DecryptError => progress.has_identity,
        _ => false,
    };
    match (refused, progress.has_identity) {
        // Nothing else of the client's can be bad.
        (true, false) => certificate_required(alert, false),
        (true, true) => ConnectError::new(
            Kind::ClientCertificateRefused,
            format!(
                "the broker does not take the client's certificate ({}): check that it is valid and that the broker \
                 trusts who signed it",
                name(alert)
            ),
        ),
        (false, _) => ConnectError::new(Kind::Tls, of_other_alert(alert)),
    }
}

fn certificate_required(alert: Alert, has_identity: bool) -> ConnectError {
    let why = if has_identity {
        "and the client's does not suit it: check that its chain is complete and its key of a kind the broker allows"
    } else {
        "and none is set: add certificate_location and key_location, or keystore_location"
    };
    ConnectError::new(
        Kind::ClientCertificateRequired,
        format!("the broker wants a client certificate ({}), {why}", name(alert)),
    )
}

fn of_other_alert(alert: Alert) -> String {
    let what = match alert {
        Alert::ProtocolVersion => {
            "it speaks none of the versions allowed here: check min_version and max_version"
        }
        Alert::HandshakeFailure => {
            "it shares no version, cipher suite or kind of key with this client: check its ssl.enabled.protocols, \
             ssl.cipher.suites and certificate"
        }
        Alert::UnrecognisedName => "it has no certificate for the name that was asked for",
        _ => "its log may say more",
    };
    format!("the broker broke off TLS ({}): {what}", name(alert))
}

/// The name in the manner of RFC 8446: `bad_certificate`.
fn name(alert: Alert) -> String {
    let mut name = String::new();
    for (position, letter) in format!("{alert:?}").char_indices() {
        let starts_word = letter.is_ascii_uppercase() && position > 0 && !name.ends_with('_');
        // `UnknownCA` is unknown_ca.
        if starts_word && !name.ends_with("_c") {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} seconds"),
        120..7200 => format!("{} minutes", seconds / 60),
        7200..172_800 => format!("{} hours", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn within(error: &io::Error) -> Option<&Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of(alert: Alert, received: u64, has_identity: bool) -> Kind {
        of_rustls(&Error::AlertReceived(alert), Progress { received, has_identity }).kind()
    }

    #[test]
    fn an_alert_about_certificates_means_the_clients() {
        for alert in
            [Alert::BadCertificate, Alert::CertificateUnknown, Alert::UnknownCA, Alert::CertificateExpired]
        {
            assert_eq!(kind_of(alert, 3000, false), Kind::ClientCertificateRequired);
            assert_eq!(kind_of(alert, 3000, true), Kind::ClientCertificateRefused);
        }
        assert_eq!(kind_of(Alert::CertificateRequired, 3000, true), Kind::ClientCertificateRequired);
    }

    #[test]
    fn a_handshake_failure_is_about_the_certificate_only_once_the_server_has_said_hello() {
        assert_eq!(kind_of(Alert::HandshakeFailure, 7, false), Kind::Tls);
        assert_eq!(kind_of(Alert::HandshakeFailure, 3000, false), Kind::ClientCertificateRequired);
        assert_eq!(kind_of(Alert::HandshakeFailure, 3000, true), Kind::ClientCertificateRefused);
        assert_eq!(kind_of(Alert::ProtocolVersion, 7, true), Kind::Tls);
    }

    #[test]
    fn a_peer_that_closes_at_once_may_not_speak_tls() {
        for (error, received, kind) in [
            (io::ErrorKind::UnexpectedEof, 0, Kind::NotTls),
            (io::ErrorKind::ConnectionReset, 0, Kind::NotTls),
            (io::ErrorKind::UnexpectedEof, 1000, Kind::Unreachable),
            (io::ErrorKind::TimedOut, 0, Kind::TimedOut),
        ] {
            let error = of_handshake(&error.into(), Progress { received, has_identity: false });
            assert_eq!(error.kind(), kind);
        }
    }

    #[test]
    fn alerts_have_the_names_of_the_rfc() {
        for (alert, expected) in [
            (Alert::BadCertificate, "bad_certificate"),
            (Alert::UnknownCA, "unknown_ca"),
            (Alert::CertificateRequired, "certificate_required"),
        ] {
            assert_eq!(name(alert), expected);
        }
    }
}
