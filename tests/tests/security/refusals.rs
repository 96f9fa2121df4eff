//! Every way to be refused has a kind of its own, comes in time, says what to check and no secret, and is not tried
//! again for ever.

use ottla_client::sasl::{OAuthBearer, Plain, SaslErrorKind, Scram, ScramMechanism};
use ottla_client::{Client, ClientBuilder, ClientError, ClientErrorKind, ConnectErrorKind};
use ottla_tests::secured::Secured;
use std::time::{Duration, Instant};

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

async fn refusal(cluster: &Secured, case: &Case) -> (ClientError, Duration) {
    let door = cluster.door(case.door);
    let builder = Client::builder(&door.bootstrap_servers)
        .connection_timeout(TIMEOUT)
        .authentication_timeout(TIMEOUT)
        .request_timeout(TIMEOUT);
    let before = Instant::now();
    match (case.enter)(builder, cluster).connect().await {
        Ok(_) => panic!("{}: it was let in", case.name),
        Err(error) => (error, before.elapsed()),
    }
}

async fn each_is_refused(cluster: &Secured, cases: &[Case]) {
    let mut failures = Vec::new();
    for case in cases {
        let (error, after) = refusal(cluster, case).await;
        let text = format!("{error:?}");
        println!("{:40} {text}", case.name);
        let good = *error.kind() == ClientErrorKind::Connect(case.kind)
            && !error.is_retriable()
            && text.contains(case.says)
            && !text.contains(SECRET)
            && after < 2 * TIMEOUT;
        if !good {
            failures.push(format!("{}: {:?} after {after:?}: {text}", case.name, error.kind()));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn kafka_refuses_credentials_by_kind() {
    each_is_refused(&Secured::kafka(), OF_CREDENTIALS).await;
}
