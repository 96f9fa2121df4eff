//! Leaders that change: brokers that are no longer asked rightly say who is (KIP-951), and nobody waits for a backoff.

use std::collections::BTreeSet;
use std::time::Duration;

use ottla_client::{Client, OffsetReset, Record, TopicPartition};
use ottla_protocol::api::ApiKey;
use ottla_protocol::message::VersionRange;
use ottla_protocol::types::NodeId;
use ottla_testbroker::TestBrokerBuilder;
use ottla_testbroker::journal::JournalEvent;
use tokio::time::{Instant, sleep};

use crate::world::{World, read_values, soon, text};

/// Less than any backoff, the first of which is 100 ms, a fifth more or less.
const BEFORE_ANY_BACKOFF: Duration = Duration::from_millis(50);

/// Three nodes, a topic `r` of which each has a replica, and a journal.
fn world(partitions: i32, change: impl FnOnce(TestBrokerBuilder) -> TestBrokerBuilder) -> World {
    let world = World::with(1, |broker| change(broker.nodes(3).cluster(|cluster| cluster.journal(true))));
    world.broker.create_replicated_topic("r", partitions, 3).expect("a new topic");
    world
}

fn values(world: &World, partition: i32) -> Vec<String> {
    world.records("r", partition).iter().map(|record| text(record.value.as_deref())).collect()
}

fn leader(client: &Client, partition: i32) -> NodeId {
    client.snapshot().leader("r", partition).expect("it has a leader").0
}

/// Another node leads from now on; returns which.
fn move_leader(world: &World, client: &Client, partition: i32) -> NodeId {
    let next = NodeId(leader(client, partition).0 % 3 + 1);
    let moved = world.broker.with_cluster(|cluster, now| cluster.move_leader(now, "r", partition, next));
    moved.expect("it is in sync");
    next
}

/// Which nodes were asked, by this API.
fn asked(world: &World, wanted: ApiKey) -> Vec<NodeId> {
    world.broker.with_cluster(|cluster, _| {
        let entries = cluster.journal().map(|journal| journal.entries()).unwrap_or_default();
        let node = |event: &JournalEvent| match event {
            JournalEvent::RequestReceived { api, node, .. } if *api == wanted => Some(*node),
            _ => None,
        };
        entries.iter().filter_map(|entry| node(&entry.event)).collect()
    })
}

#[tokio::test(start_paused = true)]
async fn a_batch_goes_to_the_leader_that_the_old_one_names_without_metadata_or_backoff() {
    let world = world(1, |broker| broker);
    let client = world.client().await;
    let producer = client.producer().build().expect("a producer");
    producer.send(Record::to("r").value("1")).await.expect("delivered");
    let old = leader(&client, 0);
    for number in 2..6 {
        let new = move_leader(&world, &client, 0);
        let (metadata, produces) = (asked(&world, ApiKey::METADATA), asked(&world, ApiKey::PRODUCE));
        let before = Instant::now();
        let value = number.to_string();
        let sent = soon(producer.send(Record::to("r").value(&value))).await.expect("delivered");
        assert_eq!(sent.offset, Some(number - 1));
        assert!(before.elapsed() < BEFORE_ANY_BACKOFF, "{:?}", before.elapsed());
        assert_eq!(asked(&world, ApiKey::METADATA), metadata, "nobody asked for metadata");
        assert_eq!(asked(&world, ApiKey::PRODUCE).len(), produces.len() + 2);
        assert_eq!(asked(&world, ApiKey::PRODUCE).last(), Some(&new));
        assert_eq!(leader(&client, 0), new, "all of the client know");
    }
    assert_eq!(asked(&world, ApiKey::PRODUCE)[0], old);
    assert_eq!(values(&world, 0), ["1", "2", "3", "4", "5"]);
}

#[tokio::test(start_paused = true)]
async fn without_hints_metadata_is_asked_for_and_a_new_leader_in_it_needs_no_backoff_either() {
    // The first version whose answers have hints is 10.
    let world = world(1, |broker| {
        broker.cluster(|cluster| cluster.api_versions(ApiKey::PRODUCE, VersionRange::new(3, 9)))
    });
    let client = world.client().await;
    let producer = client.producer().build().expect("a producer");
    producer.send(Record::to("r").value("1")).await.expect("delivered");
    // Metadata that is fresh is not asked for at once.
    sleep(Duration::from_secs(10)).await;
    let new = move_leader(&world, &client, 0);
    let metadata = asked(&world, ApiKey::METADATA).len();
    let before = Instant::now();
    soon(producer.send(Record::to("r").value("2"))).await.expect("delivered");
    assert!(before.elapsed() < BEFORE_ANY_BACKOFF, "{:?}", before.elapsed());
    assert_eq!(asked(&world, ApiKey::METADATA).len(), metadata + 1);
    assert_eq!(asked(&world, ApiKey::PRODUCE).last(), Some(&new));
}

#[tokio::test(start_paused = true)]
async fn what_was_under_way_to_old_leaders_arrives_once_and_in_order() {
    let world = world(4, |broker| broker);
    world.network.delay(Duration::from_millis(3));
    let client = world.client().await;
    let producer = client.producer().batch_size(100).build().expect("a producer");
    let mut deliveries = Vec::new();
    for number in 0..400 {
        let (partition, value) = (number % 4, number.to_string());
        let record = Record::to("r").partition(partition).value(&value);
        deliveries.push(soon(producer.enqueue(record)).await.expect("queued"));
        if number % 10 == 0 {
            sleep(Duration::from_millis(1)).await;
        }
        if number % 50 == 25 {
            move_leader(&world, &client, partition);
        }
    }
    for delivery in deliveries {
        soon(delivery).await.expect("delivered");
    }
    for partition in 0..4 {
        let expected: Vec<_> =
            (0..400).filter(|number| number % 4 == partition).map(|number| number.to_string()).collect();
        assert_eq!(values(&world, partition), expected);
    }
    let nodes: BTreeSet<_> = asked(&world, ApiKey::PRODUCE).into_iter().collect();
    assert_eq!(nodes.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_reads_on_at_the_leader_that_the_old_one_names_without_a_backoff() {
    let world = world(1, |broker| broker);
    let client = world.client().await;
    let (writer, _) = world.remote_client().await;
    let producer = writer.producer().build().expect("a producer");
    let reader = client.consumer_without_group().assign([TopicPartition::new("r", 0)]);
    let reader = reader.auto_offset_reset(OffsetReset::Earliest).build().expect("a consumer");
    producer.send(Record::to("r").value("1")).await.expect("delivered");
    assert_eq!(read_values(&reader, 1).await, ["1"]);
    // A fetch is under way, and comes back when its leader is gone.
    sleep(Duration::from_secs(10)).await;
    let new = move_leader(&world, &client, 0);
    producer.send(Record::to("r").value("2")).await.expect("delivered");
    let before = Instant::now();
    assert_eq!(read_values(&reader, 1).await, ["2"]);
    assert!(before.elapsed() < BEFORE_ANY_BACKOFF, "{:?}", before.elapsed());
    assert_eq!(asked(&world, ApiKey::FETCH).last(), Some(&new));
    assert_eq!(leader(&client, 0), new);
}
