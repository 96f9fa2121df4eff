//! Consuming without a group's help: where reading starts, and what steers it.

use std::time::Duration;

use ottla_client::{Client, ClientErrorKind, Consumer, ConsumerError, Offset, OffsetReset, Record};
use tokio::time::{Instant, sleep, timeout};

use crate::world::{World, read, read_values, reads_nothing, soon, tp};

/// Sends `{partition}.{number}` for these numbers to a partition of `t`.
async fn fill(client: &Client, partition: i32, numbers: std::ops::Range<i32>) {
    let producer = client.producer().build().expect("a producer");
    for number in numbers {
        let value = format!("{partition}.{number}");
        let record = Record::to("t").partition(partition).value(&value);
        producer.send(record).await.expect("delivered");
    }
}

fn reader(client: &Client, partitions: i32, policy: OffsetReset) -> Consumer {
    let partitions = (0..partitions).map(tp);
    client.consumer_without_group().assign(partitions).auto_offset_reset(policy).build().expect("a consumer")
}

#[tokio::test(start_paused = true)]
async fn without_a_commit_the_policy_says_where_to_start() {
    let world = World::new(1);
    let client = world.client().await;
    fill(&client, 0, 0..3).await;
    let earliest = reader(&client, 1, OffsetReset::Earliest);
    assert_eq!(read_values(&earliest, 3).await, ["0.0", "0.1", "0.2"]);
    let latest = reader(&client, 1, OffsetReset::Latest);
    reads_nothing(&latest, Duration::from_secs(5)).await;
    fill(&client, 0, 3..4).await;
    assert_eq!(read_values(&latest, 1).await, ["0.3"]);
    let none = reader(&client, 1, OffsetReset::None);
    let error = soon(none.next_batch()).await.expect_err("nothing is committed");
    assert!(matches!(error, ConsumerError::Partition(_)) && error.is_fatal(), "{error}");
    assert!(error.to_string().contains("auto.offset.reset"), "{error}");
    assert!(none.seek(&tp(0), Offset(2)));
    assert_eq!(read_values(&none, 2).await, ["0.2", "0.3"]);
}

#[tokio::test(start_paused = true)]
async fn an_offset_out_of_range_is_reset_by_the_policy_or_told() {
    let world = World::new(1);
    let client = world.client().await;
    fill(&client, 0, 0..3).await;
    let earliest = reader(&client, 1, OffsetReset::Earliest);
    read(&earliest, 3).await;
    assert!(earliest.seek(&tp(0), Offset(100)));
    assert_eq!(read_values(&earliest, 3).await, ["0.0", "0.1", "0.2"]);
    let none = reader(&client, 1, OffsetReset::None);
    assert!(none.seek(&tp(0), Offset(100)));
    let error = soon(none.next_batch()).await.expect_err("out of range");
    assert!(matches!(error, ConsumerError::Partition(_)), "{error}");
    assert!(error.to_string().contains("100"), "{error}");
    assert!(none.seek_to_beginning(&tp(0)));
    assert_eq!(read_values(&none, 1).await, ["0.0"]);
}

#[tokio::test(start_paused = true)]
async fn a_seek_decides_what_comes_next_even_over_what_was_fetched() {
    let world = World::new(1);
    let client = world.client().await;
    fill(&client, 0, 0..10).await;
    let reader = reader(&client, 1, OffsetReset::Earliest);
    assert_eq!(read_values(&reader, 1).await[0], "0.0");
    assert!(reader.seek(&tp(0), Offset(7)));
    assert_eq!(reader.position(&tp(0)), Some(Offset(7)));
    assert_eq!(read_values(&reader, 3).await, ["0.7", "0.8", "0.9"]);
    assert!(reader.seek_to_beginning(&tp(0)));
    assert_eq!(read_values(&reader, 1).await[0], "0.0");
    assert!(reader.seek_to_end(&tp(0)));
    assert_eq!(reader.position(&tp(0)), None, "it is being looked for");
    reads_nothing(&reader, Duration::from_secs(3)).await;
    fill(&client, 0, 10..11).await;
    assert_eq!(read_values(&reader, 1).await, ["0.10"]);
    assert!(!reader.seek(&tp(1), Offset(0)), "it is not assigned");
}

