//! TLS against servers of rustls on loopback, with certificates made on the spot.

mod pki;
mod server;
mod stream;

use ottla_core::connection::{ConnectError, ConnectErrorKind as Kind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{TlsConfig, TlsConfigBuilder, TlsConnector, TlsVersion};
use crate::connector::Connector;
use crate::tcp::TcpConnector;
use pki::{Authority, EXPIRED, Folder, Leaf, NOT_YET_VALID, VALID};
use server::{Clients, dial, dial_by, serve, server_config};

const BOTH: &[TlsVersion] = &[TlsVersion::Tls12, TlsVersion::Tls13];
const LOOPBACK: &[&str] = &["localhost", "127.0.0.1"];

fn trusting(authority: &Authority) -> TlsConfigBuilder {
    TlsConfig::builder().ca_pem(&authority.pem)
}

fn kind(result: Result<(), ConnectError>) -> Option<Kind> {
    result.err().map(|error| error.kind())
}

#[tokio::test]
async fn each_fault_of_a_servers_certificate_has_its_kind() {
    let (ca, other) = (Authority::new("ca"), Authority::new("other"));
    let config = trusting(&ca).build().expect("usable");
    for (leaf, host, expected, says) in [
        (ca.sign(LOOPBACK, VALID), "localhost", None, ""),
        (ca.sign(LOOPBACK, VALID), "127.0.0.1", None, ""),
        (ca.sign(&["localhost"], VALID), "127.0.0.1", Some(Kind::CertificateWrongHost), "localhost"),
        (
            ca.sign(&["elsewhere.invalid"], VALID),
            "localhost",
            Some(Kind::CertificateWrongHost),
            "elsewhere.invalid",
        ),
        (ca.sign(&[], VALID), "localhost", Some(Kind::CertificateWrongHost), "no subject alternative names"),
        (ca.sign(LOOPBACK, EXPIRED), "localhost", Some(Kind::CertificateExpired), "days ago"),
        (ca.sign(LOOPBACK, NOT_YET_VALID), "localhost", Some(Kind::CertificateNotYetValid), "days"),
        (other.sign(LOOPBACK, VALID), "localhost", Some(Kind::CertificateUnknownIssuer), "ca_location"),
        (Leaf::self_signed(LOOPBACK), "localhost", Some(Kind::CertificateUnknownIssuer), "ca_location"),
        (ca.own(), "localhost", Some(Kind::CertificateInvalid), "authority's own"),
    ] {
        for version in BOTH {
            let port = serve(server_config(&leaf, &Clients::Anybody, &[*version])).await;
            let result = dial(config.clone(), host, port).await;
            let text = result.as_ref().err().map(ToString::to_string).unwrap_or_default();
            assert_eq!(kind(result), expected, "{text}");
            assert!(text.contains(says), "{text}");
        }
    }
}

#[tokio::test]
async fn checks_can_be_relaxed_one_by_one() {
    let (ca, other) = (Authority::new("ca"), Authority::new("other"));
    let elsewhere = ca.sign(&["elsewhere.invalid"], VALID);
    let strangers = other.sign(&["elsewhere.invalid"], VALID);
    let expired = other.sign(&["elsewhere.invalid"], EXPIRED);
    for (leaf, builder, expected) in [
        (&elsewhere, trusting(&ca).verify_hostname(false), None),
        (&elsewhere, trusting(&ca).server_name("elsewhere.invalid"), None),
        (&elsewhere, trusting(&ca).server_name("10.0.0.1"), Some(Kind::CertificateWrongHost)),
        (&strangers, trusting(&ca).verify_hostname(false), Some(Kind::CertificateUnknownIssuer)),
        (&expired, trusting(&other).verify_hostname(false), Some(Kind::CertificateExpired)),
        (&expired, TlsConfig::builder().danger_accept_invalid_certs(), None),
        (&strangers, trusting(&ca).danger_accept_invalid_certs().verify_hostname(true), None),
        (&elsewhere, trusting(&other).ca_der(&ca.own().chain_der()[0]).verify_hostname(false), None),
    ] {
        for version in BOTH {
            let port = serve(server_config(leaf, &Clients::Anybody, &[*version])).await;
            assert_eq!(
                kind(dial(builder.clone().build().expect("usable"), "localhost", port).await),
                expected
            );
        }
    }
}

#[tokio::test]
async fn a_client_certificate_that_is_missing_or_refused_is_told_in_both_versions() {
    let (ca, other) = (Authority::new("ca"), Authority::new("other"));
    let server = ca.sign(LOOPBACK, VALID);
    let with = |leaf: &Leaf| trusting(&ca).certificate_pem(&leaf.certificate).key_pem(&leaf.key);
    for (builder, expected) in [
        (with(&ca.sign(&["client"], VALID)), None),
        (trusting(&ca), Some(Kind::ClientCertificateRequired)),
        (with(&other.sign(&["client"], VALID)), Some(Kind::ClientCertificateRefused)),
        (with(&ca.sign(&["client"], EXPIRED)), Some(Kind::ClientCertificateRefused)),
    ] {
        for version in BOTH {
            let port = serve(server_config(&server, &Clients::SignedBy(&ca), &[*version])).await;
            let result = dial(builder.clone().build().expect("usable"), "localhost", port).await;
            assert_eq!(kind(result), expected, "{version:?}");
        }
    }
}

#[tokio::test]
async fn only_the_versions_allowed_are_spoken() {
    let ca = Authority::new("ca");
    let leaf = ca.sign(LOOPBACK, VALID);
    for (server, min, max, expected) in [
        (TlsVersion::Tls12, TlsVersion::Tls13, TlsVersion::Tls13, Some(Kind::Tls)),
        (TlsVersion::Tls13, TlsVersion::Tls12, TlsVersion::Tls12, Some(Kind::Tls)),
        (TlsVersion::Tls12, TlsVersion::Tls12, TlsVersion::Tls13, None),
        (TlsVersion::Tls13, TlsVersion::Tls13, TlsVersion::Tls13, None),
    ] {
        let port = serve(server_config(&leaf, &Clients::Anybody, &[server])).await;
        let config = trusting(&ca).min_version(min).max_version(max).build().expect("usable");
        assert_eq!(kind(dial(config, "localhost", port).await), expected);
    }
}

#[tokio::test]
async fn a_peer_without_tls_is_told_from_one_with() {
    let config = trusting(&Authority::new("ca")).build().expect("usable");
    for answer in [&b""[..], b"HTTP/1.1 400 Bad Request\r\n\r\n", b"220 mail.example ESMTP\r\n"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await?;
            let _ = stream.read(&mut [0; 1024]).await?;
            stream.write_all(answer).await
        });
        let error = dial(config.clone(), "localhost", port).await.expect_err("no TLS");
        assert_eq!(error.kind(), Kind::NotTls, "{error}");
        assert!(error.is_retriable());
    }
}

