//! Consumers on one client do not get in each other's way, on the test broker: like Kafka, it answers a connection in
//! order, so a request that waits holds up all that come behind it.

use ottla_client::{Client, Consumer, OffsetReset, Record, TopicPartition};
use ottla_testbroker::TestBroker;
use std::time::Duration;
use tokio::time::timeout;

/// Far more than any step takes, and far less than what a held-up one would.
const LIMIT: Duration = Duration::from_secs(10);
const VERY_LONG: Duration = Duration::from_secs(120);

async fn broker(topics: &[(&str, i32)]) -> (TestBroker, Client) {
    let broker = TestBroker::builder().start().await.expect("a free port");
    for (topic, partitions) in topics {
        broker.create_topic(topic, *partitions).expect("a new topic");
    }
    let client = Client::builder(broker.bootstrap_servers()).connect().await.expect("the broker is up");
    (broker, client)
}

async fn has_partitions(consumer: &Consumer, count: usize) {
    let polling = async {
        while consumer.assignment().len() != count {
            // A consumer takes part in a rebalance while it is asked for batches.
            let batch = timeout(Duration::from_millis(10), consumer.next_batch()).await;
            assert!(batch.is_err(), "the topic is empty: {batch:?}");
        }
    };
    timeout(LIMIT, polling).await.unwrap_or_else(|_| panic!("{:?}", consumer.assignment()));
}

#[tokio::test]
async fn members_of_a_group_may_share_a_client() {
    let (_broker, client) = broker(&[("shared", 2)]).await;
    let member = || {
        let builder = client.consumer("group").subscribe(["shared"]).session_timeout(VERY_LONG);
        builder.heartbeat_interval(Duration::from_millis(100)).build().expect("a consumer")
    };
    let first = member();
    has_partitions(&first, 2).await;
    let second = member();
    tokio::join!(has_partitions(&first, 1), has_partitions(&second, 1));
}

#[tokio::test]
async fn a_fetch_that_waits_holds_up_no_other_consumer() {
    let (_broker, client) = broker(&[("empty", 1), ("busy", 1)]).await;
    let consumer = |topic: &str| {
        let builder = client.consumer_without_group().assign([TopicPartition::new(topic, 0)]);
        let builder = builder.auto_offset_reset(OffsetReset::Earliest).fetch_max_wait(VERY_LONG);
        builder.build().expect("a consumer")
    };
    let (idle, busy) = (consumer("empty"), consumer("busy"));
    let waits = timeout(Duration::from_millis(200), idle.next_batch()).await;
    assert!(waits.is_err(), "the topic is empty: {waits:?}");
    let producer = client.producer().build().expect("a producer");
    for _ in 0..3 {
        producer.send(Record::to("busy").value("here")).await.expect("written");
        let batch = timeout(LIMIT, busy.next_batch()).await.expect("its own fetch is answered");
        assert_eq!(batch.expect("no error").expect("it is open").len(), 1);
    }
}
