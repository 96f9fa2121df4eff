//! A client that goes beyond its quota is throttled (KIP-219): it sends nothing on that connection until the time that the
//! broker named has passed, and loses nothing.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use ottla_client::Client;
use ottla_client::events::{Event, Payload};
use ottla_core::connection::{Answer, ConnectionConfig};
use ottla_core::random::Jitter;
use ottla_core::reconnect::Attempt;
use ottla_core::request::RequestError;
use ottla_protocol::api::ApiKey;
use ottla_protocol::message::Message;
use ottla_protocol::messages::alter_client_quotas_request::{
    AlterClientQuotasRequest, EntityData, EntryData, OpData,
};
use ottla_tests::clients::produce;
use ottla_tests::real_kafka::{RealKafka, unique};
use ottla_tests::workload::keyed;
use ottla_transport::{Clock, Dialer, SendOptions};

/// What the client may produce, in bytes a second; a window of quotas lasts 11 s by default.
const BYTES_PER_SECOND: f64 = 8_000.0;
/// How far the two clocks and the ways to them may be apart.
const SLACK: Duration = Duration::from_millis(5);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Kafka: cargo xtask test"]
async fn a_producer_beyond_its_quota_sends_nothing_while_it_is_throttled_and_loses_nothing() {
    let kafka = RealKafka::one();
    let topic = kafka.topic("throttled", 1);
    let client_id = unique("throttled");
    limit(kafka.bootstrap_servers(), &client_id).await;
    let heard: Arc<Mutex<Vec<Event>>> = Arc::default();
    let keep = Arc::clone(&heard);
    let client = Client::builder(kafka.bootstrap_servers())
        .client_id(client_id)
        .events(move |event: &Event| keep.lock().expect("no panic").push(event.clone()))
        .connect()
        .await
        .expect("Kafka is up");
    let producer = client.producer().batch_size(20_000).build().expect("a producer");
    produce(&producer, &topic, &keyed(6_000)).await;
    client.close().await;
    let heard = heard.lock().expect("no panic");
    let (throttles, sent) = (throttles(&heard), sent(&heard));
    for (from, time) in &throttles {
        println!("throttled for {time:?}");
        for at in &sent {
            let into = at.duration_since(*from).unwrap_or_default();
            assert!(into <= SLACK || into + SLACK >= *time, "sent {into:?} into {time:?}");
        }
    }
    assert!(!throttles.is_empty(), "never throttled");
}

/// When the broker said so, and for how long, in answers to Produce.
fn throttles(heard: &[Event]) -> Vec<(SystemTime, Duration)> {
    let throttle = |event: &Event| match &event.payload {
        Payload::Throttled(told) if told.api_key == ApiKey::PRODUCE => {
            Some((event.timestamp, told.throttle_time))
        }
        _ => None,
    };
    heard.iter().filter_map(throttle).collect()
}

fn sent(heard: &[Event]) -> Vec<SystemTime> {
    let sent = |event: &Event| match &event.payload {
        Payload::Request(done) if done.request.api_key == ApiKey::PRODUCE => Some(done.request.sent_at),
        _ => None,
    };
    heard.iter().filter_map(sent).collect()
}

/// Gives a client a quota for producing.
async fn limit(bootstrap_servers: &str, client_id: &str) {
    let mut request = AlterClientQuotasRequest::default();
    let (mut entry, mut entity, mut op) = (EntryData::default(), EntityData::default(), OpData::default());
    (entity.entity_type, entity.entity_name) = ("client-id".into(), Some(client_id.into()));
    (op.key, op.value) = ("producer_byte_rate".into(), BYTES_PER_SECOND);
    (entry.entity, entry.ops) = (vec![entity], vec![op]);
    request.entries.push(entry);
    let (host, port) = bootstrap_servers.rsplit_once(':').expect("host:port");
    let timeout = Duration::from_secs(10);
    let dialer = Dialer::new(ConnectionConfig::new("quotas"), Clock::system());
    let port = port.parse().expect("a port");
    let connection = dialer.open(host, port, Attempt::now(timeout), Jitter::seeded(1));
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let reply = Box::new(|result: Result<Answer, RequestError>| _ = sender.send(result));
    let options = SendOptions::new(AlterClientQuotasRequest::VERSIONS, timeout);
    connection.send(Box::new(request), options, reply);
    let answer = receiver.await.expect("a reply").expect("an answer");
    let response = answer.decode::<AlterClientQuotasRequest>().expect("a response");
    assert_eq!(response.entries[0].error_code, 0, "{:?}", response.entries[0].error_message);
}
