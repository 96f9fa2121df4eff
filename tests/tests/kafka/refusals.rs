//! What cannot be done is refused with the reason, and nothing else suffers.

use ottla_client::{Client, ClientBuilder, ClientErrorKind, ProduceErrorKind, Record, SendError};
use ottla_protocol::error_code::ErrorCode;
use ottla_tests::broker::topic_exists;
use ottla_tests::real_kafka::{RealKafka, unique};
use std::time::Duration;

async fn connect(change: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Client {
    let builder = Client::builder(RealKafka::one().bootstrap_servers());
    change(builder).connect().await.expect("Kafka is up")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn an_unknown_topic_is_named_and_not_created() {
    let client = connect(|builder| builder.allow_auto_create_topics(false)).await;
    let topic = unique("unknown");
    let producer = client.producer().max_block(Duration::from_secs(3)).build().expect("a producer");
    let error = producer.send(Record::to(&topic).value("lost")).await.expect_err("there is no such topic");
    let SendError::Client(error) = error else { panic!("{error}") };
    assert_eq!(error.kind(), &ClientErrorKind::UnknownTopic(topic.as_str().into()));
    assert!(!topic_exists(RealKafka::one().bootstrap_servers(), &topic));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn an_unknown_topic_is_created_where_that_is_allowed() {
    let client = connect(|builder| builder).await;
    let topic = unique("created");
    let producer = client.producer().build().expect("a producer");
    let sent = producer.send(Record::to(&topic).value("first")).await.expect("the broker creates the topic");
    assert_eq!((sent.partition, sent.offset), (0, Some(0)));
    assert!(topic_exists(RealKafka::one().bootstrap_servers(), &topic));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn a_topic_name_that_kafka_does_not_allow_is_refused() {
    let client = connect(|builder| builder).await;
    let producer = client.producer().max_block(Duration::from_secs(3)).build().expect("a producer");
    for name in ["not a name", "..", "żółć", &"x".repeat(250)] {
        let error =
            producer.send(Record::to(name).value("lost")).await.expect_err("no topic can be called that");
        let SendError::Client(error) = error else { panic!("{error}") };
        let ClientErrorKind::Refused { code, .. } = error.kind() else { panic!("{error}") };
        assert_eq!(*code, ErrorCode::INVALID_TOPIC_EXCEPTION, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn a_record_over_the_clients_limit_is_not_queued() {
    let topic = RealKafka::one().topic("over-the-clients-limit", 1);
    let client = connect(|builder| builder).await;
    let producer = client.producer().max_request_size(100_000).build().expect("a producer");
    let value = vec![b'x'; 100_000];
    let error = producer.send(Record::to(&topic).value(&value)).await.expect_err("it is too large");
    let SendError::TooLarge { size, limit } = error else { panic!("{error}") };
    assert!(size > 100_000 && limit == 100_000, "{size} {limit}");
    let sent = producer.send(Record::to(&topic).value(&value[..90_000])).await.expect("this one fits");
    assert_eq!(sent.offset, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn a_record_over_the_brokers_limit_is_refused_and_the_next_is_written() {
    let kafka = RealKafka::one();
    // The broker's own `message.max.bytes` of 1048588, and a topic's `max.message.bytes`.
    let topics = [
        (kafka.topic("over-the-brokers-limit", 1), 1_100_000),
        (kafka.topic_with("over-the-topics-limit", 1, &[("max.message.bytes", "20000")]), 21_000),
    ];
    let client = connect(|builder| builder).await;
    for idempotent in [true, false] {
        let producer = client.producer().enable_idempotence(idempotent).max_request_size(4 << 20);
        let producer = producer.build().expect("a producer");
        for (topic, size) in &topics {
            let value = vec![b'x'; *size];
            let error = producer.send(Record::to(topic).value(&value)).await.expect_err("it is too large");
            let SendError::NotDelivered { error, .. } = error else { panic!("{error}") };
            assert_eq!(error.kind(), ProduceErrorKind::Refused(ErrorCode::MESSAGE_TOO_LARGE));
            let sent = producer.send(Record::to(topic).value("small")).await.expect("this one fits");
            assert_eq!(sent.offset, Some(i64::from(!idempotent)));
        }
    }
}
