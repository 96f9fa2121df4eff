//! Every way to be refused has a kind of its own, comes in time, says what to check and no secret, and is not tried
//! again for ever.

use crate::ways::Proxies;
use ottla_client::sasl::{OAuthBearer, Plain, SaslErrorKind, Scram, ScramMechanism};
use ottla_client::{
    Client, ClientBuilder, ConnectErrorKind, HttpConnectConnector, Socks5Connector, TcpConnector, TlsConfig,
    TlsConfigBuilder,
};
use ottla_tests::proxies;
use ottla_tests::secured::{Secured, SecuredTestBroker};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const TIMEOUT: Duration = Duration::from_secs(5);
const SECRET: &str = "not-the-password";

/// What is tried, at which door, and what is to come of it.
struct Case {
    name: &'static str,
    door: &'static str,
    enter: fn(ClientBuilder, &Secured) -> ClientBuilder,
    kind: ConnectErrorKind,
    /// A part of the text.
    says: &'static str,
}

const REFUSED: ConnectErrorKind = ConnectErrorKind::Authentication(SaslErrorKind::CredentialsRefused);

fn scram(mechanism: ScramMechanism, user: &str, password: &str) -> Scram {
    Scram::new(mechanism, user, password).expect("credentials")
}

fn plain(user: &str, password: &str) -> Plain {
    Plain::new(user, password).expect("credentials")
}

const OF_CREDENTIALS: &[Case] = &[
    Case {
        name: "a wrong password, PLAIN",
        door: "all-mechanisms",
        enter: |builder, _| builder.sasl(plain("alice", SECRET)),
        kind: REFUSED,
        says: "check user and password",
    },
    Case {
        name: "an unknown user, PLAIN",
        door: "all-mechanisms",
        enter: |builder, _| builder.sasl(plain("nobody", SECRET)),
        kind: REFUSED,
        says: "check user and password",
    },
    Case {
        name: "a wrong password, SCRAM-SHA-256",
        door: "all-mechanisms",
        enter: |builder, _| builder.sasl(scram(ScramMechanism::Sha256, "alice", SECRET)),
        kind: REFUSED,
        says: "check user and password",
    },
    Case {
        name: "an unknown user, SCRAM-SHA-512",
        door: "all-mechanisms",
        enter: |builder, _| builder.sasl(scram(ScramMechanism::Sha512, "nobody", SECRET)),
        kind: REFUSED,
        says: "check user and password",
    },
    Case {
        name: "an expired token",
        door: "all-mechanisms",
        enter: |builder, cluster| {
            builder.sasl(OAuthBearer::new(&cluster.tokens["expired-token"]).expect("a token"))
        },
        kind: REFUSED,
        says: "check its expiry",
    },
    Case {
        name: "a mechanism that is not enabled",
        door: "oauth-unsecured",
        enter: |builder, _| builder.sasl(plain("alice", SECRET)),
        kind: ConnectErrorKind::MechanismNotEnabled,
        says: "it has OAUTHBEARER",
    },
];

const OF_CERTIFICATES: &[Case] = &[
    Case {
        name: "an expired certificate",
        door: "ssl-expired",
        enter: |builder, cluster| builder.tls(trusting(cluster)),
        kind: ConnectErrorKind::CertificateExpired,
        says: "expired",
    },
    Case {
        name: "a certificate that is not yet valid",
        door: "ssl-not-yet-valid",
        enter: |builder, cluster| builder.tls(trusting(cluster)),
        kind: ConnectErrorKind::CertificateNotYetValid,
        says: "becomes valid in",
    },
    Case {
        name: "a certificate of another authority",
        door: "ssl-wrong-ca",
        enter: |builder, cluster| builder.tls(trusting(cluster)),
        kind: ConnectErrorKind::CertificateUnknownIssuer,
        says: "authority",
    },
    Case {
        name: "another authority than the certificate's",
        door: "ssl",
        enter: |builder, cluster| builder.tls(of(TlsConfig::builder().ca_location(&cluster.tls.other_ca))),
        kind: ConnectErrorKind::CertificateUnknownIssuer,
        says: "authority",
    },
    Case {
        name: "a certificate for another host",
        door: "ssl-wrong-host",
        enter: |builder, cluster| builder.tls(trusting(cluster)),
        kind: ConnectErrorKind::CertificateWrongHost,
        says: "elsewhere.invalid",
    },
    Case {
        name: "no client certificate",
        door: "mtls",
        enter: |builder, cluster| builder.tls(trusting(cluster)),
        kind: ConnectErrorKind::ClientCertificateRequired,
        says: "client certificate",
    },
    Case {
        name: "a client certificate of another authority",
        door: "mtls",
        enter: |builder, cluster| builder.tls(as_client(cluster, "client-wrong-ca")),
        kind: ConnectErrorKind::ClientCertificateRefused,
        says: "client",
    },
    Case {
        name: "an expired client certificate",
        door: "mtls",
        enter: |builder, cluster| builder.tls(as_client(cluster, "client-expired")),
        kind: ConnectErrorKind::ClientCertificateRefused,
        says: "client",
    },
    Case {
        name: "plaintext against tls",
        door: "ssl",
        enter: |builder, _| builder,
        kind: ConnectErrorKind::TlsRequired,
        says: "tls",
    },
    Case {
        name: "tls against plaintext",
        door: "plaintext",
        enter: |builder, cluster| builder.tls(trusting(cluster)),
        kind: ConnectErrorKind::NotTls,
        says: "tls",
    },
    Case {
        name: "a login where there is none",
        door: "plaintext",
        enter: |builder, _| builder.sasl(plain("alice", SECRET)),
        kind: ConnectErrorKind::MechanismNotEnabled,
        says: "check security.protocol",
    },
];

