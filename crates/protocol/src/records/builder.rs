//! A batch of magic 2 while records are added to it.
//!
//! Each record is encoded once, straight into the batch's buffer, behind room for the header; so an
//! uncompressed batch is sealed without a copy. Appending allocates nothing but a larger buffer. Not
//! here: when a batch is full or due, which is the producer's decision.

use std::error::Error;
use std::fmt;

use bytes::Bytes;

use super::header::{ATTRIBUTES_POSITION, CRC_POSITION};
use super::{BatchHeader, Header, LOG_OVERHEAD, NO_TIMESTAMP, SealError, SealOptions};
use crate::compression::{Compression, Compressor};
use crate::varint::{EncodedVarint, unsigned_varlong_size, varint_size, zigzag_encode, zigzag_encode_long};

/// The largest batch in bytes: sizes on the wire have 31 bits.
const LARGEST_SIZE: usize = i32::MAX as usize;
/// By how much [`EncodedVarint`] may reach past what it writes, in bytes.
const SLACK: usize = 8;
/// A null length, zigzag.
const NULL: u32 = 1;

/// A batch that takes records; [`Self::seal`] makes it bytes.
///
/// ```
/// use ottla_protocol::compression::Compressor;
/// use ottla_protocol::records::{BatchBuilder, Header, NO_HEADERS, RecordSet, SealOptions};
///
/// let mut builder = BatchBuilder::new();
/// builder.append(1_700_000_000_000, Some(b"key"), Some(b"value"), NO_HEADERS)?;
/// builder.append(1_700_000_000_001, None, None, [Header::new("trace", Some(b"1"))])?;
/// let bytes = builder.seal(&SealOptions::default(), &mut Compressor::new())?;
///
/// let batch = RecordSet::new(bytes).next().expect("one batch")?;
/// let records = batch.records(1 << 20)?;
/// assert_eq!(records.iter().next().expect("two records")?.value, Some(&b"value"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct BatchBuilder {
    /// The header's room and the records; empty until the first record.
    buffer: Vec<u8>,
    capacity: usize,
    /// Of the first record unless given.
    base_timestamp: Option<i64>,
    max_timestamp: i64,
    next_offset_delta: u32,
    count: u32,
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl BatchBuilder {
    /// An empty batch that has allocated nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_capacity(0)
    }

    /// An empty batch whose buffer will have room for `capacity` bytes, header included, from the first
    /// record on.
    #[must_use]
    pub const fn with_capacity(capacity: usize) -> Self {
        Self {
            buffer: Vec::new(),
            capacity,
            base_timestamp: None,
            max_timestamp: NO_TIMESTAMP,
            next_offset_delta: 0,
            count: 0,
        }
    }

    /// An empty batch that uses `buffer`, whose content is dropped.
    #[must_use]
    pub fn with_buffer(mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        Self { capacity: buffer.capacity().saturating_sub(SLACK), buffer, ..Self::new() }
    }

    /// Drops all records and keeps the buffer.
    pub fn reset(&mut self) {
        self.buffer.clear();
        self.base_timestamp = None;
        self.max_timestamp = NO_TIMESTAMP;
        self.next_offset_delta = 0;
        self.count = 0;
    }

    /// How many bytes the buffer has room for without growing.
    #[must_use]
    pub fn buffer_capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// Takes back the buffer of a sealed batch for the next one, if nobody else holds it and this builder
    /// has no buffer in use; says whether it did.
    pub fn recycle(&mut self, sealed: Bytes) -> bool {
        if !self.buffer.is_empty() {
            return false;
        }
        match sealed.try_into_mut() {
            Ok(bytes) if bytes.capacity() > self.buffer.capacity() => {
                self.buffer = bytes.into();
                self.buffer.clear();
                true
            }
            _ => false,
        }
    }

    /// How many records the batch has.
    #[inline]
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count as usize
    }

    /// Whether the batch has no records.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The batch's size in bytes so far, header included, before compression.
    #[inline]
    #[must_use]
    pub fn size(&self) -> usize {
        if self.buffer.is_empty() { BatchHeader::SIZE } else { self.buffer.len() }
    }

    /// The largest timestamp so far in milliseconds, -1 without records.
    #[inline]
    #[must_use]
    pub const fn max_timestamp(&self) -> i64 {
        self.max_timestamp
    }

    /// The offset delta that the next [`Self::append`] gives its record.
    #[inline]
    #[must_use]
    pub const fn next_offset_delta(&self) -> u32 {
        self.next_offset_delta
    }

    /// Sets what timestamps are relative to, in milliseconds; by default the first record's. Without
    /// effect once there are records.
    pub fn set_base_timestamp(&mut self, timestamp: i64) {
        if self.count == 0 {
            self.base_timestamp = Some(timestamp);
        }
    }

    /// The bytes by which [`Self::append`] with the same arguments would enlarge the batch.
    #[must_use]
    pub fn record_size<'h, H>(
        &self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: H,
    ) -> usize
    where
        H: IntoIterator<Item = Header<'h>>,
    {
        let (headers_size, _) = measure(headers.into_iter());
        let prefix = self.prefix(self.next_offset_delta, timestamp, key, value, headers_size);
        prefix.record_size()
    }

    /// Adds a record after the last one and returns its offset delta, which without gaps is its index.
    ///
    /// `timestamp` is in milliseconds, -1 for none. On an error the batch stays as it was.
    ///
    /// # Errors
    /// [`AppendError::BatchTooLarge`] past 2 GiB, [`AppendError::OffsetDelta`] past 2^31 records.
    #[inline]
    pub fn append<'h, H>(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: H,
    ) -> Result<u32, AppendError>
    where
        H: IntoIterator<Item = Header<'h>>,
        H::IntoIter: Clone,
    {
        self.append_at(self.next_offset_delta, timestamp, key, value, headers)
    }

    /// As [`Self::append`], with this distance from the base offset: for logs with gaps.
    ///
    /// # Errors
    /// [`AppendError::OffsetDelta`] if `offset_delta` is not larger than the last record's, or over
    /// `i32::MAX`; [`AppendError::BatchTooLarge`].
    #[inline]
    pub fn append_at<'h, H>(
        &mut self,
        offset_delta: u32,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: H,
    ) -> Result<u32, AppendError>
    where
        H: IntoIterator<Item = Header<'h>>,
        H::IntoIter: Clone,
    {
        if offset_delta < self.next_offset_delta || offset_delta > i32::MAX as u32 {
            return Err(AppendError::OffsetDelta { offset_delta });
        }
        match self.put(LARGEST_SIZE, offset_delta, timestamp, key, value, headers.into_iter()) {
            Ok(()) => Ok(offset_delta),
            Err(size) => Err(AppendError::BatchTooLarge { size }),
        }
    }

    /// As [`Self::append`], unless the batch would be larger than `limit` bytes, header included: then it stays as it
    /// was, and there is no offset delta.
    #[inline]
    pub fn append_within<'h, H>(
        &mut self,
        limit: usize,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: H,
    ) -> Option<u32>
    where
        H: IntoIterator<Item = Header<'h>>,
        H::IntoIter: Clone,
    {
        let offset_delta = self.next_offset_delta;
        if offset_delta > i32::MAX as u32 {
            return None;
        }
        let limit = limit.min(LARGEST_SIZE);
        self.put(limit, offset_delta, timestamp, key, value, headers.into_iter()).ok().map(|()| offset_delta)
    }

    /// Writes a record, or says how large the batch would be if that is more than `limit`.
    #[inline(always)]
    fn put<'h>(
        &mut self,
        limit: usize,
        offset_delta: u32,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl Iterator<Item = Header<'h>> + Clone,
    ) -> Result<(), usize> {
        let (headers_size, header_count) = measure(headers.clone());
        let prefix = self.prefix(offset_delta, timestamp, key, value, headers_size);
        let record_size = prefix.record_size();
        let size = self.size().saturating_add(record_size);
        if size > limit {
            return Err(size);
        }
        if self.buffer.is_empty() {
            self.start();
        }
        // Integers are written by whole words, which reach past their end.
        self.buffer.reserve(record_size + SLACK);
        prefix.write(&mut self.buffer);
        if let Some(key) = key {
            self.buffer.extend_from_slice(key);
        }
        prefix.value_length.put(&mut self.buffer);
        self.buffer.extend_from_slice(value.unwrap_or_default());
        EncodedVarint::new((header_count as u64) << 1).put(&mut self.buffer);
        if header_count != 0 {
            put_headers(&mut self.buffer, headers);
        }
        if self.count == 0 {
            self.base_timestamp = Some(self.base_timestamp.unwrap_or(timestamp));
        }
        self.max_timestamp = self.max_timestamp.max(timestamp);
        self.next_offset_delta = offset_delta + 1;
        self.count += 1;
        Ok(())
    }

    /// Makes the batch bytes: compressed, with header and CRC. The builder is then empty; it keeps its
    /// buffer if the batch was compressed, and gives it away otherwise (see [`Self::recycle`]).
    ///
    /// # Errors
    /// [`SealError`]; the records stay, so that another compression can be tried.
    pub fn seal(&mut self, options: &SealOptions, compressor: &mut Compressor) -> Result<Bytes, SealError> {
        if self.count == 0 {
            return Err(SealError::Empty);
        }
        let mut sealed = if options.compression == Compression::None {
            std::mem::take(&mut self.buffer)
        } else {
            let mut out = vec![0; BatchHeader::SIZE];
            let records = &self.buffer[BatchHeader::SIZE..];
            compressor.compress(options.compression, options.level, records, &mut out)?;
            out
        };
        let Ok(batch_length) = i32::try_from(sealed.len() - LOG_OVERHEAD) else {
            // Not reached uncompressed, where `append` keeps to the limit.
            return Err(SealError::TooLarge { size: sealed.len() });
        };
        let mut header = self.header(options, batch_length).to_bytes();
        sealed[..BatchHeader::SIZE].copy_from_slice(&header);
        let crc = crc32c::crc32c(&sealed[ATTRIBUTES_POSITION..]);
        header[CRC_POSITION..ATTRIBUTES_POSITION].copy_from_slice(&crc.to_be_bytes());
        sealed[..BatchHeader::SIZE].copy_from_slice(&header);
        self.reset();
        Ok(sealed.into())
    }

    fn header(&self, options: &SealOptions, batch_length: i32) -> BatchHeader {
        // Both at most `i32::MAX` as `append` has seen to; there is at least one record.
        let last_appended = (self.next_offset_delta - 1) as i32;
        BatchHeader {
            base_offset: options.base_offset,
            batch_length,
            partition_leader_epoch: options.partition_leader_epoch,
            crc: 0,
            attributes: options.attributes(),
            last_offset_delta: options.last_offset_delta.unwrap_or(last_appended),
            base_timestamp: self.base_timestamp.unwrap_or(NO_TIMESTAMP),
            max_timestamp: options.log_append_time.unwrap_or(self.max_timestamp),
            producer_id: options.producer_id,
            producer_epoch: options.producer_epoch,
            base_sequence: options.base_sequence,
            record_count: self.count as i32,
        }
    }

    #[cold]
    fn start(&mut self) {
        self.buffer.reserve(self.capacity.max(BatchHeader::SIZE) + SLACK);
        self.buffer.resize(BatchHeader::SIZE, 0);
    }

    #[inline(always)]
    fn prefix(
        &self,
        offset_delta: u32,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers_size: usize,
    ) -> Prefix {
        let timestamp_delta = timestamp.wrapping_sub(self.base_timestamp.unwrap_or(timestamp));
        let timestamp_delta = EncodedVarint::new(zigzag_encode_long(timestamp_delta));
        let offset_delta = EncodedVarint::new(u64::from(zigzag_encode(offset_delta as i32)));
        let (key_length, value_length) = (EncodedVarint::new(length(key)), EncodedVarint::new(length(value)));
        let body_size = 1
            + timestamp_delta.size()
            + offset_delta.size()
            + key_length.size()
            + key.map_or(0, <[u8]>::len)
            + value_length.size()
            + value.map_or(0, <[u8]>::len)
            + headers_size;
        let size = EncodedVarint::new((body_size as u64) << 1);
        Prefix { size, body_size, timestamp_delta, offset_delta, key_length, value_length }
    }
}

