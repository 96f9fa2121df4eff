//! Keys of connections, metadata and metrics, and those of the admin client.

use super::super::key::{Key, Kind};
use super::{ADMIN, CLIENT, MAX_INT, MILLIS, MILLIS_INT};

const NO_METRICS_YET: &str = "there are no metrics yet";
const METRIC_WINDOW: &str = "the window of Java's metrics";

pub(super) const KEYS: &[Key] = &[
    Key::new("bootstrap.servers", CLIENT, Kind::List, None)
        .alias(&["metadata.broker.list"])
        .note("`host:port`, several by comma; port 9092 where none is given"),
    Key::new("client.id", CLIENT, Kind::Text, Some("ottla")),
    Key::new("security.protocol", CLIENT, Kind::ChoiceAnyCase(PROTOCOLS), Some("PLAINTEXT"))
        .note("without `SSL` or `SASL` in it, keys of TLS or SASL are not used"),
    Key::new("request.timeout.ms", CLIENT, MILLIS_INT, Some("30000")).alias(&["socket.timeout.ms"]),
    Key::new("default.api.timeout.ms", CLIENT, MILLIS_INT, Some("60000")),
    Key::new("socket.connection.setup.timeout.ms", CLIENT, MILLIS, Some("10000")),
    Key::new("authentication.timeout.ms", CLIENT, MILLIS, Some("10000"))
        .note("KafkaJS's `authenticationTimeout`: getting credentials and proving them"),
    Key::new("retry.backoff.ms", CLIENT, MILLIS, Some("100")),
    Key::new("retry.backoff.max.ms", CLIENT, MILLIS, Some("1000")),
    Key::new("metadata.max.age.ms", CLIENT, MILLIS, Some("300000"))
        .alias(&["topic.metadata.refresh.interval.ms"]),
    Key::new("allow.auto.create.topics", CLIENT, Kind::Boolean, Some("true"))
        .note("Java has it for consumers only; librdkafka's default is false"),
    Key::new("socket.connection.setup.timeout.max.ms", CLIENT, MILLIS, Some("30000")),
    Key::new("reconnect.backoff.ms", CLIENT, MILLIS, Some("50")),
    Key::new("reconnect.backoff.max.ms", CLIENT, MILLIS, Some("1000")),
    Key::new("connections.max.idle.ms", CLIENT, Kind::Millis(i64::MIN, i64::MAX), Some("540000"))
        .note("0 and less: they stay open until the broker closes them"),
    Key::new("send.buffer.bytes", CLIENT, Kind::Integer(-1, MAX_INT), Some("-1"))
        .alias(&["socket.send.buffer.bytes"])
        .note("-1 and 0: as the system adjusts it; Java: 131072"),
    Key::new("receive.buffer.bytes", CLIENT, Kind::Integer(-1, MAX_INT), Some("-1"))
        .alias(&["socket.receive.buffer.bytes"])
        .note("-1 and 0: as the system adjusts it; Java: 65536"),
    Key::new("socket.keepalive.enable", CLIENT, Kind::Boolean, Some("true"))
        .note("librdkafka's, where it is false"),
    Key::new("client.dns.lookup", CLIENT, Kind::Choice(DNS_LOOKUPS), Some("use_all_dns_ips"))
        .only(&["use_all_dns_ips"], "every address of a name is tried"),
    Key::new("client.rack", CLIENT, Kind::Text, Some("")).not_yet("partitions are read from their leaders"),
    Key::new("metadata.max.idle.ms", CLIENT, Kind::Millis(5000, i64::MAX), None)
        .without_effect("topics stay known as long as the client lives"),
    Key::new(
        "metadata.recovery.strategy",
        CLIENT,
        Kind::ChoiceAnyCase(&["REBOOTSTRAP", "NONE"]),
        Some("REBOOTSTRAP"),
    )
    .note("whether bootstrap.servers are tried again when no known broker answers"),
    Key::new("metadata.recovery.rebootstrap.trigger.ms", CLIENT, MILLIS, Some("300000")),
    Key::new("enable.metrics.push", CLIENT, Kind::Boolean, Some("false"))
        .not_yet("no metrics are pushed to the brokers (KIP-714)"),
    Key::new("metric.reporters", CLIENT, Kind::List, None).jvm_only("names Java classes that report metrics"),
    Key::new("metrics.recording.level", CLIENT, Kind::Choice(&["INFO", "DEBUG", "TRACE"]), None)
        .without_effect(NO_METRICS_YET),
    Key::new("metrics.num.samples", CLIENT, Kind::Integer(1, MAX_INT), None).jvm_only(METRIC_WINDOW),
    Key::new("metrics.sample.window.ms", CLIENT, MILLIS, None).jvm_only(METRIC_WINDOW),
    Key::new("auto.include.jmx.reporter", CLIENT, Kind::Boolean, None)
        .jvm_only("JMX is the management interface of Java"),
    Key::new("interceptor.classes", CLIENT, Kind::List, None)
        .jvm_only("names Java classes: do what they do around send and next_batch"),
    Key::new("config.providers", CLIENT, Kind::List, Some(""))
        .only(&[""], "values are taken as they are: resolve what they refer to before"),
    Key::new("security.providers", CLIENT, Kind::Text, None).jvm_only("names Java classes of cryptography"),
    Key::new("bootstrap.controllers", ADMIN, Kind::List, Some(""))
        .only(&[""], "controllers are not connected to yet: give brokers as bootstrap.servers"),
];

const PROTOCOLS: &[&str] = &["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"];
const DNS_LOOKUPS: &[&str] = &["use_all_dns_ips", "resolve_canonical_bootstrap_servers_only", "default"];
