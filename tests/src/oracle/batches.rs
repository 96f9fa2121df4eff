//! Lines of `batches`: record sets of every magic and compression, written by Apache Kafka.
//!
//! Read: every field and record as Kafka reads them. Written: an uncompressed batch of magic 2 is built
//! again byte for byte, a compressed one so that it reads the same; recompressing changes no record.

use bytes::Bytes;
use ottla_protocol::compression::{Compression, CompressionLevel, Compressor};
use ottla_protocol::records::{
    Batch, BatchBuilder, BatchHeader, BatchRecords, ControlRecord, Cursor, Recompressor, Record, RecordError,
    RecordSet, SealOptions,
};
use serde_json::Value;

use super::{hex, hex_field, int_field, same};

/// Far above any fixture.
const LIMIT: usize = 64 << 20;

/// Checks a line.
///
/// # Errors
/// The difference to Apache Kafka.
pub fn check(line: &Value) -> Result<(), String> {
    let data = Bytes::from(hex_field(line, "hex")?);
    let expected = line["batches"].as_array().ok_or("no array: batches")?;
    let mut checked = RecordSet::new(data.clone());
    let mut unchecked = RecordSet::new(data.clone()).verify_crc(false);
    for (index, expected) in expected.iter().enumerate() {
        let in_batch = |error: String| format!("{} batch {index}: {error}", line["case"]);
        let batch = unchecked.next().ok_or("is missing".to_owned()).map_err(in_batch)?;
        let batch = batch.map_err(|error| in_batch(error.to_string()))?;
        check_fields(&batch, expected).map_err(in_batch)?;
        if expected["valid"] == true {
            let batch = checked.next().ok_or("is missing".to_owned()).map_err(in_batch)?;
            let batch = batch.map_err(|error| in_batch(error.to_string()))?;
            check_records(&batch, expected).map_err(in_batch)?;
            check_writing(&batch).map_err(in_batch)?;
        } else {
            match checked.next() {
                Some(Err(RecordError::CrcMismatch { base_offset, position, .. })) => {
                    same("base offset", base_offset, batch.base_offset()).map_err(in_batch)?;
                    same("position", position, batch.position()).map_err(in_batch)?;
                }
                other => return Err(in_batch(format!("broken crc gives {other:?}"))),
            }
        }
    }
    for set in [&mut checked, &mut unchecked] {
        if let Some(more) = set.next() {
            return Err(format!("{}: one more batch: {more:?}", line["case"]));
        }
        same("truncated", set.truncated(), line["case"] == "partialTail")?;
    }
    check_cut(&data, expected.len())
}

fn check_fields(batch: &Batch, expected: &Value) -> Result<(), String> {
    let int = |key: &str| int_field(expected, key);
    same("magic", i64::from(batch.magic()), int("magic")?)?;
    let codec = batch.compression().map_err(|error| error.to_string())?;
    same("compression", Some(codec.name()), expected["compression"].as_str())?;
    same("timestamp type", Some(batch.timestamp_type().name()), expected["timestampType"].as_str())?;
    same("size", batch.size_in_bytes() as i64, int("sizeInBytes")?)?;
    same("last offset", batch.last_offset(), int("lastOffset")?)?;
    same("crc", i64::from(batch.crc()), int("crc")?)?;
    same("max timestamp", batch.max_timestamp(), int("maxTimestamp")?)?;
    same("valid", Some(batch.verify_crc().is_ok()), expected["valid"].as_bool())?;
    let Some(header) = batch.header() else {
        return Ok(());
    };
    same("base offset", batch.base_offset(), int("baseOffset")?)?;
    same("producer id", batch.producer_id(), int("producerId")?)?;
    same("producer epoch", i64::from(batch.producer_epoch()), int("producerEpoch")?)?;
    same("base sequence", i64::from(batch.base_sequence()), int("baseSequence")?)?;
    same("last sequence", i64::from(batch.last_sequence()), int("lastSequence")?)?;
    same("transactional", Some(batch.is_transactional()), expected["transactional"].as_bool())?;
    same("control", Some(batch.is_control()), expected["control"].as_bool())?;
    same("leader epoch", i64::from(batch.partition_leader_epoch()), int("partitionLeaderEpoch")?)?;
    same("delete horizon", batch.delete_horizon(), expected["deleteHorizonMs"].as_i64())?;
    same("count", batch.record_count().map(i64::from), Some(int("count")?))?;
    same("header bytes", &header.to_bytes()[..], &batch.bytes()[..BatchHeader::SIZE])
}

