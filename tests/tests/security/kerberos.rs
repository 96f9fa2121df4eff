//! Kerberos tickets, by the system's library: `KRB5_CONFIG` names the realm, `KRB5_CLIENT_KTNAME` the client's key.

use crate::table::round_trip;
use ottla_client::sasl::SaslErrorKind;
use ottla_client::{Client, ClientBuilder, TlsConfig};
use ottla_tests::secured::Secured;
use ottla_transport::{CredentialsProvider, Gssapi};
use std::time::Duration;
use tokio::time::timeout;

fn builder(cluster: &Secured, door: &str) -> ClientBuilder {
    let door = cluster.door(door);
    let builder = Client::builder(&door.bootstrap_servers);
    let tls = || TlsConfig::builder().ca_location(&cluster.tls.ca).build().expect("a good certificate");
    if door.is_tls() { builder.tls(tls()) } else { builder }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka with GSSAPI: cargo xtask test"]
async fn kafka_takes_tickets() {
    let cluster = Secured::kafka();
    let password = || Gssapi::new().principal("bob@TEST.LOCAL").password("bob-gssapi");
    for door in ["gssapi", "gssapi-ssl", "all-mechanisms"] {
        let ways = [
            ("keytab, on a thread", builder(&cluster, door).sasl_provider(Gssapi::new())),
            ("keytab, in the task", builder(&cluster, door).sasl(Gssapi::new())),
            (
                "keytab, by principal",
                builder(&cluster, door).sasl_provider(Gssapi::new().principal("client@TEST.LOCAL")),
            ),
        ];
        for (name, builder) in ways {
            let result = timeout(Duration::from_secs(30), round_trip(builder)).await;
            println!("{door:20} {name:20} {result:?}");
            assert_eq!(result, Ok(Ok(())), "{door} by {name}");
        }
        // Without the right to produce.
        let connected = builder(&cluster, door).sasl_provider(password()).connect().await;
        connected.expect("bob has a password").close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka with GSSAPI: cargo xtask test"]
async fn who_gets_no_ticket_is_told_why() {
    for (gssapi, host, kind) in [
        (Gssapi::new().service_name("nothing"), "localhost", SaslErrorKind::CredentialsRefused),
        (Gssapi::new(), "nowhere.test", SaslErrorKind::CredentialsRefused),
        (
            Gssapi::new().principal("bob@TEST.LOCAL").password("wr0ng"),
            "localhost",
            SaslErrorKind::CredentialsRefused,
        ),
        (
            Gssapi::new().principal("stranger@TEST.LOCAL").password("wr0ng"),
            "localhost",
            SaslErrorKind::CredentialsRefused,
        ),
        (Gssapi::new().principal("stranger@TEST.LOCAL"), "localhost", SaslErrorKind::CredentialsUnavailable),
    ] {
        let error = gssapi.mechanism(host).await.expect_err("there is no ticket");
        println!("{:?}: {error}", error.kind());
        assert!(!error.to_string().contains("wr0ng"), "{error}");
        assert_eq!(error.kind(), kind, "{error}");
    }
}