#[tokio::test(start_paused = true)]
async fn a_seek_into_a_batch_starts_at_that_record() {
    let world = World::new(1);
    let client = world.client().await;
    let producer = client.producer().linger(Duration::from_millis(5)).build().expect("a producer");
    for number in 0..10 {
        let value = format!("{number}");
        drop(producer.enqueue(Record::to("t").value(&value)).await.expect("queued"));
    }
    soon(producer.flush()).await;
    let reader = reader(&client, 1, OffsetReset::Earliest);
    reader.seek(&tp(0), Offset(6));
    let batch = soon(reader.next_batch()).await.expect("a batch").expect("open");
    assert_eq!(batch.len(), 4);
    assert_eq!(batch.iter().map(|record| record.offset()).collect::<Vec<_>>(), [6, 7, 8, 9]);
    assert_eq!(reader.lag(&tp(0)), Some(0));
}

#[tokio::test(start_paused = true)]
async fn a_paused_partition_is_silent_and_loses_nothing() {
    let world = World::new(2);
    let client = world.client().await;
    let reader = reader(&client, 2, OffsetReset::Earliest);
    fill(&client, 0, 0..3).await;
    fill(&client, 1, 0..3).await;
    assert!(reader.pause(&tp(0)));
    assert_eq!(read_values(&reader, 3).await, ["1.0", "1.1", "1.2"]);
    reads_nothing(&reader, Duration::from_secs(3)).await;
    fill(&client, 0, 3..4).await;
    reads_nothing(&reader, Duration::from_secs(3)).await;
    assert!(reader.resume(&tp(0)));
    assert_eq!(read_values(&reader, 4).await, ["0.0", "0.1", "0.2", "0.3"]);
    assert!(!reader.pause(&tp(9)) && !reader.resume(&tp(9)));
}

#[tokio::test(start_paused = true)]
#[ignore = "what was fetched of paused partitions keeps its fetch_memory until they are resumed"]
async fn what_waits_for_a_paused_partition_leaves_memory_to_the_others() {
    let world = World::new(2);
    let client = world.client().await;
    let producer = client.producer().build().expect("a producer");
    for _ in 0..50 {
        producer.send(Record::to("t").partition(0).value(&[b'x'; 900])).await.expect("delivered");
    }
    let reader = client.consumer_without_group().assign([tp(0), tp(1)]);
    let reader = reader.auto_offset_reset(OffsetReset::Earliest);
    let reader = reader.fetch_memory(5_000).max_partition_fetch_bytes(5_000).build().expect("a consumer");
    assert_eq!(read(&reader, 1).await[0].partition(), 0);
    sleep(Duration::from_secs(1)).await;
    reader.pause(&tp(0));
    fill(&client, 1, 0..1).await;
    assert_eq!(read_values(&reader, 1).await, ["1.0"]);
}

#[tokio::test(start_paused = true)]
async fn a_pause_holds_what_was_fetched_already() {
    let world = World::new(1);
    let client = world.client().await;
    fill(&client, 0, 0..6).await;
    let reader = reader(&client, 1, OffsetReset::Earliest);
    let first = read_values(&reader, 1).await;
    sleep(Duration::from_secs(1)).await;
    reader.pause(&tp(0));
    reads_nothing(&reader, Duration::from_secs(3)).await;
    reader.resume(&tp(0));
    let rest = read_values(&reader, 6 - first.len()).await;
    assert_eq!([first, rest].concat(), ["0.0", "0.1", "0.2", "0.3", "0.4", "0.5"]);
}

#[tokio::test(start_paused = true)]
async fn a_record_wakes_a_reader_that_waits_at_once() {
    let world = World::new(1);
    let client = world.client().await;
    let reader = reader(&client, 1, OffsetReset::Earliest);
    reads_nothing(&reader, Duration::from_secs(60)).await;
    let (waited, ()) = tokio::join!(
        async {
            read(&reader, 1).await;
            Instant::now()
        },
        async {
            sleep(Duration::from_secs(1)).await;
            fill(&client, 0, 0..1).await;
        }
    );
    assert!(waited.elapsed() < Duration::from_millis(5));
}

