//! A long run through each compression: nothing lost, nothing twice, each key's records in order.

use ottla_client::{Client, Compression};
use ottla_tests::clients::{assigned, consume, produce};
use ottla_tests::real_kafka::RealKafka;
use ottla_tests::workload::{check, keyed};
use std::time::Instant;

async fn many(kafka: &RealKafka, compression: Compression, count: usize) {
    let topic = kafka.topic(&format!("many-{compression}"), 6);
    let began = Instant::now();
    let client = Client::builder(kafka.bootstrap_servers()).connect().await.expect("Kafka is up");
    let producer = client.producer().compression(compression).build().expect("a producer");
    let sent = keyed(count);
    produce(&producer, &topic, &sent).await;
    let produced = began.elapsed();
    let consumer = assigned(&client, &topic).await;
    let received = consume(&consumer, count).await;
    println!("{compression}: {count} records produced after {produced:?}, read after {:?}", began.elapsed());
    check(&sent, &received);
    client.close().await;
}

macro_rules! each_compression {
    ($($name:ident: $compression:ident;)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        #[ignore = "needs a real Kafka: cargo xtask test"]
        async fn $name() {
            many(&RealKafka::three(), Compression::$compression, 100_000).await;
        }
    )*};
}

each_compression! {
    a_hundred_thousand_records_come_back_in_order_uncompressed: None;
    a_hundred_thousand_records_come_back_in_order_through_gzip: Gzip;
    a_hundred_thousand_records_come_back_in_order_through_snappy: Snappy;
    a_hundred_thousand_records_come_back_in_order_through_lz4: Lz4;
    a_hundred_thousand_records_come_back_in_order_through_zstd: Zstd;
}
