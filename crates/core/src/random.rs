//! Randomness, handed in by the driver: [`Jitter`] where it must be spread (backoff, sticky partitions, the first broker
//! to ask), [`Entropy`] where it must be secret (nonces).

use std::fmt;

/// Random bytes that nobody can guess, from the operating system. For one use: they are neither cloned nor shown.
pub struct Entropy([u8; Entropy::SIZE]);

impl Entropy {
    /// How many bytes there are.
    pub const SIZE: usize = 32;

    /// The operating system's bytes; a simulation gives its own.
    pub const fn from_bytes(bytes: [u8; Self::SIZE]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn into_bytes(self) -> [u8; Self::SIZE] {
        self.0
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entropy")
    }
}

/// A seeded generator (SplitMix64). Not for secrets.
#[derive(Clone, Debug)]
pub struct Jitter(u64);

impl Jitter {
    /// The sequence that belongs to `seed`.
    pub const fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 if that is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        // The bias of the multiplication is below 2^-32 for every bound that a cluster has.
        ((u128::from(self.next_u64()) * bound as u128) >> 64) as usize
    }

    /// A factor around one: at least `1 - spread`, below `1 + spread`.
    pub fn factor(&mut self, spread: f64) -> f64 {
        let unit = (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        1.0 - spread + 2.0 * spread * unit
    }

    /// A generator of its own, for a part of the client.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self(self.next_u64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_in_their_bounds() {
        let mut jitter = Jitter::seeded(7);
        for _ in 0..1000 {
            assert!(jitter.below(3) < 3);
            assert!((0.8..1.2).contains(&jitter.factor(0.2)));
        }
        assert_eq!(jitter.below(0), 0);
    }
}
