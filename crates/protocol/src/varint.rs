//! Variable-length integers as Kafka writes them: protobuf's base-128 groups, unsigned (flexible
//! message versions, KIP-482) and zigzag (records of magic 2, KIP-98).
//!
//! Reading follows Kafka's `ByteUtils`: at most 5 bytes for 32 bits and 10 for 64, a longer run is an
//! error, padded encodings are accepted, and bits of the last byte that do not fit are dropped. Reading
//! takes a slice and says how many bytes it used, so that the caller's cursor stays the caller's.
//!
//! Not here: length prefixes and the null conventions built on them.

use std::fmt;

/// The most bytes a 32-bit varint takes.
pub const MAX_VARINT_SIZE: usize = 5;
/// The most bytes a 64-bit varint takes.
pub const MAX_VARLONG_SIZE: usize = 10;

/// Why no variable-length integer could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VarintError {
    /// The bytes end before the integer does.
    Truncated,
    /// The last byte that the type allows still asks for another one.
    TooLong,
}

impl fmt::Display for VarintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "the bytes end inside a variable-length integer",
            Self::TooLong => "variable-length integer is longer than its type allows",
        })
    }
}

impl std::error::Error for VarintError {}

/// Reads an unsigned 32-bit varint from the start of `buf`: the value and the bytes it took.
///
/// # Errors
/// [`VarintError::Truncated`] if `buf` ends first, [`VarintError::TooLong`] past 5 bytes.
#[inline]
pub fn read_unsigned_varint(buf: &[u8]) -> Result<(u32, usize), VarintError> {
    match buf {
        [a, ..] if *a < 0x80 => Ok((u32::from(*a), 1)),
        [a, b, ..] if *b < 0x80 => Ok((u32::from(*a & 0x7f) | u32::from(*b) << 7, 2)),
        [a, b, c, ..] if *c < 0x80 => {
            Ok((u32::from(*a & 0x7f) | u32::from(*b & 0x7f) << 7 | u32::from(*c) << 14, 3))
        }
        _ => read_long_unsigned_varint(buf),
    }
}

/// Reads an unsigned 64-bit varint from the start of `buf`: the value and the bytes it took.
///
/// # Errors
/// [`VarintError::Truncated`] if `buf` ends first, [`VarintError::TooLong`] past 10 bytes.
#[inline]
pub fn read_unsigned_varlong(buf: &[u8]) -> Result<(u64, usize), VarintError> {
    match buf {
        [a, ..] if *a < 0x80 => Ok((u64::from(*a), 1)),
        [a, b, ..] if *b < 0x80 => Ok((u64::from(*a & 0x7f) | u64::from(*b) << 7, 2)),
        [a, b, c, ..] if *c < 0x80 => {
            Ok((u64::from(*a & 0x7f) | u64::from(*b & 0x7f) << 7 | u64::from(*c) << 14, 3))
        }
        _ => read_groups(buf, MAX_VARLONG_SIZE),
    }
}

/// Reads a zigzag 32-bit varint from the start of `buf`: the value and the bytes it took.
///
/// # Errors
/// As [`read_unsigned_varint`].
#[inline]
pub fn read_varint(buf: &[u8]) -> Result<(i32, usize), VarintError> {
    let (raw, used) = read_unsigned_varint(buf)?;
    Ok((zigzag_decode(raw), used))
}

/// Reads a zigzag 64-bit varint from the start of `buf`: the value and the bytes it took.
///
/// # Errors
/// As [`read_unsigned_varlong`].
#[inline]
pub fn read_varlong(buf: &[u8]) -> Result<(i64, usize), VarintError> {
    let (raw, used) = read_unsigned_varlong(buf)?;
    Ok((zigzag_decode_long(raw), used))
}

/// Appends `value` as an unsigned varint: 1 to 5 bytes.
#[inline]
pub fn put_unsigned_varint(out: &mut Vec<u8>, value: u32) {
    put_unsigned_varlong(out, u64::from(value));
}

/// Appends `value` as an unsigned varint: 1 to 10 bytes.
#[inline]
pub fn put_unsigned_varlong(out: &mut Vec<u8>, value: u64) {
    if value < 0x80 {
        out.push(value as u8);
    } else {
        put_groups(out, value);
    }
}

/// Appends `value` as a zigzag varint: 1 to 5 bytes.
#[inline]
pub fn put_varint(out: &mut Vec<u8>, value: i32) {
    put_unsigned_varint(out, zigzag_encode(value));
}

