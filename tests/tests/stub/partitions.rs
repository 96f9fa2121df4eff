//! Partitioners: which records share a batch, where they go when a partition cannot be had, and what an application's own
//! rule may do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ottla_client::{
    BuiltInPartitioner, ClientErrorKind, Partitioner, Partitions, Producer, Record, SendError, Unplaced,
};
use ottla_protocol::murmur2;
use ottla_protocol::types::NodeId;
use ottla_testbroker::journal::{JournalEvent, ProducedHeader, RequestSummary};
use tokio::time::sleep;

use crate::world::{World, soon};

/// Partition and number of records of each batch that was sent, in the order of sending.
fn batches(world: &World) -> Vec<(i32, i32)> {
    world.broker.with_cluster(|cluster, _| {
        let entries = cluster.journal().expect("there is one").entries();
        let summaries = entries.iter().filter_map(|entry| match &entry.event {
            JournalEvent::RequestReceived { summary: RequestSummary::Produce { partitions, .. }, .. } => {
                Some(partitions)
            }
            _ => None,
        });
        let count = |header: Option<ProducedHeader>| header.expect("a header").record_count;
        summaries.flatten().map(|batch| (batch.partition, count(batch.header))).collect()
    })
}

fn journaled(partitions: i32) -> World {
    World::with(partitions, |broker| broker.cluster(|cluster| cluster.journal(true)))
}

/// Sends records without a key, and returns how many went to each partition.
async fn send_without_keys(producer: &Producer, count: usize, value: &[u8]) -> BTreeMap<i32, usize> {
    let mut deliveries = Vec::new();
    for _ in 0..count {
        deliveries.push(soon(producer.enqueue(Record::to("t").value(value))).await.expect("queued"));
    }
    let mut sent = BTreeMap::new();
    for delivery in deliveries {
        *sent.entry(soon(delivery).await.expect("delivered").partition).or_default() += 1;
    }
    sent
}

