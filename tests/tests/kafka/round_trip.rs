//! What a producer sends, a consumer reads: every record once, in order, as it was.

use std::time::Duration;

use ottla_client::{Client, Compression};
use ottla_tests::clients::{assigned, consume, produce};
use ottla_tests::real_kafka::RealKafka;
use ottla_tests::workload::{check, keyed};

async fn round_trip(kafka: &RealKafka, compression: Compression, partitions: i32, count: usize) {
    let topic = kafka.topic(&format!("round-trip-{compression}"), partitions);
    let client = Client::builder(kafka.bootstrap_servers()).connect().await.expect("Kafka is up");
    let producer = client.producer().compression(compression).build().expect("a producer");
    let sent = keyed(count);
    produce(&producer, &topic, &sent).await;
    producer.close(Duration::MAX).await.expect("all is resolved");
    let consumer = assigned(&client, &topic).await;
    let received = consume(&consumer, count).await;
    check(&sent, &received);
    client.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn records_come_back_from_one_node_with_every_compression() {
    for compression in Compression::ALL {
        round_trip(&RealKafka::one(), compression, 3, 2_000).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn records_come_back_from_three_nodes_with_every_compression() {
    for compression in Compression::ALL {
        round_trip(&RealKafka::three(), compression, 6, 2_000).await;
    }
}