/// The integers that a record starts with.
struct Prefix {
    size: EncodedVarint,
    body_size: usize,
    timestamp_delta: EncodedVarint,
    offset_delta: EncodedVarint,
    key_length: EncodedVarint,
    value_length: EncodedVarint,
}

impl Prefix {
    #[inline(always)]
    fn record_size(&self) -> usize {
        self.size.size() + self.body_size
    }

    #[inline(always)]
    fn write(&self, out: &mut Vec<u8>) {
        // The attributes, which mean nothing so far.
        let attributes = EncodedVarint::new(0);
        self.size.put_with(&attributes, out);
        self.timestamp_delta.put_with(&self.offset_delta, out);
        self.key_length.put(out);
    }
}

/// A length as the wire has it: zigzag, -1 for null.
#[inline]
fn length(bytes: Option<&[u8]>) -> u64 {
    // Lengths past 31 bits make the batch too large before they are written.
    bytes.map_or(u64::from(NULL), |bytes| (bytes.len() as u64) << 1)
}

#[inline(always)]
fn put_length(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    EncodedVarint::new(length(bytes)).put(out);
}

/// The size of the header section, count included, and the number of headers.
#[inline]
fn measure<'h>(headers: impl Iterator<Item = Header<'h>>) -> (usize, usize) {
    let (mut size, mut count) = (0, 0usize);
    for header in headers {
        let (key, value) = (header.key_bytes(), header.value());
        size += EncodedVarint::new(length(Some(key))).size() + key.len();
        size += EncodedVarint::new(length(value)).size() + value.map_or(0, <[u8]>::len);
        count += 1;
    }
    // A header takes two bytes or more, so a count past 31 bits makes the batch too large.
    (size + varint_size(count as i32), count)
}

