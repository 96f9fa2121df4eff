//! A producer that closes on a real Kafka: what it says was written is there, what it hands back as not written is not.

use std::collections::BTreeSet;
use std::time::Duration;

use ottla_client::{Client, Compression, Record};
use ottla_tests::clients::{assigned, contents};
use ottla_tests::real_kafka::RealKafka;
use tokio::time::timeout;

const RECORDS: usize = 20_000;
const PARTITIONS: i32 = 3;
/// The last record of each partition.
const LAST: &str = "last";

/// All values before the last ones, none of which is there twice.
async fn read_all(client: &Client, topic: &str) -> BTreeSet<String> {
    let consumer = assigned(client, topic).await;
    let (mut values, mut ended) = (BTreeSet::new(), 0);
    while ended < PARTITIONS {
        let next = timeout(Duration::from_secs(60), consumer.next_batch()).await.expect("more");
        let batch = next.expect("no error").expect("the consumer is open");
        for received in contents(&batch) {
            let value = received.content.value.expect("a value");
            match value == LAST {
                true => ended += 1,
                false => assert!(values.insert(value), "nothing is there twice"),
            }
        }
    }
    values
}

/// Closes with that much time while records are under way, sends what came back as not written again, and reads all.
async fn close_after(kafka: &RealKafka, compression: Compression, time: Duration) {
    let topic = kafka.topic("closing", PARTITIONS);
    let client = Client::builder(kafka.bootstrap_servers()).connect().await.expect("Kafka is up");
    let producer = client.producer().compression(compression).batch_size(4096).build().expect("a producer");
    let mut deliveries = Vec::new();
    for number in 0..RECORDS {
        let value = number.to_string();
        let record = Record::to(&topic).key(&value).value(&value).header("h", &value);
        deliveries.push(producer.enqueue(record).await.expect("queued"));
    }
    let (mut not_written, mut unclear) = (Vec::new(), BTreeSet::new());
    if let Err(undelivered) = producer.close(time).await {
        for undelivered in undelivered {
            match undelivered.is_perhaps_written {
                true => _ = unclear.insert(undelivered.record.value.expect("a value")),
                false => not_written.push(undelivered.record),
            }
        }
    }
    let ends = deliveries.iter().map(|delivery| delivery.try_result().expect("resolved"));
    let (acknowledged, failed): (Vec<_>, Vec<_>) = ends.partition(Result::is_ok);
    println!(
        "{} acknowledged, {} not written, {} unclear",
        acknowledged.len(),
        not_written.len(),
        unclear.len()
    );
    assert_eq!(failed.len(), not_written.len() + unclear.len());
    let perhaps = failed.iter().filter(|end| end.as_ref().is_err_and(|error| error.is_perhaps_written()));
    assert_eq!(perhaps.count(), unclear.len());

    let again = client.producer().build().expect("a producer");
    for record in &not_written {
        drop(again.enqueue(record).await.expect("queued"));
    }
    // Requests that were under way went before, on the same connections: they lie before these.
    again.flush().await;
    for partition in 0..PARTITIONS {
        again.send(Record::to(&topic).partition(partition).key(LAST).value(LAST)).await.expect("delivered");
    }
    again.close(Duration::MAX).await.expect("all is resolved");
    let values = read_all(&client, &topic).await;
    for number in 0..RECORDS {
        let value = number.to_string();
        assert!(values.contains(&value) || unclear.contains(value.as_bytes()), "{number} is missing");
    }
    client.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn what_a_closed_producer_hands_back_as_not_written_is_not_there() {
    for kafka in [RealKafka::one(), RealKafka::three()] {
        for (compression, ms) in [(Compression::None, 0), (Compression::Lz4, 0), (Compression::Zstd, 3)] {
            close_after(&kafka, compression, Duration::from_millis(ms)).await;
        }
        close_after(&kafka, Compression::None, Duration::MAX).await;
    }
}
