//! One batch of any magic, as bytes and header: what can be known before its records are touched.

use bytes::Bytes;

use super::batch_records::{BatchRecords, Layout};
use super::{Attributes, BatchHeader, RecordError, TimestampType, header, legacy};
use super::{NO_PARTITION_LEADER_EPOCH, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE};
use crate::compression::{Compression, Decompressor};

/// A whole batch of magic 2, or a message of magic 0 or 1 (compressed: the set it wraps).
///
/// Shares the memory of the record set it came from. What a format lacks is answered with Kafka's
/// "none": -1, or `false`.
#[derive(Clone, Debug)]
pub struct Batch {
    bytes: Bytes,
    position: usize,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    V2(BatchHeader),
    Legacy { magic: i8, offset: i64, timestamp: i64, attributes: Attributes },
}

impl Batch {
    /// The batch that is `bytes`, without a look at its CRC.
    ///
    /// # Errors
    /// [`RecordError::UnsupportedMagic`], [`RecordError::InvalidSize`] if the stated size is not that of
    /// `bytes` or too small for the magic.
    pub fn parse(bytes: Bytes) -> Result<Self, RecordError> {
        Self::parse_at(bytes, 0)
    }

    /// As [`Self::parse`], for a batch that starts at `position` of a record set.
    pub(super) fn parse_at(bytes: Bytes, position: usize) -> Result<Self, RecordError> {
        let base_offset = bytes.first_chunk::<8>().map_or(-1, |field| i64::from_be_bytes(*field));
        let size = bytes
            .get(header::SIZE_POSITION..)
            .and_then(<[u8]>::first_chunk::<4>)
            .map_or(0, |field| i32::from_be_bytes(*field));
        let invalid_size = || RecordError::InvalidSize { position, base_offset, size };
        let stated = usize::try_from(size).map_err(|_| invalid_size())?;
        if stated.checked_add(super::LOG_OVERHEAD) != Some(bytes.len()) {
            return Err(invalid_size());
        }
        let kind = match bytes.get(super::MAGIC_POSITION).map(|magic| *magic as i8) {
            None => return Err(invalid_size()),
            Some(BatchHeader::MAGIC) => Kind::V2(BatchHeader::parse(&bytes).ok_or_else(invalid_size)?),
            Some(magic @ (0 | 1)) => {
                // Key and value wait until the CRC has been looked at.
                let (attributes, timestamp) = legacy::fixed_part(&bytes).ok_or_else(invalid_size)?;
                Kind::Legacy { magic, offset: base_offset, timestamp, attributes }
            }
            Some(magic) => return Err(RecordError::UnsupportedMagic { position, base_offset, magic }),
        };
        Ok(Self { bytes, position, kind })
    }

