//! How records end before their time: a producer that closes, a queue that is purged, attempts that are counted.

use std::pin::pin;
use std::time::Duration;

use ottla_client::{
    Client, ClientErrorKind, Compression, Delivery, OwnedRecord, ProduceErrorKind, Producer, Record,
    SendError, Undelivered, UndeliveredRecord,
};
use ottla_protocol::api::ApiKey;
use ottla_protocol::error_code::ErrorCode;
use tokio::time::{Instant, sleep, timeout};

use crate::world::{START_UNIX_MS, World, member, soon};

const CODECS: [Compression; 5] =
    [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];

/// Records with all that records have, of partition `partition`.
fn records(partition: i32) -> Vec<OwnedRecord> {
    let full = OwnedRecord::to("t").key("k").value("v".repeat(300)).timestamp(START_UNIX_MS - 7);
    let full = full.header("a", "1").header("a", "").header_null("b").header("", "nameless");
    let rest =
        [OwnedRecord::tombstone("t", "k"), OwnedRecord::to("t"), OwnedRecord::to("t").key("").value("")];
    let all = std::iter::once(full).chain(rest.map(|record| record.timestamp(START_UNIX_MS)));
    all.map(|record| record.partition(partition)).collect()
}

async fn enqueue(producer: &Producer, records: &[OwnedRecord]) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    for record in records {
        deliveries.push(producer.enqueue(record).await.expect("queued"));
    }
    deliveries
}

/// How a delivery ended with an error, if it has.
fn end_of(delivery: &Delivery) -> Option<ProduceErrorKind> {
    match delivery.try_result()? {
        Err(SendError::NotDelivered { error, .. }) => Some(error.kind()),
        other => panic!("not an error of delivery: {other:?}"),
    }
}

fn parts(undelivered: Undelivered) -> (Vec<OwnedRecord>, Vec<bool>) {
    let count = undelivered.record_count();
    let records = undelivered.into_iter();
    assert_eq!(records.len(), count);
    records.map(|UndeliveredRecord { record, is_perhaps_written, .. }| (record, is_perhaps_written)).unzip()
}

