//! The values to send: a pool of pieces of one size, from a file or made up, taken in turn.

use std::sync::Arc;

use anyhow::Context;

use super::arguments::Arguments;
use super::checksum::Checksum;

/// Bytes of values that are made up: more than a processor's nearest caches, quickly made.
const MADE_UP_BYTES: usize = 8_000_000;

/// The pool; clones share it.
#[derive(Clone, Debug)]
pub struct Payload {
    bytes: Arc<Vec<u8>>,
    size: usize,
}

impl Default for Payload {
    /// No values.
    fn default() -> Self {
        Self { bytes: Arc::default(), size: 1 }
    }
}

impl Payload {
    /// From the file that the arguments name, else made up.
    pub fn load(arguments: &Arguments) -> anyhow::Result<Self> {
        let size = usize::try_from(arguments.record_size)?;
        let Some(file) = &arguments.payload_file else { return Ok(Self::made_up(size)) };
        let mut bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        if bytes.len() < size {
            let (name, len) = (file.display(), bytes.len());
            return Err(crate::usage_error(format!(
                "{name} has {len} bytes, less than one record of {size}: choose a smaller --record-size"
            )));
        }
        bytes.truncate(bytes.len() / size * size);
        Ok(Self { bytes: Arc::new(bytes), size })
    }

    /// Short JSON documents, cut to size; the same in every run.
    fn made_up(size: usize) -> Self {
        const ACTIONS: [&str; 6] = ["view", "click", "search", "purchase", "login", "refund"];
        const NAMES: [&str; 6] = ["alice", "bob", "carol", "dave", "erin", "frank"];
        let count = (MADE_UP_BYTES / size).max(1);
        let mut bytes = Vec::with_capacity(count * size);
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for at in 1..=count {
            while bytes.len() < at * size {
                // Knuth's MMIX generator: enough to look like data.
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let random = state >> 32;
                let document = format!(
                    "{{\"id\":{random},\"user\":\"{}\",\"action\":\"{}\",\"ok\":{},\"amount\":{}.{:02}}} ",
                    NAMES[random as usize % 6],
                    ACTIONS[random as usize / 6 % 6],
                    random & 7 != 0,
                    random % 1000,
                    random % 97,
                );
                bytes.extend_from_slice(document.as_bytes());
            }
            bytes.truncate(at * size);
        }
        Self { bytes: Arc::new(bytes), size }
    }

    /// The values in turn, without end.
    pub fn values(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.chunks_exact(self.size).cycle()
    }

    /// The same from value number `first` on.
    pub fn values_from(&self, first: u64) -> impl Iterator<Item = &[u8]> {
        let mut values = self.bytes.chunks_exact(self.size).cycle();
        let pool = (self.bytes.len() / self.size).max(1);
        if let Some(before) = ((first % pool as u64) as usize).checked_sub(1) {
            values.nth(before);
        }
        values
    }

    /// Of the first `count` values.
    pub fn checksum(&self, count: u64) -> Checksum {
        let pool = self.bytes.len() / self.size;
        let sum = |values: usize| {
            let mut checksum = Checksum::default();
            self.values().take(values).for_each(|value| checksum.add(value));
            checksum
        };
        let mut checksum = sum((count % pool as u64) as usize);
        checksum.add_times(sum(pool), count / pool as u64);
        checksum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_in_turn_and_again() {
        let payload = Payload { bytes: Arc::new(b"aabbcc".to_vec()), size: 2 };
        let values: Vec<&[u8]> = payload.values().take(5).collect();
        assert_eq!(values, [b"aa", b"bb", b"cc", b"aa", b"bb"]);
        for first in 0..9 {
            let expected: Vec<&[u8]> = payload.values().skip(first as usize).take(4).collect();
            let found: Vec<&[u8]> = payload.values_from(first).take(4).collect();
            assert_eq!(found, expected, "{first}");
        }
    }

    #[test]
    fn the_checksum_is_that_of_the_values_sent() {
        for size in [1000, 10_000_000] {
            let payload = Payload::made_up(size);
            let mut expected = Checksum::default();
            let count = payload.bytes.len() / size * 2 + 3;
            payload.values().take(count).for_each(|value| expected.add(value));
            assert_eq!(payload.checksum(count as u64), expected, "{size}");
        }
    }

    #[test]
    fn made_up_values_have_the_size_asked_for() {
        for size in [99, 1024, 9_000_000] {
            let payload = Payload::made_up(size);
            assert!(payload.values().take(3).all(|value| value.len() == size));
        }
    }
}
