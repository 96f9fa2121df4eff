//! Bits in the two orders that zstd has: forward in table descriptions, backward in streams.

pub(super) const CUT: &str = "the bits end early";

/// Reads from the lowest bit of the first byte on.
pub(super) struct ForwardBits<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> ForwardBits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// Up to 16 bits; bits past the end are zero, which [`Self::bytes_used`] reports.
    pub(super) fn read(&mut self, count: u32) -> u32 {
        let start = self.position / 8;
        let mut word = [0; 4];
        for (byte, place) in self.bytes.iter().skip(start).zip(&mut word) {
            *place = *byte;
        }
        let value = u32::from_le_bytes(word) >> (self.position % 8) & ((1 << count) - 1);
        self.position += count as usize;
        value
    }

    pub(super) fn unread(&mut self, count: usize) {
        self.position -= count;
    }

    /// The bytes begun so far.
    pub(super) fn bytes_used(&self) -> Result<usize, &'static str> {
        let used = self.position.div_ceil(8);
        if used <= self.bytes.len() { Ok(used) } else { Err(CUT) }
    }
}

/// Reads from the end backward, highest bit first, below a marker bit in the last byte.
pub(super) struct BackwardBits<'a> {
    bytes: &'a [u8],
    /// Bits not read yet; below zero once more was read than there is.
    left: isize,
}

impl<'a> BackwardBits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, &'static str> {
        match bytes.last() {
            None | Some(0) => Err("a bit stream has no end"),
            Some(last) => {
                // Slices are smaller than half the address space, blocks far smaller.
                let left = (bytes.len() * 8) as isize - 1 - last.leading_zeros() as isize;
                Ok(Self { bytes, left })
            }
        }
    }

    /// Bits not read yet; negative after an overrun.
    #[inline]
    pub(super) fn left(&self) -> isize {
        self.left
    }

    /// The next `count` bits, at most 32; zeros follow the last one.
    #[inline]
    pub(super) fn peek(&self, count: u32) -> u64 {
        let low = self.left - count as isize;
        if low >= 0 {
            self.word_at(low as usize / 8) >> (low as usize % 8) & ((1 << count) - 1)
        } else if self.left > 0 {
            (self.word_at(0) & ((1 << self.left) - 1)) << -low
        } else {
            0
        }
    }

    #[inline]
    pub(super) fn skip(&mut self, count: u32) {
        self.left -= count as isize;
    }

    #[inline]
    pub(super) fn read(&mut self, count: u32) -> u64 {
        let value = self.peek(count);
        self.skip(count);
        value
    }

    /// The next 56 bits or more at the top of a word, if as many are left.
    #[inline]
    pub(super) fn top_word(&self) -> Option<u64> {
        let byte = (self.left as usize / 8).checked_sub(7)?;
        let chunk = self.bytes.get(byte..)?.first_chunk::<8>()?;
        (self.left > 63).then(|| u64::from_le_bytes(*chunk) << (64 - (self.left as usize - 8 * byte)))
    }

    #[inline]
    fn word_at(&self, byte: usize) -> u64 {
        let rest = self.bytes.get(byte..).unwrap_or_default();
        match rest.first_chunk::<8>() {
            Some(chunk) => u64::from_le_bytes(*chunk),
            None => {
                let mut word = [0; 8];
                word[..rest.len()].copy_from_slice(rest);
                u64::from_le_bytes(word)
            }
        }
    }
}