fn check_records(batch: &Batch, expected: &Value) -> Result<(), String> {
    let records = batch.records(LIMIT).map_err(|error| error.to_string())?;
    let expected_records = expected["records"].as_array().ok_or("no array: records")?;
    same("record count", records.len(), expected_records.len())?;
    let mut cursor = Cursor::new();
    let mut iter = records.iter();
    for (index, expected) in expected_records.iter().enumerate() {
        let in_record = |error: String| format!("record {index}: {error}");
        let record = iter.next().ok_or_else(|| in_record("is missing".to_owned()))?;
        let record = record.map_err(|error| in_record(error.to_string()))?;
        check_record(batch, &records, &record, expected).map_err(in_record)?;
        let span = cursor.next_span(&records).ok_or_else(|| in_record("no span".to_owned()))?;
        let span = span.map_err(|error| in_record(error.to_string()))?;
        same("by span", describe(&span.record(&records)), describe(&record)).map_err(in_record)?;
        same("key bytes", span.key_bytes(&records).as_deref(), record.key).map_err(in_record)?;
        same("value bytes", span.value_bytes(&records).as_deref(), record.value).map_err(in_record)?;
    }
    if let Some(more) = iter.next() {
        return Err(format!("one more record: {more:?}"));
    }
    if batch.magic() < 2 {
        let first = records.iter().next().and_then(Result::ok).map(|record| record.offset);
        same("base offset", first, expected["baseOffset"].as_i64())?;
    }
    Ok(())
}

fn check_record(
    batch: &Batch,
    records: &BatchRecords,
    record: &Record<'_>,
    expected: &Value,
) -> Result<(), String> {
    same("offset", record.offset, int_field(expected, "offset")?)?;
    same("timestamp", record.timestamp, int_field(expected, "timestamp")?)?;
    same("sequence", i64::from(records.sequence_of(record.offset)), int_field(expected, "sequence")?)?;
    same("key", record.key.map(hex).as_deref(), expected["key"].as_str())?;
    if expected.get("valueLength").is_some() {
        let value = record.value.ok_or("value is null")?;
        same("value length", value.len() as i64, int_field(expected, "valueLength")?)?;
        same("value crc", i64::from(crc32c::crc32c(value)), int_field(expected, "valueCrc32c")?)?;
    } else {
        same("value", record.value.map(hex).as_deref(), expected["value"].as_str())?;
    }
    let headers = expected["headers"].as_array().ok_or("no array: headers")?;
    same("header count", record.headers.len(), headers.len())?;
    for (header, expected) in record.headers.zip(headers) {
        same("header key", header.key().ok(), expected[0].as_str())?;
        same("header value", header.value().map(hex).as_deref(), expected[1].as_str())?;
    }
    if batch.is_control() {
        let control = ControlRecord::parse(record).map_err(str::to_owned)?;
        same("control type", Some(control.type_name()), expected["controlType"].as_str())?;
        same("control key", Some(&control.key()[..]), record.key)?;
        let epoch = match control {
            ControlRecord::Abort { coordinator_epoch } | ControlRecord::Commit { coordinator_epoch } => {
                Some(i64::from(coordinator_epoch))
            }
            _ => None,
        };
        same("coordinator epoch", epoch, expected["coordinatorEpoch"].as_i64())?;
    }
    Ok(())
}

