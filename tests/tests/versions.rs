//! The client on Apache Kafka of other ages: what is spoken is found out by negotiation alone.

use ottla_admin::Admin;
use ottla_client::{Client, Compression, OffsetReset, Record};
use ottla_tests::real_kafka::{required, unique};
use std::collections::BTreeSet;
use std::time::Duration;

const RECORDS: usize = 300;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn any_age_of_kafka_produces_consumes_in_a_group_and_lists_topics() {
    let client = Client::builder(required("OTTLA_TEST_KAFKA_OF_AGE")).connect().await.expect("Kafka is up");
    let topic = unique("ages");
    for compression in [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4] {
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
    while values.len() < 4 * RECORDS {
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