#[tokio::test(start_paused = true)]
async fn what_is_not_delivered_in_time_comes_back_as_it_was() {
    for codec in CODECS {
        let world = World::new(2);
        let client = world.client().await;
        let producer = client.producer().compression(codec).max_in_flight(1).build().expect("a producer");
        for partition in 0..2 {
            producer.send(Record::to("t").partition(partition).value("v")).await.expect("delivered");
        }
        world.network.silence(true);
        // The one is under way, the other waits behind it.
        let (sent, queued) = (records(0), records(1));
        let sent_deliveries = enqueue(&producer, &sent).await;
        sleep(Duration::from_millis(5)).await;
        let queued_deliveries = enqueue(&producer, &queued).await;

        let before = Instant::now();
        let undelivered = producer.close(Duration::from_secs(5)).await.expect_err("nobody answers");
        assert_eq!(before.elapsed().as_secs(), 5);
        assert_eq!((undelivered.record_count(), undelivered.perhaps_written_count()), (8, 4), "{codec}");
        let text = undelivered.to_string();
        assert!(text.contains("records: 8; 4 of them may be written"), "{text}");
        for delivery in &sent_deliveries {
            assert_eq!(end_of(delivery), Some(ProduceErrorKind::PerhapsWritten));
        }
        for delivery in &queued_deliveries {
            assert_eq!(end_of(delivery), Some(ProduceErrorKind::Closed));
        }
        let (handed_back, perhaps_written) = parts(undelivered);
        assert_eq!(handed_back, [sent, queued].concat(), "{codec}");
        assert_eq!(perhaps_written, [[true; 4], [false; 4]].concat());
        assert_eq!(producer.buffered_bytes(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn answers_that_come_after_the_end_do_no_harm() {
    let world = World::new(1);
    let client = world.client().await;
    let producer = client.producer().build().expect("a producer");
    producer.send(Record::to("t").value("1")).await.expect("delivered");
    world.network.delay(Duration::from_secs(2));
    let delivery = producer.enqueue(Record::to("t").value("2")).await.expect("queued");
    let undelivered = producer.close(Duration::from_secs(1)).await.expect_err("the network is slow");
    assert_eq!(undelivered.perhaps_written_count(), 1);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(world.values(0), ["1", "2"], "it was written, as was to be feared");
    assert_eq!(end_of(&delivery), Some(ProduceErrorKind::PerhapsWritten));
    producer.close(Duration::from_secs(1)).await.expect("there is nothing left");
    // The client goes on.
    world.network.delay(Duration::ZERO);
    let next = client.producer().build().expect("a producer");
    soon(next.send(Record::to("t").value("3"))).await.expect("delivered");
}

#[tokio::test(start_paused = true)]
async fn without_time_everything_comes_back_at_once() {
    let world = World::new(1);
    let client = world.client().await;
    let producer = client.producer().linger(Duration::from_secs(60)).build().expect("a producer");
    let records = records(0);
    let deliveries = enqueue(&producer, &records).await;
    let before = Instant::now();
    let undelivered = producer.close(Duration::ZERO).await.expect_err("nothing was sent");
    assert_eq!(before.elapsed(), Duration::ZERO);
    assert_eq!(undelivered.perhaps_written_count(), 0);
    assert!(deliveries.iter().all(|delivery| end_of(delivery) == Some(ProduceErrorKind::Closed)));
    assert_eq!(parts(undelivered).0, records);
    sleep(Duration::from_secs(120)).await;
    assert!(world.values(0).is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_reason_of_an_undelivered_record_is_told() {
    let world = World::new(1);
    let client = world.client().await;
    let fault = world.broker.faults().on(ApiKey::PRODUCE).error(ErrorCode::NOT_ENOUGH_REPLICAS);
    fault.expect("a rule");
    let producer = client.producer().build().expect("a producer");
    drop(producer.enqueue(Record::to("t").value("v")).await.expect("queued"));
    let error = producer.close(Duration::from_secs(3)).await.expect_err("refused again and again");
    assert!(format!("{error:?}").contains("NOT_ENOUGH_REPLICAS"), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn each_record_is_handed_back_once_whoever_closes() {
    let world = World::new(1);
    let client = world.client().await;
    let producer = client.producer().build().expect("a producer");
    producer.send(Record::to("t").value("v")).await.expect("delivered");
    world.network.silence(true);
    drop(enqueue(&producer, &records(0)).await);
    let clone = producer.clone();
    let (long, short) =
        tokio::join!(producer.close(Duration::from_secs(9)), clone.close(Duration::from_secs(3)));
    assert_eq!(short.expect_err("nobody answers").record_count(), 4);
    long.expect("all is resolved");
    clone.close(Duration::ZERO).await.expect("nothing is left");
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_the_end_that_is_given_up_gives_nothing_up() {
    let world = World::new(1);
    let client = world.client().await;
    let producer = client.producer().build().expect("a producer");
    producer.send(Record::to("t").value("v")).await.expect("delivered");
    world.network.silence(true);
    let deliveries = enqueue(&producer, &records(0)).await;
    assert!(timeout(Duration::from_secs(1), producer.close(Duration::from_secs(60))).await.is_err());
    assert!(deliveries.iter().all(|delivery| delivery.try_result().is_none()));
    let refused = producer.send(Record::to("t").value("v")).await.expect_err("closed");
    assert!(matches!(refused, SendError::Closed), "{refused}");
    world.network.silence(false);
    soon(producer.close(Duration::MAX)).await.expect("delivered");
    for delivery in deliveries {
        delivery.try_result().expect("resolved").expect("delivered");
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_topic_or_for_memory_is_refused_when_the_producer_closes() {
    let world = World::new(1);
    let client = world.client().await;
    let producers = ["t", "another"]
        .map(|topic| (topic, client.producer().buffer_memory(1000).build().expect("a producer")));
    for (_, producer) in &producers {
        producer.send(Record::to("t").value("v")).await.expect("delivered");
    }
    world.network.silence(true);
    let large = "v".repeat(2000);
    for (topic, producer) in producers {
        drop(producer.enqueue(Record::to("t").value(&large)).await.expect("queued"));
        let waiting = producer.clone();
        let mut waiting = pin!(waiting.enqueue(Record::to(topic).value("v")));
        assert!(timeout(Duration::from_millis(10), &mut waiting).await.is_err(), "{topic}");
        let closing = producer.close(Duration::from_secs(1));
        let closing = timeout(Duration::from_millis(1), closing);
        let (refused, closed) = tokio::join!(timeout(Duration::from_millis(1), waiting), closing);
        let refused = refused.expect("at once").expect_err("closed");
        assert!(matches!(refused, SendError::Closed), "{topic}: {refused}");
        assert!(closed.is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_purge_ends_what_waits_and_the_producer_goes_on() {
    let world = World::new(2);
    let client = world.client().await;
    let producer = client.producer().linger(Duration::from_secs(60)).build().expect("a producer");
    let mut deliveries = enqueue(&producer, &records(0)).await;
    deliveries.extend(enqueue(&producer, &records(1)).await);
    assert_eq!(producer.purge(), 8);
    assert!(deliveries.iter().all(|delivery| end_of(delivery) == Some(ProduceErrorKind::Purged)));
    assert_eq!((producer.buffered_bytes(), producer.purge()), (0, 0));
    let sending = producer.enqueue(Record::to("t").partition(0).value("v")).await.expect("queued");
    producer.flush().await;
    assert_eq!(sending.await.expect("delivered").offset, Some(0));
}

#[tokio::test(start_paused = true)]
async fn a_purge_wakes_who_waits_for_memory_or_for_the_end() {
    let world = World::new(1);
    let client = world.client().await;
    let producer = client.producer().buffer_memory(1000).linger(Duration::from_secs(60));
    let producer = producer.build().expect("a producer");
    // A producer that is slow to get its id sends nothing meanwhile.
    world.broker.faults().on(ApiKey::INIT_PRODUCER_ID).hang().expect("a rule");
    let large = "v".repeat(2000);
    drop(producer.enqueue(Record::to("t").value(&large)).await.expect("queued"));
    let (queued, (), purged) = tokio::join!(
        timeout(Duration::from_secs(1), producer.enqueue(Record::to("t").value("v"))),
        async { timeout(Duration::from_secs(1), producer.flush()).await.expect("it is over") },
        async {
            sleep(Duration::from_millis(10)).await;
            producer.purge()
        }
    );
    assert_eq!(purged, 1);
    drop(queued.expect("at once").expect("queued"));
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_outlives_a_purge() {
    let world = World::new(1);
    world.network.delay(Duration::from_millis(20));
    let client = world.client().await;
    let producer = client.producer().max_in_flight(1).build().expect("a producer");
    producer.send(Record::to("t").value("1")).await.expect("delivered");
    let under_way = producer.enqueue(Record::to("t").value("2")).await.expect("queued");
    sleep(Duration::from_millis(5)).await;
    let queued = producer.enqueue(Record::to("t").value("3")).await.expect("queued");
    assert_eq!(producer.purge(), 1);
    assert_eq!(end_of(&queued), Some(ProduceErrorKind::Purged));
    assert_eq!(soon(under_way).await.expect("delivered").offset, Some(1));
    soon(producer.send(Record::to("t").value("4"))).await.expect("delivered");
    assert_eq!(world.values(0), ["1", "2", "4"]);
}

#[tokio::test(start_paused = true)]
async fn a_flush_is_over_when_all_is_resolved_whatever_became_of_it() {
    let world = World::new(1);
    let client = world.client().await;
    let producer = client.producer().build().expect("a producer");
    world.broker.faults().on(ApiKey::PRODUCE).error(ErrorCode::TOPIC_AUTHORIZATION_FAILED).expect("a rule");
    let deliveries = enqueue(&producer, &records(0)).await;
    soon(producer.flush()).await;
    for delivery in deliveries {
        assert_eq!(end_of(&delivery), Some(ProduceErrorKind::Refused(ErrorCode::TOPIC_AUTHORIZATION_FAILED)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_sent_again_as_often_as_was_asked_for() {
    for (retries, failures, is_delivered) in [(0, 1, false), (1, 1, true), (3, 4, false), (3, 3, true)] {
        let world = World::new(1);
        let client = world.client().await;
        let producer = client.producer().enable_idempotence(retries > 0).retries(retries);
        let producer = producer.build().expect("a producer");
        let code = ErrorCode::NOT_ENOUGH_REPLICAS;
        world.broker.faults().on(ApiKey::PRODUCE).times(failures).error(code).expect("a rule");
        let delivery = producer.enqueue(Record::to("t").value("v")).await.expect("queued");
        soon(producer.flush()).await;
        match is_delivered {
            true => _ = delivery.await.expect("delivered"),
            false => assert_eq!(end_of(&delivery), Some(ProduceErrorKind::Refused(code)), "{retries}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_backoff_and_the_timeout_of_a_producer_are_its_own() {
    let world = World::new(1);
    let client = world.client().await;
    let producer = client.producer().retry_backoff(Duration::from_secs(10), Duration::from_secs(10));
    let producer = producer.request_timeout(Duration::from_secs(3)).build().expect("a producer");
    producer.send(Record::to("t").value("v")).await.expect("delivered");
    world.broker.faults().on(ApiKey::PRODUCE).times(1).hang().expect("a rule");
    let before = Instant::now();
    soon(producer.send(Record::to("t").value("v"))).await.expect("delivered");
    // 3 s without an answer, then 10 s less at most a fifth.
    let elapsed = before.elapsed().as_millis();
    assert!((11_000..=13_100).contains(&elapsed), "{elapsed}");
}

#[tokio::test(start_paused = true)]
async fn settings_of_retries_that_make_no_sense_are_refused() {
    let world = World::new(1);
    let client = world.client().await;
    let check = |builder: ottla_client::ProducerBuilder, key: &str| {
        let error = builder.build().expect_err("it makes no sense");
        let ClientErrorKind::Config(error) = error.kind() else { panic!("{error}") };
        assert_eq!(error.key(), key);
    };
    check(client.producer().retries(0), "retries");
    check(client.producer().request_timeout(Duration::ZERO), "request.timeout.ms");
    check(client.producer().request_timeout(Duration::from_secs(121)), "delivery.timeout.ms");
}

#[test]
fn outside_of_a_runtime_nothing_is_built_and_the_error_says_so() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let client: Client = runtime.block_on(async { World::new(1).client().await });
    let errors = [
        client.producer().build().map(drop).expect_err("no runtime"),
        member(&client).build().map(drop).expect_err("no runtime"),
    ];
    for error in errors {
        assert_eq!(error.kind(), &ClientErrorKind::NoRuntime);
        assert!(!error.is_retriable() && error.to_string().contains("tokio runtime"), "{error}");
    }
    let _entered = runtime.enter();
    client.producer().build().expect("it has a runtime now");
}
