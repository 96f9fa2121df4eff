//! The same batch under another compression.

use bytes::Bytes;

use super::{Batch, BatchHeader, LOG_OVERHEAD, RecordError, edit};
use crate::compression::{Compression, CompressionError, CompressionLevel, Compressor, Decompressor};

/// The codecs' state, kept between batches, and what bounds them.
#[derive(Debug)]
pub struct Recompressor {
    compressor: Compressor,
    decompressor: Decompressor,
    limit: usize,
}

/// Compresses the records of `batch` with `codec`, without a look into them: for brokers with a
/// `compression.type` and for proxies. Decompressed records take at most `limit` bytes.
///
/// All of the header but size, CRC and compression stays. The CRC of `batch` is not looked at.
///
/// # Errors
/// [`RecordError::UnsupportedMagic`] for magic 0 and 1, [`RecordError::UnknownCompression`],
/// [`RecordError::Compression`].
pub fn recompress(
    batch: &Batch,
    codec: Compression,
    level: CompressionLevel,
    limit: usize,
) -> Result<Bytes, RecordError> {
    Recompressor::new(limit).recompress(batch, codec, level)
}

impl Recompressor {
    /// With empty state; decompressed records take at most `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { compressor: Compressor::new(), decompressor: Decompressor::new(), limit }
    }

    /// As [`recompress`].
    ///
    /// # Errors
    /// As [`recompress`].
    pub fn recompress(
        &mut self,
        batch: &Batch,
        codec: Compression,
        level: CompressionLevel,
    ) -> Result<Bytes, RecordError> {
        let base_offset = batch.base_offset();
        let header = *batch.header().ok_or_else(|| RecordError::UnsupportedMagic {
            position: batch.position(),
            base_offset,
            magic: batch.magic(),
        })?;
        let failed = |source| RecordError::Compression { base_offset, source };
        let section = batch.bytes().slice(BatchHeader::SIZE..);
        let records: Bytes = match batch.compression()? {
            // Compaction leaves empty batches behind without a compressed stream.
            _ if section.is_empty() => section,
            Compression::None => section,
            from => self.decompressor.decompress(from, &section, self.limit).map_err(failed)?.into(),
        };
        let mut out = vec![0; BatchHeader::SIZE];
        if !records.is_empty() {
            self.compressor.compress(codec, level, &records, &mut out).map_err(failed)?;
        }
        let batch_length = i32::try_from(out.len() - LOG_OVERHEAD)
            .map_err(|_| failed(CompressionError::LimitExceeded { codec, limit: i32::MAX as usize }))?;
        let attributes = header.attributes.with_compression(codec);
        let header = BatchHeader { batch_length, attributes, ..header };
        out[..BatchHeader::SIZE].copy_from_slice(&header.to_bytes());
        edit::update_crc(&mut out)?;
        Ok(out.into())
    }
}
