//! Classic groups: members share partitions, commits survive, and a rebalance neither repeats nor skips a record.

use ottla_client::{
    Client, Consumer, ConsumerBuilder, Offset, OffsetAndMetadata, OffsetReset, Producer, TopicPartition,
};
use ottla_tests::clients::{Member, consume, produce, until};
use ottla_tests::real_kafka::{RealKafka, unique};
use ottla_tests::workload::{Content, check, check_sorted, keyed};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::timeout;

/// Longer than any record takes to arrive that is there already.
const QUIET: Duration = Duration::from_secs(2);

struct Scene {
    client: Client,
    producer: Producer,
    topic: String,
    group: String,
}

impl Scene {
    async fn new(kafka: &RealKafka, rule: &str, partitions: i32) -> Self {
        let topic = kafka.topic(rule, partitions);
        let client = Client::builder(kafka.bootstrap_servers()).connect().await.expect("Kafka is up");
        let producer = client.producer().build().expect("a producer");
        Self { client, producer, topic, group: unique(rule) }
    }

    fn member(&self) -> ConsumerBuilder {
        self.client
            .consumer(self.group.as_str())
            .subscribe([self.topic.as_str()])
            .auto_offset_reset(OffsetReset::Earliest)
            .heartbeat_interval(Duration::from_millis(300))
    }

    async fn send(&self, records: &[Content]) {
        produce(&self.producer, &self.topic, records).await;
    }
}

async fn is_quiet(consumer: &Consumer) {
    let batch = timeout(QUIET, consumer.next_batch()).await;
    assert!(batch.is_err(), "nothing is left to read: {batch:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn commits_survive_the_consumer_that_made_them() {
    for kafka in [RealKafka::one(), RealKafka::three()] {
        let scene = Scene::new(&kafka, "commits-survive", 3).await;
        let sent = keyed(3_000);
        scene.send(&sent[..1_000]).await;
        let first = scene.member().build().expect("a consumer");
        let mut received = consume(&first, 1_000).await;
        first.close().await.expect("the last commit");

        scene.send(&sent[1_000..]).await;
        let second = scene.member().build().expect("a consumer");
        received.extend(consume(&second, 2_000).await);
        check(&sent, &received);
        is_quiet(&second).await;
        second.close().await.expect("the last commit");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn a_member_goes_on_exactly_where_a_commit_says() {
    let scene = Scene::new(&RealKafka::one(), "exact-commit", 1).await;
    let sent = keyed(100);
    scene.send(&sent).await;
    let partition = TopicPartition::new(scene.topic.as_str(), 0);
    let first = scene.member().enable_auto_commit(false).build().expect("a consumer");
    consume(&first, 100).await;
    let offsets = BTreeMap::from([(partition.clone(), OffsetAndMetadata::new(Offset(42)))]);
    first.commit_offsets(offsets).await.expect("the group takes it");
    first.close().await.expect("closing commits nothing");

    let second = scene.member().enable_auto_commit(false).build().expect("a consumer");
    let received = consume(&second, 58).await;
    let offsets: Vec<i64> = received.iter().map(|received| received.offset).collect();
    assert_eq!(offsets, (42..100).collect::<Vec<_>>());
    second.commit().await.expect("the group takes it");
    drop(second);

    let third = scene.member().build().expect("a consumer");
    is_quiet(&third).await;
    assert_eq!(third.position(&partition), Some(Offset(100)));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn a_member_that_leaves_is_replaced_and_nothing_is_read_twice() {
    for kafka in [RealKafka::one(), RealKafka::three()] {
        let scene = Scene::new(&kafka, "handover", 6).await;
        let sent = keyed(9_000);
        let (staying, leaving) = (Member::join(scene.member()), Member::join(scene.member()));
        until("both have three partitions", || staying.partitions() == 3 && leaving.partitions() == 3).await;
        scene.send(&sent[..3_000]).await;
        until("all is read", || staying.count() + leaving.count() >= 3_000).await;
        assert!(staying.count() > 0 && leaving.count() > 0, "both have read");

        // More comes in the middle of the handover.
        let ((), left_with) = tokio::join!(scene.send(&sent[3_000..6_000]), leaving.leave());
        until("one has all partitions", || staying.partitions() == 6).await;
        scene.send(&sent[6_000..]).await;
        until("all is read", || staying.count() + left_with.len() >= 9_000).await;
        tokio::time::sleep(QUIET).await;
        let received = [left_with, staying.leave().await].concat();
        assert_eq!(received.len(), 9_000);
        check_sorted(&sent, received);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn a_member_that_joins_takes_its_share_and_nothing_is_read_twice() {
    let scene = Scene::new(&RealKafka::three(), "joining", 6).await;
    let sent = keyed(20_000);
    let first = Member::join(scene.member());
    until("one has all partitions", || first.partitions() == 6).await;
    let joining = async {
        until("the first has begun", || first.count() > 0).await;
        Member::join(scene.member())
    };
    let ((), second) = tokio::join!(scene.send(&sent[..10_000]), joining);
    until("both have three partitions", || first.partitions() == 3 && second.partitions() == 3).await;
    scene.send(&sent[10_000..]).await;
    until("all is read", || first.count() + second.count() >= 20_000).await;
    tokio::time::sleep(QUIET).await;
    assert!(second.count() > 0, "the second has read");
    let (first, second) = tokio::join!(first.leave(), second.leave());
    check_sorted(&sent, [first, second].concat());
}
