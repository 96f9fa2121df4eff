//! The sequences section of a block: how many literals, then how long a match from how far back.

use super::bits::{BackwardBits, CUT};
use super::fse::{State, Table};

/// What one of the three kinds of codes looks like.
struct Kind {
    largest_log: u32,
    largest_symbol: u8,
    default_counts: &'static [i16],
    default_log: u32,
}

const LITERAL_LENGTHS: Kind = Kind {
    largest_log: 9,
    largest_symbol: 35,
    default_counts: &[
        4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1,
        -1, -1, -1,
    ],
    default_log: 6,
};
const OFFSETS: Kind = Kind {
    largest_log: 8,
    largest_symbol: 31,
    default_counts: &[
        1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1,
    ],
    default_log: 5,
};
const MATCH_LENGTHS: Kind = Kind {
    largest_log: 9,
    largest_symbol: 52,
    default_counts: &[
        1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
        1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
    ],
    default_log: 6,
};

/// From these codes on a length is a base and extra bits; below, the code itself.
const FIRST_LONG_LITERAL: u8 = 16;
const LONG_LITERALS: [(u32, u8); 20] = [
    (16, 1),
    (18, 1),
    (20, 1),
    (22, 1),
    (24, 2),
    (28, 2),
    (32, 3),
    (40, 3),
    (48, 4),
    (64, 6),
    (128, 7),
    (256, 8),
    (512, 9),
    (1024, 10),
    (2048, 11),
    (4096, 12),
    (8192, 13),
    (16_384, 14),
    (32_768, 15),
    (65_536, 16),
];
const SHORTEST_MATCH: u32 = 3;
const FIRST_LONG_MATCH: u8 = 32;
const LONG_MATCHES: [(u32, u8); 21] = [
    (35, 1),
    (37, 1),
    (39, 1),
    (41, 1),
    (43, 2),
    (47, 2),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 5),
    (131, 7),
    (259, 8),
    (515, 9),
    (1027, 10),
    (2051, 11),
    (4099, 12),
    (8195, 13),
    (16_387, 14),
    (32_771, 15),
    (65_539, 16),
];

/// Tables and offsets that later blocks of a frame may use again.
#[derive(Default)]
pub(super) struct Sequences {
    literal_lengths: Table,
    offsets: Table,
    match_lengths: Table,
    recent: [u32; 3],
}

pub(super) struct Sequence {
    pub(super) literal_length: usize,
    pub(super) match_length: usize,
    /// From the end of the output, literals included; at least 1.
    pub(super) offset: usize,
}

impl Sequences {
    /// For a new frame.
    pub(super) fn reset(&mut self) {
        self.literal_lengths.clear();
        self.offsets.clear();
        self.match_lengths.clear();
        self.recent = [1, 4, 8];
    }

    /// Reads the section's tables; `None` if it has no sequences.
    pub(super) fn start<'a>(&'a mut self, section: &'a [u8]) -> Result<Option<Run<'a>>, &'static str> {
        let (count, rest) = match section {
            [0] => return Ok(None),
            [first @ 1..=127, rest @ ..] => (u32::from(*first), rest),
            [first @ 128..=254, second, rest @ ..] => {
                (u32::from(*first - 128) << 8 | u32::from(*second), rest)
            }
            [255, low, high, rest @ ..] => (u32::from(u16::from_le_bytes([*low, *high])) + 0x7f00, rest),
            _ => return Err("a sequences section ends early, or late"),
        };
        let (modes, mut rest) = rest.split_first().ok_or(CUT)?;
        if modes & 0b11 != 0 {
            return Err("unknown sequence modes");
        }
        read_table(&mut self.literal_lengths, modes >> 6, &LITERAL_LENGTHS, &mut rest)?;
        read_table(&mut self.offsets, modes >> 4 & 0b11, &OFFSETS, &mut rest)?;
        read_table(&mut self.match_lengths, modes >> 2 & 0b11, &MATCH_LENGTHS, &mut rest)?;
        let mut bits = BackwardBits::new(rest)?;
        let literal_lengths = State::new(&self.literal_lengths, &mut bits)?;
        let offsets = State::new(&self.offsets, &mut bits)?;
        let match_lengths = State::new(&self.match_lengths, &mut bits)?;
        Ok(Some(Run { bits, literal_lengths, offsets, match_lengths, recent: &mut self.recent, left: count }))
    }
}

