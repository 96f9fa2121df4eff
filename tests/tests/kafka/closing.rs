//! A producer that closes on a real Kafka: what it says was written is there, what it hands back as not written is not.

use std::collections::BTreeSet;
use std::time::Duration;

use ottla_client::{Client, Compression, Record};
use ottla_tests::clients::{assigned, consume};
use ottla_tests::real_kafka::RealKafka;

const RECORDS: usize = 20_000;

/// Closes with that much time while records are under way, sends what came back as not written again, and reads all.
async fn close_after(kafka: &RealKafka, compression: Compression, time: Duration) {
    let topic = kafka.topic("closing", 3);
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
    again.close(Duration::MAX).await.expect("all is resolved");
    let certain = acknowledged.len() + not_written.len();
    let received = consume(&assigned(&client, &topic).await, certain).await;
    let values: BTreeSet<_> = received.iter().filter_map(|received| received.content.value.clone()).collect();
    assert_eq!(values.len(), received.len(), "nothing is there twice");
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
