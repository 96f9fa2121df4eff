//! Lines of `mutations`: damaged bodies, and what Java makes of them.
//!
//! What Java refuses must be refused. Where Java reads, either we read the same (bytes left over, bytes written again,
//! JSON), or the difference has a [`Leniency`] of the closed table here; any other difference fails. The reasons are
//! told by rules, not by lines: `docs/decisions/0003-lenient-decoding.md`.

use bytes::Bytes;
use ottla_protocol::error::{DecodeError, DecodeErrorKind};
use serde_json::Value;

use super::codec::{Codec, ReadMessage};
use super::{hex, hex_field, int_field, same, text_field};

/// Why a damaged body is no error for Java, or is not the body that Java would write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leniency {
    /// Java puts U+FFFD in the place of what is no UTF-8; we refuse.
    TextNotUtf8,
    /// Java does not look at the declared size of a tagged field that it knows; we refuse one that is wrong.
    TaggedFieldSize,
    /// Java reads a tagged field that is there twice, the second time over the first; we refuse.
    RepeatedTag,
    /// Java has no limit on what a message takes in memory; we refuse past ours.
    OverBudget,
    /// Tagged fields in any order are read by both and written sorted; if unknown to it, Java cannot write them.
    TagsOutOfOrder,
    /// Bytes behind the message are left, by both.
    TrailingBytes,
    /// Any byte but 0 is true, and any from 0 on says that a struct is there, for both.
    FlagByte,
    /// Any length below zero is null, for both.
    NegativeLength,
    /// A number with more bytes than it needs, or a tagged field that holds its default, is read by both and written
    /// shorter.
    RedundantBytes,
}

impl Leniency {
    /// All of them: those in which we differ from Java first.
    pub const ALL: [Self; 9] = [
        Self::TextNotUtf8,
        Self::TaggedFieldSize,
        Self::RepeatedTag,
        Self::OverBudget,
        Self::TagsOutOfOrder,
        Self::TrailingBytes,
        Self::FlagByte,
        Self::NegativeLength,
        Self::RedundantBytes,
    ];

    /// The name in the documentation.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TextNotUtf8 => "text-not-utf-8",
            Self::TaggedFieldSize => "tagged-field-size",
            Self::RepeatedTag => "repeated-tag",
            Self::OverBudget => "over-budget",
            Self::TagsOutOfOrder => "tags-out-of-order",
            Self::TrailingBytes => "trailing-bytes",
            Self::FlagByte => "flag-byte",
            Self::NegativeLength => "negative-length",
            Self::RedundantBytes => "redundant-bytes",
        }
    }
}

/// Checks a line.
///
/// # Errors
/// A difference to Java without a reason.
pub fn check(line: &Value) -> Result<(), String> {
    leniencies(line).map(drop)
}

/// The reasons for which a line is no error for Java although it is damaged; none where the damage is only other
/// values, or an error for both.
///
/// # Errors
/// As [`check`].
pub fn leniencies(line: &Value) -> Result<Vec<Leniency>, String> {
    let body = Bytes::from(hex_field(line, "hex")?);
    let version = int_field(line, "version")? as i16;
    let codec = Codec::of(line)?;
    let java_reads = text_field(line, "verdict")? == "ok";
    match (codec.read)(&body, version) {
        Err(_) if !java_reads => Ok(Vec::new()),
        Ok(_) if !java_reads => Err("Java refuses it, we read it".to_owned()),
        Err(error) => {
            let reason = why_refused(line, &error);
            let reason = reason.ok_or_else(|| format!("Java reads it, we do not: {error}"))?;
            // A budget is a matter of the message, not of its damage.
            if reason != Leniency::OverBudget && line["reencodeError"].is_null() {
                reads_as_java_writes(line, codec, version)?;
            }
            Ok(vec![reason])
        }
        Ok(read) => compare(line, codec, version, &body, read),
    }
}

/// Why we refuse what Java reads.
fn why_refused(line: &Value, error: &DecodeError) -> Option<Leniency> {
    match error.kind() {
        DecodeErrorKind::InvalidUtf8 => has_replacement(&line["json"]).then_some(Leniency::TextNotUtf8),
        DecodeErrorKind::RepeatedTag(_) => Some(Leniency::RepeatedTag),
        DecodeErrorKind::OverBudget(_) => Some(Leniency::OverBudget),
        DecodeErrorKind::TaggedFieldSize | DecodeErrorKind::TagNotInVersion(_) => {
            Some(Leniency::TaggedFieldSize)
        }
        // Fields are found by the sizes of those before them; Java finds them where those end.
        _ if error.path().ends_with(".taggedFields") => Some(Leniency::TaggedFieldSize),
        _ => None,
    }
}

/// What Java writes again after it has read the damaged body, we read as Java does.
fn reads_as_java_writes(line: &Value, codec: &Codec, version: i16) -> Result<(), String> {
    let body = Bytes::from(hex_field(line, "reencoded")?);
    let read = (codec.read)(&body, version).map_err(|error| format!("what Java writes again: {error}"))?;
    same("of what Java writes again, bytes read", read.len, body.len())?;
    same("what Java writes again", hex(&read.written?), hex(&body))?;
    same_json(line, read.printed?)
}

