//! A seeded generator for ids and for the chances of faults. Same seed, same values; nothing here is secret.

use ottla_protocol::types::Uuid;

/// SplitMix64: small, and good enough for ids that must only differ and for dice.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 up to 1, without 1.
    pub(crate) fn unit(&mut self) -> f64 {
        // As many bits as a double has for its digits.
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A version 4 UUID. As Kafka's, its text never starts with a dash, which command lines take for an option.
    pub(crate) fn uuid(&mut self) -> Uuid {
        loop {
            let mut bits = u128::from(self.next_u64()) << 64 | u128::from(self.next_u64());
            bits = bits & !(0xf << 76) | 4 << 76;
            bits = bits & !(0b11 << 62) | 0b10 << 62;
            let uuid = Uuid(bits.to_be_bytes());
            if !uuid.to_string().starts_with('-') {
                return uuid;
            }
        }
    }

    /// A UUID in the hexadecimal form that member ids end with.
    pub(crate) fn hex_uuid(&mut self) -> String {
        let bits = u128::from_be_bytes(self.uuid().0);
        let hex = format!("{bits:032x}");
        [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_ids() {
        let ids = |seed| {
            let mut random = Random::new(seed);
            (random.uuid(), random.hex_uuid())
        };
        assert_eq!(ids(7), ids(7));
        assert_ne!(ids(7), ids(8));
        assert_eq!(ids(7).1.len(), 36);
    }
}
