//! A test broker with a listener for every way in, and the files that clients need to use them.

use ottla_protocol::api::ApiKey;
use ottla_testbroker::journal::JournalEvent;
use ottla_testbroker::{
    ClientCertificates, CloseReason, ConnectionId, DelegationToken, KeySet, ListenerConfig, SaslConfig,
    ScramMechanism, TestBroker, TestBrokerBuilder, TlsConfig, TlsVersion, TokenPolicy,
};
use ottla_tests::real_kafka::unique;
use ottla_tests::secured::pki::{Authority, Leaf};
use ottla_tests::secured::tokens::Signer;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::runtime::Runtime;

pub const AUDIENCE: &str = "kafka";
pub const DELEGATION_TOKEN: [&str; 2] = ["the-tokens-id", "dGhlIHRva2VucyBITUFD"];
pub const USERS: [&str; 2] = ["alice", "o=brien, bob"];
const HOSTS: [&str; 2] = ["127.0.0.1", "localhost"];

/// A mechanism's name and what its passwords end in, so that a login shows which one was used.
pub const PASSWORDS: [(&str, &str); 3] =
    [("PLAIN", "plain"), ("SCRAM-SHA-256", "scram-256"), ("SCRAM-SHA-512", "scram-512")];

pub struct SecuredBroker {
    pub broker: TestBroker,
    pub folder: PathBuf,
    /// Serves the broker while the test's own thread waits for programs.
    _runtime: Runtime,
}

impl SecuredBroker {
    /// With all listeners, and a session lifetime for the one named `reauth`.
    pub fn start(session_lifetime: Duration) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(unique("secured"));
        fs::create_dir_all(&folder).expect("a folder");
        let builder = TestBroker::builder().nodes(2).cluster(|cluster| cluster.journal(true));
        let builder = listeners(builder, &Material::new(&folder), session_lifetime);
        let runtime = Runtime::new().expect("threads for a runtime");
        let broker = runtime.block_on(builder.start()).expect("free ports");
        broker.create_topic("witness", 1).expect("a new topic");
        Self { broker, folder, _runtime: runtime }
    }

    pub fn bootstrap_servers(&self, listener: &str) -> String {
        self.broker.bootstrap_servers_by(listener).expect("such a listener")
    }

    pub fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// How often connections have logged in, and how many connections were closed because they did not log in again.
    pub fn logins(&self) -> (BTreeMap<ConnectionId, usize>, usize) {
        let (mut logins, mut expired) = (BTreeMap::new(), 0);
        let journal = self.broker.with_cluster(|cluster, _| cluster.journal().cloned());
        for entry in journal.expect("it keeps one").entries() {
            match &entry.event {
                JournalEvent::RequestReceived { request, api: ApiKey::SASL_HANDSHAKE, .. } => {
                    *logins.entry(request.connection).or_default() += 1;
                }
                JournalEvent::ClientDisconnected { reason: Some(CloseReason::SessionExpired), .. } => {
                    expired += 1
                }
                _ => {}
            }
        }
        (logins, expired)
    }
}

