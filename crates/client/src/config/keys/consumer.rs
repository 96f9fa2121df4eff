//! Keys of the consumer.

use super::super::key::{Key, Kind};
use super::{CONSUMER, INT, MAX_INT, MILLIS_INT};

const BYTES: &str = "keys and values are bytes: deserialize what `ConsumerRecord::key` and `value` give";
const NO_SHARE_GROUPS: &str = "there are no share groups yet";

pub(super) const KEYS: &[Key] = &[
    Key::new("group.id", CONSUMER, Kind::NonEmptyText, None)
        .note("without it the consumer reads what it is assigned by hand, and commits nothing"),
    Key::new("group.instance.id", CONSUMER, Kind::NonEmptyText, None),
    Key::new("auto.offset.reset", CONSUMER, Kind::OffsetReset, Some("latest"))
        .note("librdkafka's `smallest`, `beginning`, `largest`, `end` and `error` too"),
    Key::new("enable.auto.commit", CONSUMER, Kind::Boolean, Some("true")).alias(&["auto.commit.enable"]),
    Key::new("auto.commit.interval.ms", CONSUMER, MILLIS_INT, Some("5000")),
    Key::new("session.timeout.ms", CONSUMER, Kind::Millis(1, MAX_INT), Some("45000")),
    Key::new("heartbeat.interval.ms", CONSUMER, Kind::Millis(1, MAX_INT), Some("3000")),
    Key::new("max.poll.interval.ms", CONSUMER, Kind::Millis(1, MAX_INT), Some("300000")),
    Key::new("partition.assignment.strategy", CONSUMER, Kind::List, Some("range,roundrobin"))
        .note("`range`, `roundrobin`, or Java's classes of those names; Java: range and cooperative-sticky"),
    Key::new("fetch.min.bytes", CONSUMER, INT, Some("1")),
    Key::new("fetch.max.wait.ms", CONSUMER, MILLIS_INT, Some("500")).alias(&["fetch.wait.max.ms"]),
    Key::new("fetch.max.bytes", CONSUMER, INT, Some("52428800")),
    Key::new("max.partition.fetch.bytes", CONSUMER, INT, Some("1048576")).alias(&["fetch.message.max.bytes"]),
    Key::new("queued.max.messages.kbytes", CONSUMER, Kind::Kibibytes(1, 2_097_151), Some("32768")).note(
        "librdkafka's, where it is 65536: `ConsumerBuilder::fetch_memory`, the most that is fetched ahead",
    ),
    Key::new("group.protocol", CONSUMER, Kind::ChoiceAnyCase(&["CLASSIC", "CONSUMER"]), Some("CLASSIC"))
        .only(&["CLASSIC"], "the protocol of KIP-848 is not supported yet"),
    Key::new("group.remote.assignor", CONSUMER, Kind::Text, None)
        .not_yet("it belongs to group.protocol=CONSUMER"),
    Key::new("isolation.level", CONSUMER, Kind::Choice(ISOLATION_LEVELS), Some("read_uncommitted"))
        .only(&["read_uncommitted"], "records of aborted transactions cannot be left out yet"),
    Key::new("max.poll.records", CONSUMER, Kind::Integer(1, MAX_INT), None)
        .without_effect("batches are handed out as they were written"),
    Key::new("check.crcs", CONSUMER, Kind::Boolean, Some("true"))
        .without_effect("checksums are always checked"),
    Key::new("exclude.internal.topics", CONSUMER, Kind::Boolean, None)
        .without_effect("topics are subscribed to by name, not by pattern"),
    Key::new("share.acknowledgement.mode", CONSUMER, Kind::Choice(&["implicit", "explicit"]), None)
        .not_yet(NO_SHARE_GROUPS),
    Key::new("share.acquire.mode", CONSUMER, Kind::ChoiceAnyCase(&["BATCH_OPTIMIZED", "RECORD_LIMIT"]), None)
        .not_yet(NO_SHARE_GROUPS),
    Key::new("key.deserializer", CONSUMER, Kind::Class, None).without_effect(BYTES),
    Key::new("value.deserializer", CONSUMER, Kind::Class, None).without_effect(BYTES),
    Key::new("internal.throw.on.fetch.stable.offset.unsupported", CONSUMER, Kind::Boolean, None)
        .jvm_only("a switch of Kafka Streams"),
];

const ISOLATION_LEVELS: &[&str] = &["read_uncommitted", "read_committed"];
