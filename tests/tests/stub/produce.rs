//! Producing: what is sent lies in the log as it was sent, in its order, where it belongs.

use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use ottla_client::{
    Acks, ClientErrorKind, Compression, OffsetReset, ProduceErrorKind, Record, SendError, TrySendError,
};
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::murmur2;
use tokio::time::{Instant, timeout};

use crate::world::{NODE_1, START_UNIX_MS, World, read, soon, tp};

#[tokio::test(start_paused = true)]
async fn a_record_comes_back_with_everything_it_had() {
    let codecs =
        [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];
    for codec in codecs {
        let world = World::new(1);
        let client = world.client().await;
        let producer = client.producer().compression(codec).build().expect("a producer");
        let full = Record::to("t").key("k").value("v").timestamp(START_UNIX_MS + 5);
        let full = full.header("a", "1").header("b", "").header("a", "2").header("", "nameless");
        let sent = producer.send(full).await.expect("delivered");
        assert_eq!((sent.partition, sent.offset, sent.timestamp), (0, Some(0), START_UNIX_MS + 5));
        let tombstone = Record::to("t").key("k");
        assert_eq!(producer.send(tombstone).await.expect("delivered").offset, Some(1));
        let large = "ottla ".repeat(50_000);
        producer.send(Record::to("t").value(&large)).await.expect("delivered");

        let reader = client.consumer_without_group().assign([tp(0)]);
        let reader = reader.auto_offset_reset(OffsetReset::Earliest).build().expect("a consumer");
        let messages = read(&reader, 3).await;
        let first = messages[0].record();
        assert_eq!((first.topic(), first.partition(), first.offset()), ("t", 0, 0), "{codec:?}");
        assert_eq!((first.key(), first.value()), (Some(&b"k"[..]), Some(&b"v"[..])));
        assert_eq!(first.timestamp(), START_UNIX_MS + 5);
        let headers: Vec<_> =
            first.headers().map(|h| (h.key_bytes().to_vec(), h.value().map(<[u8]>::to_vec))).collect();
        let header = |key: &str, value: &str| (key.as_bytes().to_vec(), Some(value.as_bytes().to_vec()));
        assert_eq!(headers, [header("a", "1"), header("b", ""), header("a", "2"), header("", "nameless")]);
        assert_eq!((messages[1].key().as_deref(), messages[1].value()), (Some(&b"k"[..]), None));
        assert_eq!((messages[2].key(), messages[2].value().as_deref()), (None, Some(large.as_bytes())));
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_without_a_timestamp_gets_the_present() {
    let world = World::new(1);
    let client = world.client().await;
    let producer = client.producer().build().expect("a producer");
    tokio::time::advance(Duration::from_millis(1234)).await;
    let sent = producer.send(Record::to("t").value("v")).await.expect("delivered");
    assert_eq!(sent.timestamp, START_UNIX_MS + 1234);
    assert_eq!(world.records("t", 0)[0].timestamp, START_UNIX_MS + 1234);
}

#[tokio::test(start_paused = true)]
async fn a_record_goes_to_its_partition_or_where_java_sends_its_key() {
    let world = World::new(7);
    let client = world.client().await;
    let producer = client.producer().build().expect("a producer");
    for partition in 0..7 {
        let sent = producer.send(Record::to("t").key("a").partition(partition).value("v")).await;
        assert_eq!(sent.expect("delivered").partition, partition);
    }
    // Java's Utils.murmur2 of "21" and "foobar", as in its own tests.
    for (key, hash) in [("21", -973_932_308_i32), ("foobar", -790_332_482)] {
        let expected = (hash & 0x7fff_ffff) % 7;
        assert_eq!(murmur2::partition(key.as_bytes(), 7), expected as u32);
        let sent = producer.send(Record::to("t").key(key).value("v")).await.expect("delivered");
        assert_eq!(sent.partition, expected, "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn records_of_a_key_keep_their_order_with_several_requests_under_way() {
    let world = World::new(5);
    world.network.delay(Duration::from_millis(7));
    let client = world.client().await;
    let producer = client.producer().batch_size(200).build().expect("a producer");
    for number in 0..1000 {
        let (key, value) = (format!("key {}", number % 13), format!("{number}"));
        drop(producer.enqueue(Record::to("t").key(&key).value(&value)).await.expect("queued"));
        if number % 50 == 0 {
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    }
    soon(producer.flush()).await;
    let mut total = 0;
    for partition in 0..5 {
        let mut last = std::collections::BTreeMap::new();
        for record in world.records("t", partition) {
            let number: i32 =
                String::from_utf8_lossy(&record.value.expect("a value")).parse().expect("a number");
            let before = last.insert(record.key, number);
            assert!(before.is_none_or(|before| before < number), "{number} came behind {before:?}");
            total += 1;
        }
    }
    assert_eq!(total, 1000);
}

#[tokio::test(start_paused = true)]
async fn flush_waits_for_all_that_was_queued_and_does_not_linger() {
    let world = World::new(3);
    let client = world.client().await;
    let producer = client.producer().linger(Duration::from_secs(60)).build().expect("a producer");
    let mut deliveries = Vec::new();
    for number in 0..30 {
        let value = format!("{number}");
        deliveries.push(producer.enqueue(Record::to("t").value(&value)).await.expect("queued"));
    }
    let before = Instant::now();
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(deliveries.iter().all(|delivery| delivery.try_result().is_none()), "they linger");
    producer.flush().await;
    assert!(before.elapsed() < Duration::from_secs(31));
    for delivery in deliveries {
        delivery.try_result().expect("resolved").expect("delivered");
    }
    assert_eq!((0..3).map(|partition| world.values(partition).len()).sum::<usize>(), 30);
    soon(producer.flush()).await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_sent_when_its_linger_is_over() {
    let world = World::new(1);
    let client = world.client().await;
    let producer = client.producer().linger(Duration::from_millis(50)).build().expect("a producer");
    let before = Instant::now();
    let first = producer.enqueue(Record::to("t").value("1")).await.expect("queued");
    let second = producer.enqueue(Record::to("t").value("2")).await.expect("queued");
    assert_eq!(first.await.expect("delivered").offset, Some(0));
    assert_eq!(second.try_result().expect("in the same batch").expect("delivered").offset, Some(1));
    assert!((50..60).contains(&before.elapsed().as_millis()), "{:?}", before.elapsed());
}

#[tokio::test(start_paused = true)]
async fn try_enqueue_never_waits() {
    let world = World::new(1);
    let client = world.client().await;
    let producer = client.producer().buffer_memory(1000).build().expect("a producer");
    let record = Record::to("t").value(&[b'x'; 400]);
    assert!(matches!(producer.try_enqueue(&record), Err(TrySendError::UnknownTopic)));
    producer.send(record.clone()).await.expect("delivered");
    let first = producer.try_enqueue(&record).expect("queued");
    let refused = (0..10).find_map(|_| producer.try_enqueue(&record).err()).expect("the memory is in use");
    assert!(matches!(refused, TrySendError::BufferFull));
    soon(first).await.expect("delivered");
    soon(producer.flush()).await;
    producer.try_enqueue(&record).expect("there is room again").await.expect("delivered");
}

#[tokio::test(start_paused = true)]
async fn a_full_buffer_holds_senders_up_until_there_is_room() {
    let world = World::new(1);
    let client = world.client().await;
    let producer = client.producer().buffer_memory(10_000).batch_size(1000).build().expect("a producer");
    producer.send(Record::to("t").value("warm")).await.expect("delivered");
    let senders: Vec<_> = (0..100)
        .map(|_| {
            let producer = producer.clone();
            tokio::spawn(async move { producer.send(Record::to("t").value(&[b'x'; 900])).await })
        })
        .collect();
    for sender in senders {
        soon(sender).await.expect("no panic").expect("delivered");
    }
    assert_eq!(world.values(0).len(), 101);
}

#[tokio::test(start_paused = true)]
async fn a_buffer_that_stays_full_is_an_error_after_max_block() {
    let world = World::new(1);
    let client = world.client().await;
    let producer = client.producer().buffer_memory(1000).max_block(Duration::from_secs(3)).build();
    let producer = producer.expect("a producer");
    producer.send(Record::to("t").value("warm")).await.expect("delivered");
    world.network.take_down(NODE_1);
    let kept = producer.enqueue(Record::to("t").value(&[b'x'; 1000])).await.expect("queued");
    let before = Instant::now();
    let error = producer.enqueue(Record::to("t").value(&[b'y'; 900])).await.expect_err("no room");
    assert!(matches!(error, SendError::BufferFull { .. }), "{error}");
    assert!(error.is_retriable() && !error.is_perhaps_written());
    assert_eq!(before.elapsed().as_secs(), 3);
    world.network.bring_up(NODE_1);
    soon(kept).await.expect("delivered");
}

#[tokio::test(start_paused = true)]
async fn a_record_over_the_limit_is_refused_at_once() {
    let world = World::new(1);
    let client = world.client().await;
    let producer = client.producer().max_request_size(1000).build().expect("a producer");
    let error = producer.send(Record::to("t").value(&[0; 1000])).await.expect_err("too large");
    assert!(matches!(error, SendError::TooLarge { limit: 1000, size } if size > 1000), "{error}");
    assert!(error.to_string().contains("max.request.size"), "{error}");
    producer.send(Record::to("t").value(&[0; 900])).await.expect("delivered");
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_the_broker_finds_too_large_fails_with_its_code() {
    let world = World::with(1, |broker| broker.cluster(|cluster| cluster.message_max_bytes(1000)));
    let client = world.client().await;
    let producer = client.producer().build().expect("a producer");
    let error = producer.send(Record::to("t").value(&[0; 2000])).await.expect_err("too large");
    let SendError::NotDelivered { error: refused, .. } = &error else { panic!("{error}") };
    assert_eq!(refused.kind(), ProduceErrorKind::Refused(ErrorCode::MESSAGE_TOO_LARGE));
    assert!(!error.is_perhaps_written());
    // The next one has nothing to do with it.
    let sent = producer.send(Record::to("t").value("small")).await.expect("delivered");
    assert_eq!(sent.offset, Some(0));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_topic_is_an_error_in_bounded_time() {
    let world = World::with(1, |broker| broker.cluster(|cluster| cluster.auto_create_topics_enable(false)));
    let client = world.client().await;
    let producer = client.producer().build().expect("a producer");
    let before = Instant::now();
    let error = producer.send(Record::to("missing").value("v")).await.expect_err("no topic");
    assert!(before.elapsed() < Duration::from_secs(10), "{:?}", before.elapsed());
    let SendError::Client(error) = error else { panic!("{error}") };
    assert_eq!(error.kind(), &ClientErrorKind::UnknownTopic("missing".into()));
    assert!(!error.is_retriable());
    producer.send(Record::to("t").value("v")).await.expect("delivered");
    // Once it is there, it is found.
    world.broker.create_topic("missing", 1).expect("a new topic");
    producer.send(Record::to("missing").value("v")).await.expect("delivered");
}

#[tokio::test(start_paused = true)]
async fn a_topic_is_created_by_asking_for_it_only_if_both_sides_allow_it() {
    let world = World::new(1);
    let client = world.client().await;
    let producer = client.producer().build().expect("a producer");
    producer.send(Record::to("made").value("v")).await.expect("delivered");
    assert_eq!(world.records("made", 0).len(), 1);
    let careful = world.builder().allow_auto_create_topics(false).connect().await.expect("a client");
    let producer = careful.producer().build().expect("a producer");
    let error = soon(producer.send(Record::to("unmade").value("v"))).await.expect_err("no topic");
    assert!(error.to_string().starts_with("unknown topic: unmade"), "{error}");
    assert!(world.broker.records("unmade", 0).is_none());
}

#[tokio::test(start_paused = true)]
async fn an_invalid_topic_name_is_refused_at_once() {
    let world = World::new(1);
    let client = world.client().await;
    let producer = client.producer().build().expect("a producer");
    let before = Instant::now();
    let error = producer.send(Record::to("no spaces").value("v")).await.expect_err("no such name");
    assert!(error.to_string().contains("INVALID_TOPIC_EXCEPTION"), "{error}");
    assert!(before.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_partition_is_an_error_that_names_it() {
    let world = World::new(2);
    let client = world.client().await;
    let producer = client.producer().build().expect("a producer");
    for partition in [2, -1, i32::MAX] {
        let error = producer.send(Record::to("t").partition(partition).value("v")).await.expect_err("none");
        let SendError::Client(error) = error else { panic!("{error}") };
        let expected = ClientErrorKind::UnknownPartition { topic: "t".into(), partition, partitions: 2 };
        assert_eq!(error.kind(), &expected);
    }
}

#[tokio::test(start_paused = true)]
async fn acks_decide_what_is_known_of_a_record() {
    for (acks, offset) in [(Acks::None, None), (Acks::Leader, Some(0)), (Acks::All, Some(0))] {
        let world = World::new(1);
        let client = world.client().await;
        let producer = client.producer().enable_idempotence(false).acks(acks).build().expect("a producer");
        let sent = soon(producer.send(Record::to("t").value("v"))).await.expect("delivered");
        assert_eq!(sent.offset, offset, "{acks:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(world.values(0), ["v"], "{acks:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_closed_producer_has_delivered_everything_and_takes_no_more() {
    let world = World::new(1);
    let client = world.client().await;
    let producer = client.producer().linger(Duration::from_secs(3)).build().expect("a producer");
    let delivery = producer.enqueue(Record::to("t").value("v")).await.expect("queued");
    soon(producer.close(Duration::MAX)).await.expect("all is resolved");
    delivery.try_result().expect("resolved").expect("delivered");
    let error = producer.send(Record::to("t").value("v")).await.expect_err("closed");
    assert!(matches!(error, SendError::Closed), "{error}");
    let refused = producer.clone().try_enqueue(&Record::to("t").value("v")).expect_err("closed");
    assert!(matches!(refused, TrySendError::Refused(SendError::Closed)));
    soon(producer.close(Duration::MAX)).await.expect("all is resolved");
}

#[tokio::test(start_paused = true)]
async fn a_producer_that_is_dropped_still_sends_what_it_took() {
    let world = World::new(1);
    let client = world.client().await;
    let producer = client.producer().linger(Duration::from_secs(3)).build().expect("a producer");
    let delivery = producer.enqueue(Record::to("t").value("v")).await.expect("queued");
    drop((producer, client));
    soon(delivery).await.expect("delivered");
    assert_eq!(world.values(0), ["v"]);
}

#[tokio::test(start_paused = true)]
async fn a_busy_producer_can_be_flushed() {
    let world = World::new(1);
    world.network.delay(Duration::from_millis(5));
    let client = world.client().await;
    let producer = client.producer().max_in_flight(1).build().expect("a producer");
    producer.send(Record::to("t").value("warm")).await.expect("delivered");
    let busy = producer.clone();
    let busy = tokio::spawn(async move {
        loop {
            drop(busy.enqueue(Record::to("t").value("more")).await.expect("queued"));
            tokio::time::sleep(Duration::from_micros(100)).await;
        }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    timeout(Duration::from_millis(50), producer.flush()).await.expect("flushed while others send");
    busy.abort();
}

#[tokio::test(start_paused = true)]
async fn what_flush_closed_takes_no_more_records() {
    let world = World::new(1);
    let client = world.client().await;
    let producer = client.producer().linger(Duration::from_secs(9)).build().expect("a producer");
    producer.enqueue(Record::to("t").value("1")).await.expect("queued").try_result();
    let (mut flush, mut delivery) = (pin!(producer.flush()), None);
    poll_fn(|cx| {
        let flushed = flush.as_mut().poll(cx);
        if delivery.is_none() {
            delivery = Some(producer.try_enqueue(&Record::to("t").value("2")).expect("queued"));
        }
        flushed
    })
    .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.values(0), ["1"]);
    assert!(
        delivery.is_some_and(|delivery| delivery.try_result().is_none()),
        "it lingers in a batch of its own"
    );
}
