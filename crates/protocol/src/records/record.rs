//! One record, borrowed from its batch, and its headers.
//!
//! Nothing here allocates. A record's structure, headers included, is checked when it is reached, so
//! that walking its headers afterwards cannot fail.

use std::iter::FusedIterator;
use std::str::Utf8Error;

use super::parse;

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
    pub(super) key: &'a [u8],
    pub(super) value: Option<&'a [u8]>,
}

impl<'a> Header<'a> {
    /// A header with this key and value.
    #[inline]
    #[must_use]
    pub const fn new(key: &'a str, value: Option<&'a [u8]>) -> Self {
        Self { key: key.as_bytes(), value }
    }

    /// A header whose key may be no text, as in one that is passed on.
    #[inline]
    #[must_use]
    pub const fn with_key_bytes(key: &'a [u8], value: Option<&'a [u8]>) -> Self {
        Self { key, value }
    }

    /// The key.
    ///
    /// # Errors
    /// If the writer did not write UTF-8, which the wire asks for but nobody checks.
    #[inline]
    pub const fn key(&self) -> Result<&'a str, Utf8Error> {
        std::str::from_utf8(self.key)
    }

    /// The key's bytes.
    #[inline]
    #[must_use]
    pub const fn key_bytes(&self) -> &'a [u8] {
        self.key
    }

    /// The value, if there is one.
    #[inline]
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
    #[inline]
    pub(super) const fn new(bytes: &'a [u8], count: u32) -> Self {
        Self { bytes, left: count }
    }

    #[inline]
    pub(super) const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// How many headers are left.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.left as usize
    }

    /// Whether no header is left.
    #[inline]
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

    #[inline]
    fn next(&mut self) -> Option<Header<'a>> {
        self.left = self.left.checked_sub(1)?;
        let (header, rest) = match parse::short_header(self.bytes) {
            Some(header) => header,
            // The headers were walked when the record was, so there is one.
            None => parse::header(self.bytes).ok()?,
        };
        self.bytes = rest;
        Some(header)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

impl ExactSizeIterator for Headers<'_> {}
impl FusedIterator for Headers<'_> {}
