//! What can be wrong with record batches.

use std::error::Error;
use std::fmt;

use crate::compression::CompressionError;

/// Why a batch or one of its records could not be read.
///
/// Reading the same bytes again gives the same error; fetching them again may not, since a broken CRC is
/// often the network's or a broker's memory. `base_offset` is the batch's offset field: of its first
/// record, in magic 0 and 1 of its last.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordError {
    /// A batch states a size that no batch can have. What follows it cannot be found.
    InvalidSize {
        /// Where the batch starts in the record set, in bytes.
        position: usize,
        /// The batch's offset field.
        base_offset: i64,
        /// The stated size in bytes, without offset and size themselves.
        size: i32,
    },
    /// A batch is of a format that this crate does not know, or the operation does not take.
    UnsupportedMagic {
        /// Where the batch starts in the record set, in bytes.
        position: usize,
        /// The batch's offset field.
        base_offset: i64,
        /// The batch's format.
        magic: i8,
    },
    /// A batch's bytes are not those its checksum was computed from.
    CrcMismatch {
        /// Where the batch starts in the record set, in bytes.
        position: usize,
        /// The batch's offset field.
        base_offset: i64,
        /// The checksum in the batch.
        stored: u32,
        /// The checksum of the batch.
        computed: u32,
    },
    /// A batch names a compression that does not exist, or not in its format.
    UnknownCompression {
        /// The batch's offset field.
        base_offset: i64,
        /// The number in the attributes.
        id: u8,
    },
    /// A batch's records could not be decompressed, or compressed.
    Compression {
        /// The batch's offset field.
        base_offset: i64,
        /// What the codec said.
        source: CompressionError,
    },
    /// A batch states a number of records that its bytes cannot hold.
    InvalidCount {
        /// The batch's offset field.
        base_offset: i64,
        /// The stated number.
        count: i32,
    },
    /// A record does not have a record's structure.
    Malformed {
        /// The batch's offset field.
        base_offset: i64,
        /// The record's place in the batch, from 0.
        index: u32,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Bytes follow the last record of a batch.
    TrailingBytes {
        /// The batch's offset field.
        base_offset: i64,
        /// How many.
        bytes: usize,
    },
}

impl RecordError {
    /// The offset field of the batch concerned.
    #[must_use]
    pub const fn base_offset(&self) -> i64 {
        match self {
            Self::InvalidSize { base_offset, .. }
            | Self::UnsupportedMagic { base_offset, .. }
            | Self::CrcMismatch { base_offset, .. }
            | Self::UnknownCompression { base_offset, .. }
            | Self::Compression { base_offset, .. }
            | Self::InvalidCount { base_offset, .. }
            | Self::Malformed { base_offset, .. }
            | Self::TrailingBytes { base_offset, .. } => *base_offset,
        }
    }

    /// Where the batch concerned starts in its record set, in bytes, if the batch itself is at fault.
    #[must_use]
    pub const fn position(&self) -> Option<usize> {
        match self {
            Self::InvalidSize { position, .. }
            | Self::UnsupportedMagic { position, .. }
            | Self::CrcMismatch { position, .. } => Some(*position),
            _ => None,
        }
    }
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidSize { position, base_offset, size } => {
                write!(f, "batch at byte {position} with offset {base_offset} has an invalid size: {size}")
            }
            Self::UnsupportedMagic { position, base_offset, magic } => {
                write!(
                    f,
                    "batch at byte {position} with offset {base_offset} has an unsupported magic: {magic}"
                )
            }
            Self::CrcMismatch { position, base_offset, stored, computed } => write!(
                f,
                "batch at byte {position} with offset {base_offset} is corrupt, stored and computed crc: \
                 {stored:08x} {computed:08x}"
            ),
            Self::UnknownCompression { base_offset, id } => {
                write!(f, "batch with offset {base_offset} has an unknown compression: {id}")
            }
            Self::Compression { base_offset, source } => {
                write!(f, "records of the batch with offset {base_offset} cannot be recoded: {source}")
            }
            Self::InvalidCount { base_offset, count } => {
                write!(f, "batch with offset {base_offset} has an invalid record count: {count}")
            }
            Self::Malformed { base_offset, index, reason } => {
                write!(f, "record {index} of the batch with offset {base_offset} is malformed: {reason}")
            }
            Self::TrailingBytes { base_offset, bytes } => {
                write!(f, "bytes after the last record of the batch with offset {base_offset}: {bytes}")
            }
        }
    }
}

impl Error for RecordError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Compression { source, .. } => Some(source),
            _ => None,
        }
    }
}