    /// The whole batch, header included.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The size of the whole batch in bytes.
    #[must_use]
    pub fn size_in_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Where the batch starts in the record set it came from, in bytes.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }

    /// The format: 0, 1 or 2.
    #[must_use]
    pub fn magic(&self) -> i8 {
        match self.kind {
            Kind::V2(_) => BatchHeader::MAGIC,
            Kind::Legacy { magic, .. } => magic,
        }
    }

    /// The header of a batch of magic 2.
    #[must_use]
    pub fn header(&self) -> Option<&BatchHeader> {
        match &self.kind {
            Kind::V2(header) => Some(header),
            Kind::Legacy { .. } => None,
        }
    }

    /// The batch's offset field: the first record's offset; for a compressed set of magic 0 or 1 the
    /// last one's, as only its records know the first.
    #[must_use]
    pub fn base_offset(&self) -> i64 {
        match self.kind {
            Kind::V2(header) => header.base_offset,
            Kind::Legacy { offset, .. } => offset,
        }
    }

    /// The last record's offset, whether it was compacted away or not.
    #[must_use]
    pub fn last_offset(&self) -> i64 {
        match self.kind {
            Kind::V2(header) => header.last_offset(),
            Kind::Legacy { offset, .. } => offset,
        }
    }

    /// The attributes; magic 0 and 1 have compression and timestamp type only.
    #[must_use]
    pub fn attributes(&self) -> Attributes {
        match self.kind {
            Kind::V2(header) => header.attributes,
            Kind::Legacy { attributes, .. } => attributes,
        }
    }

    /// How the records are compressed.
    ///
    /// # Errors
    /// [`RecordError::UnknownCompression`] for a number that Kafka has not given out, and for zstd in
    /// magic 0 and 1 (KIP-110).
    pub fn compression(&self) -> Result<Compression, RecordError> {
        let attributes = self.attributes();
        match attributes.compression() {
            Some(codec) if self.magic() == 2 || codec != Compression::Zstd => Ok(codec),
            _ => Err(RecordError::UnknownCompression {
                base_offset: self.base_offset(),
                id: attributes.compression_id(),
            }),
        }
    }

    /// Who set the records' timestamps.
    #[must_use]
    pub fn timestamp_type(&self) -> TimestampType {
        if self.magic() == 0 {
            TimestampType::NoTimestamp
        } else if self.attributes().is_log_append_time() {
            TimestampType::LogAppendTime
        } else {
            TimestampType::CreateTime
        }
    }

    /// The largest timestamp of the records in milliseconds, -1 for none.
    #[must_use]
    pub fn max_timestamp(&self) -> i64 {
        match self.kind {
            Kind::V2(header) => header.max_timestamp,
            Kind::Legacy { timestamp, .. } => timestamp,
        }
    }

    /// The checksum that the batch states.
    #[must_use]
    pub fn crc(&self) -> u32 {
        match self.kind {
            Kind::V2(header) => header.crc,
            Kind::Legacy { .. } => legacy::stored_crc(&self.bytes).unwrap_or_default(),
        }
    }

    /// Computes the checksum and compares: CRC-32C from the attributes on, in magic 0 and 1 CRC-32 from
    /// the magic on.
    ///
    /// # Errors
    /// [`RecordError::CrcMismatch`].
    pub fn verify_crc(&self) -> Result<(), RecordError> {
        let stored = self.crc();
        let computed = match self.kind {
            Kind::V2(_) => crc32c::crc32c(&self.bytes[header::ATTRIBUTES_POSITION..]),
            Kind::Legacy { .. } => legacy::computed_crc(&self.bytes),
        };
        if stored == computed {
            return Ok(());
        }
        let (position, base_offset) = (self.position, self.base_offset());
        Err(RecordError::CrcMismatch { position, base_offset, stored, computed })
    }

    /// How many records the batch states; `None` in magic 0 and 1.
    #[must_use]
    pub fn record_count(&self) -> Option<i32> {
        self.header().map(|header| header.record_count)
    }

    /// The idempotent producer's id, or -1.
    #[must_use]
    pub fn producer_id(&self) -> i64 {
        self.header().map_or(NO_PRODUCER_ID, |header| header.producer_id)
    }

    /// The idempotent producer's epoch, or -1.
    #[must_use]
    pub fn producer_epoch(&self) -> i16 {
        self.header().map_or(NO_PRODUCER_EPOCH, |header| header.producer_epoch)
    }

    /// The first record's sequence, or -1.
    #[must_use]
    pub fn base_sequence(&self) -> i32 {
        self.header().map_or(NO_SEQUENCE, |header| header.base_sequence)
    }

    /// The last record's sequence, or -1.
    #[must_use]
    pub fn last_sequence(&self) -> i32 {
        self.header().map_or(NO_SEQUENCE, BatchHeader::last_sequence)
    }

    /// The epoch of the leader that appended the batch, or -1.
    #[must_use]
    pub fn partition_leader_epoch(&self) -> i32 {
        self.header().map_or(NO_PARTITION_LEADER_EPOCH, |header| header.partition_leader_epoch)
    }

    /// Whether the batch belongs to a transaction.
    #[must_use]
    pub fn is_transactional(&self) -> bool {
        self.header().is_some_and(|header| header.attributes.is_transactional())
    }

    /// Whether the batch holds control records, which applications never see.
    #[must_use]
    pub fn is_control(&self) -> bool {
        self.header().is_some_and(|header| header.attributes.is_control())
    }

    /// From when on compaction may drop the batch's tombstones, in milliseconds.
    #[must_use]
    pub fn delete_horizon(&self) -> Option<i64> {
        self.header().and_then(BatchHeader::delete_horizon)
    }

    /// The batch's records, decompressed into at most `limit` bytes; see [`Self::records_with`].
    ///
    /// # Errors
    /// As [`Self::records_with`].
    pub fn records(&self, limit: usize) -> Result<BatchRecords, RecordError> {
        self.records_with(&mut Decompressor::new(), limit)
    }

    /// The batch's records. Uncompressed ones share the batch's memory, whatever `limit` is; compressed
    /// ones are decompressed into at most `limit` bytes (2 GiB at the most). The CRC is not looked at.
    ///
    /// # Errors
    /// [`RecordError::UnknownCompression`], [`RecordError::Compression`], [`RecordError::InvalidCount`];
    /// for compressed sets of magic 0 and 1 also [`RecordError::Malformed`].
    pub fn records_with(
        &self,
        decompressor: &mut Decompressor,
        limit: usize,
    ) -> Result<BatchRecords, RecordError> {
        let base_offset = self.base_offset();
        let codec = self.compression()?;
        // Spans count in 32 bits; Java's arrays end at 31 as well.
        let limit = limit.min(i32::MAX as usize);
        match &self.kind {
            Kind::V2(header) if header.record_count == 0 => Ok(BatchRecords::empty(base_offset)),
            Kind::V2(header) => {
                let section = self.bytes.slice(BatchHeader::SIZE..);
                let data = match codec {
                    Compression::None => section,
                    codec => decompressor
                        .decompress(codec, &section, limit)
                        .map_err(|source| RecordError::Compression { base_offset, source })?
                        .into(),
                };
                BatchRecords::of_v2(header, data)
            }
            Kind::Legacy { .. } if codec == Compression::None => {
                Ok(BatchRecords::of_legacy(self.bytes.clone(), 1, base_offset, Layout::message()))
            }
            Kind::Legacy { .. } => self.wrapped_records(codec, decompressor, limit),
        }
    }

    fn wrapped_records(
        &self,
        codec: Compression,
        decompressor: &mut Decompressor,
        limit: usize,
    ) -> Result<BatchRecords, RecordError> {
        let base_offset = self.base_offset();
        let malformed = |index, reason| RecordError::Malformed { base_offset, index, reason };
        let wrapper = legacy::parse(&self.bytes, 0).map_err(|reason| malformed(0, reason))?;
        let set = wrapper.value.ok_or_else(|| malformed(0, "a compressed set is null"))?;
        let data = match wrapper.magic {
            0 => decompressor.decompress_magic_0(codec, set, limit),
            _ => decompressor.decompress(codec, set, limit),
        }
        .map_err(|source| RecordError::Compression { base_offset, source })?;
        let survey = legacy::survey(&data).map_err(|(index, reason)| malformed(index, reason))?;
        if survey.count == 0 {
            return Err(malformed(0, "a compressed set is empty"));
        }
        let first_offset = match wrapper.magic {
            0 => 0,
            // Some versions of librdkafka send wrappers with an offset of 0.
            _ if wrapper.offset == 0 => 0,
            _ if wrapper.offset < survey.last_offset => {
                return Err(malformed(survey.count - 1, "an offset is past that of its compressed set"));
            }
            _ => wrapper.offset.wrapping_sub(survey.last_offset),
        };
        let log_append_time =
            (wrapper.magic == 1 && wrapper.attributes.is_log_append_time()).then_some(wrapper.timestamp);
        let layout = Layout::Legacy { first_offset, log_append_time, wrapped: true };
        Ok(BatchRecords::of_legacy(data.into(), survey.count, base_offset, layout))
    }
}

#[cfg(test)]
mod tests;