fn read_table(table: &mut Table, mode: u8, kind: &Kind, rest: &mut &[u8]) -> Result<(), &'static str> {
    match mode {
        0 => table.build(kind.default_counts, kind.default_log),
        1 => {
            let (symbol, after) = rest.split_first().ok_or(CUT)?;
            if *symbol > kind.largest_symbol {
                return Err("unknown sequence code");
            }
            table.set_single(*symbol);
            *rest = after;
            Ok(())
        }
        2 => {
            let used = table.read(rest, kind.largest_log, kind.largest_symbol)?;
            *rest = &rest[used..];
            Ok(())
        }
        _ if table.is_empty() => Err("there is no sequence table to use again"),
        _ => Ok(()),
    }
}

/// A walk over the sequences of one block.
pub(super) struct Run<'a> {
    bits: BackwardBits<'a>,
    literal_lengths: State<'a>,
    offsets: State<'a>,
    match_lengths: State<'a>,
    recent: &'a mut [u32; 3],
    left: u32,
}

impl Run<'_> {
    /// The next sequence, or `None` after the last one, which must have used up the bits.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<Sequence>, &'static str> {
        if self.left == 0 {
            return if self.bits.left() == 0 { Ok(None) } else { Err("sequences leave bits over") };
        }
        // Codes are at most 31, so values have at most 32 bits.
        let offset_code = u32::from(self.offsets.symbol());
        let offset_value = (1 << offset_code) + self.bits.read(offset_code);
        let match_code = self.match_lengths.symbol();
        let match_length = match match_code.checked_sub(FIRST_LONG_MATCH) {
            None => u32::from(match_code) + SHORTEST_MATCH,
            Some(long) => self.long_length(&LONG_MATCHES, long),
        };
        let literal_code = self.literal_lengths.symbol();
        let literal_length = match literal_code.checked_sub(FIRST_LONG_LITERAL) {
            None => u32::from(literal_code),
            Some(long) => self.long_length(&LONG_LITERALS, long),
        };
        self.left -= 1;
        if self.left > 0 {
            self.literal_lengths.advance(&mut self.bits);
            self.match_lengths.advance(&mut self.bits);
            self.offsets.advance(&mut self.bits);
        }
        if self.bits.left() < 0 {
            return Err(CUT);
        }
        let offset = self.resolve_offset(offset_value as u32, literal_length)?;
        Ok(Some(Sequence {
            literal_length: literal_length as usize,
            match_length: match_length as usize,
            offset: offset as usize,
        }))
    }

    #[inline]
    fn long_length<const N: usize>(&mut self, lengths: &[(u32, u8); N], index: u8) -> u32 {
        // Tables hold no symbol past the last length.
        let (base, bits) = lengths.get(usize::from(index)).copied().unwrap_or_default();
        base + self.bits.read(u32::from(bits)) as u32
    }

    /// Values up to 3 are recent offsets; without literals in between, the ones after the last.
    #[inline]
    fn resolve_offset(&mut self, value: u32, literal_length: u32) -> Result<u32, &'static str> {
        let recent = &mut *self.recent;
        if value > 3 {
            *recent = [value - 3, recent[0], recent[1]];
            return Ok(recent[0]);
        }
        let offset = match value + u32::from(literal_length == 0) {
            0 | 1 => return Ok(recent[0]),
            2 => {
                recent.swap(0, 1);
                return Ok(recent[0]);
            }
            3 => recent[2],
            _ => recent[0] - 1,
        };
        if offset == 0 {
            return Err("a match is at no distance");
        }
        *recent = [offset, recent[0], recent[1]];
        Ok(offset)
    }
}
