//! Huffman-coded literals.

use super::bits::{BackwardBits, CUT};
use super::fse;

/// Codes have at most this many bits.
const LARGEST_LOG: u32 = 11;
const LARGEST_WEIGHT_LOG: u32 = 6;

#[derive(Clone, Copy, Default)]
struct Entry {
    symbol: u8,
    bits: u8,
}

/// A decoding table; without entries there is none yet.
#[derive(Default)]
pub(super) struct Table {
    entries: Vec<Entry>,
    log: u32,
    weights_table: fse::Table,
}

impl Table {
    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Reads a table description and returns the bytes it took.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<usize, &'static str> {
        let (header, rest) = bytes.split_first().ok_or(CUT)?;
        let mut weights = [0_u8; 256];
        let (count, size) = if *header >= 128 {
            let count = usize::from(*header) - 127;
            let size = count.div_ceil(2);
            let packed = rest.get(..size).ok_or(CUT)?;
            for (pair, byte) in weights.chunks_exact_mut(2).zip(packed) {
                pair.copy_from_slice(&[byte >> 4, byte & 0xf]);
            }
            // An odd count leaves half a byte.
            weights[count] = 0;
            (count, size)
        } else {
            let size = usize::from(*header);
            (self.read_weights(rest.get(..size).ok_or(CUT)?, &mut weights)?, size)
        };
        self.build(&mut weights, count)?;
        Ok(1 + size)
    }

    /// Weights are coded by two states that take turns, until the bits have run out.
    fn read_weights(&mut self, bytes: &[u8], weights: &mut [u8; 256]) -> Result<usize, &'static str> {
        let used = self.weights_table.read(bytes, LARGEST_WEIGHT_LOG, 255)?;
        let mut bits = BackwardBits::new(&bytes[used..])?;
        let mut states = [
            fse::State::new(&self.weights_table, &mut bits)?,
            fse::State::new(&self.weights_table, &mut bits)?,
        ];
        if bits.left() < 0 {
            return Err(CUT);
        }
        let mut count = 0;
        loop {
            // The last weight is implied, so 255 are the most.
            if count > 253 {
                return Err("too many huffman weights");
            }
            let [now, other] = &mut states;
            weights[count] = now.symbol();
            now.advance(&mut bits);
            count += 1;
            if bits.left() < 0 {
                weights[count] = other.symbol();
                return Ok(count + 1);
            }
            states.swap(0, 1);
        }
    }

    fn build(&mut self, weights: &mut [u8; 256], count: usize) -> Result<(), &'static str> {
        let mut sum = 0_u32;
        for weight in &weights[..count] {
            if u32::from(*weight) > LARGEST_LOG {
                return Err("a huffman weight is too large");
            }
            sum += 1 << weight >> 1;
        }
        let log = sum.checked_ilog2().ok_or("huffman weights are all zero")? + 1;
        // The last symbol gets what is left to a power of two.
        let left = (1 << log) - sum;
        if log > LARGEST_LOG || !left.is_power_of_two() {
            return Err("huffman weights do not add up");
        }
        weights[count] = left.ilog2() as u8 + 1;
        self.log = log;
        self.entries.clear();
        for weight in 1..=log as u8 {
            for (symbol, _) in weights[..=count].iter().enumerate().filter(|(_, w)| **w == weight) {
                let entry = Entry { symbol: symbol as u8, bits: log as u8 + 1 - weight };
                let end = self.entries.len() + (1 << weight >> 1);
                self.entries.resize(end, entry);
            }
        }
        if self.entries.len() == 1 << log { Ok(()) } else { Err("huffman weights do not add up") }
    }

    /// Decodes a stream that fills `out` exactly.
    pub(super) fn decode(&self, stream: &[u8], out: &mut [u8]) -> Result<(), &'static str> {
        let mut bits = BackwardBits::new(stream)?;
        // Any index that `log` bits can be is in the table; saying so again saves the checks.
        let entries = self.entries.get(..1 << self.log).ok_or("a huffman table is missing")?;
        let shift = 64 - self.log;
        // Five codes of at most 11 bits from each word.
        let mut groups = out.chunks_exact_mut(5);
        for group in &mut groups {
            let Some(mut word) = bits.top_word() else {
                for place in group {
                    *place = self.decode_one(&mut bits);
                }
                continue;
            };
            let mut used = 0;
            for place in group {
                let entry = entries[(word >> shift) as usize];
                word <<= entry.bits;
                used += u32::from(entry.bits);
                *place = entry.symbol;
            }
            bits.skip(used);
        }
        for place in groups.into_remainder() {
            *place = self.decode_one(&mut bits);
        }
        if bits.left() == 0 { Ok(()) } else { Err("a huffman stream does not end where it should") }
    }

    fn decode_one(&self, bits: &mut BackwardBits<'_>) -> u8 {
        let entry = self.entries[bits.peek(self.log) as usize];
        bits.skip(u32::from(entry.bits));
        entry.symbol
    }
}
