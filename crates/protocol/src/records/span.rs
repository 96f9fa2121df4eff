//! A record's place in its batch, for those who keep the batch and hand out records later.

use std::ops::Range;

use bytes::Bytes;

use super::{BatchRecords, Headers, Record};

/// Where a record's parts lie in [`BatchRecords::data`]: plain numbers, 48 bytes, no reference.
///
/// Only meaningful with the [`BatchRecords`] it came from; with another the parts are missing or some
/// other bytes, never a panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordSpan {
    pub(super) offset: i64,
    pub(super) timestamp: i64,
    pub(super) key: Part,
    pub(super) value: Part,
    pub(super) headers: Part,
    pub(super) header_count: u32,
}

/// A slice of the data, or null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    start: u32,
    /// Longer than any record data for null.
    length: u32,
}

const NULL_LENGTH: u32 = u32::MAX;

impl Part {
    #[inline]
    pub(super) fn new(start: usize, bytes: Option<&[u8]>) -> Self {
        // Record data is at most `i32::MAX` bytes long.
        let length = bytes.map_or(NULL_LENGTH, |bytes| bytes.len() as u32);
        Self { start: start as u32, length }
    }

    #[inline]
    fn range(self) -> Option<Range<usize>> {
        (self.length != NULL_LENGTH).then(|| {
            let start = self.start as usize;
            start..start + self.length as usize
        })
    }
}

impl RecordSpan {
    /// The record's offset.
    #[inline]
    #[must_use]
    pub const fn offset(&self) -> i64 {
        self.offset
    }

    /// The record's timestamp in milliseconds, -1 for none.
    #[inline]
    #[must_use]
    pub const fn timestamp(&self) -> i64 {
        self.timestamp
    }

    /// The key's place in the data.
    #[inline]
    #[must_use]
    pub fn key_range(&self) -> Option<Range<usize>> {
        self.key.range()
    }

    /// The value's place in the data.
    #[inline]
    #[must_use]
    pub fn value_range(&self) -> Option<Range<usize>> {
        self.value.range()
    }

    /// The record, borrowed from its batch.
    #[inline]
    #[must_use]
    pub fn record<'a>(&self, records: &'a BatchRecords) -> Record<'a> {
        let part = |part: Part| part.range().and_then(|range| records.data().get(range));
        Record {
            offset: self.offset,
            timestamp: self.timestamp,
            key: part(self.key),
            value: part(self.value),
            headers: Headers::new(part(self.headers).unwrap_or_default(), self.header_count),
        }
    }

    /// The key as a slice that shares the batch's memory.
    #[inline]
    #[must_use]
    pub fn key_bytes(&self, records: &BatchRecords) -> Option<Bytes> {
        slice(records, self.key)
    }

    /// The value as a slice that shares the batch's memory.
    #[inline]
    #[must_use]
    pub fn value_bytes(&self, records: &BatchRecords) -> Option<Bytes> {
        slice(records, self.value)
    }
}

fn slice(records: &BatchRecords, part: Part) -> Option<Bytes> {
    let range = part.range()?;
    // `Bytes::slice` panics out of bounds, which a span of another batch could be.
    (range.end <= records.data().len()).then(|| records.data().slice(range))
}