/// Appends `value` as a zigzag varint: 1 to 10 bytes.
#[inline]
pub fn put_varlong(out: &mut Vec<u8>, value: i64) {
    put_unsigned_varlong(out, zigzag_encode_long(value));
}

/// The bytes [`put_unsigned_varint`] takes for `value`: 1 to 5.
#[inline]
#[must_use]
pub const fn unsigned_varint_size(value: u32) -> usize {
    unsigned_varlong_size(value as u64)
}

/// The bytes [`put_unsigned_varlong`] takes for `value`: 1 to 10.
#[inline]
#[must_use]
pub const fn unsigned_varlong_size(value: u64) -> usize {
    // Significant bits in groups of seven, rounded up; a zero still takes one group.
    (u64::BITS - (value | 1).leading_zeros()).div_ceil(7) as usize
}

/// The bytes [`put_varint`] takes for `value`: 1 to 5.
#[inline]
#[must_use]
pub const fn varint_size(value: i32) -> usize {
    unsigned_varint_size(zigzag_encode(value))
}

/// The bytes [`put_varlong`] takes for `value`: 1 to 10.
#[inline]
#[must_use]
pub const fn varlong_size(value: i64) -> usize {
    unsigned_varlong_size(zigzag_encode_long(value))
}

/// Maps small magnitudes of either sign to small unsigned numbers: 0, -1, 1, -2 become 0, 1, 2, 3.
#[inline]
#[must_use]
pub const fn zigzag_encode(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)) as u32
}

/// The reverse of [`zigzag_encode`].
#[inline]
#[must_use]
pub const fn zigzag_decode(raw: u32) -> i32 {
    (raw >> 1) as i32 ^ -((raw & 1) as i32)
}

/// [`zigzag_encode`] for 64 bits.
#[inline]
#[must_use]
pub const fn zigzag_encode_long(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The reverse of [`zigzag_encode_long`].
#[inline]
#[must_use]
pub const fn zigzag_decode_long(raw: u64) -> i64 {
    (raw >> 1) as i64 ^ -((raw & 1) as i64)
}

/// An unsigned varint that is encoded once, to tell its size and to be written.
#[derive(Clone, Copy)]
pub(crate) struct EncodedVarint {
    value: u64,
    /// If it is short: the encoded bytes.
    bytes: u64,
    size: usize,
}

impl EncodedVarint {
    /// The largest size that is encoded in a register; two of these fit one.
    const SHORT: usize = 4;

    #[inline(always)] // Called a few times a record, where each call has lengths of its own to predict.
    pub(crate) fn new(value: u64) -> Self {
        // Sizes repeat from record to record, so that branches cost less than arithmetic.
        let (bytes, size) = if value < 1 << 7 {
            (value, 1)
        } else if value < 1 << 14 {
            (value & 0x7f | 0x80 | (value & 0x7f << 7) << 1, 2)
        } else if value < 1 << 21 {
            (value & 0x7f | 0x8080 | (value & 0x7f << 7) << 1 | (value & 0x7f << 14) << 2, 3)
        } else if value < 1 << 28 {
            let groups = value & 0x7f | (value & 0x7f << 7) << 1 | (value & 0x7f << 14) << 2;
            (groups | (value & 0x7f << 21) << 3 | 0x0080_8080, 4)
        } else {
            (0, unsigned_varlong_size(value))
        };
        Self { value, bytes, size }
    }

    #[inline(always)]
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Appends it, by whole words: for a `Vec` with 8 bytes to spare, which it would otherwise grow.
    #[inline(always)]
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        if self.size > Self::SHORT {
            return put_groups(out, self.value);
        }
        let end = out.len() + self.size;
        out.extend_from_slice(&self.bytes.to_le_bytes());
        out.truncate(end);
    }

    /// Appends it and another one, as [`Self::put`].
    #[inline(always)]
    pub(crate) fn put_with(&self, next: &Self, out: &mut Vec<u8>) {
        if self.size > Self::SHORT || next.size > Self::SHORT {
            self.put(out);
            return next.put(out);
        }
        let end = out.len() + self.size + next.size;
        out.extend_from_slice(&(self.bytes | next.bytes << (8 * self.size)).to_le_bytes());
        out.truncate(end);
    }
}

#[inline(never)]
fn put_groups(out: &mut Vec<u8>, mut value: u64) {
    let mut scratch = [0; MAX_VARLONG_SIZE];
    let mut used = 0;
    while value >= 0x80 {
        scratch[used] = value as u8 | 0x80;
        value >>= 7;
        used += 1;
    }
    scratch[used] = value as u8;
    out.extend_from_slice(&scratch[..=used]);
}

