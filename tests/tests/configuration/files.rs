//! Files as other clients are given them.

use std::sync::Arc;

use ottla_client::config::{Config, Role};
use ottla_client::{Client, OffsetReset, Record};
use ottla_testbroker::TestBroker;
use ottla_tests::memory_network::MemoryNetwork;

use super::world::client;

/// With roles mixed, as such files are.
const JAVA: &str = "\
# Required connection configs for producer, consumer, and admin
bootstrap.servers: localhost:9092
client.dns.lookup=use_all_dns_ips
session.timeout.ms = 45000
acks=all
client.id=java-client-1
key.serializer=org.apache.kafka.common.serialization.StringSerializer
value.serializer=io.confluent.kafka.serializers.KafkaAvroSerializer
key.deserializer=org.apache.kafka.common.serialization.StringDeserializer
value.deserializer=org.apache.kafka.common.serialization.StringDeserializer
group.id=baristas
auto.offset.reset=earliest
compression.type=lz4
schema.registry.url=https://registry
basic.auth.user.info=key:hunter2
interceptor.classes=com.acme.Tracing,\\
    com.acme.Auditing
max.poll.records=100
";

const LIBRDKAFKA: &str = "\
metadata.broker.list=localhost:9092
queue.buffering.max.ms=50
queue.buffering.max.kbytes=2048
message.timeout.ms=30000
socket.timeout.ms=20000
compression.codec=gzip
compression.level=9
request.required.acks=1
group.id=baristas
auto.offset.reset=smallest
partition.assignment.strategy=roundrobin
queued.max.messages.kbytes=1024
fetch.wait.max.ms=100
enable.partition.eof=false
statistics.interval.ms=60000
log_level=7
";

#[tokio::test]
async fn records_go_through_clients_made_of_a_java_file() {
    let broker = Arc::new(TestBroker::builder().start_in_memory().expect("settings that can be"));
    broker.create_topic("orders", 1).expect("a new topic");
    let config = Config::parse(JAVA).expect("it is well-formed");
    let servers = broker.bootstrap_servers();
    let mut properties = ottla_client::config::Properties::parse(JAVA).expect("it is well-formed");
    properties.set("bootstrap.servers", servers).expect("a few");
    let config = Config::new(&properties).map(|checked| (config, checked)).expect("it is well-formed").1;
    let network = MemoryNetwork::new(Arc::clone(&broker));
    let client = config.client().expect("a client").connector(network).connect().await.expect("a client");
    let producer = config.producer(&client).expect("a producer").build().expect("a producer");
    producer.send(Record::to("orders").value("2 coffees")).await.expect("it is written");
    let consumer =
        config.consumer(&client).expect("a consumer").subscribe(["orders"]).build().expect("a consumer");
    let batch = consumer.next_batch().await.expect("a batch").expect("the consumer is open");
    assert_eq!(batch.iter().next().and_then(|record| record.value()), Some(&b"2 coffees"[..]));
    consumer.close().await.expect("it leaves");
}

#[test]
fn what_a_java_file_has_and_is_not_used_is_told_in_the_order_of_its_lines() {
    let config = Config::parse(JAVA).expect("it is well-formed");
    let told: Vec<String> =
        config.unused(&[Role::Producer, Role::Consumer]).iter().map(ToString::to_string).collect();
    let bytes = "keys and values are bytes";
    let expected = [
        format!("key.serializer (line 7) is not used: {bytes}"),
        format!("value.serializer (line 8) is not used: {bytes}"),
        format!("key.deserializer (line 9) is not used: {bytes}"),
        format!("value.deserializer (line 10) is not used: {bytes}"),
        "schema.registry.url (line 14) is not used: it is a key of the schema registry".to_owned(),
        "basic.auth.user.info (line 15) is not used: it is a key of the schema registry".to_owned(),
        "interceptor.classes (line 16) is not used: names Java classes".to_owned(),
        "max.poll.records (line 18) is not used: batches are handed out as they were written".to_owned(),
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(&expected), "{told}");
    }
    let of_producer = config.unused(&[Role::Producer]);
    let group = of_producer.iter().find(|unused| unused.key() == "group.id").expect("it is listed");
    assert_eq!(group.to_string(), "group.id (line 11) is not used: it is a key of the consumer");
}

