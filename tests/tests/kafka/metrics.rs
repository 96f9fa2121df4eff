//! What a client counts is what went to Kafka and came back.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ottla_client::metrics::MetricsSnapshot;
use ottla_client::{Client, Compression, OffsetReset, Record, TopicPartition};
use ottla_tests::real_kafka::RealKafka;

const RECORDS: u64 = 1000;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn figures_are_those_of_what_was_written_and_read() {
    let kafka = RealKafka::one();
    let topic = kafka.topic("metrics", 3);
    let told: Arc<Mutex<Vec<MetricsSnapshot>>> = Arc::default();
    let keep = Arc::clone(&told);
    let client = Client::builder(kafka.bootstrap_servers())
        .metrics_reporter(Duration::from_millis(50), move |snapshot: &MetricsSnapshot| {
            keep.lock().expect("no panic").push(snapshot.clone());
        })
        .connect()
        .await
        .expect("Kafka is up");
    let producer = client.producer().compression(Compression::Lz4).build().expect("a producer");
    let value = "coffee ".repeat(20);
    for number in 0..RECORDS {
        let key = number.to_string();
        drop(producer.enqueue(Record::to(&topic).key(&key).value(&value)).await.expect("queued"));
    }
    producer.flush().await;
    let metrics = producer.metrics();
    assert_eq!((metrics.records_queued, metrics.records_acknowledged), (RECORDS, RECORDS));
    assert_eq!((metrics.records_failed, metrics.records_waiting, metrics.records_in_flight), (0, 0, 0));
    assert_eq!(metrics.records_sent, RECORDS + metrics.records_retried);
    assert_eq!(metrics.topics[&*topic].records_acknowledged, RECORDS);
    assert!(metrics.compression_rate().is_some_and(|rate| rate < 0.5), "{metrics:?}");
    assert_eq!(metrics.request_latency.count(), metrics.requests - metrics.requests_failed);

    let partitions: Vec<_> = (0..3).map(|partition| TopicPartition::new(topic.as_str(), partition)).collect();
    let consumer = client.consumer_without_group().assign(partitions);
    let consumer = consumer.auto_offset_reset(OffsetReset::Earliest).build().expect("a consumer");
    let mut read = 0;
    while read < RECORDS {
        read += consumer.next_batch().await.expect("a batch").expect("it is open").len() as u64;
    }
    assert_eq!((read, consumer.metrics().records_consumed), (RECORDS, RECORDS));
    client.close().await;
    let told = told.lock().expect("no panic");
    let acknowledged: u64 = told
        .iter()
        .flat_map(|snapshot| snapshot.delta.producers.values())
        .map(|producer| producer.records_acknowledged)
        .sum();
    assert_eq!(acknowledged, RECORDS, "all reports together");
    let last = told.last().expect("a last report");
    assert!(last.is_last);
    assert!(last.total.connections().bytes_out >= metrics.bytes_sent);
    println!("{:#?}", last.total);
}
