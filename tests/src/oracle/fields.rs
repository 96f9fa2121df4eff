//! Fields of a fixture's line.

use serde_json::Value;

/// The text under `key`.
pub fn text<'a>(line: &'a Value, key: &str) -> Result<&'a str, String> {
    line.get(key).and_then(Value::as_str).ok_or_else(|| format!("the line has no text under {key:?}"))
}

/// The integer under `key`.
pub fn int(line: &Value, key: &str) -> Result<i64, String> {
    line.get(key).and_then(Value::as_i64).ok_or_else(|| format!("the line has no integer under {key:?}"))
}

/// The bytes under `key`, which stand there in hex.
pub fn hex(line: &Value, key: &str) -> Result<Vec<u8>, String> {
    from_hex(text(line, key)?)
}

/// Bytes from hex.
pub fn from_hex(text: &str) -> Result<Vec<u8>, String> {
    let digit = |b: u8| (b as char).to_digit(16).ok_or_else(|| format!("not hex: {text:.40}"));
    text.as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Ok((digit(*high)? << 4 | digit(*low)?) as u8),
            _ => Err("an odd number of hex digits".to_owned()),
        })
        .collect()
}

/// Bytes to hex.
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