#[tokio::test]
async fn a_tls_server_answers_plaintext_with_an_alert() {
    let ca = Authority::new("ca");
    let port = serve(server_config(&ca.sign(LOOPBACK, VALID), &Clients::Anybody, BOTH)).await;
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("it listens");
    // A request for ApiVersions, version 0, without a client id.
    stream.write_all(b"\0\0\0\x0a\0\x12\0\0\0\0\0\x01\xff\xff").await.expect("taken");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    // An alert (21) of TLS 1.x, two bytes long, fatal.
    assert_eq!(answer.get(..2), Some(&[0x15, 0x03][..]), "{answer:x?}");
    assert_eq!(answer.get(3..6), Some(&[0, 2, 2][..]), "{answer:x?}");
}

#[tokio::test]
async fn files_that_changed_are_used_by_the_next_connection() {
    let (ca, other) = (Authority::new("ca"), Authority::new("other"));
    let port = serve(server_config(&ca.sign(LOOPBACK, VALID), &Clients::SignedBy(&ca), BOTH)).await;
    let folder = Folder::new();
    let roots = folder.write("ca.pem", &ca.pem);
    let store = folder.write("client.pem", other.sign(&["client"], VALID).store());
    let config = TlsConfig::builder().ca_location(roots).keystore_location(store).build().expect("usable");
    let connector = TlsConnector::new(TcpConnector::default(), config);
    let good = ca.sign(&["client"], VALID);
    let mismatched = Leaf { key: ca.sign(&["client"], VALID).key, ..good.clone() };
    for (file, content, expected) in [
        (None, String::new(), Some(Kind::ClientCertificateRefused)),
        (Some("client.pem"), good.store(), None),
        (None, String::new(), None),
        (Some("client.pem"), good.store()[..300].to_owned(), Some(Kind::TlsConfiguration)),
        (Some("client.pem"), String::new(), Some(Kind::TlsConfiguration)),
        (Some("client.pem"), mismatched.store(), Some(Kind::TlsConfiguration)),
        (Some("client.pem"), good.store(), None),
        (Some("ca.pem"), other.pem.clone(), Some(Kind::CertificateUnknownIssuer)),
        (Some("ca.pem"), "no PEM".to_owned(), Some(Kind::TlsConfiguration)),
        (Some("ca.pem"), format!("{}{}", other.pem, ca.pem), None),
    ] {
        if let Some(file) = file {
            folder.write(file, content);
        }
        let result = dial_by(&connector, "localhost", port).await;
        if let (Some(Kind::TlsConfiguration), Err(error), Some(file)) = (expected, &result, file) {
            assert!(error.to_string().contains(file), "{error}");
        }
        assert_eq!(kind(result), expected);
    }
    std::fs::remove_file(folder.path().join("ca.pem")).expect("it is there");
    assert_eq!(kind(dial_by(&connector, "localhost", port).await), Some(Kind::TlsConfiguration));
}