#[tokio::test(start_paused = true)]
async fn records_without_a_key_fill_a_batch_before_they_go_elsewhere() {
    for (linger, network) in [(1000, 0), (0, 5), (3, 20)] {
        let world = journaled(4);
        world.network.delay(Duration::from_millis(network));
        let client = world.client().await;
        let producer = client.producer().batch_size(2000).linger(Duration::from_millis(linger));
        let producer = producer.build().expect("a producer");
        // The first record also learns the topic and gets the producer's id.
        producer.send(Record::to("t").partition(0).value("first")).await.expect("delivered");
        let sent = send_without_keys(&producer, 1000, &[b'v'; 90]).await;
        assert_eq!(sent.len(), 4, "{sent:?}");
        let batches = batches(&world);
        // 2000 bytes are 61 of a header and 19 records of 100 to 102.
        let in_part = batches[1..].iter().filter(|(_, count)| *count < 18).count();
        assert!(in_part <= 2, "linger {linger}: {batches:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_producer_changes_partition_once_a_batchs_worth_of_bytes_is_sent() {
    let world = journaled(8);
    let client = world.client().await;
    let producer = client.producer().batch_size(1000).build().expect("a producer");
    for _ in 0..100 {
        soon(producer.send(Record::to("t").value(&[b'v'; 88]))).await.expect("delivered");
    }
    let batches = batches(&world);
    assert!(batches.iter().all(|(_, count)| *count == 1));
    let runs: Vec<usize> = batches.chunk_by(|a, b| a.0 == b.0).map(<[_]>::len).collect();
    assert!(runs.iter().all(|run| run % 10 == 0) && runs.len() > 5, "{runs:?}");
}

#[tokio::test(start_paused = true)]
async fn a_partition_without_a_leader_gets_no_records_without_a_key() {
    for rule in [BuiltInPartitioner::Murmur2Random, BuiltInPartitioner::RoundRobin] {
        let world = World::with(6, |broker| broker.nodes(3));
        let away = NodeId(2);
        let led = |world: &World| -> BTreeSet<i32> {
            let leads = |partition: &i32| {
                world.broker.with_cluster(|cluster, _| {
                    cluster
                        .partition_status("t", *partition)
                        .is_some_and(|status| status.leader == Some(away))
                })
            };
            (0..6).filter(leads).collect()
        };
        let lost = led(&world);
        assert_eq!(lost.len(), 2);
        let client =
            world.builder().metadata_max_age(Duration::from_secs(1)).connect().await.expect("a client");
        let producer = client.producer().partitioner(rule).batch_size(300).build().expect("a producer");
        let sent = send_without_keys(&producer, 100, &[b'v'; 88]).await;
        assert_eq!(sent.len(), 6, "{sent:?}");

        world.broker.with_cluster(|cluster, now| cluster.stop_node(now, away)).expect("a node");
        sleep(Duration::from_secs(2)).await;
        let sent = send_without_keys(&producer, 100, &[b'v'; 88]).await;
        assert!(sent.keys().all(|partition| !lost.contains(partition)) && sent.len() == 4, "{sent:?}");

        world.broker.with_cluster(|cluster, now| cluster.start_node(now, away)).expect("a node");
        sleep(Duration::from_secs(2)).await;
        let sent = send_without_keys(&producer, 100, &[b'v'; 88]).await;
        assert_eq!(sent.len(), 6, "{sent:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_does_not_answer_gets_no_records_without_a_key() {
    for (timeout, is_avoided) in [(100, true), (0, false)] {
        let world = World::with(6, |broker| broker.nodes(3));
        let client = world.client().await;
        let timeout = Duration::from_millis(timeout);
        let producer = client.producer().partitioner_availability_timeout(timeout).batch_size(300);
        let producer = producer.build().expect("a producer");
        send_without_keys(&producer, 100, &[b'v'; 88]).await;
        let slow = world.broker.with_cluster(|cluster, _| {
            let leader =
                |partition| cluster.partition_status("t", partition).and_then(|status| status.leader);
            (0..6).filter(|partition| leader(*partition) == Some(NodeId(2))).collect::<Vec<_>>()
        });
        let before: usize = slow.iter().map(|partition| world.values(*partition).len()).sum();
        world.network.isolate(NodeId(2), true);
        // One record shows what becomes of the node.
        let waits = producer.enqueue(Record::to("t").partition(slow[0]).value("v")).await.expect("queued");
        sleep(Duration::from_millis(200)).await;
        let mut deliveries = Vec::new();
        for _ in 0..300 {
            deliveries.push(producer.enqueue(Record::to("t").value(&[b'v'; 88])).await.expect("queued"));
            sleep(Duration::from_millis(1)).await;
        }
        world.network.isolate(NodeId(2), false);
        for delivery in deliveries {
            soon(delivery).await.expect("delivered");
        }
        soon(waits).await.expect("delivered");
        let after: usize = slow.iter().map(|partition| world.values(*partition).len()).sum();
        // It had a batch at most that was open when it fell silent.
        assert_eq!(after - before <= 1 + 3, is_avoided, "{} more", after - before);
    }
}

#[tokio::test(start_paused = true)]
async fn round_robin_is_even_though_senders_wait_for_memory() {
    let world = World::new(5);
    world.network.delay(Duration::from_millis(5));
    let client = world.client().await;
    let producer = client.producer().partitioner(BuiltInPartitioner::RoundRobin);
    let producer = producer.buffer_memory(2000).batch_size(500).build().expect("a producer");
    let sent = send_without_keys(&producer, 500, &[b'v'; 88]).await;
    assert_eq!(sent, (0..5).map(|partition| (partition, 100)).collect());
}

#[tokio::test(start_paused = true)]
async fn a_topic_made_again_with_fewer_or_more_partitions_is_written_where_it_is() {
    for rule in BuiltInPartitioner::ALL {
        let world = World::new(6);
        let client =
            world.builder().metadata_max_age(Duration::from_secs(1)).connect().await.expect("a client");
        let producer = client.producer().partitioner(rule).batch_size(300).build().expect("a producer");
        for count in [6, 2, 4, 1, 6] {
            world.broker.with_cluster(|cluster, now| cluster.delete_topic(now, "t"));
            world.broker.create_topic("t", count).expect("a new topic");
            sleep(Duration::from_secs(3)).await;
            let mut found = send_without_keys(&producer, 60, &[b'v'; 88]).await;
            for key in 0..60_u8 {
                let sent = soon(producer.send(Record::to("t").key(&[key]).value("v"))).await;
                let partition = sent.expect("delivered").partition;
                let hash = rule.partition_of_key(Some(&[key]), count as u32);
                assert!(hash.is_none_or(|hash| hash as i32 == partition), "{rule:?}");
                *found.entry(partition).or_default() += 1;
            }
            assert!(found.keys().eq(&(0..count).collect::<Vec<_>>()), "{rule:?}, {count}: {found:?}");
        }
    }
}

/// What a partitioner was asked.
#[derive(Clone, Debug, Default, PartialEq)]
struct Asked {
    topic: String,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<String>,
    count: u32,
    available: Vec<u32>,
}

/// Answers by key: a digit is the partition, `boom` a panic; others, and none, are left alone.
struct ByKey {
    topic: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Partitioner for ByKey {
    fn partition(&mut self, record: &Unplaced<'_>, partitions: &Partitions<'_>) -> Option<u32> {
        let header = |header: &ottla_protocol::records::Header<'_>| {
            String::from_utf8_lossy(header.key_bytes()).into_owned()
        };
        self.asked.lock().expect("no panic").push(Asked {
            topic: self.topic.clone(),
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: record.headers.iter().map(header).collect(),
            count: partitions.count(),
            available: partitions.available().to_vec(),
        });
        match record.key? {
            b"boom" => panic!("a partitioner may err"),
            key => std::str::from_utf8(key).ok()?.parse().ok(),
        }
    }
}

/// A producer of 3 partitions with [`ByKey`], and what that is asked.
async fn by_key(world: &World) -> (Producer, Arc<Mutex<Vec<Asked>>>) {
    let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
    let client = world.builder().metadata_max_age(Duration::from_secs(1)).connect().await.expect("a client");
    let seen = Arc::clone(&asked);
    let producer = client
        .producer()
        .buffer_memory(2000)
        .custom_partitioner(move |topic| ByKey { topic: topic.to_string(), asked: Arc::clone(&seen) });
    (producer.build().expect("a producer"), asked)
}

#[tokio::test(start_paused = true)]
async fn an_applications_partitioner_decides_and_leaves_the_rest_to_the_built_in_one() {
    let world = World::with(3, |broker| broker.nodes(3));
    let (producer, asked) = by_key(&world).await;
    for partition in [2, 0, 1] {
        let key = partition.to_string();
        let sent =
            producer.send(Record::to("t").key(&key).value("v").header("h", "1")).await.expect("delivered");
        assert_eq!(sent.partition, partition);
    }
    let sent = producer.send(Record::to("t").key("left alone")).await.expect("delivered");
    assert_eq!(sent.partition as u32, murmur2::partition(b"left alone", 3));
    producer.send(Record::to("t").value("without a key")).await.expect("delivered");
    producer.send(Record::to("t").key("0").partition(1)).await.expect("delivered");
    producer.try_enqueue(&Record::to("t").key("2")).expect("queued").await.expect("delivered");
    let asked = std::mem::take(&mut *asked.lock().expect("no panic"));
    assert_eq!(asked.len(), 6, "not for the record that names its partition");
    let first = Asked {
        topic: "t".into(),
        key: Some(b"2".to_vec()),
        value: Some(b"v".to_vec()),
        headers: vec!["h".into()],
        count: 3,
        available: vec![0, 1, 2],
    };
    assert_eq!(asked[0], first);
    assert_eq!((&asked[3].value, &asked[4].key, &asked[5].key), (&None, &None, &Some(b"2".to_vec())));
}

#[tokio::test(start_paused = true)]
async fn an_applications_partitioner_knows_what_has_a_leader() {
    let world = World::with(3, |broker| broker.nodes(3));
    let (producer, asked) = by_key(&world).await;
    producer.send(Record::to("t").key("0")).await.expect("delivered");
    world.broker.with_cluster(|cluster, now| cluster.stop_node(now, NodeId(3))).expect("a node");
    sleep(Duration::from_secs(2)).await;
    let gone = world.broker.with_cluster(|cluster, _| {
        let leader = |partition| cluster.partition_status("t", partition).and_then(|status| status.leader);
        (0..3).find(|partition| leader(*partition).is_none()).expect("one without a leader")
    });
    let key = ((gone + 1) % 3).to_string();
    producer.send(Record::to("t").key(&key)).await.expect("delivered");
    let asked = asked.lock().expect("no panic").pop().expect("it was asked");
    let left: Vec<u32> = (0..3).filter(|partition| *partition != gone as u32).collect();
    assert_eq!((asked.count, asked.available), (3, left));
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_does_not_exist_is_an_error_of_that_record() {
    let world = World::new(3);
    let (producer, _) = by_key(&world).await;
    for partition in [3, u32::MAX] {
        let key = partition.to_string();
        let error = producer.send(Record::to("t").key(&key)).await.expect_err("no such partition");
        assert!(
            error.to_string().contains(&format!("picked partition {partition}, and there are 3")),
            "{error}"
        );
        assert!(!error.is_retriable());
        let SendError::Client(error) = error else { panic!("{error}") };
        let expected = ClientErrorKind::PartitionerOutOfRange { topic: "t".into(), partition, partitions: 3 };
        assert_eq!(error.kind(), &expected);
    }
    producer.send(Record::to("t").key("2")).await.expect("delivered");
}

#[tokio::test(start_paused = true)]
async fn a_partitioner_that_panics_leaves_the_producer_as_it_was() {
    let world = World::new(3);
    let (producer, asked) = by_key(&world).await;
    producer.send(Record::to("t").key("0").value("before")).await.expect("delivered");
    for _ in 0..2 {
        let panicking = producer.clone();
        let task = tokio::spawn(async move { panicking.send(Record::to("t").key("boom")).await.map(drop) });
        assert!(task.await.expect_err("a panic").is_panic());
    }
    producer.send(Record::to("t").key("0").value("after")).await.expect("delivered");
    soon(producer.flush()).await;
    assert_eq!(world.values(0), ["before", "after"]);
    assert_eq!(producer.buffered_bytes(), 0);
    assert_eq!(asked.lock().expect("no panic").len(), 4);
    soon(producer.close(Duration::MAX)).await.expect("all is resolved");
}

#[tokio::test(start_paused = true)]
async fn an_applications_partitioner_is_asked_once_for_a_record_that_waits_for_memory() {
    let world = World::new(3);
    world.network.delay(Duration::from_millis(5));
    let (producer, asked) = by_key(&world).await;
    let mut deliveries = Vec::new();
    for number in 0..100 {
        let key = (number % 3).to_string();
        let record = Record::to("t").key(&key).value(&[b'v'; 500]);
        deliveries.push(soon(producer.enqueue(record)).await.expect("queued"));
    }
    for delivery in deliveries {
        soon(delivery).await.expect("delivered");
    }
    assert_eq!(asked.lock().expect("no panic").len(), 100);
}
