//! Taking a record of magic 2 apart.
//!
//! Everything is checked, headers included, against the size that the record states; nothing is copied. Not
//! here: offsets and timestamps as the application sees them, which take the batch's header.

use super::{Header, Headers, NO_HEADERS};
use crate::varint::{VarintError, read_varint, read_varlong};

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

/// Takes a record's fields off the front of bytes.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What is not read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

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

    pub(super) fn header(&mut self) -> Result<Header<'a>, &'static str> {
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
