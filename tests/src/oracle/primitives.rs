//! Lines of the file `misc` about what messages and records are made of: murmur2, CRCs, variable-length
//! integers, UUIDs and error codes.
//!
//! Not here: that file's lines about groups (`assignors`) and `scram`.

use ottla_core::producer::BuiltInPartitioner;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::types::Uuid;
use ottla_protocol::{murmur2, records, varint};
use serde_json::Value;

use super::{hex, hex_field, int_field, same, text_field};

/// Whether [`check`] knows this line's kind.
#[must_use]
pub fn handles(line: &Value) -> bool {
    matches!(line["kind"].as_str(), Some("murmur2" | "crc" | "varint" | "uuid" | "errorCode"))
}

/// Checks a line.
///
/// # Errors
/// The difference to Apache Kafka.
pub fn check(line: &Value) -> Result<(), String> {
    match line["kind"].as_str() {
        Some("murmur2") => check_murmur2(line),
        Some("crc") => check_crc(line),
        Some("varint") => check_varint(line),
        Some("uuid") => check_uuid(line),
        Some("errorCode") => check_error_code(line),
        kind => Err(format!("no check for the kind: {kind:?}")),
    }
}

fn check_murmur2(line: &Value) -> Result<(), String> {
    let key = hex_field(line, "hex")?;
    same("hash", i64::from(murmur2::murmur2(&key)), int_field(line, "hash")?)?;
    let partitions = line["partition"].as_object().ok_or("no object: partition")?;
    for (count, partition) in partitions {
        let count = count.parse().map_err(|_| format!("no partition count: {count}"))?;
        let ours = u64::from(murmur2::partition(&key, count));
        same(&format!("partition of {count}"), Some(ours), partition.as_u64())?;
        let by_default = BuiltInPartitioner::default().partition_of_key(Some(&key), count).map(u64::from);
        same(&format!("partition of {count} by default"), by_default, partition.as_u64())?;
    }
    Ok(())
}

fn check_crc(line: &Value) -> Result<(), String> {
    let data = hex_field(line, "hex")?;
    same("crc32c", i64::from(crc32c::crc32c(&data)), int_field(line, "crc32c")?)?;
    same("crc32", i64::from(records::crc32(&data)), int_field(line, "crc32")?)
}

fn check_varint(line: &Value) -> Result<(), String> {
    let value = int_field(line, "value")?;
    both_ways(
        line,
        "varlong",
        value,
        varint::varlong_size(value),
        varint::put_varlong,
        varint::read_varlong,
    )?;
    let unsigned = value as u64;
    let size = varint::unsigned_varlong_size(unsigned);
    let (put, read) = (varint::put_unsigned_varlong, varint::read_unsigned_varlong);
    both_ways(line, "unsignedVarlongOfInt64", unsigned, size, put, read)?;
    let Ok(value) = i32::try_from(value) else {
        return Ok(());
    };
    both_ways(line, "varint", value, varint::varint_size(value), varint::put_varint, varint::read_varint)?;
    let unsigned = value as u32;
    let size = varint::unsigned_varint_size(unsigned);
    let (put, read) = (varint::put_unsigned_varint, varint::read_unsigned_varint);
    both_ways(line, "unsignedVarintOfInt32", unsigned, size, put, read)
}

type Reader<T> = fn(&[u8]) -> Result<(T, usize), varint::VarintError>;

fn both_ways<T: Copy + PartialEq + std::fmt::Debug>(
    line: &Value,
    field: &str,
    value: T,
    size: usize,
    put: fn(&mut Vec<u8>, T),
    read: Reader<T>,
) -> Result<(), String> {
    let expected = hex_field(line, field)?;
    let mut out = Vec::new();
    put(&mut out, value);
    same(field, hex(&out), hex(&expected))?;
    same(&format!("{field} size"), size, expected.len())?;
    same(&format!("{field} read"), read(&expected), Ok((value, expected.len())))
}

fn check_uuid(line: &Value) -> Result<(), String> {
    let text = text_field(line, "text")?;
    let bytes = hex_field(line, "hex")?.try_into().map_err(|_| "not 16 bytes: hex")?;
    same("text", Uuid(bytes).to_string().as_str(), text)?;
    same("uuid read", text.parse(), Ok(Uuid(bytes)))
}

fn check_error_code(line: &Value) -> Result<(), String> {
    let code = i16::try_from(int_field(line, "code")?).map_err(|error| error.to_string())?;
    let code = ErrorCode(code);
    same("name", code.name(), Some(text_field(line, "name")?))?;
    same("retriable", Some(code.is_retriable()), line["retriable"].as_bool())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_checks_of_uuids_and_error_codes_can_fail() {
        let uuid = |text: &str| json!({"kind": "uuid", "text": text, "hex": "00".repeat(16)});
        assert_eq!(check(&uuid("AAAAAAAAAAAAAAAAAAAAAA")), Ok(()));
        assert!(check(&uuid("AAAAAAAAAAAAAAAAAAAAAQ")).is_err());
        let code = |name: &str, retriable: bool| {
            check(&json!({"kind": "errorCode", "code": 7, "name": name, "retriable": retriable}))
        };
        assert_eq!(code("REQUEST_TIMED_OUT", true), Ok(()));
        assert!(code("REQUEST_TIMED_OUT", false).is_err());
        assert!(code("NONE", true).is_err());
    }
}