/// Builds a batch of magic 2 again and recompresses it with every codec.
fn check_writing(batch: &Batch) -> Result<(), String> {
    let (Some(header), Ok(codec)) = (batch.header(), batch.compression()) else {
        return Ok(());
    };
    let text = |error: RecordError| error.to_string();
    let records = batch.records(LIMIT).map_err(text)?;
    if !records.is_empty() {
        let rebuilt = rebuild(header, codec, &records)?;
        if codec == Compression::None {
            same("built again", hex(&rebuilt), hex(batch.bytes()))?;
        }
        let rebuilt = RecordSet::new(rebuilt).next().ok_or("built no batch")?.map_err(text)?;
        let (BatchHeader { crc, batch_length, .. }, Some(again)) = (*header, rebuilt.header()) else {
            return Err("built another magic".to_owned());
        };
        same("header built again", BatchHeader { crc, batch_length, ..*again }, *header)?;
        let again = rebuilt.records(LIMIT).map_err(text)?;
        same("records built again", describe_all(&again)?, describe_all(&records)?)?;
    }
    let mut recompressor = Recompressor::new(LIMIT);
    for to in Compression::ALL.into_iter().filter(|codec| codec.is_available()) {
        let there = recompressor.recompress(batch, to, CompressionLevel::DEFAULT).map_err(text)?;
        let there = RecordSet::new(there).next().ok_or("recompressed to no batch")?.map_err(text)?;
        same("recompressed", there.compression(), Ok(to))?;
        let again = there.records(LIMIT).map_err(text)?;
        same("records recompressed", describe_all(&again)?, describe_all(&records)?)?;
    }
    Ok(())
}

fn rebuild(header: &BatchHeader, codec: Compression, records: &BatchRecords) -> Result<Bytes, String> {
    let mut builder = BatchBuilder::new();
    builder.set_base_timestamp(header.base_timestamp);
    let records = records.clone().with_create_times();
    let mut size = builder.size();
    for record in &records {
        let record = record.map_err(|error| error.to_string())?;
        let delta = u32::try_from(record.offset - header.base_offset).map_err(|error| error.to_string())?;
        let (timestamp, key, value) = (record.timestamp, record.key, record.value);
        if delta == builder.next_offset_delta() {
            size += builder.record_size(timestamp, key, value, record.headers);
        } else {
            size = 0;
        }
        builder.append_at(delta, timestamp, key, value, record.headers).map_err(|error| error.to_string())?;
        if size == 0 {
            size = builder.size();
        }
        same("announced size", size, builder.size())?;
    }
    let mut options = SealOptions::default();
    options.base_offset = header.base_offset;
    options.compression = codec;
    options.producer_id = header.producer_id;
    options.producer_epoch = header.producer_epoch;
    options.base_sequence = header.base_sequence;
    options.transactional = header.attributes.is_transactional();
    options.control = header.attributes.is_control();
    options.partition_leader_epoch = header.partition_leader_epoch;
    options.log_append_time = header.attributes.is_log_append_time().then_some(header.max_timestamp);
    options.delete_horizon = header.attributes.has_delete_horizon();
    options.last_offset_delta = Some(header.last_offset_delta);
    builder.seal(&options, &mut Compressor::new()).map_err(|error| error.to_string())
}

/// Without its last byte the set has one whole batch less, or the same if there was a cut one.
fn check_cut(data: &Bytes, batches: usize) -> Result<(), String> {
    let mut cut = RecordSet::new(data.slice(..data.len() - 1)).verify_crc(false);
    let whole = cut.by_ref().filter(Result::is_ok).count();
    if !cut.truncated() || whole > batches || whole + 1 < batches {
        return Err(format!("cut by a byte it has {whole} batches, truncated: {}", cut.truncated()));
    }
    Ok(())
}

fn describe(record: &Record<'_>) -> String {
    let headers: Vec<_> =
        record.headers.map(|header| (hex(header.key_bytes()), header.value().map(hex))).collect();
    let (key, value) = (record.key.map(hex), record.value.map(hex));
    format!("{} {} {key:?} {value:?} {headers:?}", record.offset, record.timestamp)
}

fn describe_all(records: &BatchRecords) -> Result<Vec<String>, String> {
    records
        .iter()
        .map(|record| record.map(|record| describe(&record)).map_err(|error| error.to_string()))
        .collect()
}
