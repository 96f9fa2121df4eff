//! Batches that a broker does not take whole: too large ones are split (KIP-126), invalid records leave the others alone
//! (KIP-467).

use std::time::Duration;

use ottla_client::{Compression, ProduceErrorKind, Producer, Record, SendError};
use ottla_protocol::error_code::ErrorCode;
use ottla_tests::random::Random;

use crate::world::{World, soon, text};

const CODECS: [Compression; 3] = [Compression::None, Compression::Gzip, Compression::Lz4];

/// Texts that compress, but not to nothing.
fn values(count: usize) -> Vec<String> {
    let mut random = Random(7);
    let words =
        |random: &mut Random| (0..12).map(|_| format!("{:x}", random.below(1 << 20))).collect::<Vec<_>>();
    (0..count).map(|number| format!("{number} {}", words(&mut random).join(" and "))).collect()
}

fn stored(world: &World, topic: &str) -> Vec<String> {
    world.records(topic, 0).iter().map(|record| text(record.value.as_deref())).collect()
}

async fn check(producer: &Producer, world: &World, values: &[String]) {
    let mut waiting = Vec::new();
    for (number, value) in values.iter().enumerate() {
        let delivery = producer.enqueue(Record::to("small").value(value)).await.expect("queued");
        // Some wait before it is known that the batch is too large, others look afterwards.
        waiting.push(match number % 2 {
            0 => tokio::spawn(delivery),
            _ => tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                delivery.await
            }),
        });
    }
    for (number, delivery) in (0..).zip(waiting) {
        let sent = soon(delivery).await.expect("no panic").expect("delivered");
        assert_eq!(sent.offset, Some(number));
    }
    soon(producer.flush()).await;
    assert_eq!(producer.buffered_bytes(), 0);
    assert_eq!(stored(world, "small"), values);
}

#[tokio::test(start_paused = true)]
async fn small_records_survive_a_broker_that_takes_small_batches() {
    let values = values(2_000);
    for codec in CODECS {
        for idempotent in [true, false] {
            let world = World::new(1);
            world
                .broker
                .create_topic_with("small", 1, &[("max.message.bytes", "1000")])
                .expect("a new topic");
            let client = world.client().await;
            let producer = client.producer().compression(codec).linger(Duration::from_millis(10));
            let producer = producer.batch_size(100_000).enable_idempotence(idempotent);
            // Without idempotence order is only kept with one request under way.
            let in_flight = if idempotent { 5 } else { 1 };
            let producer = producer.max_in_flight(in_flight);
            check(&producer.build().expect("a producer"), &world, &values).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_batch_that_is_too_large_only_the_record_that_is_too_large_fails() {
    for codec in CODECS {
        let world = World::new(1);
        world.broker.create_topic_with("small", 1, &[("max.message.bytes", "1000")]).expect("a new topic");
        let client = world.client().await;
        let producer =
            client.producer().compression(codec).linger(Duration::from_millis(10)).batch_size(100_000);
        let producer = producer.build().expect("a producer");
        let mut values = values(20);
        values[7] = self::values(300).concat();
        let mut deliveries = Vec::new();
        for value in &values {
            deliveries.push(producer.enqueue(Record::to("small").value(value)).await.expect("queued"));
        }
        for (number, delivery) in deliveries.into_iter().enumerate() {
            match soon(delivery).await {
                Ok(_) => assert_ne!(number, 7),
                Err(error) => {
                    assert_eq!(number, 7, "{error}");
                    let SendError::NotDelivered { error, .. } = error else { panic!("{error}") };
                    assert_eq!(error.kind(), ProduceErrorKind::Refused(ErrorCode::MESSAGE_TOO_LARGE));
                    assert!(error.to_string().contains("exceeds the maximum of 1000"), "{error}");
                }
            }
        }
        values.remove(7);
        assert_eq!(stored(&world, "small"), values);
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_batch_with_invalid_records_only_these_fail() {
    let configs = [("cleanup.policy", "compact")];
    for codec in CODECS {
        let world = World::new(1);
        world.broker.create_topic_with("compacted", 1, &configs).expect("a new topic");
        let client = world.client().await;
        let producer = client.producer().compression(codec).linger(Duration::from_millis(10));
        let producer = producer.build().expect("a producer");
        let values = values(40);
        let is_invalid = |number: usize| matches!(number % 10, 3 | 4);
        let mut deliveries = Vec::new();
        for (number, value) in values.iter().enumerate() {
            let mut record = Record::to("compacted").value(value);
            if !is_invalid(number) {
                record = record.key("k");
            }
            deliveries.push(producer.enqueue(record).await.expect("queued"));
        }
        let mut next_offset = 0;
        for (number, delivery) in deliveries.into_iter().enumerate() {
            match soon(delivery).await {
                Ok(sent) => {
                    assert!(!is_invalid(number));
                    assert_eq!(sent.offset, Some(next_offset));
                    next_offset += 1;
                }
                Err(error) => {
                    assert!(is_invalid(number), "{error}");
                    assert!(!error.is_perhaps_written() && !error.is_retriable());
                    assert!(error.to_string().contains("without key"), "{error}");
                    let SendError::NotDelivered { error, .. } = error else { panic!("{error}") };
                    assert_eq!(error.kind(), ProduceErrorKind::Refused(ErrorCode::INVALID_RECORD));
                }
            }
        }
        let valid = values.iter().enumerate().filter(|(number, _)| !is_invalid(*number));
        assert_eq!(stored(&world, "compacted"), valid.map(|(_, value)| value.clone()).collect::<Vec<_>>());
    }
}