#[inline(never)]
fn read_long_unsigned_varint(buf: &[u8]) -> Result<(u32, usize), VarintError> {
    // Truncating is what Java's int arithmetic does with the upper bits of a fifth byte.
    read_groups(buf, MAX_VARINT_SIZE).map(|(value, used)| (value as u32, used))
}

#[inline(never)]
fn read_groups(buf: &[u8], most: usize) -> Result<(u64, usize), VarintError> {
    let mut value = 0;
    for (index, byte) in buf.iter().take(most).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if *byte < 0x80 {
            return Ok((value, index + 1));
        }
    }
    Err(if buf.len() < most { VarintError::Truncated } else { VarintError::TooLong })
}

#[cfg(test)]
mod tests {
    use super::*;

    const EDGES: [i64; 19] = [
        0,
        1,
        -1,
        63,
        64,
        -64,
        -65,
        127,
        128,
        8191,
        8192,
        -8193,
        1 << 20,
        1 << 27,
        1 << 34,
        i32::MAX as i64,
        i32::MIN as i64,
        i64::MAX,
        i64::MIN,
    ];

    #[test]
    fn what_is_put_is_read_back_in_the_announced_size() {
        for value in EDGES {
            let mut out = Vec::new();
            put_varlong(&mut out, value);
            assert_eq!(out.len(), varlong_size(value));
            assert_eq!(read_varlong(&out), Ok((value, out.len())));
            out.clear();
            put_unsigned_varlong(&mut out, value as u64);
            assert_eq!(out.len(), unsigned_varlong_size(value as u64));
            assert_eq!(read_unsigned_varlong(&out), Ok((value as u64, out.len())));
            let slow = std::mem::take(&mut out);
            let encoded = EncodedVarint::new(value as u64);
            encoded.put(&mut out);
            assert_eq!(out, slow);
            assert_eq!(out.len(), encoded.size());
            for next in EDGES {
                out.clear();
                encoded.put_with(&EncodedVarint::new(next as u64), &mut out);
                let mut both = slow.clone();
                put_unsigned_varlong(&mut both, next as u64);
                assert_eq!(out, both);
            }
            out.clear();
            put_varint(&mut out, value as i32);
            assert_eq!(out.len(), varint_size(value as i32));
            assert_eq!(read_varint(&out), Ok((value as i32, out.len())));
            out.clear();
            put_unsigned_varint(&mut out, value as u32);
            assert_eq!(out.len(), unsigned_varint_size(value as u32));
            assert_eq!(read_unsigned_varint(&out), Ok((value as u32, out.len())));
        }
    }

    #[test]
    fn every_strict_prefix_is_truncated() {
        for value in EDGES {
            let mut out = Vec::new();
            put_unsigned_varlong(&mut out, value as u64);
            for end in 0..out.len() {
                assert_eq!(read_unsigned_varlong(&out[..end]), Err(VarintError::Truncated));
            }
        }
    }

    #[test]
    fn a_run_past_the_types_last_byte_is_too_long() {
        assert_eq!(read_unsigned_varint(&[0x80; 5]), Err(VarintError::TooLong));
        assert_eq!(read_unsigned_varint(&[0x80; 4]), Err(VarintError::Truncated));
        assert_eq!(read_unsigned_varlong(&[0x80; 10]), Err(VarintError::TooLong));
        assert_eq!(read_unsigned_varlong(&[0x80; 9]), Err(VarintError::Truncated));
    }

    #[test]
    fn padding_and_surplus_bits_of_the_last_byte_are_taken_as_java_takes_them() {
        assert_eq!(read_unsigned_varint(&[0x81, 0x80, 0x80, 0x80, 0x00]), Ok((1, 5)));
        assert_eq!(read_unsigned_varint(&[0x81, 0x80, 0x80, 0x80, 0x7f]), Ok((0xf000_0001, 5)));
        let mut long = [0x80; 10];
        long[9] = 0x7f;
        assert_eq!(read_unsigned_varlong(&long), Ok((1 << 63, 10)));
    }

    #[test]
    fn bytes_after_the_integer_are_left_alone() {
        assert_eq!(read_unsigned_varint(&[0xac, 0x02, 0xff]), Ok((300, 2)));
        assert_eq!(read_varint(&[0x03, 0xff]), Ok((-2, 1)));
    }
}
