//! Whatever listens where a broker should: the client does not panic, takes a bounded time and bounded memory, and
//! says what is wrong.

use std::cell::Cell;
use std::error::Error;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use ottla_client::{
    Client, ClientBuilder, ClientError, ClientErrorKind, ConnectErrorKind, ConsumerError, GroupErrorKind,
    OffsetReset, Record, SendError, TopicPartition,
};
use ottla_protocol::api::ApiKey;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::frame::{FrameBuf, decode_request_header, encode_response, split_frame};
use ottla_protocol::message::Response;
use ottla_protocol::messages::api_versions_response::{ApiVersion, ApiVersionsResponse};
use ottla_protocol::messages::find_coordinator_response::{Coordinator, FindCoordinatorResponse};
use ottla_protocol::messages::metadata_response::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use ottla_protocol::messages::offset_fetch_response::{
    OffsetFetchResponse, OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use ottla_protocol::types::NodeId;
use ottla_testbroker::TestBroker;
use ottla_tests::memory_network::MemoryNetwork;
use ottla_tests::scripted_network::ScriptedNetwork;
use ottla_transport::{Clock, Connector};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::{Instant, sleep, timeout};

const NOT_KAFKA: &str = "the peer does not speak kafka";

thread_local! {
    static PANICS: Cell<u32> = const { Cell::new(0) };
}

/// Counts panics of this thread, on which all tasks of a test run: those of tasks go unseen otherwise.
fn watch_for_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICS.set(PANICS.get() + 1);
            usual(panic);
        }));
    });
    assert_eq!(PANICS.get(), 0);
}

fn builder(connector: impl Connector + 'static) -> ClientBuilder {
    watch_for_panics();
    let clock = Clock::starting_at(1_700_000_000_000);
    Client::builder("peer:9092").connector(connector).deterministic(clock, 1)
}

