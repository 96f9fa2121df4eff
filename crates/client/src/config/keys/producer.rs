//! Keys of the producer.

use super::super::key::{Key, Kind};
use super::{INT, MAX_INT, MILLIS, MILLIS_INT, PRODUCER, Role};

const BYTES: &str = "keys and values are bytes: serialize them before `Record::key` and `Record::value`";
const NO_TRANSACTIONS: &str = "there are no transactions yet";
pub(super) const KEYS: &[Key] = &[
    Key::new("acks", PRODUCER, Kind::Choice(&["all", "-1", "0", "1"]), Some("all"))
        .alias(&["request.required.acks"])
        .note("anything but `all` turns idempotence off, unless that is asked for"),
    Key::new("enable.idempotence", PRODUCER, Kind::Boolean, Some("true")),
    Key::new("batch.size", PRODUCER, INT, Some("131072"))
        .note("Java: 16384, where a larger batch waits; here it leaves whenever the broker is free"),
    Key::new("linger.ms", PRODUCER, MILLIS, Some("0"))
        .alias(&["queue.buffering.max.ms"])
        .note("Java and librdkafka: 5"),
    Key::new("buffer.memory", PRODUCER, Kind::Integer(0, i64::MAX), Some("33554432")),
    Key::new("queue.buffering.max.kbytes", PRODUCER, Kind::Kibibytes(1, MAX_INT / 1024), None).note(
        "librdkafka's name for `buffer.memory`, in another unit; `buffer.memory` holds if both are given",
    ),
    Key::new("max.request.size", PRODUCER, INT, Some("1048576")).alias(&["message.max.bytes"]),
    Key::new("max.in.flight.requests.per.connection", PRODUCER, Kind::Integer(1, MAX_INT), Some("5"))
        .alias(&["max.in.flight"])
        .note("more than 5 turns idempotence off, unless that is asked for; librdkafka: 1000000"),
    Key::new("compression.type", PRODUCER, Kind::Choice(COMPRESSIONS), Some("none"))
        .alias(&["compression.codec"]),
    Key::new("compression.gzip.level", PRODUCER, Kind::Integer(-1, 9), Some("-1"))
        .note("used with `compression.type=gzip`"),
    Key::new("compression.lz4.level", PRODUCER, Kind::Integer(1, 17), Some("9"))
        .note("used with `compression.type=lz4`; the encoder knows one effort"),
    Key::new("compression.zstd.level", PRODUCER, Kind::Integer(-131_072, 22), Some("1"))
        .note("used with `compression.type=zstd`; needs the feature `zstd-c` to make a difference"),
    Key::new("compression.level", PRODUCER, Kind::Integer(-1, 22), Some("-1"))
        .note("librdkafka's, for any type; -1 is the codec's own"),
    Key::new("delivery.timeout.ms", PRODUCER, MILLIS_INT, Some("120000"))
        .alias(&["message.timeout.ms"])
        .note("where it is not given, at least `linger.ms` + `request.timeout.ms`; librdkafka: 300000"),
    Key::new("retries", &[Role::Producer, Role::Admin], INT, Some("2147483647"))
        .alias(&["message.send.max.retries"])
        .note(
            "of a batch: 0 turns idempotence off, unless that is asked for; admin operations are tried until \
             default.api.timeout.ms is over, whatever it says",
        ),
    Key::new("max.block.ms", PRODUCER, MILLIS, Some("60000")),
    Key::new("partitioner.class", PRODUCER, Kind::Class, Some("")).alias(&["partitioner"]).note(
        "empty or `null` is Java's default, `murmur2_random`; also `org.apache.kafka.clients.producer.RoundRobinPartitioner`, \
         `murmur2`, `consistent`, `consistent_random` (librdkafka's default), `fnv1a`, `fnv1a_random`, `random`; a rule of \
         your own is given to `ProducerBuilder::custom_partitioner`",
    ),
    Key::new("partitioner.ignore.keys", PRODUCER, Kind::Boolean, Some("false")),
    Key::new("partitioner.adaptive.partitioning.enable", PRODUCER, Kind::Boolean, Some("true")),
    Key::new("partitioner.availability.timeout.ms", PRODUCER, MILLIS, Some("0"))
        .note("0 is off; of no effect without `partitioner.adaptive.partitioning.enable`"),
    Key::new("transactional.id", PRODUCER, Kind::NonEmptyText, None).only(&[], NO_TRANSACTIONS),
    Key::new("transaction.timeout.ms", PRODUCER, MILLIS_INT, None).not_yet(NO_TRANSACTIONS),
    Key::new("transaction.two.phase.commit.enable", PRODUCER, Kind::Boolean, Some("false"))
        .only(&["false"], NO_TRANSACTIONS),
    Key::new("key.serializer", PRODUCER, Kind::Class, None).without_effect(BYTES),
    Key::new("value.serializer", PRODUCER, Kind::Class, None).without_effect(BYTES),
];

const COMPRESSIONS: &[&str] = &["none", "gzip", "snappy", "lz4", "zstd"];
