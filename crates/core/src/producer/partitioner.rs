//! Which partition a record goes to.

use ottla_protocol::murmur2;

use crate::random::Jitter;

/// Picks partitions for one topic.
pub trait Partitioner: Send {
    /// The partition for a record with `key`, out of `partitions` (at least one). Not asked for records that name
    /// their partition.
    fn partition(&mut self, key: Option<&[u8]>, value_len: usize, partitions: u32) -> u32;
}

/// Java's default: murmur2 of the key; records without a key fill one partition before they move to the next, picked
/// at random (KIP-480, by bytes as in KIP-794).
#[derive(Clone, Debug)]
pub struct StickyPartitioner {
    jitter: Jitter,
    /// Bytes after which another partition is picked.
    stick_for: usize,
    current: Option<u32>,
    bytes: usize,
}

impl StickyPartitioner {
    /// Moves on after `stick_for` bytes, which should be the batch size.
    pub fn new(jitter: Jitter, stick_for: usize) -> Self {
        Self { jitter, stick_for, current: None, bytes: 0 }
    }
}

impl Partitioner for StickyPartitioner {
    fn partition(&mut self, key: Option<&[u8]>, value_len: usize, partitions: u32) -> u32 {
        if let Some(key) = key {
            return murmur2::partition(key, partitions);
        }
        let current = match self.current {
            Some(current) if current < partitions && self.bytes < self.stick_for => current,
            _ => {
                self.bytes = 0;
                let picked = self.jitter.below(partitions as usize) as u32;
                self.current = Some(picked);
                picked
            }
        };
        self.bytes += value_len;
        current
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_go_where_java_sends_them() {
        let mut partitioner = StickyPartitioner::new(Jitter::seeded(1), 100);
        for (key, expected) in [("foobar", -790_332_482_i32), ("21", -973_932_308)] {
            let hash = (expected & 0x7fff_ffff) as u32;
            assert_eq!(partitioner.partition(Some(key.as_bytes()), 0, 97), hash % 97);
        }
    }

    #[test]
    fn records_without_a_key_stay_until_the_batch_is_full() {
        let mut partitioner = StickyPartitioner::new(Jitter::seeded(3), 100);
        let picked: Vec<u32> = (0..40).map(|_| partitioner.partition(None, 10, 50)).collect();
        assert!(picked.chunks(10).all(|run| run.iter().all(|p| *p == run[0])));
        assert!(picked.chunks(10).any(|run| run[0] != picked[0]));
    }
}
