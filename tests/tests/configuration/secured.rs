//! Properties against a broker with locked doors: those that Java's clients and librdkafka's get in with get in here.

use std::fs;
use std::path::{Path, PathBuf};

use ottla_client::config::Config;
use ottla_testbroker::{
    ClientCertificates, ListenerConfig, Mechanism, SaslConfig, ScramMechanism, TestBroker, TlsConfig,
    TokenPolicy,
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

struct Doors {
    broker: TestBroker,
    files: PathBuf,
}

impl Doors {
    /// With certificates in a folder of its own.
    async fn new(folder: &str) -> Self {
        let files = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
        fs::create_dir_all(&files).expect("a folder");
        let write = |name: &str, text: &str| fs::write(files.join(name), text).expect("written");
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new([]).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = params.self_signed(&key).expect("a certificate").pem();
        let issuer = Issuer::new(params, key);
        let sign = |host: &str| {
            let params = CertificateParams::new([host.to_owned()]).expect("a name");
            let key = KeyPair::generate().expect("a key");
            (params.signed_by(&key, &issuer).expect("a certificate").pem(), key.serialize_pem())
        };
        let ((client, client_key), (broker, broker_key)) = (sign("client"), sign("elsewhere.invalid"));
        write("ca.pem", &authority);
        write("client.pem", &client);
        write("client.key", &client_key);
        write("client.store.pem", &format!("{client_key}{client}"));
        // Nobody dials it by the name in its certificate.
        let misnamed = TlsConfig::from_pem(&broker, &broker_key).expect("a certificate with its key");
        let (broker, broker_key) = sign("127.0.0.1");
        let tls = TlsConfig::from_pem(&broker, &broker_key).expect("a certificate with its key");
        let required = ClientCertificates::required(&authority).expect("an authority");
        let sasl = SaslConfig::new()
            .enable(Mechanism::Plain)
            .plain_user("alice", "say \"please\"")
            .scram_user(ScramMechanism::Sha256, "alice", "256")
            .scram_user(ScramMechanism::Sha512, "alice", "512")
            .tokens(TokenPolicy::unsecured().required_scope("kafka"));
        let broker = TestBroker::builder()
            .listener(ListenerConfig::new("sasl").sasl(sasl.clone()))
            .listener(ListenerConfig::new("sasl-ssl").sasl(sasl).tls(tls.clone()))
            .listener(ListenerConfig::new("misnamed").tls(misnamed))
            .listener(ListenerConfig::new("mtls").tls(tls.client_certificates(required)));
        Self { broker: broker.start().await.expect("free ports"), files }
    }

    /// Connects with these lines, in which `$F` is the folder of certificates.
    async fn try_to_enter(&self, door: &str, lines: &str) -> Result<(), String> {
        let servers = self.broker.bootstrap_servers_by(door).expect("there is such a listener");
        let lines = lines.replace("$F", self.files.to_str().expect("UTF-8"));
        let text = format!("bootstrap.servers={servers}\nsocket.connection.setup.timeout.ms=5000\n{lines}");
        let config = Config::parse(&text).map_err(|error| error.to_string())?;
        let client = config.client().map_err(|error| error.to_string())?;
        // With its causes.
        client.connect().await.map(drop).map_err(|error| format!("{error:?}"))
    }
}

const PLAIN: &str = "sasl.mechanism=PLAIN\nsasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule \
    required \\\n  username=\"alice\" \\\n  password=\"say \\\\\"please\\\\\"\";";
const SCRAM: &str = "sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required";
const TOKEN: &str = "sasl.mechanism=OAUTHBEARER\nsasl.jaas.config=\
    org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required \
    unsecuredLoginStringClaim_sub=\"alice\" unsecuredLoginStringClaim_scope=\"kafka\";";

#[tokio::test]
async fn properties_of_java_and_of_librdkafka_open_the_doors_they_are_for() {
    let doors = Doors::new("doors_that_open").await;
    let rows: [(&str, String); 13] = [
        ("sasl", format!("security.protocol=SASL_PLAINTEXT\n{PLAIN}")),
        ("sasl", "security.protocol=sasl_plaintext\nsasl.mechanisms=PLAIN\nsasl.username=alice\nsasl.password=say \"please\"".to_owned()),
        ("sasl", format!("security.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-256\n{SCRAM} username=alice password=\"256\";")),
        ("sasl", "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-512\nsasl.username=alice\nsasl.password=512".to_owned()),
        ("sasl", format!("security.protocol=SASL_PLAINTEXT\n{TOKEN}")),
        (
            "sasl",
            "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=OAUTHBEARER\nenable.sasl.oauthbearer.unsecure.jwt=true\n\
             sasl.oauthbearer.config=principal=alice scope=kafka"
                .to_owned(),
        ),
        (
            "sasl-ssl",
            format!("security.protocol=SASL_SSL\nssl.truststore.type=PEM\nssl.truststore.location=$F/ca.pem\n{PLAIN}"),
        ),
        ("sasl-ssl", format!("security.protocol=SASL_SSL\nssl.ca.location=$F/ca.pem\nssl.enabled.protocols=TLSv1.2\n{PLAIN}")),
        ("sasl-ssl", format!("security.protocol=SASL_SSL\nenable.ssl.certificate.verification=false\n{PLAIN}")),
        (
            "mtls",
            "security.protocol=SSL\nssl.truststore.type=PEM\nssl.truststore.location=$F/ca.pem\nssl.keystore.type=PEM\n\
             ssl.keystore.location=$F/client.store.pem"
                .to_owned(),
        ),
        (
            "mtls",
            "security.protocol=ssl\nssl.ca.location=$F/ca.pem\nssl.certificate.location=$F/client.pem\n\
             ssl.key.location=$F/client.key"
                .to_owned(),
        ),
        ("mtls", inline(&doors)),
        ("misnamed", "security.protocol=SSL\nssl.ca.location=$F/ca.pem\nssl.endpoint.identification.algorithm=".to_owned()),
    ];
    for (door, lines) in rows {
        assert_eq!(doors.try_to_enter(door, &lines).await, Ok(()), "{door}: {lines}");
    }
}

/// Certificates in the text, in one line each, as in a file for Java.
fn inline(doors: &Doors) -> String {
    let read = |name: &str| {
        fs::read_to_string(doors.files.join(name)).expect("it was written").replace('\n', " \\\n  ")
    };
    format!(
        "security.protocol=SSL\nssl.truststore.type=PEM\nssl.truststore.certificates={}\nssl.keystore.type=PEM\n\
         ssl.keystore.certificate.chain={}\nssl.keystore.key={}\n",
        read("ca.pem").trim_end_matches([' ', '\\', '\n']),
        read("client.pem").trim_end_matches([' ', '\\', '\n']),
        read("client.key").trim_end_matches([' ', '\\', '\n']),
    )
}

#[tokio::test]
async fn doors_stay_shut_for_what_is_wrong_and_the_text_says_what() {
    let doors = Doors::new("doors_that_stay_shut").await;
    let check = async |door: &str, lines: &str, expected: &str| {
        let error = doors.try_to_enter(door, lines).await.expect_err(lines);
        assert!(error.contains(expected), "{lines}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    };
    let sasl =
        "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.username=alice\nsasl.password=hunter2";
    check("sasl", sasl, "PLAIN").await;
    let tls = "security.protocol=SSL\nssl.ca.location=$F/ca.pem";
    check("misnamed", tls, "elsewhere.invalid").await;
    check("mtls", tls, "client certificate").await;
    check("mtls", "security.protocol=SSL\nssl.ca.location=$F/no.pem", "no.pem").await;
    check("mtls", "security.protocol=SSL", "ssl.truststore.location").await;
    check(
        "mtls",
        &format!("{tls}\nssl.certificate.location=$F/client.pem\nssl.key.location=$F/ca.pem"),
        "ca.pem",
    )
    .await;
    check("mtls", "security.protocol=SSL\nssl.ca.pem=hunter2", "security.protocol: ").await;
}
