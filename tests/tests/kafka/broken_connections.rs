//! Connections that break at any byte: an idempotent producer still writes every record once and in order, and a
//! consumer still reads every record once.

use ottla_client::{Client, Compression, OffsetReset, TopicPartition};
use ottla_tests::breaking::Breaking;
use ottla_tests::clients::{consume, produce};
use ottla_tests::real_kafka::RealKafka;
use ottla_tests::workload::{check, keyed};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn an_idempotent_producer_writes_every_record_once_over_connections_that_break() {
    let kafka = RealKafka::three();
    let topic = kafka.topic("broken-connections", 6);
    let breaking = Breaking::new(20_000);
    let client = Client::builder(kafka.bootstrap_servers())
        .connector(breaking.clone())
        .retry_backoff(Duration::from_millis(5), Duration::from_millis(50))
        .connect()
        .await;
    let client = client.expect("Kafka is up");
    let producer =
        client.producer().compression(Compression::Lz4).batch_size(4_000).build().expect("a producer");
    let sent = keyed(20_000);
    produce(&producer, &topic, &sent).await;
    let while_producing = breaking.made();
    // Answers that get through more often than not.
    let consumer = client
        .consumer_without_group()
        .assign((0..6).map(|number| TopicPartition::new(topic.as_str(), number)))
        .auto_offset_reset(OffsetReset::Earliest)
        .fetch_max_bytes(8_000)
        .max_partition_fetch_bytes(4_000)
        .build()
        .expect("a consumer");
    let received = consume(&consumer, sent.len()).await;
    println!("{while_producing} connections to produce, {} in all", breaking.made());
    assert!(while_producing > 20 && breaking.made() > while_producing + 20, "connections did break");
    check(&sent, &received);
    client.close().await;
}
