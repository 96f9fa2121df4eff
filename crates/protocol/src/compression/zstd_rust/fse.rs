//! Finite state entropy tables: how codes and Huffman weights are compressed.

use super::bits::{BackwardBits, ForwardBits};

/// The most symbols that any table has, the Huffman weights'.
const MOST_SYMBOLS: usize = 256;

#[derive(Clone, Copy, Default)]
pub(super) struct Entry {
    pub(super) symbol: u8,
    bits: u8,
    base: u16,
}

/// A decoding table; without entries there is none yet.
#[derive(Clone, Default)]
pub(super) struct Table {
    entries: Vec<Entry>,
    log: u32,
}

impl Table {
    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// A table that always gives one symbol and reads nothing.
    pub(super) fn set_single(&mut self, symbol: u8) {
        self.entries.clear();
        self.entries.push(Entry { symbol, bits: 0, base: 0 });
        self.log = 0;
    }

    /// Reads a table description and returns the bytes it took.
    pub(super) fn read(
        &mut self,
        bytes: &[u8],
        largest_log: u32,
        largest_symbol: u8,
    ) -> Result<usize, &'static str> {
        let mut bits = ForwardBits::new(bytes);
        let log = bits.read(4) + 5;
        if log > largest_log {
            return Err("an entropy table is too large");
        }
        let mut counts = [0_i16; MOST_SYMBOLS];
        let mut symbol = 0;
        let mut remaining = 1_i32 << log;
        while remaining > 0 {
            if symbol > usize::from(largest_symbol) {
                return Err("an entropy table has too many symbols");
            }
            let count = read_count(&mut bits, remaining);
            remaining -= i32::from(count.abs());
            counts[symbol] = count;
            symbol += 1;
            if count == 0 {
                loop {
                    let repeat = bits.read(2);
                    symbol += repeat as usize;
                    if repeat != 3 {
                        break;
                    }
                    if symbol > usize::from(largest_symbol) {
                        return Err("an entropy table has too many symbols");
                    }
                }
            }
        }
        if remaining != 0 || symbol > usize::from(largest_symbol) + 1 {
            return Err("an entropy table does not add up");
        }
        let used = bits.bytes_used()?;
        self.build(&counts[..symbol], log)?;
        Ok(used)
    }

    /// Spreads symbols over the states by their counts; -1 is "less than one".
    pub(super) fn build(&mut self, counts: &[i16], log: u32) -> Result<(), &'static str> {
        let size = 1_usize << log;
        self.log = log;
        self.entries.clear();
        self.entries.resize(size, Entry::default());
        let mut next = [0_u16; MOST_SYMBOLS];
        let mut high = size;
        for (symbol, count) in counts.iter().enumerate() {
            if *count == -1 {
                high = high.checked_sub(1).ok_or("an entropy table does not add up")?;
                self.entries[high].symbol = symbol as u8;
                next[symbol] = 1;
            }
        }
        let step = (size >> 1) + (size >> 3) + 3;
        let mut position = 0;
        for (symbol, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            next[symbol] = count.unsigned_abs();
            for _ in 0..*count {
                self.entries[position].symbol = symbol as u8;
                position = (position + step) & (size - 1);
                while position >= high {
                    position = (position + step) & (size - 1);
                }
            }
        }
        if position != 0 {
            return Err("an entropy table does not add up");
        }
        for entry in &mut self.entries {
            let state = &mut next[usize::from(entry.symbol)];
            // At least 1, and below twice the size.
            let bits = log.saturating_sub(state.checked_ilog2().unwrap_or(0));
            entry.bits = bits as u8;
            entry.base = ((u32::from(*state) << bits) as usize).wrapping_sub(size) as u16;
            *state += 1;
        }
        Ok(())
    }
}

/// One symbol's count: as many bits as what remains can need, the small values with one less.
fn read_count(bits: &mut ForwardBits<'_>, remaining: i32) -> i16 {
    let width = (remaining as u32 + 1).ilog2() + 1;
    let value = bits.read(width);
    let low_mask = (1 << (width - 1)) - 1;
    let threshold = (1 << width) - 1 - (remaining as u32 + 1);
    let value = if value & low_mask < threshold {
        bits.unread(1);
        value & low_mask
    } else if value > low_mask {
        value - threshold
    } else {
        value
    };
    value as i16 - 1
}

/// Where a stream is in its table.
#[derive(Clone, Copy)]
pub(super) struct State<'a> {
    table: &'a [Entry],
    entry: Entry,
}

impl<'a> State<'a> {
    pub(super) fn new(table: &'a Table, bits: &mut BackwardBits<'_>) -> Result<Self, &'static str> {
        let index = bits.read(table.log) as usize;
        let entry = *table.entries.get(index).ok_or("an entropy table is missing")?;
        Ok(Self { table: &table.entries, entry })
    }

    #[inline]
    pub(super) fn symbol(&self) -> u8 {
        self.entry.symbol
    }

    #[inline]
    pub(super) fn advance(&mut self, bits: &mut BackwardBits<'_>) {
        let index = usize::from(self.entry.base) + bits.read(u32::from(self.entry.bits)) as usize;
        // In range for every table that adds up.
        self.entry = self.table.get(index).copied().unwrap_or_default();
    }
}
