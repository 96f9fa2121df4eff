//! Interceptors see every record once on its way out and once when it is resolved, and cannot stop it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ottla_client::serdes::StringSerde;
use ottla_client::{Acknowledgement, OutgoingRecord, ProducerInterceptor, Record, SendError, TrySendError};

use crate::world::{NODE_1, World, soon, text};

/// Numbers every record in a header, and notes what became of it.
#[derive(Default)]
struct Numbering {
    next: AtomicUsize,
    seen: Mutex<Vec<String>>,
}

impl Numbering {
    fn seen(&self) -> Vec<String> {
        let mut seen = self.seen.lock().expect("nobody panics").clone();
        seen.sort();
        seen
    }
}

impl ProducerInterceptor for Numbering {
    fn on_send(&self, record: &mut OutgoingRecord<'_>) {
        record.header("number", self.next.fetch_add(1, Ordering::Relaxed).to_string());
    }

    fn on_acknowledgement(&self, acknowledgement: &Acknowledgement<'_>) {
        let number = acknowledgement.last_header("number").and_then(|header| header.value());
        let (topic, partition) = (acknowledgement.topic, acknowledgement.partition);
        let end = match acknowledgement.result {
            Ok(sent) => format!("offset {:?}", sent.offset),
            Err(SendError::NotDelivered { .. }) => String::from("not delivered"),
            Err(other) => other.to_string(),
        };
        let line = format!("{} {topic} {partition:?} {end}", text(number));
        self.seen.lock().expect("nobody panics").push(line);
    }
}

#[tokio::test(start_paused = true)]
async fn every_record_is_acknowledged_once_with_the_headers_it_was_sent_with() {
    let world = World::new(1);
    let client = world.client().await;
    let numbering = Arc::new(Numbering::default());
    let producer = client.producer().interceptor(Arc::clone(&numbering)).max_request_size(1000);
    let producer = producer.build().expect("a producer");
    producer.send(Record::to("t").value("0")).await.expect("delivered");
    // Handles that nobody waits for.
    drop(producer.enqueue(Record::to("t").value("1")).await.expect("queued"));
    drop(producer.try_enqueue(&Record::to("t").value("2")).expect("queued"));
    drop(producer.enqueue_all([Record::to("t").value("3"), Record::to("t").value("4")]).await);
    producer.typed::<str, str>(StringSerde, StringSerde).send("t", "k", "5").await.expect("delivered");
    producer.send(Record::to("t").value(&[0; 2000])).await.expect_err("too large");
    soon(producer.flush()).await;
    let mut expected: Vec<_> =
        (0..6).map(|number| format!("{number} t Some(0) offset Some({number})")).collect();
    let seen = numbering.seen();
    assert!(seen[6].starts_with("6 t None the record takes 2"), "{seen:?}");
    expected.push(seen[6].clone());
    assert_eq!(seen, expected);
    for (number, record) in world.records("t", 0).into_iter().enumerate() {
        let headers: Vec<_> =
            record.headers.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        assert_eq!(headers.len(), 1, "{headers:?}");
        assert_eq!(text(headers[0].1.as_deref()), number.to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_delivered_is_acknowledged_as_such() {
    let world = World::new(1);
    let client = world.client().await;
    let numbering = Arc::new(Numbering::default());
    let producer = client.producer().interceptor(Arc::clone(&numbering)).buffer_memory(1000);
    let producer = producer.linger(Duration::from_secs(1)).delivery_timeout(Duration::from_secs(60));
    let producer = producer.build().expect("a producer");
    let large = Record::to("t").value(&[b'x'; 900]);
    let early = producer.try_enqueue(&large).expect_err("nothing is known yet");
    assert!(matches!(early, TrySendError::UnknownTopic));
    producer.send(Record::to("t").value("warm")).await.expect("delivered");
    world.network.take_down(NODE_1);
    let mut queued = 0;
    let full = loop {
        match producer.try_enqueue(&large) {
            Ok(_) => queued += 1,
            Err(refused) => break refused,
        }
    };
    assert!(queued > 0 && matches!(full, TrySendError::BufferFull), "{queued}: {full}");
    soon(producer.flush()).await;
    let seen = numbering.seen();
    assert_eq!(seen.len(), queued + 3, "{seen:?}");
    assert!(seen[0].starts_with("0 t None unknown topic"), "{seen:?}");
    assert_eq!(seen[1], "1 t Some(0) offset Some(0)");
    for (number, line) in seen.iter().enumerate().skip(2).take(queued) {
        assert_eq!(*line, format!("{number} t Some(0) not delivered"));
    }
    assert!(seen[queued + 2].contains("t None buffer.memory"), "{seen:?}");
}

/// Changes what it is given, one part after the other.
struct Changing;

impl ProducerInterceptor for Changing {
    fn on_send(&self, record: &mut OutgoingRecord<'_>) {
        assert_eq!(record.headers.len(), 1, "the one before was first");
        record.topic = "u".into();
        record.partition = Some(1);
        record.timestamp = Some(5);
        record.key = None;
        if let Some(value) = &mut record.value {
            value.to_mut().reverse();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn interceptors_change_records_one_after_the_other() {
    let world = World::new(1);
    world.broker.create_topic("u", 2).expect("a new topic");
    let client = world.client().await;
    let numbering = Arc::new(Numbering::default());
    let producer = client.producer().interceptor(Arc::clone(&numbering)).interceptor(Changing);
    let producer = producer.build().expect("a producer");
    let sent = producer.send(Record::to("t").key("k").value("abc")).await.expect("delivered");
    assert_eq!((sent.topic().as_str(), sent.partition, sent.timestamp), ("u", 1, 5));
    let record = &world.records("u", 1)[0];
    assert_eq!((record.key.clone(), text(record.value.as_deref())), (None, String::from("cba")));
    assert_eq!(numbering.seen(), ["0 u Some(1) offset Some(0)"]);
}

struct Panicking;

impl ProducerInterceptor for Panicking {
    fn on_send(&self, record: &mut OutgoingRecord<'_>) {
        record.header("before", "the panic");
        panic!("in on_send");
    }

    fn on_acknowledgement(&self, _: &Acknowledgement<'_>) {
        panic!("in on_acknowledgement");
    }
}

#[tokio::test(start_paused = true)]
async fn an_interceptor_that_panics_stops_neither_records_nor_other_interceptors() {
    let world = World::new(1);
    let client = world.client().await;
    let numbering = Arc::new(Numbering::default());
    let producer = client.producer().interceptor(Panicking).interceptor(Arc::clone(&numbering));
    let producer = producer.build().expect("a producer");
    for number in 0..3 {
        let sent = producer.send(Record::to("t").value("v")).await.expect("delivered");
        assert_eq!(sent.offset, Some(number));
    }
    assert_eq!(numbering.seen().len(), 3);
    assert_eq!(world.records("t", 0)[2].headers.len(), 2);
}
