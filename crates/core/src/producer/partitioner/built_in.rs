//! The rules that other clients have, by their names: what a key hashes to, and how the rest is spread.

use std::fmt;
use std::str::FromStr;

use ottla_protocol::murmur2;
use ottla_protocol::records::crc32;

/// A rule of Java's client or of librdkafka. Programs that write the same topic should have the same.
///
/// *Sticks* means: to a partition with a leader until about a batch is full, then to another one that is picked at random,
/// the likelier the fewer batches wait for it (KIP-480, KIP-794).
///
/// | | librdkafka's name | Java's name | null key | empty key | other keys |
/// |---|---|---|---|---|---|
/// | [`Murmur2Random`](Self::Murmur2Random) | `murmur2_random` | the default | sticks | murmur2 | murmur2 |
/// | [`Murmur2`](Self::Murmur2) | `murmur2` | | murmur2 of nothing | murmur2 | murmur2 |
/// | [`ConsistentRandom`](Self::ConsistentRandom) | `consistent_random`, its default | | sticks | sticks | CRC-32 |
/// | [`Consistent`](Self::Consistent) | `consistent` | | partition 0 | partition 0 | CRC-32 |
/// | [`Fnv1aRandom`](Self::Fnv1aRandom) | `fnv1a_random` | | sticks | FNV-1a | FNV-1a |
/// | [`Fnv1a`](Self::Fnv1a) | `fnv1a` | | FNV-1a of nothing | FNV-1a | FNV-1a |
/// | [`Random`](Self::Random) | `random` | | sticks | random | random |
/// | [`RoundRobin`](Self::RoundRobin) | | `RoundRobinPartitioner` | in turn | in turn | in turn |
///
/// Hashes go over all partitions; everything else goes to partitions that have a leader, as long as there is one.
///
/// Of KafkaJS, `DefaultPartitioner` and `JavaCompatiblePartitioner` hash as [`Murmur2Random`](Self::Murmur2Random) does.
/// Its `LegacyPartitioner` is not here: that is murmur2 with an error that KafkaJS keeps from its version 1. franz-go's
/// default and Sarama's `NewHashPartitioner` hash as `Murmur2Random` and `Fnv1aRandom` do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BuiltInPartitioner {
    /// Java's default.
    #[default]
    Murmur2Random,
    /// As Java's default, and a null key is an empty one.
    Murmur2,
    /// librdkafka's default, and so that of kcat and of the clients for Python, Go and .NET that are built on it.
    ConsistentRandom,
    /// CRC-32, even of nothing, which is 0.
    Consistent,
    /// FNV-1a as Sarama (Go) has it by default.
    Fnv1aRandom,
    /// Likewise, and a null key is an empty one.
    Fnv1a,
    /// Keys are of no account: each record with one goes anywhere.
    Random,
    /// Record by record, whatever the key, from a random partition on. Makes small batches.
    RoundRobin,
}

/// How a record without a hash is spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spread {
    Sticky,
    Random,
    RoundRobin,
}

const JAVA_PACKAGE: &str = "org.apache.kafka.clients.producer.";

impl BuiltInPartitioner {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Murmur2Random,
        Self::Murmur2,
        Self::ConsistentRandom,
        Self::Consistent,
        Self::Fnv1aRandom,
        Self::Fnv1a,
        Self::Random,
        Self::RoundRobin,
    ];

    /// librdkafka's name for it, or that of Java's class.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Murmur2Random => "murmur2_random",
            Self::Murmur2 => "murmur2",
            Self::ConsistentRandom => "consistent_random",
            Self::Consistent => "consistent",
            Self::Fnv1aRandom => "fnv1a_random",
            Self::Fnv1a => "fnv1a",
            Self::Random => "random",
            Self::RoundRobin => "org.apache.kafka.clients.producer.RoundRobinPartitioner",
        }
    }

    /// The partition that a key hashes to, out of `count`; `None` where the rule does not hash it. For a count of 0 the
    /// answer is 0.
    #[inline]
    pub fn partition_of_key(self, key: Option<&[u8]>, count: u32) -> Option<u32> {
        let all = |hash: fn(&[u8]) -> u32| Some(hash(key.unwrap_or_default()));
        let some = |hash: fn(&[u8]) -> u32| key.map(hash);
        let hash = match self {
            Self::Murmur2Random => some(murmur2_hash),
            Self::Murmur2 => all(murmur2_hash),
            Self::ConsistentRandom => key.filter(|key| !key.is_empty()).map(crc32),
            Self::Consistent => all(crc32),
            Self::Fnv1aRandom => some(fnv1a),
            Self::Fnv1a => all(fnv1a),
            Self::Random | Self::RoundRobin => None,
        };
        hash.map(|hash| hash.checked_rem(count).unwrap_or(0))
    }

    /// Where a record goes that [`partition_of_key`](Self::partition_of_key) says nothing of.
    #[inline]
    pub(super) fn spread(self, key: Option<&[u8]>) -> Spread {
        match self {
            Self::RoundRobin => Spread::RoundRobin,
            // librdkafka too sends records without a key to one partition for a while.
            Self::Random if key.is_some() => Spread::Random,
            _ => Spread::Sticky,
        }
    }
}

fn murmur2_hash(key: &[u8]) -> u32 {
    murmur2::to_positive(murmur2::murmur2(key))
}

/// FNV-1a of 32 bits, read as a number with a sign, without its sign: so do Sarama and librdkafka.
fn fnv1a(key: &[u8]) -> u32 {
    let hash =
        key.iter().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    (hash as i32).unsigned_abs()
}

/// No partitioner of that name is built in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownPartitioner(String);

impl fmt::Display for UnknownPartitioner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown partitioner, not one of ")?;
        for partitioner in BuiltInPartitioner::ALL {
            write!(f, "{}, ", partitioner.name().trim_start_matches(JAVA_PACKAGE))?;
        }
        write!(f, "DefaultPartitioner: {}", self.0)
    }
}

impl std::error::Error for UnknownPartitioner {}

impl FromStr for BuiltInPartitioner {
    type Err = UnknownPartitioner;

    /// Reads librdkafka's names, and those of Java's classes with or without the package; nothing and `null` are the
    /// default, as in Java.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name.strip_prefix(JAVA_PACKAGE).unwrap_or(name) {
            "" | "null" | "internals.DefaultPartitioner" | "DefaultPartitioner" => Ok(Self::default()),
            "RoundRobinPartitioner" => Ok(Self::RoundRobin),
            _ => {
                let named = Self::ALL.into_iter().find(|partitioner| partitioner.name() == name);
                named.ok_or_else(|| UnknownPartitioner(name.to_owned()))
            }
        }
    }
}