/// Both read it: to the same message?
fn compare(
    line: &Value,
    codec: &Codec,
    version: i16,
    body: &Bytes,
    read: ReadMessage,
) -> Result<Vec<Leniency>, String> {
    let left = body.len() - read.len;
    same("bytes left over", left as i64, int_field(line, "remaining")?)?;
    same_json(line, read.printed?)?;
    let mut found = Vec::new();
    if left > 0 {
        found.push(Leniency::TrailingBytes);
    }
    match (&line["reencodeError"], read.written) {
        (Value::Null, Ok(written)) => {
            same("written again", hex(&written), text_field(line, "reencoded")?.to_owned())?;
            found.extend(why_written_otherwise(&body[..read.len], &written)?);
        }
        (Value::Null, Err(error)) => return Err(format!("Java writes it again, we do not: {error}")),
        (_, Err(_)) => {}
        (_, Ok(written)) => {
            // All that Java cannot write of what it has read. Ours must be that message, with nothing added.
            let again = (codec.read)(&written, version).map_err(|error| error.to_string())?;
            same_json(line, again.printed?)?;
            if written.len() > read.len || again.written? != written {
                return Err(format!("Java cannot write it again, we do: {}", hex(&written)));
            }
            found.push(Leniency::TagsOutOfOrder);
        }
    }
    Ok(found)
}

/// Why a body that both read is written as other bytes.
fn why_written_otherwise(body: &[u8], written: &[u8]) -> Result<Vec<Leniency>, String> {
    let mut found = Vec::new();
    if written.len() < body.len() {
        found.push(Leniency::RedundantBytes);
    } else if written != body && is_reordered(body, written) {
        found.push(Leniency::TagsOutOfOrder);
    } else if written.len() == body.len() {
        for (&damaged, &put) in body.iter().zip(written).filter(|(damaged, put)| damaged != put) {
            let reason = match put {
                1 => Leniency::FlagByte,
                0xff => Leniency::NegativeLength,
                _ => return Err(format!("a byte {damaged:#04x} is written as {put:#04x}")),
            };
            if !found.contains(&reason) {
                found.push(reason);
            }
        }
    } else {
        return Err(format!("{} bytes are written as {}", body.len(), written.len()));
    }
    Ok(found)
}

fn is_reordered(body: &[u8], written: &[u8]) -> bool {
    let sorted = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes.sort_unstable();
        bytes
    };
    body.len() == written.len() && sorted(body) == sorted(written)
}

fn same_json(line: &Value, printed: Value) -> Result<(), String> {
    if !line["jsonError"].is_null() || printed == line["json"] {
        return Ok(());
    }
    Err(format!("printed as {printed}, by Java as {}", line["json"]))
}

fn has_replacement(json: &Value) -> bool {
    match json {
        Value::String(text) => text.contains('\u{fffd}'),
        Value::Array(elements) => elements.iter().any(has_replacement),
        Value::Object(fields) => fields.values().any(has_replacement),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// ApiVersionsRequest of version 3: two compact texts and tagged fields.
    fn line(bytes: &[u8], reencoded: Option<&[u8]>, json: Value) -> Value {
        let verdict = if reencoded.is_some() { "ok" } else { "error" };
        json!({"name": "ApiVersionsRequest", "version": 3, "hex": hex(bytes), "verdict": verdict, "remaining": 0,
            "reencoded": reencoded.map(hex), "json": json})
    }

    fn texts(name: &str) -> Value {
        json!({"clientSoftwareName": name, "clientSoftwareVersion": ""})
    }

    #[test]
    fn a_difference_has_a_reason_or_fails() {
        let bad_text = line(b"\x02\xff\x01\0", Some(b"\x04\xef\xbf\xbd\x01\0"), texts("\u{fffd}"));
        assert_eq!(leniencies(&bad_text), Ok(vec![Leniency::TextNotUtf8]));
        // Were Java to read another text, its replacement would not be the reason.
        assert!(leniencies(&line(b"\x02\xff\x01\0", Some(b"\x02a\x01\0"), texts("a"))).is_err());
        assert!(leniencies(&line(b"\x02", Some(b"\x02a\x01\0"), texts("a"))).is_err());
        let same = line(b"\x02a\x01\0", Some(b"\x02a\x01\0"), texts("a"));
        assert_eq!(leniencies(&same), Ok(Vec::new()));
        assert!(leniencies(&line(b"\x02a\x01\0", None, Value::Null)).is_err(), "Java refuses what we read");
        assert!(leniencies(&line(b"\x02a\x01\0", Some(b"\x02b\x01\0"), texts("a"))).is_err(), "other bytes");
        assert!(
            leniencies(&line(b"\x02a\x01\0", Some(b"\x02a\x01\0"), texts("b"))).is_err(),
            "another value"
        );
        let padded = line(b"\x82\0a\x01\0", Some(b"\x02a\x01\0"), texts("a"));
        assert_eq!(leniencies(&padded), Ok(vec![Leniency::RedundantBytes]));
        assert_eq!(leniencies(&line(b"\x02", None, Value::Null)), Ok(Vec::new()));
    }

    #[test]
    fn bytes_that_are_written_otherwise_have_a_reason_or_fail() {
        let reasons = |body: &[u8], written: &[u8]| why_written_otherwise(body, written);
        assert_eq!(reasons(&[7, 9], &[7, 1]), Ok(vec![Leniency::FlagByte]));
        assert_eq!(reasons(&[0x80, 0], &[0xff, 0xff]), Ok(vec![Leniency::NegativeLength]));
        assert_eq!(reasons(&[5, 4, 0], &[4, 5, 0]), Ok(vec![Leniency::TagsOutOfOrder]));
        assert_eq!(reasons(&[7], &[7]), Ok(Vec::new()));
        assert!(reasons(&[7], &[8]).is_err());
        assert!(reasons(&[7], &[7, 0]).is_err());
    }
}