/// The error and what it comes from, as text.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// What a client that connects to a peer with this script is told, and when.
async fn refusal<F>(script: impl Fn(DuplexStream) -> F + Send + Sync + 'static) -> (ClientError, Duration)
where
    F: Future<Output = ()> + Send + 'static,
{
    let before = Instant::now();
    let connecting = builder(ScriptedNetwork::new(script)).connect();
    let result = timeout(Duration::from_secs(120), connecting).await.expect("a bounded time");
    let error = result.expect_err("no broker is there");
    assert_eq!(PANICS.get(), 0);
    (error, before.elapsed())
}

/// As [`refusal`], which must come at once and say that the peer does not speak Kafka.
async fn is_not_kafka<F>(what: &str, script: impl Fn(DuplexStream) -> F + Send + Sync + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    let (error, after) = refusal(script).await;
    let ClientErrorKind::Unreachable(attempts) = error.kind() else { panic!("{what}: {error}") };
    let text = attempts[0].to_string();
    assert!(text.starts_with("peer:9092: "), "{what}: {text}");
    assert!(text.contains(NOT_KAFKA), "{what}: {text}");
    assert!(after < Duration::from_secs(1), "{what}: {after:?}");
}

/// A peer that reads something, says this, and hangs up.
async fn says(what: &'static str, bytes: &'static [u8]) {
    is_not_kafka(what, move |mut stream| async move {
        _ = stream.read(&mut [0; 1024]).await;
        _ = stream.write_all(bytes).await;
        // Time to be read before the end is.
        sleep(Duration::from_millis(10)).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn servers_of_other_protocols_are_named_as_such() {
    says("http", b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
    says("ssh", b"SSH-2.0-OpenSSH_9.6\r\n").await;
    says("smtp", b"220 mail.example.org ESMTP\r\n").await;
    says("redis", b"-ERR unknown command\r\n").await;
    says("nothing", b"").await;
    says("a negative size", &[0xff, 0xff, 0xff, 0xff, 0, 0]).await;
    says("a huge size", &[0x7f, 0xff, 0xff, 0xff, 0, 0]).await;
    says("a size of zero", &[0, 0, 0, 0]).await;
    says("a frame that is cut", &[0, 0, 0, 100, 0, 0, 0, 0, 0, 0]).await;
    says("a short header", &[0, 0, 0, 2, 0, 0]).await;
    says("a wrong correlation id", &[0, 0, 0, 10, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0]).await;
    says("a body that is cut", &[0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 9]).await;
    says("an array that claims to be huge", &[0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f]).await;
    says("an error instead of versions", &[0, 0, 0, 12, 0, 0, 0, 0, 0, 42, 1, 0, 0, 0, 0, 0]).await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_answers_in_tls_is_known() {
    let alert = [0x15, 3, 3, 0, 2, 2, 10];
    let (error, _) = refusal(move |mut stream| async move {
        _ = stream.write_all(&alert).await;
        sleep(Duration::from_secs(100)).await;
    })
    .await;
    assert_eq!(error.kind(), &ClientErrorKind::Connect(ConnectErrorKind::TlsRequired), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_hangs_up_at_once_does_not_speak_kafka() {
    is_not_kafka("at once", |stream| async move { drop(stream) }).await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_speaks_first_does_not_speak_kafka() {
    is_not_kafka("first", |mut stream| async move {
        _ = stream.write_all(b"\0\0\0\x08welcome!").await;
        sleep(Duration::from_secs(100)).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn endless_garbage_is_not_read_to_its_end() {
    for byte in [0, 1, 0x7f, 0xff] {
        is_not_kafka("endless", move |mut stream| async move {
            while stream.write_all(&[byte; 4096]).await.is_ok() {}
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn random_bytes_are_refused_whatever_they_are() {
    for seed in 1..300_u64 {
        let (error, after) = refusal(move |mut stream| async move {
            _ = stream.read(&mut [0; 1024]).await;
            let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let bytes: Vec<u8> = (0..200)
                .map(|_| {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    random as u8
                })
                .collect();
            // Mostly a frame of its own, so that what is in it is looked at.
            let frame = [&[0, 0, 0, 200, 0, 0, 0, 0], &bytes[..196]].concat();
            _ = stream.write_all(if seed % 4 == 0 { &bytes } else { &frame }).await;
            sleep(Duration::from_millis(10)).await;
        })
        .await;
        assert!(matches!(error.kind(), ClientErrorKind::Unreachable(_)), "{seed}: {error}");
        assert!(after < Duration::from_secs(100), "{seed}: {after:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_says_nothing_is_given_up_after_the_connection_timeout() {
    let (error, after) =
        refusal(
            |mut stream| async move { while stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {} },
        )
        .await;
    assert!(error.to_string().contains("did not answer ApiVersions in time"), "{error}");
    assert!(error.is_retriable());
    assert_eq!(after.as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_trickles_is_given_up_as_one_that_says_nothing() {
    let (error, after) = refusal(|mut stream| async move {
        let mut bytes = [0, 0, 3, 0].into_iter().chain(std::iter::repeat(0));
        while stream.write_all(&[bytes.next().unwrap_or(0)]).await.is_ok() {
            sleep(Duration::from_secs(1)).await;
        }
    })
    .await;
    assert!(error.to_string().contains("did not answer ApiVersions in time"), "{error}");
    assert_eq!(after.as_secs(), 10);
}

/// What a fake broker does with a request that is not about versions or the cluster.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Malice {
    Silence,
    HangUp,
    WrongCorrelationId,
    EmptyBody,
    Garbage,
    HugeSize,
    CutFrame,
    AnswerTwice,
    AnswerToNothing,
}

const ALL_MALICE: [Malice; 9] = [
    Malice::Silence,
    Malice::HangUp,
    Malice::WrongCorrelationId,
    Malice::EmptyBody,
    Malice::Garbage,
    Malice::HugeSize,
    Malice::CutFrame,
    Malice::AnswerTwice,
    Malice::AnswerToNothing,
];

/// Says versions and cluster like a broker, and is malicious about everything else.
async fn fake_broker(mut stream: DuplexStream, malice: Malice, offered: ApiVersionsResponse) {
    let mut input = BytesMut::new();
    loop {
        let frame = match split_frame(&mut input, 1 << 20).expect("the client's frames") {
            Some(frame) => frame,
            None => match stream.read_buf(&mut input).await {
                Ok(0) | Err(_) => return,
                Ok(_) => continue,
            },
        };
        let (header, _) = decode_request_header(&frame).expect("the client's headers");
        let (version, correlation_id) = (header.request_api_version, header.correlation_id);
        let id = &correlation_id.to_be_bytes()[..];
        let answer = match (ApiKey(header.request_api_key), malice) {
            (ApiKey::API_VERSIONS, _) => answer(&offered, version, correlation_id),
            (ApiKey::METADATA, _) => answer(&cluster(), version, correlation_id),
            (_, Malice::Silence) => Bytes::new(),
            (_, Malice::HangUp) => return,
            (_, Malice::WrongCorrelationId) => [&[0, 0, 0, 8, 0, 0, 99, 99][..], &[0; 4]].concat().into(),
            (_, Malice::EmptyBody) => [&[0, 0, 0, 4][..], id].concat().into(),
            (_, Malice::Garbage) => [&[0, 0, 1, 0][..], id, &[0xa5; 252]].concat().into(),
            (_, Malice::HugeSize) => [&[0x7f, 0, 0, 0][..], id].concat().into(),
            (_, Malice::CutFrame) => {
                _ = stream.write_all(&[&[0, 0, 1, 0][..], id].concat()).await;
                return sleep(Duration::from_millis(5)).await;
            }
            (_, Malice::AnswerTwice) => [&[0, 0, 0, 4][..], id, &[0, 0, 0, 4], id].concat().into(),
            (_, Malice::AnswerToNothing) => [&[0, 0, 0, 8][..], &[0xee; 8]].concat().into(),
        };
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}

fn answer<R: Response>(response: &R, version: i16, correlation_id: i32) -> Bytes {
    let mut out = FrameBuf::new();
    encode_response(&mut out, response, version, correlation_id).expect("encodable");
    out.into_bytes()
}

fn versions() -> ApiVersionsResponse {
    let mut response = ApiVersionsResponse::default();
    let offered = [
        (ApiKey::PRODUCE, 9),
        (ApiKey::FETCH, 12),
        (ApiKey::LIST_OFFSETS, 6),
        (ApiKey::METADATA, 12),
        (ApiKey::OFFSET_COMMIT, 8),
        (ApiKey::OFFSET_FETCH, 8),
        (ApiKey::FIND_COORDINATOR, 4),
        (ApiKey::JOIN_GROUP, 9),
        (ApiKey::API_VERSIONS, 4),
        (ApiKey::INIT_PRODUCER_ID, 4),
    ];
    for (key, max) in offered {
        let mut version = ApiVersion::default();
        (version.api_key, version.min_version, version.max_version) = (key.0, 0, max);
        response.api_keys.push(version);
    }
    response
}

/// One broker, which leads the one partition of `t`.
fn cluster() -> MetadataResponse {
    let mut broker = MetadataResponseBroker::default();
    (broker.node_id, broker.host, broker.port) = (NodeId(1), "peer".into(), 9092);
    let mut partition = MetadataResponsePartition::default();
    partition.leader_id = NodeId(1);
    let mut topic = MetadataResponseTopic::default();
    topic.name = Some("t".into());
    topic.partitions.push(partition);
    let mut response = MetadataResponse::default();
    response.brokers.push(broker);
    response.controller_id = NodeId(1);
    response.topics.push(topic);
    response
}

async fn client_of(malice: Malice) -> Client {
    let network = ScriptedNetwork::new(move |stream| fake_broker(stream, malice, versions()));
    builder(network)
        .request_timeout(Duration::from_secs(5))
        .connect()
        .await
        .expect("it says versions and cluster")
}

#[tokio::test(start_paused = true)]
async fn a_record_for_a_malicious_leader_fails_in_time_and_says_that_it_may_be_written() {
    for malice in ALL_MALICE {
        for idempotent in [false, true] {
            let client = client_of(malice).await;
            let producer = client.producer().enable_idempotence(idempotent);
            let producer = if idempotent { producer } else { producer.acks(ottla_client::Acks::Leader) };
            let producer = producer.delivery_timeout(Duration::from_secs(30)).build().expect("a producer");
            let sending = producer.send(Record::to("t").value("v"));
            let error = timeout(Duration::from_secs(40), sending).await;
            let error = error.unwrap_or_else(|_| panic!("{malice:?}")).expect_err("no broker is there");
            let SendError::NotDelivered { .. } = &error else { panic!("{malice:?}: {error}") };
            // An idempotent producer does not get beyond asking for its id.
            assert_eq!(error.is_perhaps_written(), !idempotent, "{malice:?}: {error}");
            assert_eq!(PANICS.get(), 0, "{malice:?}");
        }
    }
}

/// What an honest broker's connection may do, too: it is tried again. An answer to another request means that one got
/// lost; a peer whose bytes are no answers at all is told.
fn is_tried_again(malice: Malice) -> bool {
    use Malice::{CutFrame, HangUp, Silence, WrongCorrelationId};
    matches!(malice, Silence | HangUp | CutFrame | WrongCorrelationId)
}

#[tokio::test(start_paused = true)]
async fn a_reader_of_a_malicious_leader_is_told_or_waits_and_can_be_closed() {
    for malice in ALL_MALICE {
        let client = client_of(malice).await;
        let reader = client.consumer_without_group().assign([TopicPartition::new("t", 0)]);
        let reader = reader.auto_offset_reset(OffsetReset::Earliest).build().expect("a consumer");
        let told = timeout(Duration::from_secs(60), reader.next_batch()).await;
        let retries = is_tried_again(malice);
        match told {
            Ok(Ok(batch)) => panic!("{malice:?}: {batch:?}"),
            Ok(Err(error)) => assert!(matches!(error, ConsumerError::Partition(_)) && !retries, "{error}"),
            Err(_) => assert!(retries, "{malice:?}"),
        }
        timeout(Duration::from_secs(10), reader.close()).await.expect("a bounded time").expect("closed");
        assert_eq!(PANICS.get(), 0, "{malice:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_with_a_malicious_coordinator_is_told_or_waits_and_can_be_closed() {
    for malice in ALL_MALICE {
        let client = client_of(malice).await;
        let reader = client.consumer("g").subscribe(["t"]).build().expect("a consumer");
        let told = timeout(Duration::from_secs(60), reader.next_batch()).await;
        let retries = is_tried_again(malice);
        match told {
            Ok(Ok(batch)) => panic!("{malice:?}: {batch:?}"),
            Ok(Err(error)) => assert!(matches!(error, ConsumerError::Group(_)) && !retries, "{error}"),
            Err(_) => assert!(retries, "{malice:?}"),
        }
        timeout(Duration::from_secs(65), reader.close()).await.expect("a bounded time").expect("closed");
        assert_eq!(PANICS.get(), 0, "{malice:?}");
    }
}

/// Finds itself as coordinator, and refuses to tell what is committed.
async fn secretive_coordinator(mut stream: DuplexStream, asked: Arc<AtomicU32>) {
    let mut input = BytesMut::new();
    while stream.read_buf(&mut input).await.is_ok_and(|read| read > 0) {
        while let Some(frame) = split_frame(&mut input, 1 << 20).expect("the client's frames") {
            let (header, _) = decode_request_header(&frame).expect("the client's headers");
            let (version, id) = (header.request_api_version, header.correlation_id);
            let bytes = match ApiKey(header.request_api_key) {
                ApiKey::API_VERSIONS => answer(&versions(), version, id),
                ApiKey::METADATA => answer(&cluster(), version, id),
                ApiKey::FIND_COORDINATOR => {
                    let mut coordinator = Coordinator::default();
                    coordinator.key = "g".into();
                    (coordinator.node_id, coordinator.host, coordinator.port) =
                        (NodeId(1), "peer".into(), 9092);
                    let mut response = FindCoordinatorResponse::default();
                    response.coordinators.push(coordinator);
                    answer(&response, version, id)
                }
                ApiKey::OFFSET_FETCH => {
                    asked.fetch_add(1, Ordering::Relaxed);
                    let mut partition = OffsetFetchResponsePartitions::default();
                    partition.error_code = ErrorCode::TOPIC_AUTHORIZATION_FAILED.0;
                    let mut topic = OffsetFetchResponseTopics::default();
                    topic.name = "t".into();
                    topic.partitions.push(partition);
                    let mut group = OffsetFetchResponseGroup::default();
                    group.group_id = "g".into();
                    group.topics.push(topic);
                    let mut response = OffsetFetchResponse::default();
                    response.groups.push(group);
                    answer(&response, version, id)
                }
                other => panic!("{other}"),
            };
            if stream.write_all(&bytes).await.is_err() {
                return;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_coordinator_that_refuses_offsets_is_not_asked_without_pause_and_errors_do_not_pile_up() {
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let network = ScriptedNetwork::new(move |stream| secretive_coordinator(stream, Arc::clone(&count)));
    let client = builder(network).connect().await.expect("a client");
    let reader = client.consumer("g").assign([TopicPartition::new("t", 0)]);
    let reader = reader.enable_auto_commit(false).build().expect("a consumer");
    sleep(Duration::from_secs(3600)).await;
    let asked = asked.load(Ordering::Relaxed);
    assert!((1000..10_000).contains(&asked), "{asked} requests in an hour");
    for _ in 0..200 {
        match timeout(Duration::from_millis(1), reader.next_batch()).await {
            Ok(told) => assert!(matches!(told, Err(ConsumerError::Partition(_))), "{told:?}"),
            Err(_) => return,
        }
    }
    panic!("hundreds of errors were kept");
}

/// Memory of this process in bytes, where the system tells.
fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(statm.split(' ').nth(1)?.parse::<u64>().ok()? * 4096)
}

#[tokio::test(start_paused = true)]
async fn answers_with_random_bytes_in_them_break_nothing_and_take_no_memory() {
    watch_for_panics();
    let before = resident_bytes();
    for seed in 0..60 {
        let broker = Arc::new(TestBroker::builder().start_in_memory().expect("settings that can be"));
        broker.create_topic("t", 2).expect("a new topic");
        let network = MemoryNetwork::new(Arc::clone(&broker));
        let client = Client::builder(broker.bootstrap_servers()).connector(network.clone());
        let client = client.deterministic(Clock::starting_at(1_700_000_000_000), seed);
        let client = client.request_timeout(Duration::from_secs(5)).connect().await.expect("a client");
        network.mutate(40 + seed * 20, seed);
        let producer =
            client.producer().delivery_timeout(Duration::from_secs(20)).build().expect("a producer");
        let reader = client.consumer("g").subscribe(["t"]).auto_offset_reset(OffsetReset::Earliest);
        let reader = reader.build().expect("a consumer");
        for _ in 0..20 {
            let sending = producer.send(Record::to("t").key("k").value("v"));
            // Well or not, but in time.
            _ = timeout(Duration::from_secs(90), sending).await.unwrap_or_else(|_| panic!("seed {seed}"));
            _ = timeout(Duration::from_secs(2), reader.next_batch()).await;
        }
        network.mend();
        _ = timeout(Duration::from_secs(125), reader.close()).await.unwrap_or_else(|_| panic!("seed {seed}"));
        producer.close(Duration::from_secs(90)).await.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert_eq!(PANICS.get(), 0, "seed {seed}");
    }
    if let (Some(before), Some(after)) = (before, resident_bytes()) {
        assert!(after < before + (200 << 20), "{before} to {after}");
    }
}

/// A client of a fake broker that offers only these versions of an API, and hangs up on all but versions and cluster.
async fn client_of_old(key: ApiKey, min: i16, max: i16) -> Result<Client, ClientError> {
    let network = ScriptedNetwork::new(move |stream| {
        let mut offered = versions();
        for version in offered.api_keys.iter_mut().filter(|version| version.api_key == key.0) {
            (version.min_version, version.max_version) = (min, max);
        }
        fake_broker(stream, Malice::HangUp, offered)
    });
    builder(network).connect().await
}

/// Checks that the text names the API and both ranges.
fn names(text: &str, api: &str, theirs: &str) {
    let expected = format!("no common version of {api}: the broker speaks {theirs}, this client ");
    assert!(text.contains(&expected), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_too_old_or_too_new_is_told_with_the_api_and_both_version_ranges() {
    let error = client_of_old(ApiKey::METADATA, 90, 99).await.expect_err("too new");
    names(&error.to_string(), "Metadata", "90 to 99");

    let client = client_of_old(ApiKey::PRODUCE, 0, 2).await.expect("a client");
    let producer = client.producer().enable_idempotence(false).build().expect("a producer");
    let sending = timeout(Duration::from_secs(9), producer.send(Record::to("t").value("v")));
    let error = sending.await.expect("at once").expect_err("too old");
    names(&chain(&error), "Produce", "0 to 2");
    assert!(!error.is_perhaps_written() && !error.is_retriable(), "{error}");

    let client = client_of_old(ApiKey::INIT_PRODUCER_ID, -1, -1).await.expect("a client");
    let producer = client.producer().build().expect("a producer");
    let sending = timeout(Duration::from_secs(9), producer.send(Record::to("t").value("v")));
    let error = sending.await.expect("at once").expect_err("too old");
    names(&chain(&error), "InitProducerId", "-1");

    let client = client_of_old(ApiKey::LIST_OFFSETS, 0, 1).await.expect("a client");
    let reader = client.consumer_without_group().assign([TopicPartition::new("t", 0)]);
    let reader = reader.auto_offset_reset(OffsetReset::Earliest).build().expect("a consumer");
    let told = timeout(Duration::from_secs(9), reader.next_batch()).await.expect("at once");
    let error = told.expect_err("too old");
    names(&chain(&error), "ListOffsets", "0 to 1");

    let client = client_of_old(ApiKey::FIND_COORDINATOR, 40, 50).await.expect("a client");
    let reader = client.consumer("g").subscribe(["t"]).build().expect("a consumer");
    let told = timeout(Duration::from_secs(9), reader.next_batch()).await.expect("at once");
    let error = told.expect_err("too new");
    names(&chain(&error), "FindCoordinator", "40 to 50");
    let ConsumerError::Group(group) = &error else { panic!("{error}") };
    assert!(error.is_fatal() && group.kind() == GroupErrorKind::UnsupportedVersion, "{error}");
}

#[tokio::test(start_paused = true)]
async fn versions_that_make_no_sense_are_as_good_as_none() {
    let error = client_of_old(ApiKey::METADATA, 12, 3).await.expect_err("no versions");
    assert!(error.to_string().contains("Metadata"), "{error}");
    let error = client_of_old(ApiKey::METADATA, i16::MIN, -1).await.expect_err("no versions");
    assert!(error.to_string().contains("Metadata"), "{error}");
    client_of_old(ApiKey::METADATA, i16::MIN, i16::MAX).await.expect("a client");
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_refuses_its_own_versions_does_not_keep_the_client_busy() {
    is_not_kafka("refuses", |mut stream| async move {
        let mut input = BytesMut::new();
        for _ in 0..100 {
            let Ok(Some(frame)) = split_frame(&mut input, 1 << 20) else {
                match stream.read_buf(&mut input).await {
                    Ok(0) | Err(_) => return,
                    Ok(_) => continue,
                }
            };
            let (header, _) = decode_request_header(&frame).expect("the client's headers");
            let mut response = versions();
            response.error_code = ErrorCode::UNSUPPORTED_VERSION.0;
            _ = stream.write_all(&answer(&response, 0, header.correlation_id)).await;
        }
        panic!("asked a hundred times");
    })
    .await;
}
