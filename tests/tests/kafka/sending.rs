//! Many records at once, typed records, headers and tombstones: what a real broker makes of them.

use ottla_client::serdes::{JsonSerde, Nullable, StringSerde};
use ottla_client::{Client, Message, OwnedRecord, ProduceErrorKind, Record, SendError, TypedRecord};
use ottla_protocol::error_code::ErrorCode;
use ottla_tests::clients::assigned;
use ottla_tests::real_kafka::RealKafka;
use serde_json::json;

async fn client() -> Client {
    Client::builder(RealKafka::one().bootstrap_servers()).connect().await.expect("Kafka is up")
}

/// The first `count` records of a topic with one partition.
async fn messages(client: &Client, topic: &str, count: usize) -> Vec<Message> {
    let consumer = assigned(client, topic).await;
    let mut messages = Vec::new();
    while messages.len() < count {
        let batch = consumer.next_batch().await.expect("a batch").expect("the consumer is open");
        messages.extend(batch.messages());
    }
    messages
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn records_sent_together_to_three_topics_have_a_result_each() {
    let kafka = RealKafka::one();
    let topics = [
        kafka.topic("send-all-a", 1),
        kafka.topic("send-all-b", 1),
        kafka.topic_with("send-all-small", 1, &[("max.message.bytes", "1000")]),
    ];
    let client = client().await;
    let producer = client.producer().build().expect("a producer");
    let mut records: Vec<_> = (0..3000)
        .map(|number| OwnedRecord::to(&*topics[number % 3]).key(format!("{number}")).value("small"))
        .collect();
    let large = 1501;
    records.insert(large, OwnedRecord::to(&*topics[2]).value(vec![b'x'; 5000]));
    let results = producer.send_all(&records).await;
    let errors: Vec<_> = results.errors().collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    let (index, SendError::NotDelivered { error, .. }) = errors[0] else { panic!("{errors:?}") };
    assert_eq!((index, error.kind()), (large, ProduceErrorKind::Refused(ErrorCode::MESSAGE_TOO_LARGE)));
    for (number, result) in results.iter().enumerate().filter(|(number, _)| *number != large) {
        let sent = result.as_ref().expect("written");
        assert_eq!(*sent.topic(), records[number].topic, "record {number}");
    }
    for topic in &topics {
        let sent: Vec<_> = results.iter().flatten().filter(|sent| *sent.topic() == *topic.as_str()).collect();
        let offsets: Vec<_> = sent.iter().filter_map(|sent| sent.offset).collect();
        assert_eq!(offsets, (0..1000).collect::<Vec<_>>(), "{topic}");
        let keys: Vec<_> = messages(&client, topic, 1000).await.iter().filter_map(Message::key).collect();
        let expected = records.iter().filter(|record| record.topic == *topic.as_str());
        assert_eq!(keys, expected.filter_map(|record| record.key.clone()).collect::<Vec<_>>(), "{topic}");
    }
    client.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn json_comes_back_and_a_tombstone_is_none() {
    let topic = RealKafka::one().topic("json", 1);
    let client = client().await;
    let producer = client.producer().build().expect("a producer");
    let orders = producer.typed::<str, serde_json::Value>(StringSerde, JsonSerde);
    let order = json!({"what": "káva", "count": 2, "sugar": null});
    orders.send(&topic, "alice", &order).await.expect("delivered");
    orders.send_record(TypedRecord::tombstone(&topic, "alice")).await.expect("delivered");
    let messages = messages(&client, &topic, 2).await;
    let read = |message: &Message| {
        let key = message.key_as(&StringSerde).expect("text");
        (key, message.value_as::<Option<serde_json::Value>>(&Nullable(JsonSerde)).expect("JSON or null"))
    };
    let alice = || String::from("alice");
    assert_eq!((read(&messages[0]), read(&messages[1])), ((alice(), Some(order)), (alice(), None)));
    client.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn duplicate_and_null_headers_and_tombstones_come_back() {
    let topic = RealKafka::one().topic("headers", 1);
    let client = client().await;
    let producer = client.producer().build().expect("a producer");
    let record = Record::tombstone(&topic, "k").header("a", "1").header_null("a").header("a", "");
    producer.send(record.header_null("")).await.expect("delivered");
    let messages = messages(&client, &topic, 1).await;
    let record = messages[0].record();
    assert_eq!((record.key(), record.value()), (Some(&b"k"[..]), None));
    let headers: Vec<_> = record.headers().map(|header| (header.key_bytes(), header.value())).collect();
    let (one, empty) = (&b"1"[..], &b""[..]);
    assert_eq!(headers, [(&b"a"[..], Some(one)), (b"a", None), (b"a", Some(empty)), (b"", None)]);
    client.close().await;
}