fn of(builder: TlsConfigBuilder) -> TlsConfig {
    builder.build().expect("usable certificates")
}

fn trusting(cluster: &Secured) -> TlsConfig {
    of(TlsConfig::builder().ca_location(&cluster.tls.ca))
}

fn as_client(cluster: &Secured, name: &str) -> TlsConfig {
    let (certificate, key) = &cluster.tls.clients[name];
    of(TlsConfig::builder().ca_location(&cluster.tls.ca).certificate_location(certificate).key_location(key))
}

/// What is said of it, if that is not as it should be.
async fn complaint(name: &str, builder: ClientBuilder, kind: ConnectErrorKind, says: &str) -> Option<String> {
    let builder =
        builder.connection_timeout(TIMEOUT).authentication_timeout(TIMEOUT).request_timeout(TIMEOUT);
    let before = Instant::now();
    let Err(error) = builder.connect().await else { return Some(format!("{name}: let in")) };
    let after = before.elapsed();
    let text = format!("{error:?}");
    println!("{name:42} {text}");
    let of_kind = error.connect_error().is_some_and(|error| error.kind() == kind);
    let is_told = text.to_lowercase().contains(&says.to_lowercase()) && !text.contains(SECRET);
    let is_good = of_kind && is_told && after < 2 * TIMEOUT;
    (!is_good).then(|| format!("{name}: {:?} after {after:?}: {text}", error.kind()))
}

async fn each_is_refused(cluster: &Secured, cases: &[Case]) {
    let mut complaints = Vec::new();
    for case in cases {
        let builder = (case.enter)(Client::builder(&cluster.door(case.door).bootstrap_servers), cluster);
        complaints.extend(complaint(case.name, builder, case.kind, case.says).await);
    }
    assert!(complaints.is_empty(), "{complaints:#?}");
}

/// What a client is told whose proxy does not help.
async fn each_proxy_is_refused(cluster: &Secured) {
    let proxies = Proxies::start().await;
    let (socks5, http) = (proxies.socks5.port(), proxies.http_connect.port());
    let bootstrap = &cluster.door("plaintext").bootstrap_servers;
    let nowhere = free_port();
    let web = one_who_says(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let ssh = one_who_says(b"SSH-2.0-OpenSSH_9.6\r\n").await;
    let tcp = TcpConnector::default;
    let by_socks5 = |port| Socks5Connector::new(tcp(), "127.0.0.1", port);
    let by_http = |port| HttpConnectConnector::new(tcp(), "127.0.0.1", port);
    let to = |server: &str| Client::builder(server);
    let elsewhere = format!("127.0.0.1:{nowhere}");
    let user = proxies::USER;
    let wrong = |port| by_socks5(port).with_credentials(user, SECRET).expect("credentials");
    let right = |port| by_socks5(port).with_credentials(user, proxies::PASSWORD).expect("credentials");
    let wrong_http = |port| by_http(port).with_credentials(user, SECRET).expect("credentials");
    let right_http = |port| by_http(port).with_credentials(user, proxies::PASSWORD).expect("credentials");
    use ConnectErrorKind as K;
    let cases = [
        ("socks5: none listens", to(bootstrap).connector(right(nowhere)), K::ProxyUnreachable),
        ("http: none listens", to(bootstrap).connector(right_http(nowhere)), K::ProxyUnreachable),
        ("socks5: a wrong password", to(bootstrap).connector(wrong(socks5)), K::ProxyCredentialsRefused),
        ("socks5: no password", to(bootstrap).connector(by_socks5(socks5)), K::ProxyCredentialsRefused),
        ("http: a wrong password", to(bootstrap).connector(wrong_http(http)), K::ProxyCredentialsRefused),
        ("http: no password", to(bootstrap).connector(by_http(http)), K::ProxyCredentialsRefused),
        ("socks5: no broker behind it", to(&elsewhere).connector(right(socks5)), K::ProxyCannotConnect),
        ("http: no broker behind it", to(&elsewhere).connector(right_http(http)), K::ProxyCannotConnect),
        ("socks5: a web server in its place", to(bootstrap).connector(right(web)), K::NotAProxy),
        ("http: an ssh server in its place", to(bootstrap).connector(right_http(ssh)), K::NotAProxy),
    ];
    let mut complaints = Vec::new();
    for (name, builder, kind) in cases {
        complaints.extend(complaint(name, builder, kind, "proxy").await);
    }
    assert!(complaints.is_empty(), "{complaints:#?}");
}

/// The port of a server that greets everybody with these bytes.
async fn one_who_says(bytes: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            _ = stream.write_all(bytes).await;
            _ = stream.read_to_end(&mut Vec::new()).await;
        }
    });
    port
}

/// A port on which nobody listens.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn kafka_refuses_credentials_by_kind() {
    each_is_refused(&Secured::kafka(), OF_CREDENTIALS).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn kafka_and_we_refuse_certificates_by_kind() {
    each_is_refused(&Secured::kafka(), OF_CERTIFICATES).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn a_proxy_before_kafka_refuses_by_kind() {
    each_proxy_is_refused(&Secured::kafka()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_test_broker_refuses_by_kind() {
    let broker = SecuredTestBroker::start().await;
    each_is_refused(&broker.secured, OF_CREDENTIALS).await;
    each_is_refused(&broker.secured, OF_CERTIFICATES).await;
    each_proxy_is_refused(&broker.secured).await;
}
