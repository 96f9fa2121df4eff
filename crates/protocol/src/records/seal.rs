//! What a batch's header says beside what its records do, and why sealing can fail.

use std::error::Error;
use std::fmt;

use super::{Attributes, NO_PARTITION_LEADER_EPOCH, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE};
use crate::compression::{Compression, CompressionError, CompressionLevel};

/// What [`BatchBuilder::seal`](super::BatchBuilder::seal) puts in the header. The default is what a
/// producer without idempotence sends, uncompressed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SealOptions {
    /// The first record's offset; producers send 0.
    pub base_offset: i64,
    /// How to compress the records.
    pub compression: Compression,
    /// How hard to compress.
    pub level: CompressionLevel,
    /// The idempotent producer, or -1.
    pub producer_id: i64,
    /// The producer's epoch, or -1.
    pub producer_epoch: i16,
    /// The first record's sequence, or -1.
    pub base_sequence: i32,
    /// Whether the batch belongs to a transaction.
    pub transactional: bool,
    /// Whether the records are control records.
    pub control: bool,
    /// The leader's epoch; producers send -1.
    pub partition_leader_epoch: i32,
    /// The broker's time for all records in milliseconds; producers send none.
    pub log_append_time: Option<i64>,
    /// Marks the builder's base timestamp as the delete horizon (KIP-534); for log cleaners.
    pub delete_horizon: bool,
    /// The last offset's distance from the base offset, if records after the last one appended were
    /// compacted away.
    pub last_offset_delta: Option<i32>,
}

impl SealOptions {
    pub(super) fn attributes(&self) -> Attributes {
        Attributes::default()
            .with_compression(self.compression)
            .with_log_append_time(self.log_append_time.is_some())
            .with_transactional(self.transactional)
            .with_control(self.control)
            .with_delete_horizon(self.delete_horizon)
    }
}

impl Default for SealOptions {
    fn default() -> Self {
        Self {
            base_offset: 0,
            compression: Compression::None,
            level: CompressionLevel::DEFAULT,
            producer_id: NO_PRODUCER_ID,
            producer_epoch: NO_PRODUCER_EPOCH,
            base_sequence: NO_SEQUENCE,
            transactional: false,
            control: false,
            partition_leader_epoch: NO_PARTITION_LEADER_EPOCH,
            log_append_time: None,
            delete_horizon: false,
            last_offset_delta: None,
        }
    }
}

/// Why a batch could not be sealed. Its records stay in the builder.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SealError {
    /// There are no records.
    Empty,
    /// The codec failed, or this build lacks it.
    Compression(CompressionError),
    /// The batch is larger than 2 GiB.
    TooLarge {
        /// Its size in bytes.
        size: usize,
    },
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a batch needs a record"),
            Self::Compression(source) => write!(f, "batch cannot be compressed: {source}"),
            Self::TooLarge { size } => write!(f, "batch is larger than 2 GiB, in bytes: {size}"),
        }
    }
}

impl Error for SealError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Compression(source) => Some(source),
            _ => None,
        }
    }
}

impl From<CompressionError> for SealError {
    fn from(source: CompressionError) -> Self {
        Self::Compression(source)
    }
}