fn put_headers<'h>(out: &mut Vec<u8>, headers: impl Iterator<Item = Header<'h>>) {
    for header in headers {
        put_length(out, Some(header.key_bytes()));
        out.extend_from_slice(header.key_bytes());
        put_length(out, header.value());
        out.extend_from_slice(header.value().unwrap_or_default());
    }
}

/// The most bytes that a batch of this one record takes uncompressed, header included; for limits on
/// what a single record may take (`max.request.size`), as Java's `estimateSizeInBytesUpperBound`.
#[must_use]
pub fn record_size_upper_bound<'h, H>(key: Option<&[u8]>, value: Option<&[u8]>, headers: H) -> usize
where
    H: IntoIterator<Item = Header<'h>>,
{
    /// Size, attributes and deltas at their longest.
    const LARGEST_OVERHEAD: usize = 21;
    let part = |bytes: Option<&[u8]>| unsigned_varlong_size(length(bytes)) + bytes.map_or(0, <[u8]>::len);
    BatchHeader::SIZE + LARGEST_OVERHEAD + part(key) + part(value) + measure(headers.into_iter()).0
}

/// Why a record could not be added to a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AppendError {
    /// The batch would be larger than 2 GiB.
    BatchTooLarge {
        /// The size it would have, in bytes.
        size: usize,
    },
    /// The offset delta is not past the last record's, or has more than 31 bits.
    OffsetDelta {
        /// The delta asked for.
        offset_delta: u32,
    },
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BatchTooLarge { size } => write!(f, "batch would be larger than 2 GiB, in bytes: {size}"),
            Self::OffsetDelta { offset_delta } => {
                write!(f, "offset delta is not past the last one, or too large: {offset_delta}")
            }
        }
    }
}

impl Error for AppendError {}

#[cfg(test)]
mod tests;