#[tokio::test]
async fn librdkafkas_names_and_units_are_understood() {
    let (_broker, client) = client().await;
    let config = Config::parse(LIBRDKAFKA).expect("it is well-formed");
    let check = |shown: String, expected: &[&str]| {
        for part in expected {
            assert!(shown.contains(part), "no {part} in {shown}");
        }
    };
    let servers = "bootstrap_servers: \"localhost:9092\"";
    check(format!("{:?}", config.client().expect("a client")), &[servers, "request_timeout: 20s"]);
    check(
        format!("{:?}", config.producer(&client).expect("a producer")),
        &[
            "acks: Leader",
            "enable_idempotence: false",
            "linger: 50ms",
            "buffer_memory: 2097152",
            "compression: Gzip",
            "compression_level: CompressionLevel(Some(9))",
            "delivery_timeout: 30s",
        ],
    );
    check(
        format!("{:?}", config.consumer(&client).expect("a consumer")),
        &["reset_policy: Earliest", "memory: 1048576", "max_wait: 100ms", "[\"roundrobin\"]"],
    );
}

#[tokio::test]
async fn what_java_adjusts_by_itself_is_adjusted() {
    let (_broker, client) = client().await;
    let producer = |text: &str| {
        let config = Config::parse(text).expect("it is well-formed");
        config.producer(&client).map(|builder| format!("{builder:?}")).map_err(|error| error.to_string())
    };
    let shows =
        |text: &str, part: &str| assert!(producer(text).expect("a producer").contains(part), "{text}");
    shows("", "enable_idempotence: true");
    shows("acks=1", "enable_idempotence: false");
    shows("acks=-1", "enable_idempotence: true");
    shows("max.in.flight.requests.per.connection=1000000", "enable_idempotence: false");
    shows("acks=1\nenable.idempotence=true", "enable_idempotence: true");
    shows("linger.ms=100000\nrequest.timeout.ms=60000", "delivery_timeout: 160s");
    shows("linger.ms=100000\ndelivery.timeout.ms=60000", "delivery_timeout: 60s");
    shows("retries=0", "enable_idempotence: false");
    shows("retries=5", "retries: 5, retry_backoff: Backoff { initial: 100ms, max: 1s }");
    shows("retries=5", "enable_idempotence: true");
    shows("retry.backoff.ms=7\nretry.backoff.max.ms=9", "Backoff { initial: 7ms, max: 9ms }");
    shows("request.timeout.ms=7000", "request_timeout: 7s");
    for (text, expected) in [
        ("acks=1\nenable.idempotence=true", "acks: idempotence needs acks=all"),
        ("retries=0\nenable.idempotence=true", "retries: idempotence needs retries"),
    ] {
        let config = Config::parse(text).expect("each for itself is fine");
        let error =
            config.producer(&client).expect("each for itself is fine").build().expect_err("a contradiction");
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}

#[tokio::test]
async fn a_key_of_another_role_is_no_obstacle() {
    let (_broker, client) = client().await;
    let config =
        Config::parse("transactional.id=t\nisolation.level=read_committed").expect("it is well-formed");
    assert_eq!(
        config.producer(&client).expect_err("there are no transactions").to_string(),
        "transactional.id (line 1): there are no transactions yet"
    );
    assert_eq!(
        config.consumer(&client).expect_err("aborted records would be read").to_string(),
        "isolation.level (line 2): only read_uncommitted is possible, as records of aborted transactions cannot be left \
         out yet: read_committed"
    );
    let config =
        Config::parse("transactional.id=t\ngroup.id=g\nauto.offset.reset=earliest").expect("well-formed");
    let consumer = config.consumer(&client).expect("a consumer");
    assert_eq!(
        format!("{consumer:?}"),
        format!("{:?}", client.consumer("g").auto_offset_reset(OffsetReset::Earliest))
    );
}

#[test]
fn mistakes_are_told_with_line_key_and_what_to_do() {
    let check = |text: &str, expected: &str| {
        let error = Config::parse(text).and_then(|config| config.client().map(|_| ())).expect_err(text);
        assert_eq!(error.to_string(), expected, "{text}");
    };
    check(
        "client.id=me\nboostrap.servers=a:1",
        "boostrap.servers (line 2): unknown key, did you mean bootstrap.servers?",
    );
    check(
        "log.dirs=/data",
        "log.dirs (line 1): unknown key, neither of Java's clients nor of librdkafka: take out what is the \
         application's own",
    );
    check(
        "security.protocol=SASL_PLAINTEXT\nsasl.jaas.config=a.PlainLoginModule required\n  username=\"alice\";",
        "username (line 3): unknown key; if it is a part of sasl.jaas.config, the line before needs a backslash at its \
         end",
    );
    check("client.id=me", "bootstrap.servers: missing: host:port of a broker, several by comma");
    check("linger.ms=5ms", "linger.ms (line 1): must be a number of milliseconds, at least 0: 5ms");
    check("acks=2", "acks (line 1): must be one of all, -1, 0, 1: 2");
    check(
        "security.protocol=SASL\nbootstrap.servers=a",
        "security.protocol (line 1): must be one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL: SASL",
    );
    check(
        "client.dns.lookup=resolve_canonical_bootstrap_servers_only",
        "client.dns.lookup (line 1): only use_all_dns_ips is possible, as every address of a name is tried: \
         resolve_canonical_bootstrap_servers_only",
    );
}

#[tokio::test]
async fn strategies_are_named_as_java_or_librdkafka_does() {
    let (_broker, client) = client().await;
    let consumer = |strategies: &str| {
        let text = format!("group.id=g\npartition.assignment.strategy={strategies}");
        let config = Config::parse(&text).expect("it is well-formed");
        config.consumer(&client).map(|builder| format!("{builder:?}")).map_err(|error| error.to_string())
    };
    let java = "org.apache.kafka.clients.consumer.RoundRobinAssignor, org.apache.kafka.clients.consumer.RangeAssignor";
    assert!(consumer(java).expect("a consumer").contains("[\"roundrobin\", \"range\"]"));
    assert!(consumer("range").expect("a consumer").contains("[\"range\"]"));
    let error = consumer("range,cooperative-sticky").expect_err("not there yet");
    assert_eq!(
        error,
        "partition.assignment.strategy (line 2): not supported yet, only range and roundrobin are: cooperative-sticky"
    );
    let error = consumer("com.acme.Assignor").expect_err("a Java class");
    assert!(error.contains("neither range nor roundrobin; a strategy of your own"), "{error}");
}

#[test]
fn of_two_names_for_one_key_the_later_holds_and_the_other_is_listed() {
    let config = Config::parse("linger.ms=1\nqueue.buffering.max.ms=2").expect("it is well-formed");
    let unused = config.unused(&[Role::Producer]);
    let told: Vec<String> = unused.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["linger.ms (line 1) is not used: queue.buffering.max.ms was given after it"]);
}