#[test]
fn what_cannot_be_used_is_told_when_it_is_given() {
    let ca = Authority::new("ca");
    let leaf = ca.sign(LOOPBACK, VALID);
    let folder = Folder::new();
    let java = folder.write("client.jks", b"\xfe\xed\xfe\xed\0\0\0\x02");
    for (builder, says) in [
        (TlsConfig::builder(), "no certificate authority is trusted"),
        (TlsConfig::builder().ca_pem("hello"), "no certificate in"),
        (TlsConfig::builder().ca_der(b"\x30\x00"), "can be an authority"),
        (TlsConfig::builder().ca_location("/no/such/file.pem"), "cannot read /no/such/file.pem"),
        (TlsConfig::builder().ca_location(folder.path()), "cannot read"),
        (TlsConfig::builder().ca_location("/dev/zero"), "larger than"),
        (trusting(&ca).keystore_location(java), "keytool -importkeystore"),
        (trusting(&ca).certificate_pem(&leaf.certificate), "has no private key"),
        (trusting(&ca).key_pem(&leaf.key), "has no certificate"),
        (trusting(&ca).certificate_pem(&leaf.certificate).key_pem("hello"), "no private key in"),
        (trusting(&ca).certificate_pem(&leaf.certificate).key_pem(&leaf.certificate), "no private key in"),
        (trusting(&ca).certificate_pem(&leaf.certificate).key_pem(ca.own().key), "is not that of the first"),
        (trusting(&ca).server_name("a b"), "server_name"),
        (trusting(&ca).min_version(TlsVersion::Tls13).max_version(TlsVersion::Tls12), "min_version"),
    ] {
        let error = builder.build().expect_err(says);
        assert_eq!(error.kind(), Kind::TlsConfiguration);
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn secrets_are_not_shown() {
    let ca = Authority::new("ca");
    let leaf = ca.sign(LOOPBACK, VALID);
    let builder =
        trusting(&ca).certificate_pem(&leaf.certificate).key_pem(&leaf.key).key_password("opensesame");
    let config = builder.clone().build().expect("usable");
    let connector = TlsConnector::new(TcpConnector::default(), config.clone());
    for shown in [format!("{builder:?}"), format!("{config:?}"), format!("{connector:?}")] {
        assert!(!shown.contains("opensesame") && !shown.contains("PRIVATE KEY"), "{shown}");
        // Nor as a list of bytes.
        assert!(!shown.contains("45, 45, 45"), "{shown}");
    }
}

#[cfg(feature = "native-roots")]
#[test]
fn the_systems_authorities_do_not_trust_a_test() {
    assert!(TlsConfig::builder().system_roots().build().is_ok());
}

#[cfg(feature = "webpki-roots")]
#[tokio::test]
async fn the_bundled_authorities_do_not_trust_a_test_but_add_to_others() {
    let ca = Authority::new("ca");
    let port = serve(server_config(&ca.sign(LOOPBACK, VALID), &Clients::Anybody, BOTH)).await;
    for (builder, expected) in [
        (TlsConfig::builder().bundled_roots(), Some(Kind::CertificateUnknownIssuer)),
        (trusting(&ca).bundled_roots(), None),
    ] {
        assert_eq!(kind(dial(builder.build().expect("usable"), "localhost", port).await), expected);
    }
}

#[tokio::test]
async fn tls_goes_over_any_connector() {
    let ca = Authority::new("ca");
    let port = serve(server_config(&ca.sign(LOOPBACK, VALID), &Clients::Anybody, BOTH)).await;
    let tcp: std::sync::Arc<dyn Connector> = std::sync::Arc::new(TcpConnector::default());
    let connector = TlsConnector::new(tcp, trusting(&ca).build().expect("usable"));
    assert_eq!(kind(dial_by(&connector, "localhost", port).await), None);
}
