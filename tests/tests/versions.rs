//! The client on Apache Kafka of other ages: what is spoken is found out by negotiation alone.

use ottla_admin::Admin;
use ottla_client::{Acks, Client, Compression, OffsetReset, Record};
use ottla_tests::breaking::Breaking;
use ottla_tests::broker::{NewTopic, create_topic};
use ottla_tests::clients::{ConsoleLine, assigned, console_consume, consume, produce};
use ottla_tests::real_kafka::{required, unique};
use ottla_tests::workload::{Content, check, keyed};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

const RECORDS: usize = 300;

fn servers() -> String {
    required("OTTLA_TEST_KAFKA_OF_AGE")
}

/// A topic that keeps records of any age: the workload's are old.
fn topic(rule: &str, partitions: i32) -> String {
    let name = unique(&format!("ages-{rule}"));
    create_topic(&servers(), &NewTopic { name: &name, partitions, replicas: 1, configs: &[] });
    name
}

async fn connect() -> Client {
    Client::builder(servers()).connect().await.expect("Kafka is up")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn any_age_of_kafka_produces_consumes_in_a_group_and_lists_topics() {
    let client = connect().await;
    let topic = unique("ages");
    for compression in Compression::ALL {
        let producer = client.producer().compression(compression).build().expect("a producer");
        let mut deliveries = Vec::new();
        for number in 0..RECORDS {
            let value = format!("{compression} {number}");
            let delivery = producer.enqueue(Record::to(&topic).key(&value).value(&value)).await;
            deliveries.push(delivery.expect("a place in the buffer"));
        }
        for delivery in deliveries {
            delivery.await.expect("delivered");
        }
        producer.close(Duration::MAX).await.expect("all is resolved");
    }
    let group = unique("ages");
    let member = || {
        client
            .consumer(group.as_str())
            .subscribe([topic.as_str()])
            .auto_offset_reset(OffsetReset::Earliest)
            .build()
            .expect("a consumer")
    };
    let (first, second) = (member(), member());
    let mut values = BTreeSet::new();
    while values.len() < Compression::ALL.len() * RECORDS {
        let batch =
            tokio::select! { batch = first.next_batch() => batch, batch = second.next_batch() => batch };
        for record in &batch.expect("no error").expect("open") {
            assert!(values.insert(record.value().map(<[u8]>::to_vec)), "a record came twice");
        }
    }
    first.commit().await.expect("committed");
    first.close().await.expect("closed");
    second.close().await.expect("closed");
    let topics = Admin::new(&client).list_topics().await.expect("topics");
    assert!(topics.iter().any(|listing| *listing.name == topic), "{topics:?}");
    client.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn any_age_of_kafka_writes_once_what_an_idempotent_producer_sends_over_connections_that_break() {
    let topic = topic("breaking", 6);
    let breaking = Breaking::new(20_000);
    let client = Client::builder(servers())
        .connector(breaking.clone())
        .retry_backoff(Duration::from_millis(5), Duration::from_millis(50))
        .connect()
        .await
        .expect("Kafka is up");
    let producer = client.producer().batch_size(4_000).build().expect("a producer");
    let sent = keyed(5_000);
    produce(&producer, &topic, &sent).await;
    client.close().await;
    println!("{} connections to produce {} records", breaking.made(), sent.len());
    assert!(breaking.made() > 20, "connections did break: {}", breaking.made());

    let client = connect().await;
    let received = consume(&assigned(&client, &topic).await, sent.len()).await;
    check(&sent, &received);
    client.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn any_age_of_kafka_tells_of_a_record_what_acks_ask_for() {
    let client = connect().await;
    for (acks, offsets_are_known) in [(Acks::All, true), (Acks::Leader, true), (Acks::None, false)] {
        let topic = topic(&format!("acks-{acks:?}"), 1);
        let producer = client.producer().acks(acks).enable_idempotence(acks == Acks::All);
        let producer = producer.build().expect("a producer");
        let mut deliveries = Vec::new();
        for number in 0..RECORDS {
            let value = number.to_string();
            deliveries
                .push(producer.enqueue(Record::to(&topic).key("k").value(&value)).await.expect("queued"));
        }
        for delivery in deliveries {
            let sent = delivery.await.expect("delivered");
            assert_eq!(sent.offset.is_some(), offsets_are_known, "{acks:?}");
        }
        let received = consume(&assigned(&client, &topic).await, RECORDS).await;
        let values: Vec<_> = received.into_iter().filter_map(|received| received.content.value).collect();
        let expected: Vec<_> = (0..RECORDS).map(|number| number.to_string()).collect();
        assert_eq!(values, expected, "{acks:?}");
    }
    client.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn any_age_of_kafka_keeps_headers_and_tombstones_and_its_own_console_consumer_reads_every_codec() {
    let client = connect().await;
    let libs = PathBuf::from(required("OTTLA_TEST_KAFKA_OF_AGE_LIBS"));
    let sent = keyed(RECORDS);
    for compression in Compression::ALL {
        let topic = topic(compression.name(), 3);
        let producer = client.producer().compression(compression).linger(Duration::from_millis(20));
        produce(&producer.build().expect("a producer"), &topic, &sent).await;
        check(&sent, &consume(&assigned(&client, &topic).await, sent.len()).await);

        let mut found = console_consume(&libs, &servers(), &topic, sent.len());
        let prints_headers = found.first().is_some_and(|line| line.headers.is_some());
        let mut expected: Vec<_> = sent.iter().map(|content| printed(content, prints_headers)).collect();
        found.sort();
        expected.sort();
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found, expected, "{compression}");
        }
        assert_eq!(found.len(), expected.len(), "{compression}");
        let headers = if prints_headers { "with" } else { "without" };
        println!("{compression}: {} records read by its console consumer, {headers} headers", found.len());
    }
    client.close().await;
}

/// What its console consumer makes of a record.
fn printed(content: &Content, with_headers: bool) -> ConsoleLine {
    let headers: Vec<_> = content.headers.iter().map(|(key, value)| format!("{key}:{value}")).collect();
    let headers = if headers.is_empty() { "NO_HEADERS".to_owned() } else { headers.join(",") };
    let value = content.value.clone().unwrap_or_else(|| "null".to_owned());
    ConsoleLine { headers: with_headers.then_some(headers), key: content.key.clone(), value }
}
