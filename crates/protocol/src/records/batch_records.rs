//! The records of one batch, decompressed and owned, and the ways to walk them.
//!
//! Walking allocates nothing and checks each record as it is reached: structure, headers, the stated
//! count against the bytes. [`Records`] borrows; [`Cursor`] is plain numbers, for those who keep batch
//! and place side by side.

use std::iter::FusedIterator;

use bytes::Bytes;

use super::parse::Parsed;
use super::span::Part;
use super::{BatchHeader, NO_HEADERS, NO_SEQUENCE, Record, RecordError, RecordSpan};
use super::{increment_sequence, legacy, parse};

/// Size, attributes, two deltas, two null lengths and a header count of one byte each.
const SMALLEST_RECORD: usize = 7;

/// The records of one batch: their bytes and what is needed to read them. Cheap to clone, `Send`.
#[derive(Clone, Debug)]
pub struct BatchRecords {
    data: Bytes,
    count: u32,
    /// The batch's offset field, for errors.
    batch_offset: i64,
    layout: Layout,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Layout {
    V2 {
        base_timestamp: i64,
        log_append_time: Option<i64>,
        base_sequence: i32,
    },
    Legacy {
        /// What offsets are relative to.
        first_offset: i64,
        log_append_time: Option<i64>,
        /// From a compressed set, so not compressed again.
        wrapped: bool,
    },
}

impl Layout {
    pub(super) const fn message() -> Self {
        Self::Legacy { first_offset: 0, log_append_time: None, wrapped: false }
    }
}

impl BatchRecords {
    pub(super) fn empty(batch_offset: i64) -> Self {
        Self { data: Bytes::new(), count: 0, batch_offset, layout: Layout::message() }
    }

    pub(super) fn of_v2(header: &BatchHeader, data: Bytes) -> Result<Self, RecordError> {
        let count = u32::try_from(header.record_count)
            .ok()
            .filter(|count| *count as usize <= data.len() / SMALLEST_RECORD)
            .ok_or(RecordError::InvalidCount {
                base_offset: header.base_offset,
                count: header.record_count,
            })?;
        let layout = Layout::V2 {
            base_timestamp: header.base_timestamp,
            log_append_time: header.attributes.is_log_append_time().then_some(header.max_timestamp),
            base_sequence: header.base_sequence,
        };
        Ok(Self { data, count, batch_offset: header.base_offset, layout })
    }

    pub(super) fn of_legacy(data: Bytes, count: u32, batch_offset: i64, layout: Layout) -> Self {
        Self { data, count, batch_offset, layout }
    }

    /// The bytes that all records are slices of, at most 2 GiB.
    #[must_use]
    pub fn data(&self) -> &Bytes {
        &self.data
    }

    /// How many records there are, if all of them are well formed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there are no records, which compaction can lead to.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Walks the records. After an error it ends.
    #[must_use]
    pub fn iter(&self) -> Records<'_> {
        Records { records: self, cursor: Cursor::new() }
    }

    /// The sequence of the record with this offset, or -1 without sequences.
    #[must_use]
    pub fn sequence_of(&self, offset: i64) -> i32 {
        match self.layout {
            Layout::V2 { base_sequence, .. } if base_sequence >= 0 => {
                // A record's distance from the base offset is 32 bits wide on the wire.
                increment_sequence(base_sequence, offset.wrapping_sub(self.batch_offset) as i32)
            }
            _ => NO_SEQUENCE,
        }
    }

    /// The same records, with timestamps as the producer set them where the broker set its own.
    ///
    /// Brokers keep the producer's, in magic 2 and in compressed sets. Needed to write a batch again as
    /// it was.
    #[must_use]
    pub fn with_create_times(mut self) -> Self {
        match &mut self.layout {
            Layout::V2 { log_append_time, .. } | Layout::Legacy { log_append_time, .. } => {
                *log_append_time = None;
            }
        }
        self
    }

    /// The same records in memory of their own, so that they no longer pin a whole response.
    #[must_use]
    pub fn detach(&self) -> Self {
        Self { data: Bytes::copy_from_slice(&self.data), ..self.clone() }
    }
}

impl<'a> IntoIterator for &'a BatchRecords {
    type Item = Result<Record<'a>, RecordError>;
    type IntoIter = Records<'a>;

    fn into_iter(self) -> Records<'a> {
        self.iter()
    }
}

/// A walk over the records of a batch; made by [`BatchRecords::iter`].
#[derive(Clone, Debug)]
pub struct Records<'a> {
    records: &'a BatchRecords,
    cursor: Cursor,
}

impl Records<'_> {
    /// Where the walk is, to go on from there later.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, RecordError>;

    #[inline(always)] // As `Cursor::next`.
    fn next(&mut self) -> Option<Self::Item> {
        self.cursor.next(self.records)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // An error may end the walk, or follow the last record.
        (0, Some((self.records.len() + 1).saturating_sub(self.cursor.index as usize)))
    }
}

impl FusedIterator for Records<'_> {}

/// A place in a [`BatchRecords`]: two numbers, starting before the first record.
///
/// Used with another batch than the one it walked, it gives errors or some other records, no panic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    position: u32,
    index: u32,
}

/// The index of a cursor that has nothing more to give.
const ENDED: u32 = u32::MAX;

impl Cursor {
    /// Before the first record.
    #[must_use]
    pub const fn new() -> Self {
        Self { position: 0, index: 0 }
    }

