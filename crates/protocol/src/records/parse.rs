//! Taking a record of magic 2 apart.
//!
//! Everything is checked, headers included, against the size that the record states; nothing is copied. Each
//! thing has two ways: a short one, inlined, for what nearly all records are, which gives up on anything else,
//! and one that takes whatever is allowed and says what is wrong.
//!
//! Not here: offsets and timestamps as the application sees them, which take the batch's header.

use super::word::Word;
use super::{Header, Headers, NO_HEADERS};
use crate::varint::{VarintError, read_varint, read_varlong, zigzag_decode};

/// A record of magic 2 as it lies in the bytes; positions are from the start of the records.
pub(super) struct Parsed<'a> {
    pub(super) timestamp_delta: i64,
    pub(super) offset_delta: i32,
    pub(super) key: Option<&'a [u8]>,
    pub(super) key_position: usize,
    pub(super) value: Option<&'a [u8]>,
    pub(super) value_position: usize,
    pub(super) headers: Headers<'a>,
    pub(super) headers_position: usize,
    /// Where the next record starts.
    pub(super) end: usize,
}

/// The record that starts at `start`, if it is sound and its integers are short, as they nearly always are.
#[inline(always)]
pub(super) fn short(data: &[u8], start: usize) -> Option<Parsed<'_>> {
    let rest = data.get(start..)?;
    let mut word = Word::load(rest)?;
    let size = word.varint();
    let body = start + word.used();
    word.skip();
    let timestamp_delta = word.varlong();
    let rest = word.rest(rest)?;
    let mut word = Word::load(rest)?;
    let offset_delta = word.varint();
    let key_length = word.varint();
    let mut reader = Reader { rest: word.rest(rest)? };
    let key_position = data.len() - reader.rest.len();
    let key = reader.nullable(key_length).ok()?;
    let mut word = Word::load(reader.rest)?;
    let value_length = word.varint();
    reader.rest = word.rest(reader.rest)?;
    let value_position = data.len() - reader.rest.len();
    let value = reader.nullable(value_length).ok()?;
    let (header_count, rest) = reader.rest.split_first()?;
    let headers_position = data.len() - rest.len();
    let headers_size = usize::try_from(size).ok()?.checked_sub(headers_position - body)?;
    let headers = match header_count {
        0 if headers_size == 0 => NO_HEADERS,
        // One byte, and positive.
        count if count & 0x81 == 0 => {
            let (bytes, count) = (rest.get(..headers_size)?, count >> 1);
            check_headers(bytes, i32::from(count)).ok()?;
            Headers::new(bytes, u32::from(count))
        }
        _ => return None,
    };
    let end = headers_position + headers_size;
    Some(Parsed {
        timestamp_delta,
        offset_delta,
        key,
        key_position,
        value,
        value_position,
        headers,
        headers_position,
        end,
    })
}

/// As [`short`], with any integers and saying what is wrong.
#[cold]
pub(super) fn any(data: &[u8], start: usize) -> Result<Parsed<'_>, &'static str> {
    let mut reader = Reader { rest: data.get(start..).ok_or(CUT)? };
    let size = reader.varint()?;
    let size = usize::try_from(size).map_err(|_| "negative record size")?;
    let (body, after) = reader.rest.split_at_checked(size).ok_or("record size is past the end")?;
    let end = data.len() - after.len();
    let mut reader = Reader { rest: body };
    reader.skip_attributes()?;
    let timestamp_delta = reader.varlong()?;
    let offset_delta = reader.varint()?;
    let key_length = reader.varint()?;
    let key_position = end - reader.rest.len();
    let key = reader.nullable(key_length)?;
    let value_length = reader.varint()?;
    let value_position = end - reader.rest.len();
    let value = reader.nullable(value_length)?;
    let header_count = reader.varint()?;
    let headers_position = end - reader.rest.len();
    check_headers(reader.rest, header_count)?;
    let headers = Headers::new(reader.rest, header_count as u32);
    Ok(Parsed {
        timestamp_delta,
        offset_delta,
        key,
        key_position,
        value,
        value_position,
        headers,
        headers_position,
        end,
    })
}

/// Whether these are `count` headers and nothing else.
#[inline(never)]
fn check_headers(bytes: &[u8], count: i32) -> Result<(), &'static str> {
    let count = u32::try_from(count).map_err(|_| "negative header count")?;
    // A header takes two bytes at least, so this also bounds the loop.
    if count as usize > bytes.len() / 2 {
        return Err("more headers than bytes");
    }
    let mut rest = bytes;
    for _ in 0..count {
        rest = match short_header(rest) {
            Some((_, rest)) => rest,
            None => header(rest)?.1,
        };
    }
    if rest.is_empty() { Ok(()) } else { Err("record size is larger than the record") }
}

/// The header at the start of `bytes` and what follows it, if it is sound and its lengths are short, as they
/// nearly always are.
#[inline(always)]
pub(super) fn short_header(bytes: &[u8]) -> Option<(Header<'_>, &[u8])> {
    let (key_length, rest) = short_length(bytes)?;
    let (key, rest) = rest.split_at_checked(usize::try_from(key_length).ok()?)?;
    let (value_length, rest) = short_length(rest)?;
    match usize::try_from(value_length) {
        Ok(length) => {
            let (value, rest) = rest.split_at_checked(length)?;
            Some((Header { key, value: Some(value) }, rest))
        }
        Err(_) => Some((Header { key, value: None }, rest)),
    }
}

