//! Sending what is pleasant to send: many records at once, records that own their parts, typed keys and values.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ottla_client::serdes::{
    IntegerSerde, JsonSerde, LongSerde, Nullable, Part, PartWriter, Preparation, SerializeError,
    SerializeErrorKind, Serializer, StringSerde, VoidSerde,
};
use ottla_client::{
    Client, ClientErrorKind, Message, OffsetReset, OwnedRecord, Record, SendError, TopicPartition,
    TypedRecord,
};
use tokio::time::Instant;

use crate::world::{NODE_1, START_UNIX_MS, World, read, soon, text, tp};

/// The first `count` messages of partition 0 of a topic.
async fn messages(client: &Client, topic: &str, count: usize) -> Vec<Message> {
    let reader = client.consumer_without_group().assign([TopicPartition::new(topic, 0)]);
    let reader = reader.auto_offset_reset(OffsetReset::Earliest).build().expect("a consumer");
    read(&reader, count).await
}

#[tokio::test(start_paused = true)]
async fn records_sent_together_have_their_results_in_their_order() {
    let world = World::new(1);
    world.broker.create_topic("u", 3).expect("a new topic");
    let client = world.client().await;
    let producer = client.producer().max_request_size(1000).build().expect("a producer");
    let large = [0; 2000];
    let records = [
        Record::to("t").value("0"),
        Record::to("u").partition(2).value("1"),
        Record::to("t").value(&large),
        Record::to("t").partition(7).value("3"),
        Record::to("t").value("4"),
    ];
    let results = soon(producer.send_all(records)).await;
    let places: Vec<_> = results
        .iter()
        .map(|result| {
            result.as_ref().ok().map(|sent| (sent.topic().to_string(), sent.partition, sent.offset))
        })
        .collect();
    let place = |topic: &str, partition, offset| Some((String::from(topic), partition, Some(offset)));
    assert_eq!(places, [place("t", 0, 0), place("u", 2, 0), None, None, place("t", 0, 1)]);
    let errors: Vec<_> = results.errors().map(|(index, error)| (index, error.clone())).collect();
    assert!(matches!(errors[0], (2, SendError::TooLarge { limit: 1000, .. })), "{errors:?}");
    assert!(matches!(&errors[1], (3, SendError::Client(error))
        if matches!(error.kind(), ClientErrorKind::UnknownPartition { partition: 7, .. })));
    assert_eq!(errors.len(), 2);
    let first = results.into_result().expect_err("two of them failed");
    assert!(matches!(first, SendError::TooLarge { .. }), "{first}");
    assert_eq!(world.values(0), ["0", "4"]);
    let none = soon(producer.send_all(std::iter::empty::<Record<'_>>())).await;
    assert!(none.is_empty() && none.into_result().is_ok());
}

#[tokio::test(start_paused = true)]
async fn more_records_than_memory_holds_can_be_sent_together() {
    let world = World::new(1);
    let client = world.client().await;
    let producer = client.producer().buffer_memory(10_000).batch_size(1000).build().expect("a producer");
    let kept: Vec<_> = (0..3000).map(|n| OwnedRecord::to("t").value(format!("{n:0100}"))).collect();
    let sent = soon(producer.send_all(&kept)).await.into_result().expect("all are delivered");
    let offsets: Vec<_> = sent.iter().filter_map(|sent| sent.offset).collect();
    assert_eq!(offsets, (0..3000).collect::<Vec<_>>());
    assert_eq!(world.values(0).len(), 3000);
}

#[tokio::test(start_paused = true)]
async fn what_was_queued_together_stays_queued_when_nobody_waits() {
    let world = World::new(1);
    let client = world.client().await;
    let producer = client.producer().linger(Duration::from_secs(5)).build().expect("a producer");
    drop(producer.enqueue_all([Record::to("t").value("1"), Record::to("t").value("2")]).await);
    let each: Vec<_> = producer.enqueue_all([Record::to("t").value("3")]).await.into_iter().collect();
    soon(producer.flush()).await;
    assert_eq!(world.values(0), ["1", "2", "3"]);
    assert!(each.into_iter().all(|queued| queued.is_ok_and(|delivery| delivery.try_result().is_some())));
}

#[tokio::test(start_paused = true)]
async fn one_call_waits_for_memory_and_for_a_topic_once() {
    let world = World::with(1, |broker| broker.cluster(|cluster| cluster.auto_create_topics_enable(false)));
    let client = world.client().await;
    let limit = Duration::from_secs(3);
    let producer = client.producer().buffer_memory(1000).max_block(limit).build().expect("a producer");
    producer.send(Record::to("t").value("warm")).await.expect("delivered");
    let alone = Instant::now();
    producer.send(Record::to("missing").value("v")).await.expect_err("no topic");
    let alone = alone.elapsed();
    let before = Instant::now();
    let results = producer.send_all((0..100).map(|_| Record::to("missing").value("v"))).await;
    assert_eq!(results.errors().count(), 100);
    assert!(before.elapsed() < alone * 3, "{:?}, and one alone {alone:?}", before.elapsed());

    world.network.take_down(NODE_1);
    let value = [b'x'; 900];
    let before = Instant::now();
    let queued = producer.enqueue_all((0..50).map(|_| Record::to("t").value(&value))).await;
    assert_eq!(before.elapsed(), limit);
    let queued: Vec<_> = queued.into_iter().collect();
    assert!(queued[0].is_ok());
    let refused = |result: &Result<_, _>| matches!(result, Err(SendError::BufferFull { .. }));
    assert!(queued[2..].iter().all(refused), "{queued:?}");
}

#[tokio::test(start_paused = true)]
async fn headers_come_back_with_duplicates_and_nulls_and_tombstones_as_such() {
    let world = World::new(1);
    let client = world.client().await;
    let producer = client.producer().build().expect("a producer");
    let owned = OwnedRecord::tombstone("t", String::from("k")).timestamp(START_UNIX_MS);
    let owned = owned.header("a", "1").header_null("a").header("a", "").header_null("b");
    let borrowed = owned.as_record();
    producer.send(&owned).await.expect("delivered");
    producer.send(borrowed).await.expect("delivered");
    producer.send(Record::tombstone("t", "k").header_null("a")).await.expect("delivered");
    let messages = messages(&client, "t", 3).await;
    let headers = |message: &Message| -> Vec<(String, Option<String>)> {
        let headers = message.record().headers();
        headers.map(|h| (text(Some(h.key_bytes())), h.value().map(|value| text(Some(value))))).collect()
    };
    let header = |key: &str, value: Option<&str>| (String::from(key), value.map(String::from));
    let expected = [header("a", Some("1")), header("a", None), header("a", Some("")), header("b", None)];
    assert_eq!(headers(&messages[0]), expected);
    assert_eq!(headers(&messages[1]), expected);
    assert_eq!(headers(&messages[2]), [header("a", None)]);
    for message in messages {
        assert_eq!((message.key().as_deref(), message.value()), (Some(&b"k"[..]), None));
    }
}

#[tokio::test(start_paused = true)]
async fn typed_records_come_back_as_they_were() {
    let world = World::new(1);
    let client = world.client().await;
    let producer = client.producer().build().expect("a producer");
    let visits = producer.typed::<str, i64>(StringSerde, LongSerde);
    visits.send("t", "alice", &(1 << 40)).await.expect("delivered");
    let full = TypedRecord::to("t").key("bob").value(&-1).partition(0).timestamp(START_UNIX_MS + 9);
    visits.send_record(full.header("h", "1").header_null("h")).await.expect("delivered");
    visits.send_record(TypedRecord::tombstone("t", "alice")).await.expect("delivered");
    let unnamed = producer.typed::<(), i32>(VoidSerde, IntegerSerde);
    unnamed.send("t", &(), &7).await.expect("delivered");

    let messages = messages(&client, "t", 4).await;
    let read: Vec<(Option<String>, Option<i64>)> = messages[..3]
        .iter()
        .map(|message| {
            let key = message.key_as(&Nullable(StringSerde)).expect("text");
            (key, message.value_as(&Nullable(LongSerde)).expect("a number"))
        })
        .collect();
    let alice = Some(String::from("alice"));
    let expected = [(alice.clone(), Some(1 << 40)), (Some(String::from("bob")), Some(-1)), (alice, None)];
    assert_eq!(read, expected);
    assert_eq!((messages[1].timestamp(), messages[1].record().headers().len()), (START_UNIX_MS + 9, 2));
    assert_eq!((messages[3].key(), messages[3].value_as(&IntegerSerde).expect("4 bytes")), (None, 7));

    let error = messages[3].value_as(&LongSerde).expect_err("4 bytes are no long");
    let place = (error.topic_partition().clone(), error.offset().0, error.part());
    assert_eq!(place, (tp(0), 3, Part::Value));
    assert_eq!(error.to_string(), "t-0, offset 3: the value cannot be read: not 8 bytes: 4");
    let error = messages[3].key_as(&StringSerde).expect_err("no key");
    assert!(error.to_string().starts_with("t-0, offset 3: the key cannot be read: null"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn json_comes_back_and_a_tombstone_is_none() {
    let world = World::new(1);
    let client = world.client().await;
    let producer = client.producer().build().expect("a producer");
    let orders = producer.typed::<str, serde_json::Value>(StringSerde, JsonSerde);
    let order = serde_json::json!({"what": "coffee", "count": 2});
    orders.send("t", "alice", &order).await.expect("delivered");
    let record = OwnedRecord::tombstone("t", "alice");
    producer.send(&record).await.expect("delivered");
    producer.send(&record.json(&(1, "two")).expect("JSON")).await.expect("delivered");
    let messages = messages(&client, "t", 3).await;
    assert_eq!(messages[0].json::<serde_json::Value>().expect("JSON"), order);
    assert_eq!(messages[1].value_as(&Nullable(JsonSerde)).expect("null"), None::<serde_json::Value>);
    assert!(messages[1].json::<serde_json::Value>().is_err(), "null is not JSON");
    assert_eq!(messages[2].json::<(i32, String)>().expect("JSON"), (1, String::from("two")));
    assert!(messages[2].json::<String>().is_err());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_serialized_is_not_sent() {
    let world = World::new(1);
    let client = world.client().await;
    let producer = client.producer().build().expect("a producer");
    let maps = producer.typed::<str, std::collections::BTreeMap<Vec<u8>, u8>>(StringSerde, JsonSerde);
    let error = maps.send("t", "k", &[(vec![1], 1)].into()).await.expect_err("no JSON");
    assert!(matches!(error, SendError::Serialize { part: Part::Value, .. }), "{error}");
    assert!(error.to_string().starts_with("the value cannot be serialized: no JSON"), "{error}");
    assert!(!error.is_retriable() && !error.is_perhaps_written());
    assert_eq!(world.records("t", 0).len(), 0);
}

/// A serializer that must fetch an id before its first record, as one of a schema registry.
struct Registered {
    ready: AtomicUsize,
    fetched: AtomicUsize,
    /// From this fetch on it succeeds.
    succeeds: usize,
}

impl Serializer<str> for Registered {
    fn serialize(&self, data: &str, to: &mut PartWriter<'_>) -> Result<(), SerializeError> {
        to.header("schema", to.topic().to_owned());
        to.write("half");
        if self.ready.load(Ordering::Relaxed) == 0 {
            return Err(SerializeError::new(SerializeErrorKind::NotReady, "the schema is not known"));
        }
        to.bytes_mut().clear();
        to.write([0, 1]);
        to.write(data);
        Ok(())
    }

    fn prepare<'a>(&'a self, _: &'a str, _: &'a str, _: Part) -> Preparation<'a> {
        Box::pin(async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            if self.fetched.fetch_add(1, Ordering::Relaxed) + 1 < self.succeeds {
                return Err(SerializeError::new(SerializeErrorKind::Unavailable, "the registry is away"));
            }
            self.ready.store(1, Ordering::Relaxed);
            Ok(())
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_serializer_that_lacks_something_is_prepared_and_asked_again() {
    let world = World::new(1);
    let client = world.client().await;
    let producer = client.producer().build().expect("a producer");
    let registered: &'static Registered =
        Box::leak(Box::new(Registered { ready: 0.into(), fetched: 0.into(), succeeds: 2 }));
    let typed = producer.typed::<str, str>(StringSerde, registered);
    let error = typed.send("t", "k", "0").await.expect_err("the registry is away");
    assert!(error.is_retriable(), "{error}");
    for value in ["1", "2", "3"] {
        let sent = typed.clone();
        tokio::spawn(async move { sent.send("t", "k", value).await.expect("delivered") })
            .await
            .expect("no panic");
    }
    assert_eq!(registered.fetched.load(Ordering::Relaxed), 2);
    for (index, message) in messages(&client, "t", 3).await.iter().enumerate() {
        let expected = [&[0, 1][..], (index + 1).to_string().as_bytes()].concat();
        assert_eq!(message.value().as_deref(), Some(&expected[..]));
        let headers: Vec<_> = message.record().headers().map(|h| text(Some(h.key_bytes()))).collect();
        assert_eq!(headers, ["schema"], "once, though it was asked twice");
    }
}
