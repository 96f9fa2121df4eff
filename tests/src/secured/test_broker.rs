//! The test broker with the same listeners as the real Kafka of `cargo xtask kafka up --security all`, but for GSSAPI.

use super::pki::{Authority, Leaf};
use super::tokens::Signer;
use super::{Door, Secured, TlsFiles};
use crate::real_kafka::unique;
use ottla_testbroker::{
    ClientCertificates, KeySet, ListenerConfig, SaslConfig, ScramMechanism, TestBroker, TlsConfig,
    TokenPolicy,
};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const LOOPBACK: &[&str] = &["localhost", "127.0.0.1"];
/// The sessions of the listener `reauth`.
const SESSION: Duration = Duration::from_secs(5);

/// A test broker with every way in; it and its files go when this is dropped.
pub struct SecuredTestBroker {
    /// What clients must know.
    pub secured: Secured,
    _broker: TestBroker,
    folder: PathBuf,
}

impl SecuredTestBroker {
    /// Starts one.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start() -> Self {
        let (ca, other, signer) = (Authority::new("ca"), Authority::new("other ca"), Signer::default());
        let mut broker = TestBroker::builder();
        let mut doors = Vec::new();
        for (listener, door) in listeners(&ca, &other, &signer) {
            broker = broker.listener(listener);
            doors.push(door);
        }
        let broker = broker.start().await.expect("a broker");
        let folder = std::env::temp_dir().join(unique("secured"));
        fs::create_dir_all(&folder).expect("a folder");
        let doors = doors.into_iter().map(|(name, mut door)| {
            door.bootstrap_servers = broker.bootstrap_servers_by(name).expect("it has this listener");
            (name.to_owned(), door)
        });
        let secured = Secured {
            doors: doors.collect(),
            passwords: users()
                .map(|(mechanism, password)| {
                    ((mechanism.to_owned(), "alice".to_owned()), password.to_owned())
                })
                .into(),
            tls: files(&folder, &ca, &other),
            tokens: [
                ("token".to_owned(), signer.sign(-10, 3600)),
                ("expired-token".to_owned(), signer.sign(-3600, -1800)),
            ]
            .into(),
            issuer: None,
        };
        Self { secured, _broker: broker, folder }
    }
}

impl Drop for SecuredTestBroker {
    fn drop(&mut self) {
        // What is left of them in a folder for temporary files harms nobody.
        _ = fs::remove_dir_all(&self.folder);
    }
}

fn users() -> [(&'static str, &'static str); 3] {
    [("PLAIN", "alice-plain"), ("SCRAM-SHA-256", "alice-256"), ("SCRAM-SHA-512", "alice-512")]
}

fn passwords() -> SaslConfig {
    let [(_, plain), (_, sha256), (_, sha512)] = users();
    SaslConfig::new()
        .plain_user("alice", plain)
        .scram_user(ScramMechanism::Sha256, "alice", sha256)
        .scram_user(ScramMechanism::Sha512, "alice", sha512)
}

fn tls(leaf: &Leaf) -> TlsConfig {
    TlsConfig::from_pem(&leaf.certificate, &leaf.key).expect("a certificate with its key")
}

fn listeners(
    ca: &Authority,
    other: &Authority,
    signer: &Signer,
) -> Vec<(ListenerConfig, (&'static str, Door))> {
    let good = || tls(&ca.sign(LOOPBACK));
    let mutual =
        || good().client_certificates(ClientCertificates::required(&ca.certificate).expect("an authority"));
    let unsecured = || SaslConfig::new().tokens(TokenPolicy::unsecured());
    let keys = || KeySet::from_json(&signer.keys()).expect("keys");
    let signed = || TokenPolicy::signed(keys());
    let all = || passwords().tokens(signed());
    let only_signed = || SaslConfig::new().tokens(signed());
    let open = |name| ListenerConfig::new(name);
    let bad =
        |name, leaf: Leaf| (open(name).tls(tls(&leaf)), (name, Door { is_good: false, ..door("SSL", &[]) }));
    let wants = |door| Door { wants_client_certificate: true, ..door };
    let with = |door, tokens: &str| Door { tokens: Some(tokens.to_owned()), ..door };
    let by_password: &[&str] = &["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];
    let every: &[&str] = &["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"];
    let by_token: &[&str] = &["OAUTHBEARER"];
    vec![
        (open("plaintext"), ("plaintext", door("PLAINTEXT", &[]))),
        (open("sasl-plaintext").sasl(passwords()), ("sasl-plaintext", door("SASL_PLAINTEXT", by_password))),
        (open("ssl").tls(good()), ("ssl", door("SSL", &[]))),
        (open("mtls").tls(mutual()), ("mtls", wants(door("SSL", &[])))),
        (open("sasl-ssl").sasl(passwords()).tls(good()), ("sasl-ssl", door("SASL_SSL", by_password))),
        (
            open("sasl-mtls").sasl(passwords()).tls(mutual()),
            ("sasl-mtls", wants(door("SASL_SSL", by_password))),
        ),
        (
            open("oauth-unsecured").sasl(unsecured()),
            ("oauth-unsecured", with(door("SASL_PLAINTEXT", by_token), "unsecured")),
        ),
        (
            open("oauth-unsecured-ssl").sasl(unsecured()).tls(good()),
            ("oauth-unsecured-ssl", with(door("SASL_SSL", by_token), "unsecured")),
        ),
        (
            open("oauth-file").sasl(only_signed()),
            ("oauth-file", with(door("SASL_PLAINTEXT", by_token), "signed")),
        ),
        (
            open("oauth-file-ssl").sasl(only_signed()).tls(good()),
            ("oauth-file-ssl", with(door("SASL_SSL", by_token), "signed")),
        ),
        (
            open("reauth").sasl(all().connections_max_reauth(SESSION)),
            ("reauth", with(door("SASL_PLAINTEXT", every), "signed")),
        ),
        (
            open("all-mechanisms").sasl(all()),
            ("all-mechanisms", with(door("SASL_PLAINTEXT", every), "signed")),
        ),
        bad("ssl-expired", ca.sign_expired(LOOPBACK)),
        bad("ssl-not-yet-valid", ca.sign_not_yet_valid(LOOPBACK)),
        bad("ssl-wrong-host", ca.sign(&["elsewhere.invalid"])),
        bad("ssl-wrong-ca", other.sign(LOOPBACK)),
    ]
}

fn door(security_protocol: &str, mechanisms: &[&str]) -> Door {
    Door {
        bootstrap_servers: String::new(),
        security_protocol: security_protocol.to_owned(),
        mechanisms: mechanisms.iter().map(|name| (*name).to_owned()).collect(),
        tokens: None,
        wants_client_certificate: false,
        is_good: true,
    }
}

fn files(folder: &Path, ca: &Authority, other: &Authority) -> TlsFiles {
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).expect("a file");
        path
    };
    let client = |name: &str, leaf: Leaf| {
        let certificate = write(&format!("{name}.pem"), &leaf.certificate);
        (name.to_owned(), (certificate, write(&format!("{name}.key"), &leaf.key)))
    };
    TlsFiles {
        ca: write("ca.pem", &ca.certificate),
        other_ca: write("other-ca.pem", &other.certificate),
        clients: [
            client("client", ca.sign(&["client.invalid"])),
            client("client-expired", ca.sign_expired(&["client.invalid"])),
            client("client-wrong-ca", other.sign(&["client.invalid"])),
        ]
        .into(),
    }
}
