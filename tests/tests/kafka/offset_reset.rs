//! Where a consumer begins when nothing says where.

use ottla_client::{
    Client, ConsumerBuilder, ConsumerError, Offset, OffsetReset, Producer, Record, TopicPartition,
};
use ottla_core::consumer::ConsumerErrorKind;
use ottla_tests::clients::{consume, produce};
use ottla_tests::real_kafka::{RealKafka, unique};
use ottla_tests::workload::keyed;
use std::time::Duration;

struct Scene {
    client: Client,
    producer: Producer,
    topic: String,
    partition: TopicPartition,
}

impl Scene {
    /// A partition with ten records.
    async fn new() -> Self {
        let kafka = RealKafka::one();
        let topic = kafka.topic("offset-reset", 1);
        let client = Client::builder(kafka.bootstrap_servers()).connect().await.expect("Kafka is up");
        let producer = client.producer().build().expect("a producer");
        produce(&producer, &topic, &keyed(10)).await;
        let partition = TopicPartition::new(topic.as_str(), 0);
        Self { client, producer, topic, partition }
    }

    fn in_a_group(&self) -> ConsumerBuilder {
        self.client.consumer(unique("offset-reset")).subscribe([self.topic.as_str()])
    }

    fn assigned(&self) -> ConsumerBuilder {
        self.client.consumer_without_group().assign([self.partition.clone()])
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn earliest_begins_with_the_oldest_record() {
    let scene = Scene::new().await;
    for builder in [scene.in_a_group(), scene.assigned()] {
        let consumer = builder.auto_offset_reset(OffsetReset::Earliest).build().expect("a consumer");
        assert_eq!(consume(&consumer, 10).await[0].offset, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn latest_begins_with_what_comes_next() {
    let scene = Scene::new().await;
    for (end, builder) in (10..).zip([scene.in_a_group(), scene.assigned()]) {
        let consumer = builder.auto_offset_reset(OffsetReset::Latest).build().expect("a consumer");
        let reading = async { consume(&consumer, 1).await };
        let sending = async {
            while consumer.position(&scene.partition).is_none() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            scene.producer.send(Record::to(&scene.topic).key("new").value("new")).await.expect("written");
        };
        let (received, ()) = tokio::join!(reading, sending);
        assert_eq!((received[0].offset, received[0].content.key.as_str()), (end, "new"));
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn none_leaves_it_to_the_application() {
    let scene = Scene::new().await;
    let consumer = scene.in_a_group().auto_offset_reset(OffsetReset::None).build().expect("a consumer");
    let error = consumer.next_batch().await.expect_err("nothing is committed");
    let ConsumerError::Partition(error) = error else { panic!("{error}") };
    assert_eq!(error.kind(), ConsumerErrorKind::NoCommittedOffset);
    assert!(consumer.seek(&scene.partition, Offset(7)));
    assert_eq!(consume(&consumer, 3).await[0].offset, 7);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn a_position_outside_of_the_log_is_reset() {
    let scene = Scene::new().await;
    let consumer = scene.assigned().auto_offset_reset(OffsetReset::Earliest).build().expect("a consumer");
    assert!(consumer.seek(&scene.partition, Offset(1_000_000)));
    assert_eq!(consume(&consumer, 10).await[0].offset, 0);
    assert!(consumer.seek(&scene.partition, Offset(9)));
    assert_eq!(consume(&consumer, 1).await[0].offset, 9);
    assert!(consumer.seek_to_beginning(&scene.partition));
    assert_eq!(consume(&consumer, 10).await[0].offset, 0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn a_duration_begins_with_the_first_record_that_is_young_enough() {
    let scene = Scene::new().await;
    scene.producer.send(Record::to(&scene.topic).key("new").value("new")).await.expect("written");
    let hour = OffsetReset::ByDuration(Duration::from_secs(3600));
    let consumer = scene.assigned().auto_offset_reset(hour).build().expect("a consumer");
    assert_eq!(consume(&consumer, 1).await[0].offset, 10, "the others say that they are from 2023");
}
