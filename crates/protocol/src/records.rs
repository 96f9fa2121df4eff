//! Record batches: what the `records` fields of Produce and Fetch hold, and what a log is made of.
//!
//! Reading goes from the outside in and copies nothing it need not: a [`RecordSet`] yields the
//! [`Batch`]es of a `Bytes`, a batch gives its [`BatchRecords`] (decompressed if need be, within a
//! limit), and these are walked by a borrowed iterator or by a [`Cursor`] that can be kept. Magic 2
//! (KIP-98) is read and written, the message sets of magic 0 and 1 (KIP-31, KIP-32) are read and shown
//! through the same types.
//!
//! Writing: a [`BatchBuilder`] encodes records straight into the batch's buffer and seals it with header,
//! compression and CRC; [`edit`] changes what brokers, proxies and retrying producers must change in a
//! sealed batch.
//!
//! Offsets, timestamps (milliseconds since 1970) and producer ids are the wire's plain integers here,
//! with the wire's -1 for "none"; the layers above give them types.
//!
//! Not here: which batches to fetch, aborted-transaction filtering, and the messages around the bytes.

mod attributes;
mod batch;
mod batch_records;
mod builder;
mod control;
mod crc32;
pub mod edit;
mod error;
mod header;
mod legacy;
mod owned_header;
mod parse;
mod recompress;
mod record;
mod seal;
mod sequence;
mod set;
mod span;
mod word;

pub use attributes::{Attributes, TimestampType};
pub use batch::Batch;
pub use batch_records::{BatchRecords, Cursor, Records};
pub use builder::{AppendError, BatchBuilder, record_size_upper_bound};
pub use control::{ControlRecord, end_txn_marker_value};
pub use crc32::crc32;
pub use error::RecordError;
pub use header::BatchHeader;
pub use owned_header::OwnedHeader;
pub use recompress::{Recompressor, recompress};
pub use record::{Header, Headers, NO_HEADERS, Record};
pub use seal::{SealError, SealOptions};
pub use sequence::{decrement_sequence, increment_sequence};
pub use set::RecordSet;
pub use span::RecordSpan;

/// "No timestamp": in records without one, and as the base timestamp of an empty batch.
pub const NO_TIMESTAMP: i64 = -1;
/// "No producer id": the batch is neither idempotent nor transactional.
pub const NO_PRODUCER_ID: i64 = -1;
/// The producer epoch that goes with [`NO_PRODUCER_ID`].
pub const NO_PRODUCER_EPOCH: i16 = -1;
/// The sequence that goes with [`NO_PRODUCER_ID`], and that of control batches.
pub const NO_SEQUENCE: i32 = -1;
/// "No partition leader epoch": what producers send; brokers fill it in.
pub const NO_PARTITION_LEADER_EPOCH: i32 = -1;

/// Offset and size, which all magics start with and the size does not count, in bytes.
const LOG_OVERHEAD: usize = 12;
/// Where every magic keeps its number.
const MAGIC_POSITION: usize = 16;