#[tokio::test(start_paused = true)]
async fn memory_that_the_application_holds_bounds_what_is_fetched() {
    let world = World::new(3);
    let client = world.client().await;
    let producer = client.producer().batch_size(1000).build().expect("a producer");
    for number in 0..300 {
        let record = Record::to("t").partition(number % 3).value(&[b'x'; 900]);
        drop(producer.enqueue(record).await.expect("queued"));
    }
    soon(producer.flush()).await;
    let reader = client.consumer_without_group().assign((0..3).map(tp));
    let reader = reader.auto_offset_reset(OffsetReset::Earliest);
    let reader = reader.fetch_memory(20_000).max_partition_fetch_bytes(5_000).build().expect("a consumer");
    let mut held = Vec::new();
    while let Ok(batch) = tokio::time::timeout(Duration::from_secs(9), reader.next_batch()).await {
        held.push(batch.expect("a batch").expect("open"));
    }
    let bytes: usize = held.iter().map(|batch| batch.len() * 900).sum();
    assert!((10_000..=20_000).contains(&bytes), "{bytes}");
    let mut count = held.len();
    drop(held);
    while count < 300 {
        count += soon(reader.next_batch()).await.expect("a batch").expect("open").len();
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_larger_than_every_limit_still_comes() {
    let world = World::new(1);
    let client = world.client().await;
    let producer = client.producer().build().expect("a producer");
    producer.send(Record::to("t").value(&[7; 500_000])).await.expect("delivered");
    producer.send(Record::to("t").value("small")).await.expect("delivered");
    let reader = client.consumer_without_group().assign([tp(0)]).auto_offset_reset(OffsetReset::Earliest);
    let reader = reader.fetch_memory(100).max_partition_fetch_bytes(10).fetch_max_bytes(10);
    let reader = reader.build().expect("a consumer");
    assert_eq!(read_values(&reader, 1).await[0].len(), 500_000);
    assert_eq!(read_values(&reader, 1).await, ["small"]);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_topic_is_told_to_its_reader_in_bounded_time() {
    let world = World::with(1, |broker| broker.cluster(|cluster| cluster.auto_create_topics_enable(false)));
    let client = world.client().await;
    let before = Instant::now();
    let missing = client.consumer("g").subscribe(["missing"]).auto_offset_reset(OffsetReset::Earliest);
    let reader = missing.build().expect("a consumer");
    let error = soon(reader.next_batch()).await.expect_err("no topic");
    let ConsumerError::Client(error) = error else { panic!("{error}") };
    assert_eq!(error.kind(), &ClientErrorKind::UnknownTopic("missing".into()));
    assert!(before.elapsed() < Duration::from_secs(10), "{:?}", before.elapsed());
    // It is told once, and does not end the consumer: the topic may come.
    world.broker.create_topic("missing", 1).expect("a new topic");
    let producer = client.producer().build().expect("a producer");
    producer.send(Record::to("missing").value("here")).await.expect("delivered");
    assert_eq!(read_values(&reader, 1).await, ["here"]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_look_at_a_topic_does_not_take_it_from_those_who_wait_for_it() {
    let world = World::with(1, |broker| broker.cluster(|cluster| cluster.auto_create_topics_enable(false)));
    let client = world.client().await;
    let late = client.consumer("g").subscribe(["late"]).auto_offset_reset(OffsetReset::Earliest);
    let reader = late.build().expect("a consumer");
    soon(client.topic("late")).await.expect_err("not there yet");
    assert!(soon(reader.next_batch()).await.is_err());
    world.broker.create_topic("late", 1).expect("a new topic");
    let other = world.client().await;
    other.producer().build().expect("a producer").send(Record::to("late").value("v")).await.expect("sent");
    assert_eq!(read_values(&reader, 1).await, ["v"]);
}

#[tokio::test(start_paused = true)]
async fn whoever_gives_up_waiting_for_a_topic_leaves_no_requests_behind() {
    let world = World::new(1);
    let client = world.builder().allow_auto_create_topics(false).connect().await.expect("a client");
    let wait = timeout(Duration::from_millis(10), client.topic("missing"));
    assert!(wait.await.is_err());
    sleep(Duration::from_secs(2)).await;
    let before = world.network.trace();
    sleep(Duration::from_secs(100)).await;
    assert_eq!(world.network.trace(), before, "something went through");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_partition_is_told_to_its_reader() {
    let world = World::new(2);
    let client = world.client().await;
    let reader = client.consumer_without_group().assign([tp(0), tp(2)]);
    let reader = reader.auto_offset_reset(OffsetReset::Earliest).build().expect("a consumer");
    let error = soon(reader.next_batch()).await.expect_err("t has no partition 2");
    let ConsumerError::Client(error) = error else { panic!("{error}") };
    let expected = ClientErrorKind::UnknownPartition { topic: "t".into(), partition: 2, partitions: 2 };
    assert_eq!(error.kind(), &expected);
    // The other partition is read all the same.
    fill(&client, 0, 0..1).await;
    assert_eq!(read_values(&reader, 1).await, ["0.0"]);
}

#[tokio::test(start_paused = true)]
async fn a_broken_batch_is_told_and_never_skipped() {
    let world = World::new(1);
    let client = world.client().await;
    fill(&client, 0, 0..2).await;
    let producer = client.producer().build().expect("a producer");
    producer.send(Record::to("t").value("needle")).await.expect("delivered");
    fill(&client, 0, 3..4).await;
    world.network.garble(Some("needle"));
    let reader = reader(&client, 1, OffsetReset::Earliest);
    assert_eq!(read_values(&reader, 2).await, ["0.0", "0.1"]);
    for _ in 0..3 {
        let error = soon(reader.next_batch()).await.expect_err("its CRC is wrong");
        assert!(matches!(&error, ConsumerError::Records { partition, .. } if *partition == tp(0)), "{error}");
        assert_eq!(reader.position(&tp(0)), Some(Offset(2)));
    }
    // If it was broken on its way, it comes after all; and whoever does not want it may seek.
    world.network.garble(None);
    assert_eq!(read_values(&reader, 2).await, ["needle", "0.3"]);
    world.network.garble(Some("needle"));
    assert!(reader.seek(&tp(0), Offset(2)));
    soon(reader.next_batch()).await.expect_err("its CRC is wrong");
    assert!(reader.seek(&tp(0), Offset(3)));
    assert_eq!(read_values(&reader, 1).await, ["0.3"]);
}

#[tokio::test(start_paused = true)]
async fn without_a_group_nothing_can_be_committed() {
    let world = World::new(1);
    let client = world.client().await;
    let reader = reader(&client, 1, OffsetReset::Earliest);
    assert!(matches!(reader.commit().await, Err(ConsumerError::NoGroup)));
    soon(reader.close()).await.expect("closed");
    assert!(soon(reader.next_batch()).await.expect("no error").is_none());
}

#[tokio::test(start_paused = true)]
async fn two_readers_of_one_client_do_not_wait_for_each_other() {
    let world = World::new(2);
    let client = world.client().await;
    let readers: Vec<Consumer> = (0..2)
        .map(|partition| {
            let reader = client.consumer_without_group().assign([tp(partition)]);
            let reader =
                reader.auto_offset_reset(OffsetReset::Earliest).fetch_max_wait(Duration::from_secs(20));
            reader.build().expect("a consumer")
        })
        .collect();
    for reader in &readers {
        reads_nothing(reader, Duration::from_secs(3)).await;
    }
    for (partition, number) in [(0, 0), (0, 1), (1, 0), (1, 1), (0, 2)] {
        let before = Instant::now();
        fill(&client, partition, number..number + 1).await;
        let values = read_values(&readers[partition as usize], 1).await;
        assert_eq!(values, [format!("{partition}.{number}")]);
        assert!(before.elapsed() < Duration::from_secs(1), "{:?}", before.elapsed());
    }
}