/// A length of one or two bytes.
#[inline(always)]
fn short_length(bytes: &[u8]) -> Option<(i32, &[u8])> {
    let (length, rest) = match bytes {
        [a, rest @ ..] if *a < 0x80 => (u32::from(*a), rest),
        [a, b, rest @ ..] if *b < 0x80 => (u32::from(*a & 0x7f) | u32::from(*b) << 7, rest),
        _ => return None,
    };
    Some((zigzag_decode(length), rest))
}

/// As [`short_header`], with any lengths and saying what is wrong.
#[cold]
pub(super) fn header(bytes: &[u8]) -> Result<(Header<'_>, &[u8]), &'static str> {
    let mut reader = Reader { rest: bytes };
    let key_length = reader.varint()?;
    let key = reader.bytes(usize::try_from(key_length).map_err(|_| "negative header key size")?)?;
    let value_length = reader.varint()?;
    let value = reader.nullable(value_length)?;
    Ok((Header { key, value }, reader.rest))
}

const CUT: &str = "the bytes end early";

/// Takes a record's fields off the front of bytes.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// No bit of a record's attributes means anything so far.
    #[inline]
    fn skip_attributes(&mut self) -> Result<(), &'static str> {
        let (_, rest) = self.rest.split_first().ok_or(CUT)?;
        self.rest = rest;
        Ok(())
    }

    #[inline(always)]
    fn varint(&mut self) -> Result<i32, &'static str> {
        let (value, used) = read_varint(self.rest).map_err(reason)?;
        self.rest = &self.rest[used..];
        Ok(value)
    }

    #[inline(always)]
    fn varlong(&mut self) -> Result<i64, &'static str> {
        let (value, used) = read_varlong(self.rest).map_err(reason)?;
        self.rest = &self.rest[used..];
        Ok(value)
    }

    /// Any negative length is null, as Java has it.
    #[inline]
    fn nullable(&mut self, length: i32) -> Result<Option<&'a [u8]>, &'static str> {
        match usize::try_from(length) {
            Ok(length) => self.bytes(length).map(Some),
            Err(_) => Ok(None),
        }
    }

    #[inline]
    fn bytes(&mut self, length: usize) -> Result<&'a [u8], &'static str> {
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(CUT)?;
        self.rest = rest;
        Ok(bytes)
    }
}

#[cold]
fn reason(error: VarintError) -> &'static str {
    match error {
        VarintError::Truncated => CUT,
        VarintError::TooLong => "a variable-length integer is too long",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compression::Compressor;
    use crate::records::{BatchBuilder, BatchHeader, SealOptions};

    /// Everything that a record has.
    fn fields<'a>(parsed: &Parsed<'a>) -> impl PartialEq + std::fmt::Debug + use<'a> {
        let numbers = (parsed.timestamp_delta, parsed.offset_delta, parsed.headers.len(), parsed.end);
        let positions = (parsed.key_position, parsed.value_position, parsed.headers_position);
        (numbers, positions, parsed.key, parsed.value, parsed.headers.bytes())
    }

    /// Whether the short way knows the record; what it says must be what the other way says.
    fn check(data: &[u8]) -> bool {
        let Some(short) = short(data, 0) else { return false };
        let any = any(data, 0).expect("what is short is sound");
        assert_eq!(fields(&short), fields(&any), "{data:02x?}");
        true
    }

    /// The second record of a batch, and what follows it.
    fn record(key: Option<&[u8]>, value: Option<&[u8]>, time: i64, headers: &[Header<'_>]) -> Vec<u8> {
        let mut builder = BatchBuilder::new();
        builder.append(0, None, None, NO_HEADERS).expect("append");
        let start = builder.size() - BatchHeader::SIZE;
        builder.append(time, key, value, headers.iter().copied()).expect("append");
        builder.append(0, None, Some(b"the next"), NO_HEADERS).expect("append");
        let batch = builder.seal(&SealOptions::default(), &mut Compressor::new()).expect("seal");
        batch[BatchHeader::SIZE + start..].to_vec()
    }

    #[test]
    fn the_short_way_says_what_the_other_one_says_whatever_byte_is_changed() {
        let headers =
            [Header::new("trace", Some(b"0123")), Header::new("trace", None), Header::new("", None)];
        let long = [Header::new("long", Some(&[b'h'; 70]))];
        let value = [b'v'; 200];
        let records = [
            record(None, None, 0, &[]),
            record(None, Some(b""), -1, &[]),
            record(Some(b"key"), Some(b"value"), 1 << 20, &[]),
            record(Some(&value), None, -(1 << 34), &headers),
            record(None, Some(&value), 64, &long),
        ];
        for record in records {
            assert!(check(&record), "{record:02x?}");
            for at in 0..record.len() {
                check(&record[..at]);
                for byte in 0..=u8::MAX {
                    let mut changed = record.clone();
                    changed[at] = byte;
                    check(&changed);
                }
            }
        }
    }

    #[test]
    fn long_integers_go_the_other_way() {
        let record = record(None, None, i64::MIN, &[]);
        assert!(!check(&record));
        assert_eq!(any(&record, 0).expect("sound").timestamp_delta, i64::MIN);
    }
}
