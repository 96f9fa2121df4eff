//! Lines of `misc`: murmur2, CRCs and variable-length integers.
//!
//! The other kinds of that file belong to layers that have no check here yet.

use ottla_protocol::{murmur2, records, varint};
use serde_json::Value;

use super::{hex, hex_field, int_field, same};

/// Whether [`check`] knows this line's kind.
#[must_use]
pub fn handles(line: &Value) -> bool {
    matches!(line["kind"].as_str(), Some("murmur2" | "crc" | "varint"))
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
