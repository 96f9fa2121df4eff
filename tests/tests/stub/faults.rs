//! Streams that break, nodes that go away, networks that fall silent: nothing is lost, nothing is there twice.

use std::collections::BTreeMap;
use std::time::Duration;

use ottla_client::{
    Acks, Client, ClientErrorKind, ConsumerError, OffsetReset, ProduceErrorKind, Producer, Record, SendError,
};
use ottla_protocol::types::NodeId;
use tokio::time::{Instant, sleep};

use crate::world::{NODE_1, World, member, read, read_values, reads_nothing, soon, text, tp};

/// Sends `count` numbers from one task, spread over the partitions of `t`, while the network does what it does.
async fn send_numbers(producer: &Producer, partitions: i32, count: i32) {
    let mut deliveries = Vec::new();
    for number in 0..count {
        let value = number.to_string();
        let record = Record::to("t").partition(number % partitions).value(&value);
        deliveries.push(soon(producer.enqueue(record)).await.expect("queued"));
        sleep(Duration::from_millis(2)).await;
    }
    for delivery in deliveries {
        soon(delivery).await.expect("delivered");
    }
}

/// Whether every number is in the partition where it belongs, once, and in order.
fn has_numbers(world: &World, partition: i32, partitions: i32, count: i32) -> bool {
    let expected = (0..count).filter(|n| n % partitions == partition).map(|n| n.to_string());
    world.values(partition).into_iter().eq(expected)
}

