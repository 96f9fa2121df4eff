//! The murmur2 hash that Kafka's own producer partitions keys with.
//!
//! A port of the 32-bit MurmurHash2 with Kafka's fixed seed, and the mapping to a partition that every
//! client must share for a key to stay in one partition. Not here: sticky and round-robin partitioning.

const SEED: u32 = 0x9747_b28c;
const M: u32 = 0x5bd1_e995;
const R: u32 = 24;

/// The murmur2 hash of `data`; equal to `Utils.murmur2` of Apache Kafka.
#[must_use]
pub fn murmur2(data: &[u8]) -> i32 {
    // Java's arithmetic wraps, so a length past 32 bits does as well.
    let mut hash = SEED ^ data.len() as u32;
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let word = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
        let mut k = word.wrapping_mul(M);
        k ^= k >> R;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let tail = words.remainder();
    if !tail.is_empty() {
        for (index, byte) in tail.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    (hash ^ hash >> 15) as i32
}

/// Clears the sign bit, as `Utils.toPositive` does; not the absolute value.
#[must_use]
pub const fn to_positive(hash: i32) -> u32 {
    hash as u32 & 0x7fff_ffff
}

/// The partition, `0..partition_count`, in which Kafka's default partitioner puts `key`.
///
/// A topic has at least one partition; for a count of 0 the answer is 0.
#[must_use]
pub fn partition(key: &[u8], partition_count: u32) -> u32 {
    to_positive(murmur2(key)).checked_rem(partition_count).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_equal_those_of_apache_kafkas_own_tests() {
        let cases: [(&[u8], i32); 6] = [
            (b"21", -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"a-little-bit-longer-string", -1_486_304_829),
            (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            (b"abc", 479_470_107),
        ];
        for (key, hash) in cases {
            assert_eq!(murmur2(key), hash, "{}", key.escape_ascii());
        }
    }

    #[test]
    fn a_negative_hash_loses_its_sign_bit_only() {
        assert_eq!(to_positive(-1), 0x7fff_ffff);
        assert_eq!(to_positive(i32::MIN), 0);
        assert_eq!(to_positive(7), 7);
    }

    #[test]
    fn the_partition_is_below_the_count() {
        for count in 1..50 {
            assert!(partition(b"21", count) < count);
        }
        assert_eq!(partition(b"", 3), 0);
        assert_eq!(partition(b"any", 0), 0);
    }
}
