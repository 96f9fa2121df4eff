//! What a broker checks in a batch before it appends it: Kafka's `ProduceRequest.validateRecords` and `LogValidator`.

use bytes::Bytes;
use ottla_protocol::compression::Compression;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::records::{Batch, BatchHeader, NO_PRODUCER_ID, NO_TIMESTAMP, RecordError, RecordSet};

use crate::faults::FAULT_MESSAGE;
use crate::log::MAX_DECOMPRESSED_BYTES;
use crate::topic_config::TopicConfig;

/// The first Produce version that may carry zstd (KIP-110).
const FIRST_VERSION_WITH_ZSTD: i16 = 7;
/// A broken batch is described to the client by this many of its records at most.
const MAX_RECORD_ERRORS: usize = 100;

/// Why a batch was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) error: ErrorCode,
    pub(crate) message: String,
    /// The records at fault, by their index in the batch (KIP-467).
    pub(crate) records: Vec<(i32, &'static str)>,
}

impl From<ErrorCode> for Refused {
    fn from(error: ErrorCode) -> Self {
        Self::new(error, FAULT_MESSAGE)
    }
}

impl Refused {
    pub(crate) fn new(error: ErrorCode, message: impl Into<String>) -> Self {
        Self { error, message: message.into(), records: Vec::new() }
    }
}

/// The one batch of a partition's part of a Produce request, checked as far as the partition's topic allows to.
#[derive(Clone, Debug)]
pub(crate) struct Produced {
    pub(crate) batch: Batch,
    pub(crate) header: BatchHeader,
}

impl Produced {
    /// Checks `records` as they came in a Produce request of `version` at `unix_ms`.
    pub(crate) fn check(
        records: &Bytes,
        version: i16,
        config: &TopicConfig,
        unix_ms: i64,
    ) -> Result<Self, Refused> {
        let batch = only_batch(records)?;
        let Some(&header) = batch.header() else {
            return Err(Refused::new(
                ErrorCode::INVALID_RECORD,
                "Produce requests are only allowed to contain record batches with magic version 2",
            ));
        };
        let compression = batch.compression().map_err(|error| refused(&error))?;
        if compression == Compression::Zstd && version < FIRST_VERSION_WITH_ZSTD {
            return Err(Refused::new(
                ErrorCode::UNSUPPORTED_COMPRESSION_TYPE,
                "Produce requests below version 7 are not allowed to use ZStandard compression",
            ));
        }
        if batch.size_in_bytes() > config.max_message_bytes {
            let (size, limit) = (batch.size_in_bytes(), config.max_message_bytes);
            let message =
                format!("The record batch size is {size} bytes which exceeds the maximum of {limit}");
            return Err(Refused::new(ErrorCode::MESSAGE_TOO_LARGE, message));
        }
        batch.verify_crc().map_err(|error| refused(&error))?;
        check_header(&header)?;
        check_records(&batch, &header, config, unix_ms)?;
        Ok(Self { batch, header })
    }
}

/// Exactly one batch is the rule since magic 2 (Kafka 0.11).
fn only_batch(records: &Bytes) -> Result<Batch, Refused> {
    let invalid = |message: &str| Refused::new(ErrorCode::INVALID_RECORD, message);
    let mut set = RecordSet::new(records.clone()).verify_crc(false);
    let first = set.next();
    let position = set.position();
    if position < records.len() && first.is_some() {
        return Err(invalid("Produce requests are only allowed to contain exactly one record batch"));
    }
    match first {
        Some(Ok(batch)) => Ok(batch),
        Some(Err(error)) => Err(refused(&error)),
        None => Err(invalid("Produce requests must contain exactly one record batch")),
    }
}

fn check_header(header: &BatchHeader) -> Result<(), Refused> {
    let invalid = |message: String| Err(Refused::new(ErrorCode::INVALID_RECORD, message));
    let (count, delta) = (header.record_count, header.last_offset_delta);
    if count <= 0 || delta.checked_add(1) != Some(count) {
        return invalid(format!(
            "Inconsistent batch offset range: last offset delta {delta}, {count} records"
        ));
    }
    if header.attributes.is_control() {
        return invalid("Clients are not allowed to write control records".to_owned());
    }
    // Without a producer id epoch and sequence mean nothing: KafkaJS sends 0 and 0.
    if header.producer_id > NO_PRODUCER_ID && header.base_sequence < 0 {
        return invalid(format!("Invalid sequence number {} in record batch", header.base_sequence));
    }
    Ok(())
}

fn check_records(
    batch: &Batch,
    header: &BatchHeader,
    config: &TopicConfig,
    unix_ms: i64,
) -> Result<(), Refused> {
    let records = batch.records(MAX_DECOMPRESSED_BYTES).map_err(|error| refused(&error))?;
    let (mut at_fault, mut too_old_or_new) = (Vec::new(), false);
    for (index, record) in records.iter().enumerate() {
        let record = record.map_err(|error| refused(&error))?;
        let position = index as i64;
        let fault = if record.offset.wrapping_sub(header.base_offset) != position {
            Some("offset delta differs from the record's position in the batch")
        } else if config.compact && record.key.is_none() {
            Some("Compacted topic cannot accept message without key")
        } else if !config.log_append_time && !is_timely(record.timestamp, config, unix_ms) {
            too_old_or_new = true;
            Some("Timestamp is out of range")
        } else {
            None
        };
        if let Some(fault) = fault {
            at_fault.push((index as i32, fault));
            if at_fault.len() == MAX_RECORD_ERRORS {
                break;
            }
        }
    }
    if at_fault.is_empty() {
        return Ok(());
    }
    let error = if too_old_or_new { ErrorCode::INVALID_TIMESTAMP } else { ErrorCode::INVALID_RECORD };
    let message = "One or more records have been rejected".to_owned();
    Err(Refused { error, message, records: at_fault })
}

fn is_timely(timestamp: i64, config: &TopicConfig, unix_ms: i64) -> bool {
    timestamp == NO_TIMESTAMP
        || (unix_ms.saturating_sub(timestamp) <= config.timestamp_before_max_ms
            && timestamp.saturating_sub(unix_ms) <= config.timestamp_after_max_ms)
}

/// Kafka's error for bytes that are not a batch.
fn refused(error: &RecordError) -> Refused {
    let code = match error {
        RecordError::InvalidSize { .. }
        | RecordError::CrcMismatch { .. }
        | RecordError::Compression { .. } => ErrorCode::CORRUPT_MESSAGE,
        RecordError::UnknownCompression { .. } => ErrorCode::UNSUPPORTED_COMPRESSION_TYPE,
        _ => ErrorCode::INVALID_RECORD,
    };
    Refused::new(code, error.to_string())
}
