//! What a connection does with a broker that answers as a script says: throttles, is upgraded, closes, says nothing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::BytesMut;
use ottla_client::events::{Event, Payload, Role};
use ottla_client::{Client, ClientError, ClientErrorKind, Connecting, Connector, MetadataRecovery, Record};
use ottla_core::connection::{Answer, ConnectionConfig};
use ottla_core::events::Events;
use ottla_core::random::Jitter;
use ottla_core::reconnect::Attempt;
use ottla_core::request::RequestError;
use ottla_protocol::api::ApiKey;
use ottla_protocol::frame::{FrameBuf, decode_request_header, encode_response, split_frame};
use ottla_protocol::message::{Message, Response};
use ottla_protocol::messages::api_versions_response::{ApiVersion, ApiVersionsResponse};
use ottla_protocol::messages::heartbeat_request::HeartbeatRequest;
use ottla_protocol::messages::heartbeat_response::HeartbeatResponse;
use ottla_tests::memory_network::MemoryNetwork;
use ottla_tests::scripted_network::ScriptedNetwork;
use ottla_transport::{Clock, Connection, Dialer, SendOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::world::{NODE_1, World, member, read, soon};

/// What the scripted broker does.
#[derive(Debug, Default)]
struct Manners {
    /// The highest version of Heartbeat that it speaks; it rises with each connection.
    heartbeat: AtomicU32,
    /// The throttle time of its answers, in milliseconds.
    throttle_ms: AtomicU32,
    /// Whether it answers nothing more.
    is_silent: AtomicBool,
    connections: AtomicUsize,
    heartbeats: AtomicUsize,
}

fn broker(manners: Arc<Manners>) -> ScriptedNetwork {
    ScriptedNetwork::new(move |stream| {
        let manners = Arc::clone(&manners);
        async move { serve(stream, &manners).await.unwrap_or(()) }
    })
}

/// `None` once the stream ends.
async fn serve(mut stream: DuplexStream, manners: &Manners) -> Option<()> {
    let nth = manners.connections.fetch_add(1, Ordering::Relaxed) as u32;
    let newest = (manners.heartbeat.load(Ordering::Relaxed) + nth) as i16;
    let mut input = BytesMut::new();
    loop {
        let Some(frame) = split_frame(&mut input, 10_000).expect("frames") else {
            if stream.read_buf(&mut input).await.ok()? == 0 {
                return None;
            }
            continue;
        };
        let (header, _) = decode_request_header(&frame).expect("a header");
        let (version, id) = (header.request_api_version, header.correlation_id);
        let answer = if header.request_api_key == ApiKey::API_VERSIONS.0 {
            let mut response = ApiVersionsResponse::default();
            for (key, max) in [(ApiKey::API_VERSIONS, 4), (ApiKey::HEARTBEAT, newest)] {
                let mut api = ApiVersion::default();
                (api.api_key, api.max_version) = (key.0, max);
                response.api_keys.push(api);
            }
            framed(&response, version, id)
        } else {
            manners.heartbeats.fetch_add(1, Ordering::Relaxed);
            let mut response = HeartbeatResponse::default();
            response.throttle_time_ms = manners.throttle_ms.load(Ordering::Relaxed) as i32;
            framed(&response, version, id)
        };
        if !manners.is_silent.load(Ordering::Relaxed) {
            stream.write_all(&answer).await.ok()?;
        }
    }
}

fn framed<R: Response>(response: &R, version: i16, id: i32) -> bytes::Bytes {
    let mut out = FrameBuf::new();
    encode_response(&mut out, response, version, id).expect("a response");
    out.into_bytes()
}

fn dialer(network: ScriptedNetwork) -> Dialer {
    let mut dialer = Dialer::new(ConnectionConfig::new("test"), Clock::starting_at(0));
    dialer.connector = Arc::new(network);
    dialer
}

fn open(dialer: &Dialer) -> Connection {
    dialer.open("node", 9092, Attempt::now(Duration::from_secs(10)), Jitter::seeded(1))
}

/// Sends a Heartbeat, which may take so long.
fn heartbeat(connection: &Connection, seconds: u64) -> oneshot::Receiver<Result<Answer, RequestError>> {
    let (sender, receiver) = oneshot::channel();
    let options = SendOptions::new(HeartbeatRequest::VERSIONS, Duration::from_secs(seconds));
    let reply = Box::new(|result: Result<Answer, RequestError>| _ = sender.send(result));
    connection.send(Box::new(HeartbeatRequest::default()), options, reply);
    receiver
}

async fn answer(connection: &Connection) -> Result<i16, RequestError> {
    soon(heartbeat(connection, 60)).await.expect("a reply").map(|answer| answer.version)
}

#[tokio::test(start_paused = true)]
async fn versions_are_asked_for_anew_on_each_connection() {
    let manners = Arc::new(Manners { heartbeat: 1.into(), ..Manners::default() });
    let dialer = dialer(broker(Arc::clone(&manners)));
    // The broker is upgraded between them, a version at a time.
    for expected in 1..=4 {
        assert_eq!(answer(&open(&dialer)).await, Ok(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_while_the_broker_throttles() {
    let manners = Arc::new(Manners { heartbeat: 4.into(), throttle_ms: 3000.into(), ..Manners::default() });
    let connection = open(&dialer(broker(Arc::clone(&manners))));
    answer(&connection).await.expect("an answer");
    manners.throttle_ms.store(0, Ordering::Relaxed);
    let before = Instant::now();
    let late = heartbeat(&connection, 2);
    let in_time = heartbeat(&connection, 60);
    sleep(Duration::from_millis(2900)).await;
    assert_eq!(manners.heartbeats.load(Ordering::Relaxed), 1);
    let late = late.await.expect("a reply").expect_err("too late");
    assert!(matches!(late, RequestError::NotSent { .. }), "{late}");
    in_time.await.expect("a reply").expect("an answer");
    let waited = before.elapsed();
    assert!((3000..3100).contains(&waited.as_millis()), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_takes_so_many_requests_and_who_waits_gets_a_turn() {
    let manners = Arc::new(Manners { heartbeat: 4.into(), throttle_ms: 100.into(), ..Manners::default() });
    let mut dialer = dialer(broker(manners));
    dialer.max_requests = 4;
    let connection = open(&dialer);
    let taken: Vec<_> = (0..4).map(|_| heartbeat(&connection, 60)).collect();
    let refused = heartbeat(&connection, 60).await.expect("a reply").expect_err("one too many");
    assert!(matches!(refused, RequestError::NotSent { .. }), "{refused}");
    assert!(refused.is_retriable() && !refused.is_perhaps_applied());
    // Far more than there is room for: each waits for its turn, and none for ever.
    let mut callers = JoinSet::new();
    for _ in 0..100 {
        let connection = connection.clone();
        callers.spawn(async move {
            let slot = connection.reserve().await.expect("the connection stands");
            let (sender, receiver) = oneshot::channel();
            let options = SendOptions::new(HeartbeatRequest::VERSIONS, Duration::from_secs(60));
            let reply = Box::new(|result: Result<Answer, RequestError>| _ = sender.send(result.is_ok()));
            connection.send_in(slot, Box::new(HeartbeatRequest::default()), options, reply);
            receiver.await
        });
    }
    for reply in taken {
        reply.await.expect("a reply").expect("an answer");
    }
    assert!(soon(callers.join_all()).await.iter().all(|answered| *answered == Ok(true)));
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_turn_on_a_connection_that_ends_is_told() {
    let silent = ScriptedNetwork::new(|stream| async move {
        sleep(Duration::from_secs(5)).await;
        drop(stream);
    });
    let mut dialer = dialer(silent);
    dialer.max_requests = 1;
    let connection = open(&dialer);
    let first = heartbeat(&connection, 60);
    let error = soon(connection.reserve()).await.expect_err("it ended");
    assert!(error.is_retriable() && !error.is_perhaps_applied(), "{error}");
    assert!(first.await.expect("a reply").is_err());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_nobody_uses_is_closed_and_opened_again() {
    let world = World::new(1);
    let client = world.builder().connections_max_idle(Duration::from_secs(20));
    let client = client.metadata_max_age(Duration::from_secs(86400)).connect().await.expect("a client");
    let producer = client.producer().build().expect("a producer");
    producer.send(Record::to("t").value("v")).await.expect("delivered");
    let streams = world.network.streams();
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    sleep(Duration::from_secs(19)).await;
    assert_eq!(tasks(), before);
    sleep(Duration::from_secs(3)).await;
    assert!(tasks() < before, "{} of {before}", tasks());
    producer.send(Record::to("t").value("v")).await.expect("delivered");
    assert_eq!(world.network.streams(), streams + 1);
}

/// Leads to node 1 of a cluster, and counts how often. Under the name `seed` it is found after a move, and from then on
/// under its own.
#[derive(Clone)]
struct Ways {
    now: Arc<Mutex<MemoryNetwork>>,
    behind_seed: Arc<Mutex<MemoryNetwork>>,
    attempts: Arc<AtomicUsize>,
}

impl Ways {
    fn to(world: &World) -> Self {
        let network = || Arc::new(Mutex::new(world.network.clone()));
        Self { now: network(), behind_seed: network(), attempts: Arc::default() }
    }

    fn move_to(&self, world: &World) {
        *self.behind_seed.lock().expect("no panic") = world.network.clone();
    }
}

impl Connector for Ways {
    fn connect<'a>(&'a self, host: &'a str, _port: u16) -> Connecting<'a> {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        if host == "seed" {
            *self.now.lock().expect("no panic") = self.behind_seed.lock().expect("no panic").clone();
        }
        let network = self.now.lock().expect("no panic").clone();
        Box::pin(async move { network.connect("node-1", 9092).await })
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_to_reconnect_are_spread_out_and_end_with_success() {
    let world = World::new(1);
    let ways = Ways::to(&world);
    let builder = world.builder().connector(ways.clone());
    let builder = builder.reconnect_backoff(Duration::from_secs(1), Duration::from_secs(8));
    let client = builder.connect().await.expect("a client");
    let producer = client.producer().delivery_timeout(Duration::from_secs(600)).build().expect("a producer");
    producer.send(Record::to("t").value("v")).await.expect("delivered");
    world.network.take_down(NODE_1);
    let before = ways.attempts.load(Ordering::Relaxed);
    let delivery = producer.enqueue(Record::to("t").value("w")).await.expect("queued");
    sleep(Duration::from_secs(100)).await;
    let attempts = ways.attempts.load(Ordering::Relaxed) - before;
    // On two lanes and the bootstrap server's, 1, 2, 4, 8, 8 … seconds apart, spread by a fifth.
    assert!((15..=60).contains(&attempts), "{attempts}");
    world.network.bring_up(NODE_1);
    timeout(Duration::from_secs(20), delivery).await.expect("soon").expect("delivered");
}

#[tokio::test(start_paused = true)]
async fn when_all_known_brokers_are_gone_the_bootstrap_servers_lead_to_others() {
    for (recovery, partitions) in [(MetadataRecovery::default(), 3), (MetadataRecovery::None, 1)] {
        let (old, new) = (World::new(1), World::new(3));
        let ways = Ways::to(&old);
        let client = Client::builder("seed:9092")
            .connector(ways.clone())
            .deterministic(Clock::starting_at(0), 7)
            .metadata_recovery(recovery)
            .metadata_max_age(Duration::from_secs(10))
            .connect()
            .await
            .expect("a client");
        assert_eq!(client.topic("t").await.expect("a topic").partitions.len(), 1);
        old.network.take_down(NODE_1);
        ways.move_to(&new);
        sleep(Duration::from_secs(60)).await;
        assert_eq!(client.topic("t").await.expect("known").partitions.len(), partitions);
    }
}

/// Collects what is told.
fn listener() -> (Arc<Mutex<Vec<Event>>>, impl Fn(&Event) + Send + Sync + 'static) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&heard);
    (heard, move |event: &Event| keep.lock().expect("no panic").push(event.clone()))
}

#[tokio::test(start_paused = true)]
async fn listeners_hear_of_connections_and_requests_and_for_whom_they_were() {
    let world = World::new(1);
    let (heard, sink) = listener();
    let client = world.builder().client_id("mine").events(sink).connect().await.expect("a client");
    let producer = client.producer().build().expect("a producer");
    producer.send(Record::to("t").value("v")).await.expect("delivered");
    read(&member(&client).build().expect("a consumer"), 1).await;
    world.network.cut(NODE_1);
    sleep(Duration::from_secs(1)).await;
    let heard = std::mem::take(&mut *heard.lock().expect("no panic"));
    let mut counts = BTreeMap::new();
    for event in &heard {
        assert_eq!(&*event.client_id, "mine");
        assert!(!format!("{event:?}").contains("Secret"));
        *counts.entry(event.to_string()).or_insert(0) += 1;
    }
    for name in [
        "client.connect",
        "client.disconnect",
        "client.network.request",
        "client.network.request_queue_size",
        "producer.connect",
        "producer.network.request",
        "producer.network.request_queue_size",
        "consumer.network.request",
        "consumer.network.request_queue_size",
    ] {
        assert!(counts.contains_key(name), "{name}: {counts:?}");
    }
    let produced = heard.iter().find_map(|event| match &event.payload {
        Payload::Request(done) if done.request.api_key == ApiKey::PRODUCE => Some((event, done)),
        _ => None,
    });
    let (event, done) = produced.expect("a Produce");
    assert_eq!(
        (event.role, done.request.broker.to_string()),
        (Role::Producer, world.broker.bootstrap_servers())
    );
    assert!(done.size > 10 && done.request.created_at <= done.request.sent_at);
}

/// KafkaJS's CONNECT and DISCONNECT, which have no payload.
#[tokio::test(start_paused = true)]
async fn a_producer_is_connected_once_and_disconnected_once_however_it_ends() {
    for end in ["closed", "closed twice", "dropped", "client closed"] {
        let world = World::new(1);
        let (heard, sink) = listener();
        let client = world.builder().events(sink).connect().await.expect("a client");
        let producer = client.producer().build().expect("a producer");
        let of_producer = || -> Vec<&'static str> {
            let heard = heard.lock().expect("no panic");
            let told = |event: &Event| match event.payload {
                Payload::Opened => Some("opened"),
                Payload::Closed => Some("closed"),
                Payload::Request(_) if event.role == Role::Producer => Some("request"),
                _ => None,
            };
            heard.iter().filter_map(told).collect()
        };
        let delivery = producer.enqueue(Record::to("t").value("v")).await.expect("queued");
        match end {
            "closed" => producer.close(Duration::from_secs(9)).await.expect("all delivered"),
            "closed twice" => {
                producer.close(Duration::from_secs(9)).await.expect("all delivered");
                producer.close(Duration::ZERO).await.expect("nothing is left");
            }
            "client closed" => {
                delivery.await.expect("delivered");
                client.close().await;
            }
            _ => drop(producer),
        }
        sleep(Duration::from_secs(1)).await;
        // It asks for its id, and then sends.
        assert_eq!(of_producer(), ["opened", "request", "request", "closed"], "{end}");
        let names: Vec<_> = heard.lock().expect("no panic").iter().map(ToString::to_string).collect();
        assert!(names.iter().any(|name| name == "producer.disconnect"), "{names:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn listeners_hear_of_timeouts_and_of_throttling() {
    let manners = Arc::new(Manners { heartbeat: 4.into(), throttle_ms: 3000.into(), ..Manners::default() });
    let (heard, sink) = listener();
    let mut dialer = dialer(broker(Arc::clone(&manners)));
    dialer.events = Events::to(Arc::new(sink));
    let connection = open(&dialer);
    answer(&connection).await.expect("an answer");
    manners.is_silent.store(true, Ordering::Relaxed);
    heartbeat(&connection, 10).await.expect("a reply").expect_err("silence");
    sleep(Duration::from_secs(1)).await;
    let heard = heard.lock().expect("no panic");
    let names: Vec<&str> = heard.iter().map(Event::kind).collect();
    let expected = [
        // The versions; meanwhile the first one waits.
        "network.request_queue_size",
        "network.request",
        "connect",
        "network.request_queue_size",
        "network.request",
        "network.throttled",
        "network.request_queue_size",
        "network.request_queue_size",
        "network.request_timeout",
        "disconnect",
    ];
    assert_eq!(names, expected);
    let Payload::RequestTimeout(late) = &heard[8].payload else { panic!("{:?}", heard[8]) };
    assert_eq!(late.request.pending_duration, Duration::from_secs(3));
    let Payload::Disconnect(end) = &heard[9].payload else { panic!("{:?}", heard[9]) };
    assert_eq!(end.reason, "no answer in time");
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_closes_at_the_first_request_is_asked_about_sasl() {
    let wary = ScriptedNetwork::new(|stream| async move {
        _ = serve_versions_only(stream).await;
    });
    let connecting = Client::builder("node:9092").connector(wary).deterministic(Clock::starting_at(0), 1);
    let error: ClientError = soon(connecting.connect()).await.expect_err("it closes");
    assert!(matches!(error.kind(), ClientErrorKind::Unreachable(_)));
    assert!(error.to_string().contains("does this port require sasl?"), "{error}");
}

async fn serve_versions_only(mut stream: DuplexStream) -> Option<()> {
    let mut input = BytesMut::new();
    loop {
        let Some(frame) = split_frame(&mut input, 10_000).expect("frames") else {
            if stream.read_buf(&mut input).await.ok()? == 0 {
                return None;
            }
            continue;
        };
        let (header, _) = decode_request_header(&frame).expect("a header");
        if header.request_api_key != ApiKey::API_VERSIONS.0 {
            return None;
        }
        let mut response = ApiVersionsResponse::default();
        let mut api = ApiVersion::default();
        (api.api_key, api.max_version) = (ApiKey::METADATA.0, 12);
        response.api_keys.push(api);
        let answer = framed(&response, header.request_api_version, header.correlation_id);
        stream.write_all(&answer).await.ok()?;
    }
}
