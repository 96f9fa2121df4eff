//! Sessions that end every few seconds (KIP-368) are renewed under load, and nothing is lost or reordered.

use ottla_client::sasl::{Exchange, Mechanism, SaslError, Scram, ScramMechanism, Start};
use ottla_client::{Client, OffsetReset, Record};
use ottla_tests::real_kafka::unique;
use ottla_tests::secured::{Secured, SecuredTestBroker};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// The sessions of the listener `reauth`.
const SESSION: Duration = Duration::from_secs(5);
/// Records between two looks at the clock.
const ROUND: u64 = 500;

/// A mechanism that counts its exchanges.
#[derive(Clone, Debug)]
struct Counted {
    inner: Scram,
    exchanges: Arc<AtomicUsize>,
}

impl Mechanism for Counted {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn start(&self, start: Start<'_>) -> Result<Box<dyn Exchange>, SaslError> {
        self.exchanges.fetch_add(1, Ordering::Relaxed);
        self.inner.start(start)
    }
}

/// Produces and consumes for so long; how many records there were, and how many exchanges.
async fn under_load(cluster: &Secured, duration: Duration) -> (u64, usize) {
    let inner =
        Scram::new(ScramMechanism::Sha512, "alice", cluster.password("SCRAM-SHA-512")).expect("credentials");
    let mechanism = Counted { inner, exchanges: Arc::default() };
    let builder = Client::builder(&cluster.door("reauth").bootstrap_servers).sasl(mechanism.clone());
    let client = builder.connect().await.expect("it is let in");
    let topic = unique("reauth");
    let producer = client.producer().build().expect("a producer");
    let consumer = client
        .consumer(unique("reauth"))
        .subscribe([topic.as_str()])
        .auto_offset_reset(OffsetReset::Earliest)
        .build()
        .expect("a consumer");

    let produce = async {
        let (start, mut sent) = (Instant::now(), 0);
        while start.elapsed() < duration {
            let mut deliveries = Vec::new();
            for _ in 0..ROUND {
                let value = sent.to_string();
                let record = Record::to(&topic).partition(0).value(&value);
                deliveries.push(producer.enqueue(record).await.expect("a place in the buffer"));
                sent += 1;
            }
            for (at, delivery) in deliveries.into_iter().enumerate() {
                let offset = delivery.await.expect("delivered").offset;
                assert_eq!(offset, Some((sent - ROUND) as i64 + at as i64));
            }
        }
        sent
    };
    let (sent, received) = tokio::sync::watch::channel(None);
    let consume = async {
        let mut next = 0;
        while *received.borrow() != Some(next) {
            let batch = timeout(Duration::from_millis(500), consumer.next_batch()).await;
            let Ok(batch) = batch else { continue };
            for record in &batch.expect("no error").expect("open") {
                assert_eq!(record.value(), Some(next.to_string().as_bytes()));
                next += 1;
            }
        }
    };
    let ((), count) = tokio::join!(consume, async {
        let count = produce.await;
        _ = sent.send(Some(count));
        count
    });
    consumer.close().await.expect("closed");
    producer.close(Duration::MAX).await.expect("all is resolved");
    client.close().await;
    (count, mechanism.exchanges.load(Ordering::Relaxed))
}

async fn nothing_is_lost(cluster: &Secured, duration: Duration) {
    let (records, exchanges) = under_load(cluster, duration).await;
    println!("{records} records and {exchanges} authentications in {duration:?}");
    // One connection to produce, one to fetch, one to the coordinator.
    let renewals = (duration.as_secs() / SESSION.as_secs()) as usize;
    assert!(exchanges >= 3 * renewals, "{exchanges}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn kafka_renews_sessions_under_load() {
    let seconds =
        std::env::var("OTTLA_TEST_REAUTH_SECONDS").map_or(11, |text| text.parse().expect("seconds"));
    nothing_is_lost(&Secured::kafka(), Duration::from_secs(seconds)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_test_broker_renews_sessions_under_load() {
    let broker = SecuredTestBroker::start().await;
    nothing_is_lost(&broker.secured, Duration::from_secs(11)).await;
}
