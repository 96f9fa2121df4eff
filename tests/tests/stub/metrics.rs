//! What a client says it did is what it did; its reporter is called in time, and whatever it does harms nobody.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ottla_client::metrics::{MetricsSnapshot, ProducerMetrics};
use ottla_client::{Acks, Compression, Record, SendError};
use ottla_protocol::api::ApiKey;
use ottla_protocol::error_code::ErrorCode;
use tokio::time::{Instant, sleep};

use crate::world::{NODE_1, World, member, read, soon};

const SECOND: Duration = Duration::from_secs(1);

/// Records: queued, sent, acknowledged, failed, retried, in flight, waiting.
fn records(metrics: &ProducerMetrics) -> [u64; 7] {
    [
        metrics.records_queued,
        metrics.records_sent,
        metrics.records_acknowledged,
        metrics.records_failed,
        metrics.records_retried,
        metrics.records_in_flight,
        metrics.records_waiting,
    ]
}

#[tokio::test(start_paused = true)]
async fn records_in_known_batches_are_counted_exactly() {
    let world = World::new(2);
    world.network.delay(Duration::from_millis(10));
    let client = world.client().await;
    let producer =
        client.producer().linger(SECOND).compression(Compression::Lz4).build().expect("a producer");
    let value = "coffee ".repeat(100);
    for partition in [0, 0, 0, 1, 1] {
        let record = Record::to("t").partition(partition).value(&value);
        drop(producer.enqueue(record).await.expect("queued"));
    }
    let waiting = producer.metrics();
    assert_eq!(records(&waiting), [5, 0, 0, 0, 0, 0, 5]);
    assert_eq!(waiting.buffer_used, producer.buffered_bytes());
    sleep(Duration::from_millis(400)).await;
    producer.flush().await;
    let metrics = producer.metrics();
    assert_eq!(records(&metrics), [5, 5, 5, 0, 0, 0, 0]);
    assert_eq!((metrics.batches_sent, metrics.requests, metrics.requests_in_flight), (2, 1, 0));
    assert_eq!(metrics.records_per_request(), Some(5.0));
    assert_eq!((metrics.queue_time.count(), metrics.request_latency.count()), (2, 1));
    // Until the flush, which has to ask for an id first; then a way there and back.
    let (queued, latency) = (metrics.queue_time.max(), metrics.request_latency.max());
    assert!(queued >= Duration::from_millis(400) && queued < SECOND, "{queued:?}");
    assert!(latency >= Duration::from_millis(20) && latency < SECOND, "{latency:?}");
    assert!(metrics.flush_time >= latency && metrics.flush_time < SECOND, "{:?}", metrics.flush_time);
    assert!(metrics.metadata_wait_time >= Duration::from_millis(20), "{:?}", metrics.metadata_wait_time);
    assert!(metrics.bytes_uncompressed > 3500);
    assert!(metrics.compression_rate().expect("batches") < 0.25, "{metrics:?}");
    let stored = metrics.topics["t"];
    assert_eq!((stored.records_acknowledged, stored.bytes_sent), (5, metrics.bytes_sent));
    assert_eq!(metrics.batch_size.sum(), metrics.bytes_sent);

    drop(producer.enqueue(Record::to("t").value("v")).await.expect("queued"));
    producer.flush().await;
    let since = producer.metrics().since(&metrics);
    assert_eq!(records(&since), [1, 1, 1, 0, 0, 0, 0]);
    assert_eq!((since.batches_sent, since.requests, since.queue_time.count()), (1, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn retries_and_refusals_are_counted() {
    let world = World::new(1);
    let client = world.client().await;
    let producer = client.producer().build().expect("a producer");
    let fault = world.broker.faults().on(ApiKey::PRODUCE).times(2).error(ErrorCode::NOT_ENOUGH_REPLICAS);
    fault.expect("a rule");
    producer.send(Record::to("t").value("v")).await.expect("delivered");
    let retried = producer.metrics();
    assert_eq!(records(&retried), [1, 3, 1, 0, 2, 0, 0]);
    assert_eq!((retried.requests, retried.batches_retried, retried.requests_failed), (3, 2, 0));
    let fault = world.broker.faults().on(ApiKey::PRODUCE).times(1).error(ErrorCode::INVALID_RECORD);
    fault.expect("a rule");
    producer.send(Record::to("t").value("v")).await.expect_err("refused");
    assert_eq!(records(&producer.metrics().since(&retried)), [1, 1, 0, 1, 0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn callers_that_wait_for_memory_are_counted_with_their_time() {
    let world = World::new(1);
    let client = world.client().await;
    let producer = client.producer().buffer_memory(1000).max_block(10 * SECOND);
    let producer = producer.build().expect("a producer");
    producer.send(Record::to("t").value("v")).await.expect("delivered");
    world.network.silence(true);
    let large = [0; 990];
    drop(producer.enqueue(Record::to("t").value(&large)).await.expect("queued"));
    let refused = producer.enqueue(Record::to("t").value(&large));
    let observed = async {
        sleep(SECOND).await;
        producer.metrics()
    };
    let (refused, meanwhile) = tokio::join!(refused, observed);
    assert!(matches!(refused, Err(SendError::BufferFull { .. })));
    assert_eq!((meanwhile.waiting_callers, meanwhile.blocked_time), (1, Duration::ZERO));
    let metrics = producer.metrics();
    assert_eq!((metrics.waiting_callers, metrics.buffer_exhausted), (0, 1));
    assert!(metrics.blocked_time.abs_diff(10 * SECOND) < SECOND / 10, "{:?}", metrics.blocked_time);
    assert_eq!(metrics.buffer_limit, 1000);
}

#[tokio::test(start_paused = true)]
async fn a_client_shows_its_brokers_and_all_that_was_built_on_it() {
    let world = World::new(1);
    let client = world.client().await;
    let first = client.producer().build().expect("a producer");
    let second = client.producer().acks(Acks::None).enable_idempotence(false).build().expect("a producer");
    first.send(Record::to("t").value("v")).await.expect("delivered");
    second.send(Record::to("t").value("w")).await.expect("sent");
    second.send(Record::to("t").value("x")).await.expect("sent");
    let consumer = member(&client).build().expect("a consumer");
    read(&consumer, 3).await;
    let metrics = client.metrics();
    let sent: Vec<_> =
        metrics.producers.iter().map(|(number, p)| (*number, p.records_acknowledged)).collect();
    assert_eq!(sent, [(1, 1), (2, 2)]);
    let consumed = metrics.consumers[&1];
    assert_eq!(consumed, consumer.metrics());
    assert_eq!((consumed.records_consumed, consumed.batches_consumed), (3, 3));
    assert!(consumed.fetches > 0 && consumed.bytes_fetched > 0);
    assert_eq!(metrics.brokers.len(), 1, "{:?}", metrics.brokers.keys());
    let broker = &metrics.brokers[&*world.broker.bootstrap_servers()];
    assert!(broker.requests > 5 && broker.responses + broker.requests_in_flight() == broker.requests);
    assert!(broker.bytes_in > 500 && broker.bytes_out > 500);
    assert_eq!((broker.request_latency.count(), broker.disconnects), (broker.responses, 1));
    assert!(broker.connections() >= 3, "{broker:?}");

    world.network.cut(NODE_1);
    first.send(Record::to("t").value("y")).await.expect("delivered");
    let since = client.metrics().since(&metrics);
    let broker = since.connections();
    assert!(broker.disconnects >= 3 && broker.connects >= 1, "{broker:?}");
    drop((first, second, consumer));
    sleep(60 * SECOND).await;
    let metrics = client.metrics();
    assert!(metrics.producers.is_empty() && metrics.consumers.is_empty(), "{metrics:?}");
}

/// What a reporter was told, and when.
type Told = Arc<Mutex<Vec<(Duration, MetricsSnapshot)>>>;

fn reporter(told: &Told) -> impl Fn(&MetricsSnapshot) + Send + Sync + 'static {
    let (told, begun) = (Arc::clone(told), Instant::now());
    move |snapshot: &MetricsSnapshot| {
        told.lock().expect("no panic").push((begun.elapsed(), snapshot.clone()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_reporter_is_called_at_its_interval_and_a_last_time_at_the_end() {
    let world = World::new(1);
    let told = Told::default();
    let builder = world.builder().client_id("mine").metrics_reporter(10 * SECOND, reporter(&told));
    let client = builder.connect().await.expect("a client");
    let producer = client.producer().build().expect("a producer");
    for number in 0..3_u32 {
        for _ in 0..=number {
            producer.send(Record::to("t").value("v")).await.expect("delivered");
        }
        sleep(10 * SECOND).await;
    }
    producer.send(Record::to("t").value("v")).await.expect("delivered");
    producer.close(SECOND).await.expect("all delivered");
    drop(producer);
    sleep(SECOND).await;
    let other = client.producer().build().expect("a producer");
    other.send(Record::to("t").value("v")).await.expect("delivered");
    client.close().await;
    let told = std::mem::take(&mut *told.lock().expect("no panic"));
    let shown: Vec<_> = told
        .iter()
        .map(|(at, snapshot)| {
            let acknowledged = |number| {
                let of = |m: &ottla_client::metrics::ClientMetrics| {
                    m.producers.get(&number).map(|p: &ProducerMetrics| p.records_acknowledged)
                };
                (of(&snapshot.total), of(&snapshot.delta))
            };
            (at.as_secs(), snapshot.is_last, acknowledged(1), acknowledged(2))
        })
        .collect();
    let nobody = (None, None);
    let expected = [
        (10, false, (Some(1), Some(1)), nobody),
        (20, false, (Some(3), Some(2)), nobody),
        (30, false, (Some(6), Some(3)), nobody),
        // The first one ended in between, and is shown this once.
        (31, true, (Some(7), Some(1)), (Some(1), Some(1))),
    ];
    assert_eq!(shown, expected);
    assert!(told.iter().all(|(_, snapshot)| &*snapshot.client_id == "mine"));
    assert_eq!(told[1].1.interval, 10 * SECOND);
    let requests: u64 = told.iter().map(|(_, snapshot)| snapshot.delta.connections().requests).sum();
    assert_eq!(requests, told[3].1.total.connections().requests);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_dropped_is_reported_a_last_time_with_its_last_producer() {
    let world = World::new(1);
    let told = Told::default();
    let client = world.builder().metrics_reporter(10 * SECOND, reporter(&told)).connect().await;
    let client = client.expect("a client");
    let producer = client.producer().build().expect("a producer");
    drop(client);
    producer.send(Record::to("t").value("v")).await.expect("delivered");
    drop(producer);
    sleep(SECOND).await;
    let told = told.lock().expect("no panic");
    assert_eq!(told.len(), 1);
    assert!(told[0].1.is_last);
    assert_eq!(told[0].1.total.producers[&1].records_acknowledged, 1);
}

#[tokio::test(start_paused = true)]
async fn a_reporter_that_panics_is_called_again_and_harms_nobody() {
    let world = World::new(1);
    let told = Told::default();
    let note = reporter(&told);
    let builder = world.builder().metrics_reporter(SECOND, move |snapshot| {
        note(snapshot);
        panic!("a reporter that cannot cope");
    });
    let client = builder.connect().await.expect("a client");
    let producer = client.producer().build().expect("a producer");
    sleep(3 * SECOND + SECOND / 2).await;
    producer.send(Record::to("t").value("v")).await.expect("delivered");
    soon(client.close()).await;
    assert_eq!(told.lock().expect("no panic").len(), 4);
}

#[tokio::test(start_paused = true)]
async fn reports_that_a_slow_reporter_misses_are_left_out() {
    let world = World::new(1);
    let told = Told::default();
    let builder = world.builder().metrics_reporter(10 * SECOND, reporter(&told));
    let client = builder.connect().await.expect("a client");
    // As if something had kept the task from running.
    tokio::time::advance(57 * SECOND).await;
    sleep(10 * SECOND).await;
    let at: Vec<_> = told.lock().expect("no panic").iter().map(|(at, _)| at.as_secs()).collect();
    assert_eq!(at, [57, 60]);
    soon(client.close()).await;
}

#[tokio::test(start_paused = true)]
async fn an_interval_of_zero_is_refused_and_the_longest_never_comes() {
    let world = World::new(1);
    let error = world.builder().metrics_reporter(Duration::ZERO, |_| {}).connect().await;
    assert!(error.expect_err("no interval").to_string().contains("statistics.interval.ms"));
    let told = Told::default();
    let client = world.builder().metrics_reporter(Duration::MAX, reporter(&told)).connect().await;
    let client = client.expect("a client");
    sleep(100 * SECOND).await;
    assert!(told.lock().expect("no panic").is_empty());
    soon(client.close()).await;
    assert_eq!(told.lock().expect("no panic").len(), 1);
}
