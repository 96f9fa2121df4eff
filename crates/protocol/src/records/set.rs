//! The batches of a record set: one `records` field of a Produce request or a Fetch response.

use std::iter::FusedIterator;

use bytes::Bytes;

use super::{Batch, LOG_OVERHEAD, MAGIC_POSITION, RecordError, header, legacy};

/// An iterator over the batches of a record set, any mix of magics. CRCs are checked unless that is
/// switched off.
///
/// A broker cuts the last batch where the response's size ends (or sends just the start of one that is
/// larger than the response): that ends the iteration without an error, and [`Self::truncated`] tells.
/// A batch with a broken CRC or an unknown magic is an error, and the iteration goes on after it; after
/// a size too small for any batch it ends, since nothing tells where the next one starts.
#[derive(Clone, Debug)]
pub struct RecordSet {
    data: Bytes,
    position: usize,
    verify_crc: bool,
    truncated: bool,
}

impl RecordSet {
    /// The batches in `data`.
    #[must_use]
    pub fn new(data: Bytes) -> Self {
        Self { data, position: 0, verify_crc: true, truncated: false }
    }

    /// Whether CRCs are checked; they are by default (`check.crcs`).
    #[must_use]
    pub fn verify_crc(mut self, on: bool) -> Self {
        self.verify_crc = on;
        self
    }

    /// Whether the iteration has come to a cut batch at the end.
    #[must_use]
    pub fn truncated(&self) -> bool {
        self.truncated
    }

    /// Where the next batch starts, in bytes; at the end, where the whole batches end.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }

    /// The next batch's bytes and place; `None` at the end.
    fn next_bytes(&mut self) -> Option<Result<(Bytes, usize), RecordError>> {
        let position = self.position;
        let rest = &self.data[position..];
        if rest.is_empty() || self.truncated {
            return None;
        }
        let Some(overhead) = rest.first_chunk::<LOG_OVERHEAD>() else {
            self.truncated = true;
            return None;
        };
        let (offset, size) = overhead.split_at(header::SIZE_POSITION);
        let base_offset = i64::from_be_bytes(offset.try_into().expect("8 of 12 bytes"));
        let size = i32::from_be_bytes(size.try_into().expect("4 of 12 bytes"));
        if size < legacy::SMALLEST_SIZE {
            // Fused: what comes next cannot be found.
            self.position = self.data.len();
            return Some(Err(RecordError::InvalidSize { position, base_offset, size }));
        }
        // Positive and less than 31 bits.
        let end = position + LOG_OVERHEAD + size as usize;
        if end > self.data.len() {
            self.truncated = true;
            // As Java: garbage is reported, even if it also seems cut.
            return match rest.get(MAGIC_POSITION).map(|magic| *magic as i8) {
                None | Some(0..=2) => None,
                Some(magic) => Some(Err(RecordError::UnsupportedMagic { position, base_offset, magic })),
            };
        }
        self.position = end;
        Some(Ok((self.data.slice(position..end), position)))
    }
}

impl Iterator for RecordSet {
    type Item = Result<Batch, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.next_bytes()?.and_then(|(bytes, position)| Batch::parse_at(bytes, position));
        Some(match batch {
            Ok(batch) if self.verify_crc => batch.verify_crc().map(|()| batch),
            batch => batch,
        })
    }
}

impl FusedIterator for RecordSet {}

#[cfg(test)]
mod tests;