fn check_numbers(world: &World, partitions: i32, count: i32) {
    for partition in 0..partitions {
        let (found, is_right) = (world.values(partition), has_numbers(world, partition, partitions, count));
        assert!(is_right, "partition {partition}: {found:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_idempotence_cuts_double_records_and_the_check_sees_it() {
    let mut wrong = 0;
    for seed in 0..10 {
        let world = World::new(1);
        world.network.delay(Duration::from_millis(3));
        let client = world.client().await;
        let producer =
            client.producer().enable_idempotence(false).batch_size(200).build().expect("a producer");
        world.network.cut_next(30, 3000, seed);
        world.network.cut(NODE_1);
        send_numbers(&producer, 1, 300).await;
        let mut found = world.values(0);
        wrong += u32::from(!has_numbers(&world, 0, 1, 300));
        found.sort();
        found.dedup();
        assert_eq!(found.len(), 300, "nothing is missing");
    }
    assert!(wrong > 0);
}

#[tokio::test(start_paused = true)]
async fn streams_that_are_cut_while_producing_lose_and_double_nothing() {
    for seed in 0..20 {
        let world = World::new(3);
        world.network.delay(Duration::from_millis(3));
        let client = world.client().await;
        let producer = client.producer().batch_size(200).build().expect("a producer");
        world.network.cut_next(30, 3000, seed);
        world.network.cut(NODE_1);
        send_numbers(&producer, 3, 600).await;
        check_numbers(&world, 3, 600);
        assert!(world.network.streams() > 10, "{}", world.network.streams());
    }
}

#[tokio::test(start_paused = true)]
async fn a_fresh_producer_survives_streams_that_are_cut_from_the_start() {
    for seed in 0..30 {
        let world = World::new(1);
        let client = world.client().await;
        world.network.cut_next(10, 200, seed);
        world.network.cut(NODE_1);
        let producer = client.producer().build().expect("a producer");
        send_numbers(&producer, 1, 5).await;
        check_numbers(&world, 1, 5);
    }
}

#[tokio::test(start_paused = true)]
async fn streams_that_are_cut_while_consuming_lose_and_double_nothing() {
    for seed in 0..20 {
        let world = World::new(3);
        let client = world.client().await;
        let producer = client.producer().batch_size(300).build().expect("a producer");
        send_numbers(&producer, 3, 600).await;
        let (other, network) = world.remote_client().await;
        network.delay(Duration::from_millis(3));
        network.cut_next(30, 4000, seed);
        network.cut(NODE_1);
        let reader = member(&other).max_partition_fetch_bytes(500).build().expect("a consumer");
        let mut read = BTreeMap::<i32, Vec<String>>::new();
        for message in self::read(&reader, 600).await {
            read.entry(message.partition()).or_default().push(text(message.value().as_deref()));
        }
        for (partition, values) in read {
            assert_eq!(values, world.values(partition), "seed {seed}, partition {partition}");
        }
        soon(reader.close()).await.expect("closed");
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_survives_streams_that_are_cut() {
    for seed in 0..20 {
        let world = World::new(2);
        let client = world.client().await;
        let (other, network) = world.remote_client().await;
        network.cut_next(20, 1500, seed);
        network.cut(NODE_1);
        let first = member(&other).build().expect("a consumer");
        let producer = client.producer().build().expect("a producer");
        let mut seen = Vec::new();
        for number in 0..20 {
            let value = number.to_string();
            soon(producer.send(Record::to("t").partition(number % 2).value(&value)))
                .await
                .expect("delivered");
            seen.extend(read_values(&first, 1).await);
            sleep(Duration::from_secs(2)).await;
        }
        assert_eq!(seen, (0..20).map(|number| number.to_string()).collect::<Vec<_>>(), "seed {seed}");
        soon(first.close()).await.expect("closed");
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_away_for_a_while_loses_nothing() {
    let world = World::new(2);
    let client = world.client().await;
    let reader = member(&client).build().expect("a consumer");
    let producer = client.producer().build().expect("a producer");
    producer.send(Record::to("t").partition(0).value("before")).await.expect("delivered");
    assert_eq!(read_values(&reader, 1).await, ["before"]);
    world.network.take_down(NODE_1);
    let late = producer.enqueue(Record::to("t").partition(1).value("meanwhile")).await.expect("queued");
    reads_nothing(&reader, Duration::from_secs(40)).await;
    assert!(late.try_result().is_none());
    world.network.bring_up(NODE_1);
    let before = Instant::now();
    soon(late).await.expect("delivered");
    assert_eq!(read_values(&reader, 1).await, ["meanwhile"]);
    assert!(before.elapsed() < Duration::from_secs(5), "{:?}", before.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_record_that_no_broker_takes_in_time_fails_and_says_whether_it_may_be_written() {
    let world = World::new(1);
    let client = world.builder().request_timeout(Duration::from_secs(5)).connect().await.expect("a client");
    let producer = client.producer().delivery_timeout(Duration::from_secs(20)).build().expect("a producer");
    producer.send(Record::to("t").value("warm")).await.expect("delivered");
    world.network.take_down(NODE_1);
    // Until the producer sees it, it may still write into the stream.
    sleep(Duration::from_millis(10)).await;
    let before = Instant::now();
    let error = producer.send(Record::to("t").value("unsent")).await.expect_err("nobody takes it");
    assert!((20..=22).contains(&before.elapsed().as_secs()), "{:?}", before.elapsed());
    let SendError::NotDelivered { error: cause, .. } = &error else { panic!("{error}") };
    assert_eq!(cause.kind(), ProduceErrorKind::TimedOut, "{error}");
    assert!(!error.is_perhaps_written() && error.is_retriable());
    world.network.bring_up(NODE_1);
    soon(producer.send(Record::to("t").value("next"))).await.expect("delivered");

    world.network.silence(true);
    let error = producer.send(Record::to("t").value("who knows")).await.expect_err("nobody answers");
    assert!(error.is_perhaps_written(), "{error}");
    world.network.silence(false);
    soon(producer.send(Record::to("t").value("last"))).await.expect("delivered");
    let values = world.values(0);
    assert_eq!(
        values.iter().filter(|value| *value != "who knows").collect::<Vec<_>>(),
        ["warm", "next", "last"]
    );
}

#[tokio::test(start_paused = true)]
async fn without_idempotence_a_request_that_had_no_answer_may_be_there_twice_but_never_missing() {
    let world = World::new(1);
    let client = world.builder().request_timeout(Duration::from_secs(5)).connect().await.expect("a client");
    let producer =
        client.producer().enable_idempotence(false).acks(Acks::Leader).build().expect("a producer");
    producer.send(Record::to("t").value("warm")).await.expect("delivered");
    world.network.silence(true);
    let delivery = producer.enqueue(Record::to("t").value("v")).await.expect("queued");
    sleep(Duration::from_secs(12)).await;
    world.network.silence(false);
    soon(delivery).await.expect("delivered");
    assert!(world.values(0).iter().filter(|value| *value == "v").count() >= 1);
}

#[tokio::test(start_paused = true)]
async fn partitions_on_several_nodes_are_written_and_read_where_they_are() {
    let world = World::with(9, |broker| broker.nodes(3));
    let client = world.client().await;
    let leaders: std::collections::BTreeSet<_> = (0..9)
        .filter_map(|partition| {
            let topic = client.snapshot().topic("t").cloned()?;
            topic.partitions.get(partition)?.leader
        })
        .collect();
    assert!(leaders.is_empty(), "not asked for yet");
    let producer = client.producer().build().expect("a producer");
    send_numbers(&producer, 9, 90).await;
    check_numbers(&world, 9, 90);
    let topic = client.topic("t").await.expect("the topic");
    let leaders: std::collections::BTreeSet<_> = topic.partitions.iter().filter_map(|p| p.leader).collect();
    assert_eq!(leaders.len(), 3);
    let reader = member(&client).build().expect("a consumer");
    assert_eq!(read(&reader, 90).await.len(), 90);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_away_does_not_hold_up_the_others() {
    let world = World::with(3, |broker| broker.nodes(3));
    let client = world.client().await;
    let producer = client.producer().build().expect("a producer");
    let reader = client.consumer_without_group().assign((0..3).map(tp));
    let reader = reader.auto_offset_reset(OffsetReset::Earliest).build().expect("a consumer");
    for partition in 0..3 {
        producer.send(Record::to("t").partition(partition).value("1")).await.expect("delivered");
    }
    read(&reader, 3).await;
    let topic = client.topic("t").await.expect("the topic");
    let gone = topic.partitions[1].leader.expect("a leader");
    world.network.take_down(gone);
    let late = producer.enqueue(Record::to("t").partition(1).value("late")).await.expect("queued");
    let before = Instant::now();
    for partition in [0, 2, 0, 2] {
        soon(producer.send(Record::to("t").partition(partition).value("2"))).await.expect("delivered");
    }
    assert_eq!(read_values(&reader, 4).await, ["2"; 4]);
    assert!(before.elapsed() < Duration::from_secs(1), "{:?}", before.elapsed());
    world.network.bring_up(gone);
    soon(late).await.expect("delivered");
    assert_eq!(read_values(&reader, 1).await, ["late"]);
}

#[tokio::test(start_paused = true)]
async fn a_client_connects_by_whichever_bootstrap_server_answers() {
    let world = World::with(1, |broker| broker.nodes(3));
    world.network.take_down(NODE_1);
    world.network.take_down(NodeId(2));
    let client = world.client().await;
    assert_eq!(client.snapshot().brokers.len(), 3);
    world.network.take_down(NodeId(3));
    let error = world.builder().connect().await.expect_err("all are away");
    let ClientErrorKind::Unreachable(attempts) = error.kind() else { panic!("{error}") };
    assert_eq!(attempts.len(), 3);
    assert!(attempts[1].to_string().contains("node-2:9093"), "{attempts:?}");
    assert!(error.is_retriable());
}

#[tokio::test(start_paused = true)]
async fn an_address_that_never_answers_is_given_up_in_bounded_time() {
    let world = World::new(1);
    world.network.silence(true);
    let before = Instant::now();
    let connecting = world.builder().connection_timeout(Duration::from_secs(4)).connect();
    let error = soon(connecting).await.expect_err("nobody answers");
    assert!(matches!(error.kind(), ClientErrorKind::Unreachable(_)), "{error}");
    assert!(before.elapsed() <= Duration::from_secs(9), "{:?}", before.elapsed());
}

#[tokio::test(start_paused = true)]
async fn requests_that_had_no_answer_end_and_the_next_ones_get_through() {
    let world = World::new(1);
    let client = world.builder().request_timeout(Duration::from_secs(5)).connect().await.expect("a client");
    let producer = client.producer().build().expect("a producer");
    let reader = member(&client).build().expect("a consumer");
    producer.send(Record::to("t").value("1")).await.expect("delivered");
    assert_eq!(read_values(&reader, 1).await, ["1"]);
    world.network.silence(true);
    let second = producer.enqueue(Record::to("t").value("2")).await.expect("queued");
    reads_nothing(&reader, Duration::from_secs(30)).await;
    world.network.silence(false);
    soon(second).await.expect("delivered");
    assert_eq!(read_values(&reader, 1).await, ["2"]);
    assert_eq!(world.values(0), ["1", "2"]);
}

#[tokio::test(start_paused = true)]
async fn the_coordinator_may_go_away_and_come_back() {
    let world = World::with(3, |broker| broker.nodes(3));
    let client = world.client().await;
    let reader = member(&client).session_timeout(Duration::from_secs(30)).build().expect("a consumer");
    let producer = client.producer().build().expect("a producer");
    let send_round = async |value: &str| {
        for partition in 0..3 {
            let record = Record::to("t").partition(partition).value(value);
            soon(producer.send(record)).await.expect("delivered");
        }
    };
    send_round("1").await;
    assert_eq!(read_values(&reader, 3).await, ["1"; 3]);
    for node in 1..=3 {
        world.network.take_down(NodeId(node));
        sleep(Duration::from_secs(15)).await;
        world.network.bring_up(NodeId(node));
    }
    send_round("2").await;
    assert_eq!(read_values(&reader, 3).await, ["2"; 3]);
    soon(reader.commit()).await.expect("committed");
}

#[tokio::test(start_paused = true)]
async fn a_cut_during_a_commit_does_not_undo_it() {
    for seed in 0..20 {
        let world = World::new(1);
        let client = world.client().await;
        client
            .producer()
            .build()
            .expect("a producer")
            .send(Record::to("t").value("v"))
            .await
            .expect("delivered");
        let (other, network) = world.remote_client().await;
        let reader = member(&other).enable_auto_commit(false).build().expect("a consumer");
        read(&reader, 1).await;
        network.cut_next(3, 300, seed);
        network.cut(NODE_1);
        match soon(reader.commit()).await {
            Ok(()) => {}
            Err(ConsumerError::Group(error)) => panic!("seed {seed}: {error}"),
            Err(error) => panic!("seed {seed}: {error}"),
        }
        soon(reader.close()).await.expect("closed");
        let reader = member(&client).build().expect("a consumer");
        reads_nothing(&reader, Duration::from_secs(5)).await;
    }
}

/// Sends and reads a while with cuts, and says what went through.
async fn run_once(seed: u64) -> (u64, u64) {
    let world = World::new(3);
    world.network.delay(Duration::from_millis(1));
    let client: Client = world.client().await;
    world.network.cut_next(10, 5000, seed);
    let producer = client.producer().build().expect("a producer");
    let (first, second) =
        (member(&client).build().expect("a consumer"), member(&client).build().expect("a consumer"));
    send_numbers(&producer, 3, 60).await;
    reads_nothing_or_something(&[&first, &second]).await;
    (world.network.trace(), world.network.streams())
}

async fn reads_nothing_or_something(readers: &[&ottla_client::Consumer]) {
    for _ in 0..200 {
        for reader in readers {
            _ = tokio::time::timeout(Duration::from_millis(50), reader.next_batch()).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_sends_the_same_bytes() {
    let first = run_once(1).await;
    assert_eq!(first, run_once(1).await);
    assert_ne!(first, run_once(2).await);
}
