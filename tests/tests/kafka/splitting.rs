//! What a broker does not take whole: batches over the topic's limit are split, invalid records leave the others alone.

use ottla_client::{Client, Compression, ProduceErrorKind, Record, SendError};
use ottla_protocol::error_code::ErrorCode;
use ottla_tests::clients::{assigned, consume, produce};
use ottla_tests::real_kafka::RealKafka;
use ottla_tests::workload::{check, keyed};
use std::time::Duration;

const CODECS: [Compression; 3] = [Compression::None, Compression::Gzip, Compression::Lz4];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn records_come_back_from_a_topic_that_takes_small_batches() {
    let kafka = RealKafka::one();
    let sent = keyed(20_000);
    let client = Client::builder(kafka.bootstrap_servers()).connect().await.expect("Kafka is up");
    for compression in CODECS {
        for idempotent in [true, false] {
            let configs = [("max.message.bytes", "2000")];
            let topic = kafka.topic_with(&format!("small-batches-{compression}"), 3, &configs);
            let producer = client.producer().compression(compression).linger(Duration::from_millis(5));
            let producer = producer.batch_size(500_000).enable_idempotence(idempotent);
            // Without idempotence order is only kept with one request under way.
            let in_flight = if idempotent { 5 } else { 1 };
            let producer = producer.max_in_flight(in_flight);
            let producer = producer.build().expect("a producer");
            produce(&producer, &topic, &sent).await;
            producer.close(Duration::MAX).await.expect("all is resolved");
            assert_eq!(producer.buffered_bytes(), 0);
            let received = consume(&assigned(&client, &topic).await, sent.len()).await;
            check(&sent, &received);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn of_a_batch_with_invalid_records_only_these_fail() {
    let kafka = RealKafka::one();
    let client = Client::builder(kafka.bootstrap_servers()).connect().await.expect("Kafka is up");
    for compression in CODECS {
        let configs = [("cleanup.policy", "compact")];
        let topic = kafka.topic_with(&format!("compacted-{compression}"), 1, &configs);
        let producer = client.producer().compression(compression).linger(Duration::from_millis(5));
        let producer = producer.build().expect("a producer");
        // A new topic's leader may answer the first attempt so that nobody can tell whether it was written.
        producer.send(Record::to(&topic).key("first").value("first")).await.expect("written");
        let is_invalid = |number: usize| matches!(number % 10, 3 | 4);
        let mut deliveries = Vec::new();
        for number in 0..200 {
            let (key, value) = (format!("key {number}"), format!("value {number}"));
            let mut record = Record::to(&topic).value(&value);
            if !is_invalid(number) {
                record = record.key(&key);
            }
            deliveries.push(producer.enqueue(record).await.expect("queued"));
        }
        let mut next_offset = 1;
        for (number, delivery) in deliveries.into_iter().enumerate() {
            match delivery.await {
                Ok(sent) => {
                    assert!(!is_invalid(number));
                    assert_eq!(sent.offset, Some(next_offset));
                    next_offset += 1;
                }
                Err(error) => {
                    assert!(is_invalid(number), "{number}: {error}");
                    println!("{error}");
                    let SendError::NotDelivered { error, .. } = error else { panic!("{error}") };
                    assert_eq!(error.kind(), ProduceErrorKind::Refused(ErrorCode::INVALID_RECORD));
                    assert!(error.message().is_some(), "{error}");
                }
            }
        }
        assert_eq!(next_offset, 161);
    }
}
