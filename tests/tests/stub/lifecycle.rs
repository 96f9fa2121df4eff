//! Ends: tasks, streams and waiters when things are closed or dropped.

use std::sync::Arc;
use std::time::Duration;

use ottla_client::{ClientErrorKind, ConsumerError, Record, SendError};
use ottla_core::connection::ConnectionConfig;
use ottla_core::random::Jitter;
use ottla_core::reconnect::Attempt;
use ottla_core::request::RequestError;
use ottla_protocol::message::Message;
use ottla_protocol::messages::heartbeat_request::HeartbeatRequest;
use ottla_tests::scripted_network::ScriptedNetwork;
use ottla_transport::{Clock, Dialer, SendOptions};
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

use crate::world::{NODE_1, World, member, read, reads_nothing, soon, tp};

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

/// Waits until no more tasks are alive than `before`.
async fn only(before: usize) {
    let ended = async {
        while tasks() > before {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(Duration::from_secs(40), ended)
        .await
        .unwrap_or_else(|_| panic!("{} tasks, not {before}", tasks()));
}

#[tokio::test(start_paused = true)]
async fn when_all_handles_are_gone_no_task_and_no_stream_is_left() {
    let world = World::new(2);
    let before = tasks();
    let client = world.client().await;
    let producer = client.producer().build().expect("a producer");
    let reader = member(&client).build().expect("a consumer");
    let other = client.consumer_without_group().assign([tp(0)]).build().expect("a consumer");
    producer.send(Record::to("t").partition(0).value("v")).await.expect("delivered");
    read(&reader, 1).await;
    assert!(tasks() > before);
    drop((client, reader));
    sleep(Duration::from_secs(2)).await;
    producer.send(Record::to("t").partition(0).value("the others go on")).await.expect("delivered");
    drop((producer, other));
    only(before).await;
}

#[tokio::test(start_paused = true)]
async fn closing_ends_everything_while_handles_are_left() {
    let world = World::new(2);
    let before = tasks();
    let client = world.client().await;
    let producer = client.producer().build().expect("a producer");
    let reader = member(&client).build().expect("a consumer");
    producer.send(Record::to("t").partition(0).value("v")).await.expect("delivered");
    read(&reader, 1).await;
    soon(reader.close()).await.expect("closed");
    soon(producer.close(Duration::MAX)).await.expect("all is resolved");
    client.close().await;
    only(before + 1).await;
    drop(producer);
    only(before).await;
    let error = client.topic("t2").await.expect_err("closed");
    assert_eq!(error.kind(), &ClientErrorKind::Closed);
    assert!(client.producer().build().is_err() && member(&client).build().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_closed_client_fails_what_is_left_instead_of_leaving_it_waiting() {
    let world = World::new(1);
    let before = tasks();
    let client = world.client().await;
    let producer = client.producer().build().expect("a producer");
    let reader = member(&client).build().expect("a consumer");
    reads_nothing(&reader, Duration::from_secs(3)).await;
    producer.send(Record::to("t").value("v")).await.expect("delivered");
    world.network.take_down(NODE_1);
    // It waits for another attempt when the client is closed.
    let delivery = producer.enqueue(Record::to("t").value("v")).await.expect("queued");
    sleep(Duration::from_millis(1130)).await;
    client.close().await;
    let error = timeout(Duration::from_secs(5), delivery).await.expect("an end").expect_err("closed");
    assert!(matches!(error, SendError::NotDelivered { .. }), "{error}");
    let late = timeout(Duration::from_secs(5), producer.send(Record::to("t").value("v"))).await;
    late.expect("an end").expect_err("closed");
    let batch = timeout(Duration::from_secs(5), async {
        loop {
            match reader.next_batch().await {
                Ok(None) => return,
                Ok(Some(_)) => {}
                Err(error) => assert!(!matches!(error, ConsumerError::Records { .. }), "{error}"),
            }
        }
    });
    batch.await.expect("an end");
    timeout(Duration::from_secs(5), reader.close()).await.expect("an end").expect("closed");
    timeout(Duration::from_secs(5), producer.flush()).await.expect("an end");
    drop((producer, reader));
    only(before).await;
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_is_waited_for_ends_with_the_client() {
    let world = World::new(1);
    let client = world.client().await;
    let reader = member(&client).enable_auto_commit(false).build().expect("a consumer");
    client.producer().build().expect("a producer").send(Record::to("t").value("v")).await.expect("delivered");
    read(&reader, 1).await;
    world.network.silence(true);
    let (committed, ()) = tokio::join!(timeout(Duration::from_secs(90), reader.commit()), async {
        sleep(Duration::from_secs(1)).await;
        client.close().await;
    });
    committed.expect("an end").expect_err("closed");
}

#[tokio::test(start_paused = true)]
async fn everything_ends_when_no_broker_answers_any_more() {
    let world = World::new(1);
    let client = world.client().await;
    let producer = client.producer().delivery_timeout(Duration::from_secs(40)).build().expect("a producer");
    let reader = member(&client).build().expect("a consumer");
    producer.send(Record::to("t").value("v")).await.expect("delivered");
    read(&reader, 1).await;
    world.network.take_down(NODE_1);
    let before = tasks();
    drop(producer.enqueue(Record::to("t").value("v")).await.expect("queued"));
    // Not longer than default.api.timeout.ms for the commit and as long for leaving.
    let closed = timeout(Duration::from_secs(121), reader.close()).await.expect("an end");
    assert!(closed.is_err(), "the last commit cannot have been made");
    producer.close(Duration::from_secs(45)).await.expect("all is resolved");
    drop((producer, reader, client));
    sleep(Duration::from_secs(60)).await;
    // The broker's own tasks are left.
    assert!(tasks() < before, "{} of {before}", tasks());
    assert!(tasks() <= 1, "{}", tasks());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_dropped_while_it_connects_leaves_nothing_behind() {
    let world = World::new(1);
    let before = tasks();
    world.network.silence(true);
    let connecting = timeout(Duration::from_secs(1), world.builder().connect());
    assert!(connecting.await.is_err());
    world.network.silence(false);
    only(before).await;
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_batch_can_be_given_up_at_any_time() {
    let world = World::new(1);
    let client = world.client().await;
    let reader = member(&client).build().expect("a consumer");
    let producer = client.producer().build().expect("a producer");
    let mut seen = Vec::new();
    for number in 0..200 {
        let sending = producer.send(Record::to("t").value("v"));
        sending.await.expect("delivered");
        if let Ok(batch) = timeout(Duration::from_micros(number * 50), reader.next_batch()).await {
            let batch = batch.expect("a batch").expect("open");
            seen.extend(batch.iter().map(|record| record.offset()));
        }
    }
    while seen.len() < 200 {
        let batch = soon(reader.next_batch()).await.expect("a batch").expect("open");
        seen.extend(batch.iter().map(|record| record.offset()));
    }
    assert_eq!(seen, (0..200).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_consumer_closed_from_elsewhere_ends_the_wait_for_a_batch() {
    let world = World::new(1);
    let client = world.client().await;
    let reader = std::sync::Arc::new(member(&client).build().expect("a consumer"));
    let waiting = tokio::spawn({
        let reader = std::sync::Arc::clone(&reader);
        async move { reader.next_batch().await }
    });
    sleep(Duration::from_secs(5)).await;
    soon(reader.close()).await.expect("closed");
    let batch = timeout(Duration::from_secs(5), waiting).await.expect("an end").expect("no panic");
    assert!(batch.expect("no error").is_none());
    soon(reader.close()).await.expect("closed twice");
    assert!(matches!(soon(reader.commit()).await, Err(ConsumerError::Closed)));
}

#[tokio::test(start_paused = true)]
async fn consumers_that_come_and_go_leave_no_connections_behind() {
    let world = World::new(1);
    let client = world.client().await;
    let producer = client.producer().build().expect("a producer");
    producer.send(Record::to("t").value("v")).await.expect("delivered");
    sleep(Duration::from_secs(60)).await;
    let before = tasks();
    for _ in 0..10 {
        let reader = member(&client).build().expect("a consumer");
        reads_nothing_or_one(&reader).await;
        soon(reader.close()).await.expect("closed");
    }
    only(before).await;
}

async fn reads_nothing_or_one(reader: &ottla_client::Consumer) {
    _ = timeout(Duration::from_secs(1), reader.next_batch()).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_on_which_the_broker_says_nothing_ends_though_a_request_on_it_ended_before() {
    let silent = ScriptedNetwork::new(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    });
    let mut dialer = Dialer::new(ConnectionConfig::new("test"), Clock::starting_at(0));
    dialer.connector = Arc::new(silent);
    let attempt = Attempt::now(Duration::from_secs(10));
    let connection = dialer.open("node", 9092, attempt, Jitter::seeded(1));
    let (sender, ended) = tokio::sync::oneshot::channel();
    let options = SendOptions::new(HeartbeatRequest::VERSIONS, Duration::from_secs(5));
    let reply = Box::new(|result: Result<_, RequestError>| _ = sender.send(result.is_ok()));
    connection.send(Box::new(HeartbeatRequest::default()), options, reply);
    assert_eq!(soon(ended).await, Ok(false));
    assert!(!connection.is_closed());
    sleep(Duration::from_secs(6)).await;
    assert!(connection.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_closes_while_nobody_answers_is_idle_until_it_gives_up() {
    let world = World::new(1);
    let (client, network) = world.remote_client().await;
    let reader =
        member(&client).auto_commit_interval(Duration::from_millis(200)).build().expect("a consumer");
    let producer = client.producer().build().expect("a producer");
    producer.send(Record::to("t").value("v")).await.expect("delivered");
    read(&reader, 1).await;
    network.silence(true);
    // On a clock that moves only when nobody has anything to do, a driver that spins would never let this end.
    _ = soon(reader.close()).await;
}
