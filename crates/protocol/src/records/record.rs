//! One record, borrowed from its batch, and its headers.
//!
//! Nothing here allocates. A record's structure, headers included, is checked when it is reached, so
//! that walking its headers afterwards cannot fail.

use std::iter::FusedIterator;
use std::str::Utf8Error;

use crate::varint::{VarintError, read_varint, read_varlong};

/// A record, borrowed from its batch.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// The record's offset in its partition; in a Produce request, its place in the batch.
    pub offset: i64,
    /// Milliseconds since 1970, -1 for none; the batch says who set it.
    pub timestamp: i64,
    /// The key, if there is one.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// The headers in their order, duplicates included.
    pub headers: Headers<'a>,
}

/// One header of a record (KIP-82).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Header<'a> {
    key: &'a [u8],
    value: Option<&'a [u8]>,
}

impl<'a> Header<'a> {
    /// A header with this key and value.
    #[must_use]
    pub const fn new(key: &'a str, value: Option<&'a [u8]>) -> Self {
        Self { key: key.as_bytes(), value }
    }

    /// The key.
    ///
    /// # Errors
    /// If the writer did not write UTF-8, which the wire asks for but nobody checks.
    pub const fn key(&self) -> Result<&'a str, Utf8Error> {
        std::str::from_utf8(self.key)
    }

    /// The key's bytes.
    #[must_use]
    pub const fn key_bytes(&self) -> &'a [u8] {
        self.key
    }

    /// The value, if there is one.
    #[must_use]
    pub const fn value(&self) -> Option<&'a [u8]> {
        self.value
    }
}

/// The headers of a record: an iterator in their order, duplicates included.
#[derive(Clone, Copy, Debug, Default)]
pub struct Headers<'a> {
    bytes: &'a [u8],
    left: u32,
}

/// No headers, for [`BatchBuilder::append`](super::BatchBuilder::append).
pub const NO_HEADERS: Headers<'static> = Headers { bytes: &[], left: 0 };

impl<'a> Headers<'a> {
    pub(super) const fn new(bytes: &'a [u8], count: u32) -> Self {
        Self { bytes, left: count }
    }

    pub(super) const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// How many headers are left.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.left as usize
    }

    /// Whether no header is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// The last header with this key, as Java's `Headers.lastHeader`.
    #[must_use]
    pub fn last_with_key(&self, key: &str) -> Option<Header<'a>> {
        self.filter(|header| header.key == key.as_bytes()).last()
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Header<'a>> {
        if self.left == 0 {
            return None;
        }
        let mut reader = Reader { rest: self.bytes };
        let header = reader.header();
        self.bytes = reader.rest;
        match header {
            Ok(header) => {
                self.left -= 1;
                Some(header)
            }
            // Not reached: the headers were walked when the record was.
            Err(_) => {
                self.left = 0;
                None
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

impl ExactSizeIterator for Headers<'_> {}
impl FusedIterator for Headers<'_> {}

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

/// Parses the record that starts at `start`, down to the last header.
#[inline(always)] // Two callers, and the result is larger than the work.
pub(super) fn parse(data: &[u8], start: usize) -> Result<Parsed<'_>, &'static str> {
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
    let headers = if header_count == 0 { NO_HEADERS } else { check_headers(&mut reader, header_count)? };
    if !reader.rest.is_empty() {
        return Err("record size is larger than the record");
    }
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

#[inline(never)]
fn check_headers<'a>(reader: &mut Reader<'a>, count: i32) -> Result<Headers<'a>, &'static str> {
    let bytes = reader.rest;
    let count = u32::try_from(count).map_err(|_| "negative header count")?;
    // A header takes two bytes at least, so this also bounds the loop.
    if count as usize > bytes.len() / 2 {
        return Err("more headers than bytes");
    }
    for _ in 0..count {
        reader.header()?;
    }
    Ok(Headers::new(&bytes[..bytes.len() - reader.rest.len()], count))
}

const CUT: &str = "the bytes end early";

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

    fn header(&mut self) -> Result<Header<'a>, &'static str> {
        let key_length = self.varint()?;
        let key = self.bytes(usize::try_from(key_length).map_err(|_| "negative header key size")?)?;
        let value_length = self.varint()?;
        let value = self.nullable(value_length)?;
        Ok(Header { key, value })
    }
}

#[cold]
fn reason(error: VarintError) -> &'static str {
    match error {
        VarintError::Truncated => CUT,
        VarintError::TooLong => "a variable-length integer is too long",
    }
}