    /// The index of the next record, from 0; `None` once the walk has ended.
    #[must_use]
    pub const fn index(&self) -> Option<usize> {
        if self.index == ENDED { None } else { Some(self.index as usize) }
    }

    /// The next record, or `None` after the last one and after an error.
    ///
    /// # Errors
    /// [`RecordError::Malformed`], and [`RecordError::TrailingBytes`] after the last record of magic 2.
    #[inline(always)] // A record that crosses a call goes through memory, which costs more than reading it.
    pub fn next<'a>(&mut self, records: &'a BatchRecords) -> Option<Result<Record<'a>, RecordError>> {
        if self.index >= records.count {
            return self.end(records).map(Err);
        }
        Some(self.step(records, |placed| placed.record))
    }

    /// The next record's place, or `None` after the last one and after an error.
    ///
    /// # Errors
    /// As [`Self::next`].
    #[inline(always)] // As `Self::next`.
    pub fn next_span(&mut self, records: &BatchRecords) -> Option<Result<RecordSpan, RecordError>> {
        if self.index >= records.count {
            return self.end(records).map(Err);
        }
        Some(self.step(records, |Placed { record, key, value, headers, .. }| RecordSpan {
            offset: record.offset,
            timestamp: record.timestamp,
            key: Part::new(key, record.key),
            value: Part::new(value, record.value),
            headers: Part::new(headers, Some(record.headers.bytes())),
            header_count: record.headers.len() as u32,
        }))
    }

    #[inline(always)]
    fn end(&mut self, records: &BatchRecords) -> Option<RecordError> {
        if std::mem::replace(&mut self.index, ENDED) == ENDED {
            return None;
        }
        let bytes = records.data.len().saturating_sub(self.position as usize);
        // A compressed set of magic 0 or 1 may end in a cut message.
        let complete = bytes == 0 || !matches!(records.layout, Layout::V2 { .. });
        (!complete).then_some(RecordError::TrailingBytes { base_offset: records.batch_offset, bytes })
    }

    /// Takes the next record apart and hands it to `give`, which is inlined together with the parsing:
    /// what it does not use is not computed.
    #[inline(always)]
    fn step<'a, T>(
        &mut self,
        records: &'a BatchRecords,
        give: impl Fn(Placed<'a>) -> T,
    ) -> Result<T, RecordError> {
        let start = self.position as usize;
        // The rest is apart, so that what nearly all records need stays in registers.
        if let Some(placed) = records.short_record_at(start) {
            self.pass(placed.end);
            return Ok(give(placed));
        }
        match records.record_at(start) {
            Ok(placed) => {
                self.pass(placed.end);
                Ok(give(placed))
            }
            Err(reason) => {
                let index = std::mem::replace(&mut self.index, ENDED);
                Err(RecordError::Malformed { base_offset: records.batch_offset, index, reason })
            }
        }
    }

    #[inline(always)]
    fn pass(&mut self, end: usize) {
        // Record data is at most `i32::MAX` bytes long.
        self.position = end as u32;
        self.index += 1;
    }
}

/// A record, and where its parts lie in the data.
struct Placed<'a> {
    record: Record<'a>,
    key: usize,
    value: usize,
    headers: usize,
    /// Where the next record starts.
    end: usize,
}

impl BatchRecords {
    /// The record that starts at `start`, if it is of magic 2 and [`parse::short`] knows it.
    #[inline(always)]
    fn short_record_at(&self, start: usize) -> Option<Placed<'_>> {
        match self.layout {
            Layout::V2 { base_timestamp, log_append_time, .. } => parse::short(&self.data, start)
                .map(|parsed| self.place(parsed, base_timestamp, log_append_time)),
            Layout::Legacy { .. } => None,
        }
    }

    #[cold]
    fn record_at(&self, start: usize) -> Result<Placed<'_>, &'static str> {
        match self.layout {
            Layout::V2 { base_timestamp, log_append_time, .. } => parse::any(&self.data, start)
                .map(|parsed| self.place(parsed, base_timestamp, log_append_time)),
            Layout::Legacy { first_offset, log_append_time, wrapped } => {
                legacy_record(&self.data, start, first_offset, log_append_time, wrapped)
            }
        }
    }

    #[inline(always)]
    fn place<'a>(&self, parsed: Parsed<'a>, base_timestamp: i64, log_append_time: Option<i64>) -> Placed<'a> {
        let record = Record {
            offset: self.batch_offset.wrapping_add(i64::from(parsed.offset_delta)),
            timestamp: match log_append_time {
                Some(time) => time,
                None => base_timestamp.wrapping_add(parsed.timestamp_delta),
            },
            key: parsed.key,
            value: parsed.value,
            headers: parsed.headers,
        };
        let Parsed { key_position: key, value_position: value, headers_position: headers, end, .. } = parsed;
        Placed { record, key, value, headers, end }
    }
}

fn legacy_record(
    data: &[u8],
    start: usize,
    first_offset: i64,
    log_append_time: Option<i64>,
    wrapped: bool,
) -> Result<Placed<'_>, &'static str> {
    let message = legacy::parse(data, start)?;
    if wrapped && message.attributes.compression_id() != 0 {
        return Err("a compressed set within a compressed set");
    }
    let record = Record {
        offset: first_offset.wrapping_add(message.offset),
        timestamp: log_append_time.filter(|_| message.magic == 1).unwrap_or(message.timestamp),
        key: message.key,
        value: message.value,
        headers: NO_HEADERS,
    };
    let (key, value, end) = (message.key_position, message.value_position, message.end);
    Ok(Placed { record, key, value, headers: end, end })
}