#[test]
fn security_keys_without_the_protocol_for_them_are_listed() {
    let config = Config::parse("sasl.mechanism=PLAIN\nssl.ca.location=/ca").expect("it is well-formed");
    let told: Vec<String> = config.unused(&[]).iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "sasl.mechanism (line 1) is not used: security.protocol=PLAINTEXT has no sasl",
            "ssl.ca.location (line 2) is not used: security.protocol=PLAINTEXT has no tls",
        ]
    );
}

#[test]
fn credentials_of_a_file_reach_the_builder_and_are_not_shown() {
    let shown = |text: &str| {
        let text = format!("bootstrap.servers=a:1\nsecurity.protocol=SASL_PLAINTEXT\n{text}");
        let config = Config::parse(&text).expect("it is well-formed");
        config.client().map(|builder| format!("{builder:?}")).map_err(|error| error.to_string())
    };
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let text = format!("sasl.mechanism={mechanism}\nsasl.username=alice\nsasl.password=hunter2");
        let shown = shown(&text).expect("a builder");
        assert!(shown.contains("alice") && !shown.contains("hunter2"), "{shown}");
    }
    let without = format!("{:?}", Client::builder("a:1"));
    let unsecured = "sasl.mechanism=OAUTHBEARER\nenable.sasl.oauthbearer.unsecure.jwt=true\nsasl.oauthbearer.config=principal=alice";
    assert_ne!(shown(unsecured).expect("a builder"), without);
    #[cfg(not(feature = "gssapi"))]
    {
        let error = shown("sasl.kerberos.service.name=kafka").expect_err("it is not built in");
        assert!(error.contains("without the feature `gssapi`"), "{error}");
    }
    let fetched = "sasl.mechanism=OAUTHBEARER\nsasl.oauthbearer.token.endpoint.url=http://localhost:1/token\n\
                   sasl.oauthbearer.client.credentials.client.id=alice\n\
                   sasl.oauthbearer.client.credentials.client.secret=hunter2";
    let fetched = shown(fetched).expect("a builder");
    assert!(fetched != without && !fetched.contains("hunter2"), "{fetched}");
    let error =
        shown("sasl.mechanism=PLAIN\nsasl.username=a\\u0000b\nsasl.password=hunter2").expect_err("nul");
    assert!(error.starts_with("sasl.mechanism: ") && !error.contains("hunter2"), "{error}");
}