impl Drop for SecuredBroker {
    fn drop(&mut self) {
        // What is left does no harm.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Certificates and keys, of which the folder has what clients need.
struct Material {
    authority: Authority,
    other: Authority,
    signer: Signer,
}

impl Material {
    fn new(folder: &Path) -> Self {
        let (authority, other) = (Authority::new("ottla test authority"), Authority::new("another"));
        let signer = Signer::default();
        let write = |name: &str, text: &str| fs::write(folder.join(name), text).expect("written");
        write("ca.pem", &authority.certificate);
        write("other-ca.pem", &other.certificate);
        for (name, Leaf { certificate, key }) in [
            ("client", authority.sign(&["client"])),
            ("client-expired", authority.sign_expired(&["client"])),
            ("client-wrong-ca", other.sign(&["client"])),
        ] {
            write(&format!("{name}.store.pem"), &format!("{key}{certificate}"));
            write(&format!("{name}.pem"), &certificate);
            write(&format!("{name}.key"), &key);
        }
        write("token", &signer.sign_for(AUDIENCE, -10, 3600));
        write("expired-token", &signer.sign_for(AUDIENCE, -3600, -1800));
        write("wrong-audience-token", &signer.sign_for("another", -10, 3600));
        write("unknown-key-token", &Signer::default().sign_for(AUDIENCE, -10, 3600));
        Self { authority, other, signer }
    }

    fn tls(&self, certificate: &Leaf) -> TlsConfig {
        TlsConfig::from_pem(&certificate.certificate, &certificate.key).expect("a certificate with its key")
    }
}

fn listeners(builder: TestBrokerBuilder, made: &Material, session_lifetime: Duration) -> TestBrokerBuilder {
    let tls = made.tls(&made.authority.sign(&HOSTS));
    let required = ClientCertificates::required(&made.authority.certificate).expect("PEM");
    let mutual = tls.clone().client_certificates(required);
    let requested = ClientCertificates::requested(&made.authority.certificate).expect("PEM");
    let keys = KeySet::from_json(&made.signer.keys()).expect("a key");
    let unsecured = SaslConfig::new().tokens(TokenPolicy::unsecured().required_scope("kafka"));
    let signed = TokenPolicy::signed(keys).expected_audience(AUDIENCE);
    let with_tokens = SaslConfig::new().tokens(signed.clone());
    let everything = passwords().tokens(signed);
    let named = ListenerConfig::new;
    [
        named("plaintext"),
        named("sasl-plaintext").sasl(passwords()),
        named("ssl").tls(tls.clone()),
        named("ssl-1.2").tls(tls.clone().versions(&[TlsVersion::V1_2])),
        named("ssl-1.3").tls(tls.clone().versions(&[TlsVersion::V1_3])),
        named("mtls").tls(mutual.clone()),
        named("mtls-requested").tls(tls.clone().client_certificates(requested)),
        named("sasl-ssl").sasl(passwords()).tls(tls.clone()),
        named("sasl-mtls").sasl(passwords()).tls(mutual),
        named("oauth-unsecured").sasl(unsecured.clone()),
        named("oauth-unsecured-ssl").sasl(unsecured).tls(tls.clone()),
        named("oauth").sasl(with_tokens.clone()),
        named("oauth-ssl").sasl(with_tokens).tls(tls.clone()),
        named("reauth").sasl(everything.clone().connections_max_reauth(session_lifetime)),
        named("reauth-ssl").sasl(everything.clone().connections_max_reauth(session_lifetime)).tls(tls),
        named("all-mechanisms").sasl(everything),
        named("ssl-expired").tls(made.tls(&made.authority.sign_expired(&HOSTS))),
        named("ssl-not-yet-valid").tls(made.tls(&made.authority.sign_not_yet_valid(&HOSTS))),
        named("ssl-wrong-host").tls(made.tls(&made.authority.sign(&["elsewhere.invalid"]))),
        named("ssl-wrong-ca").tls(made.tls(&made.other.sign(&HOSTS))),
    ]
    .into_iter()
    .fold(builder, TestBrokerBuilder::listener)
}

fn passwords() -> SaslConfig {
    let [id, hmac] = DELEGATION_TOKEN;
    let mut sasl = SaslConfig::new().delegation_token(DelegationToken::new(id, hmac, "alice"));
    for user in USERS {
        sasl = sasl.plain_user(user, &format!("{user}-plain"));
        sasl = sasl.scram_user(ScramMechanism::Sha256, user, &format!("{user}-scram-256"));
        // Not Kafka's least, so that clients are seen to count.
        let password = format!("{user}-scram-512");
        sasl = sasl.scram_user_with_iterations(ScramMechanism::Sha512, user, &password, 8192);
    }
    sasl
}
