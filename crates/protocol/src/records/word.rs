//! Short integers, taken from eight bytes that are loaded at once.
//!
//! One look at where the bytes end then does for several integers, which is most of the work of reading
//! small records. Integers of more than four bytes, but for timestamps, and whatever is wrong are left to
//! [`varint`](crate::varint).

use crate::varint::{zigzag_decode, zigzag_decode_long};

/// Every byte but an integer's last has this bit.
const MORE: u64 = 0x8080_8080_8080_8080;

/// Eight bytes, the ones not taken yet in front. What is taken past the last of them is void, which
/// [`Self::rest`] finds.
pub(super) struct Word {
    bytes: u64,
    used: usize,
}

impl Word {
    /// The first eight bytes; `None` if there are fewer.
    #[inline(always)]
    pub(super) fn load(bytes: &[u8]) -> Option<Self> {
        let bytes = u64::from_le_bytes(*bytes.first_chunk()?);
        Some(Self { bytes, used: 0 })
    }

    /// Takes one byte.
    #[inline(always)]
    pub(super) fn skip(&mut self) {
        self.bytes >>= 8;
        self.used += 1;
    }

    /// Takes a zigzag integer of at most four bytes.
    #[inline(always)]
    pub(super) fn varint(&mut self) -> i32 {
        zigzag_decode(self.unsigned(4) as u32)
    }

    /// Takes a zigzag integer.
    #[inline(always)]
    pub(super) fn varlong(&mut self) -> i64 {
        zigzag_decode_long(self.unsigned(8))
    }

    /// What follows the bytes taken, of the bytes that this was loaded from; `None` if one of the integers
    /// was longer than the word, or than it may be.
    #[inline(always)]
    pub(super) fn rest<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        if self.used > 8 { None } else { bytes.get(self.used..) }
    }

    #[inline(always)]
    pub(super) fn used(&self) -> usize {
        self.used
    }

    #[inline(always)]
    fn unsigned(&mut self, most: usize) -> u64 {
        let bytes = self.bytes;
        if bytes & 0x80 == 0 {
            self.skip();
            return bytes & 0x7f;
        }
        if bytes & 0x8000 == 0 {
            self.bytes >>= 16;
            self.used += 2;
            return bytes & 0x7f | bytes >> 1 & 0x3f80;
        }
        let ends = !bytes & MORE;
        let size = ends.trailing_zeros() as usize / 8 + 1;
        self.used += if size > most { 9 } else { size };
        self.bytes = bytes.checked_shr(8 * size as u32).unwrap_or_default();
        // Groups of 7 bits move together to groups of 14, 28 and 56.
        let groups = bytes & (ends ^ ends.wrapping_sub(1)) & !MORE;
        let groups = groups & 0x007f_007f_007f_007f | (groups & 0x7f00_7f00_7f00_7f00) >> 1;
        let groups = groups & 0x0000_3fff_0000_3fff | (groups & 0x3fff_0000_3fff_0000) >> 2;
        groups & 0x0fff_ffff | (groups & 0x0fff_ffff_0000_0000) >> 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::varint::{MAX_VARLONG_SIZE, put_varlong, read_varlong};

    #[test]
    fn integers_are_those_that_are_read_byte_by_byte() {
        for shift in 0..63 {
            for value in [1 << shift, -(1 << shift), (1 << shift) - 1, i64::MAX >> shift] {
                let mut bytes = Vec::new();
                put_varlong(&mut bytes, value);
                let size = bytes.len();
                bytes.extend_from_slice(&[0xff; MAX_VARLONG_SIZE]);
                let mut word = Word::load(&bytes).expect("eight bytes");
                let (taken, rest) = (word.varlong(), word.rest(&bytes));
                if size > 8 {
                    assert_eq!(rest, None);
                } else {
                    assert_eq!((taken, rest), (value, Some(&bytes[size..])));
                    assert_eq!(read_varlong(&bytes), Ok((value, size)));
                }
                let mut word = Word::load(&bytes).expect("eight bytes");
                let taken = word.varint();
                assert_eq!(word.rest(&bytes).map(|_| i64::from(taken)), (size <= 4).then_some(value));
            }
        }
    }

    #[test]
    fn what_reaches_past_the_word_has_no_rest() {
        let bytes = [0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0];
        let mut word = Word::load(&bytes).expect("eight bytes");
        (0..7).for_each(|_| word.skip());
        assert_eq!(word.rest(&bytes), Some(&bytes[7..]));
        word.varint();
        assert_eq!(word.rest(&bytes), None);
        assert!(Word::load(&bytes[..7]).is_none());
    }
}
