//! Keys that only librdkafka has, and that ours has no use for. Those with a use stand beside Java's.

use super::super::key::{Key, Kind};
use super::{CLIENT, CONSUMER, INT, MILLIS_INT, PRODUCER};

const QUEUE: &str = "what is fetched ahead is limited by its size: queued.max.messages.kbytes";
const SEND_QUEUE: &str = "what is queued is limited by its size: buffer.memory";
const LOGGING: &str = "logging is by `tracing`: choose there what is shown";
const OLD_BROKERS: &str = "versions are always negotiated";
const METADATA: &str = "only topics in use are asked for, and again as retry.backoff.ms says";
const GONE: &str = "librdkafka does nothing with it either";
const EVENTS: &str = "events come from the calls that cause them";

pub(super) const KEYS: &[Key] = &[
    Key::new("socket.nagle.disable", CLIENT, Kind::Boolean, Some("true"))
        .without_effect("Nagle's delay is always off"),
    Key::new("socket.max.fails", CLIENT, INT, None)
        .without_effect("a connection with a request that got no answer is closed"),
    Key::new("socket.blocking.max.ms", CLIENT, MILLIS_INT, None).without_effect(GONE),
    Key::new("broker.address.family", CLIENT, Kind::Choice(&["any", "v4", "v6"]), Some("any"))
        .only(&["any"], "addresses of both families are tried: give literal addresses to use one"),
    Key::new("broker.address.ttl", CLIENT, MILLIS_INT, None)
        .without_effect("names are resolved for every connection"),
    Key::new("reconnect.backoff.jitter.ms", CLIENT, MILLIS_INT, None).without_effect(GONE),
    Key::new("topic.metadata.refresh.fast.interval.ms", CLIENT, MILLIS_INT, None).without_effect(METADATA),
    Key::new("topic.metadata.refresh.fast.cnt", CLIENT, INT, None).without_effect(GONE),
    Key::new("topic.metadata.refresh.sparse", CLIENT, Kind::Boolean, Some("true")).without_effect(METADATA),
    Key::new("topic.metadata.propagation.max.ms", CLIENT, MILLIS_INT, None).without_effect(
        "a topic that is not there is waited for up to max.block.ms or default.api.timeout.ms",
    ),
    Key::new("topic.blacklist", CLIENT, Kind::List, None)
        .without_effect("topics are subscribed to by name, not by pattern"),
    Key::new("receive.message.max.bytes", CLIENT, INT, Some("104857600"))
        .note("the largest answer; less than 1 MiB counts as that"),
    Key::new("message.copy.max.bytes", PRODUCER, INT, None)
        .without_effect("records are encoded where they are sent from"),
    Key::new("api.version.request", CLIENT, Kind::Boolean, None).without_effect(OLD_BROKERS),
    Key::new("api.version.request.timeout.ms", CLIENT, MILLIS_INT, None).without_effect(OLD_BROKERS),
    Key::new("api.version.fallback.ms", CLIENT, MILLIS_INT, None).without_effect(OLD_BROKERS),
    Key::new("broker.version.fallback", CLIENT, Kind::Text, None).without_effect(OLD_BROKERS),
    Key::new("builtin.features", CLIENT, Kind::List, None)
        .without_effect("features are chosen in Cargo.toml"),
    Key::new("plugin.library.paths", CLIENT, Kind::Text, Some("")).only(&[""], "libraries are not loaded"),
    Key::new("https.ca.location", CLIENT, Kind::Text, None)
        .not_yet("token endpoints are trusted as the system does"),
    Key::new("https.ca.pem", CLIENT, Kind::Text, None)
        .secret()
        .not_yet("token endpoints are trusted as the system does"),
    Key::new("debug", CLIENT, Kind::List, None).without_effect(LOGGING),
    Key::new("log_level", CLIENT, Kind::Integer(0, 7), None).without_effect(LOGGING),
    Key::new("log.queue", CLIENT, Kind::Boolean, None).without_effect(LOGGING),
    Key::new("log.thread.name", CLIENT, Kind::Boolean, None).without_effect(LOGGING),
    Key::new("log.connection.close", CLIENT, Kind::Boolean, None).without_effect(LOGGING),
    Key::new("statistics.interval.ms", CLIENT, MILLIS_INT, Some("0"))
        .note("read it by `Config::statistics_interval`, for `ClientBuilder::metrics_reporter`; 0 is never"),
    Key::new("enabled_events", CLIENT, INT, None).without_effect(EVENTS),
    Key::new("enable.random.seed", CLIENT, Kind::Boolean, None)
        .without_effect("seeds come from the operating system"),
    Key::new("internal.termination.signal", CLIENT, INT, None)
        .without_effect("there are no threads to interrupt"),
    Key::new("queue.buffering.max.messages", PRODUCER, INT, None).without_effect(SEND_QUEUE),
    Key::new("queue.buffering.backpressure.threshold", PRODUCER, INT, None).without_effect(SEND_QUEUE),
    Key::new("batch.num.messages", PRODUCER, INT, None)
        .without_effect("batches are limited by their size: batch.size"),
    Key::new("sticky.partitioning.linger.ms", PRODUCER, MILLIS_INT, None)
        .without_effect("records without a key go to another partition whenever a batch is full"),
    Key::new("delivery.report.only.error", PRODUCER, Kind::Boolean, None)
        .without_effect("a `Delivery` that nobody waits for costs nothing"),
    Key::new("produce.offset.report", PRODUCER, Kind::Boolean, None).without_effect(GONE),
    Key::new("enable.gapless.guarantee", PRODUCER, Kind::Boolean, Some("false"))
        .only(&["false"], "a record that fails does not stop the ones after it"),
    Key::new("queuing.strategy", PRODUCER, Kind::Choice(&["fifo", "lifo"]), Some("fifo"))
        .only(&["fifo"], "records keep their order"),
    Key::new("queued.min.messages", CONSUMER, INT, None).without_effect(QUEUE),
    Key::new("fetch.queue.backoff.ms", CONSUMER, MILLIS_INT, None).without_effect(QUEUE),
    Key::new("fetch.error.backoff.ms", CONSUMER, MILLIS_INT, None)
        .without_effect("a fetch is tried again as retry.backoff.ms says"),
    Key::new("enable.auto.offset.store", CONSUMER, Kind::Boolean, Some("true")).only(
        &["true"],
        "offsets count as done with when the next batch is asked for; commit by hand instead",
    ),
    Key::new("enable.partition.eof", CONSUMER, Kind::Boolean, Some("false"))
        .without_effect("the end of a partition is no event"),
    Key::new("coordinator.query.interval.ms", CONSUMER, MILLIS_INT, None)
        .without_effect("the coordinator is looked up when it is not known"),
    Key::new("group.protocol.type", CONSUMER, Kind::Text, Some("consumer"))
        .only(&["consumer"], "consumers only join groups of consumers"),
    Key::new("consume.callback.max.messages", CONSUMER, INT, None).without_effect(EVENTS),
    Key::new("offset.store.method", CONSUMER, Kind::Choice(&["none", "file", "broker"]), Some("broker"))
        .only(&["broker"], "offsets are kept by the brokers"),
    Key::new("offset.store.path", CONSUMER, Kind::Text, None)
        .without_effect("offsets are kept by the brokers"),
    Key::new("offset.store.sync.interval.ms", CONSUMER, Kind::Millis(-1, i64::MAX), None)
        .without_effect("offsets are kept by the brokers"),
];
