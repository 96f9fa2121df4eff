//! Credentials that were good and are no more: whoever needs a new connection is told at once and by kind, and brokers
//! are not asked over and over.

use ottla_client::sasl::{CredentialsProvider, Mechanism, Plain, Providing, SaslErrorKind};
use ottla_client::{Client, ConnectErrorKind, OffsetReset, Record, RequestError};
use ottla_tests::real_kafka::unique;
use ottla_tests::secured::{Secured, SecuredTestBroker};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::timeout;

const REFUSED: ConnectErrorKind = ConnectErrorKind::Authentication(SaslErrorKind::CredentialsRefused);

/// A password that can be withdrawn, and how often it was asked for.
#[derive(Clone, Debug)]
struct Withdrawable {
    password: String,
    withdrawn: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
}

impl CredentialsProvider for Withdrawable {
    fn mechanism<'a>(&'a self, _host: &'a str) -> Providing<'a> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let is_withdrawn = self.withdrawn.load(Ordering::Relaxed);
        let password = if is_withdrawn { "withdrawn" } else { &self.password };
        let plain = Plain::new("alice", password).map(|plain| Arc::new(plain) as Arc<dyn Mechanism>);
        Box::pin(std::future::ready(plain))
    }
}

/// The kind of failed connection that an error comes from.
fn cause(error: &(dyn Error + 'static)) -> Option<ConnectErrorKind> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(RequestError::Connect(error)) = error.downcast_ref() {
            return Some(error.kind());
        }
        next = error.source();
    }
    None
}

async fn told_at_once_and_not_tried_for_ever(cluster: &Secured) {
    let credentials = Withdrawable {
        password: cluster.password("PLAIN").to_owned(),
        withdrawn: Arc::default(),
        asked: Arc::default(),
    };
    let builder =
        Client::builder(&cluster.door("all-mechanisms").bootstrap_servers).sasl_provider(credentials.clone());
    let client = builder.connect().await.expect("it is let in");
    let topic = unique("withdrawn");
    let first = client.producer().build().expect("a producer");
    first.send(Record::to(&topic).value("before")).await.expect("delivered");
    let consumer = client
        .consumer(unique("withdrawn"))
        .subscribe([topic.as_str()])
        .auto_offset_reset(OffsetReset::Earliest)
        .build()
        .expect("a consumer");

    // The consumer needs connections of its own; those of the producer stand.
    credentials.withdrawn.store(true, Ordering::Relaxed);
    let asked = credentials.asked.load(Ordering::Relaxed);
    let error = timeout(Duration::from_secs(5), consumer.next_batch()).await.expect("an answer in time");
    let error = error.expect_err("it is not let in");
    assert_eq!(cause(&error), Some(REFUSED), "{error:?}");
    first.send(Record::to(&topic).value("after")).await.expect("on the connection that stands");
    tokio::time::sleep(Duration::from_secs(3)).await;
    let asked = credentials.asked.load(Ordering::Relaxed) - asked;
    assert!(asked <= 4, "{asked} attempts in three seconds");
    client.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn credentials_withdrawn_from_kafka_are_told_of_and_not_tried_for_ever() {
    told_at_once_and_not_tried_for_ever(&Secured::kafka()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_withdrawn_from_the_test_broker_are_told_of_and_not_tried_for_ever() {
    let broker = SecuredTestBroker::start().await;
    told_at_once_and_not_tried_for_ever(&broker.secured).await;
}
