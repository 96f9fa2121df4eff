//! Messages as JSON, as Kafka's own `JsonConverter` classes print and read them.
//!
//! Names are in camel case; fields that the version lacks are absent, and so are tagged fields that hold their default;
//! null is null; int64 is a number, to be read as an integer; UUIDs are 22 characters of base64url; bytes are base64
//! with padding; floats that are no numbers are `"NaN"`, `"Infinity"` and `"-Infinity"`. Two departures: records are printed in full, where Kafka prints an empty text, and unknown tagged
//! fields are left out, which Kafka does too.

mod reader;
mod writer;

#[cfg(feature = "any")]
pub(crate) use {reader::read, writer::write};

use std::fmt;

use serde_json::Value;

use crate::error::EncodeError;
use crate::message::Message;

/// JSON that is not the message it was taken for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    path: String,
    reason: &'static str,
}

impl JsonError {
    /// The field, from the message down.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.reason)
    }
}

impl std::error::Error for JsonError {}

/// The floats that JSON has no numbers for.
const NOT_FINITE: [f64; 3] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];

/// What Java calls one of these.
fn name_of(not_finite: f64) -> &'static str {
    match not_finite {
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ => "NaN",
    }
}

/// Prints a message of `version`.
///
/// # Errors
/// As [`Message::encode`]: what cannot be written on the wire cannot be printed either.
pub fn to_json<M: Message>(message: &M, version: i16) -> Result<Value, EncodeError> {
    writer::write(M::NAME, message, version, version >= M::FLEXIBLE_FROM)
}

/// Reads a message of `version`. Keys that no field has are ignored.
///
/// # Errors
/// The first field that is missing or of another shape.
pub fn from_json<M: Message>(json: &Value, version: i16) -> Result<M, JsonError> {
    let mut message = M::default();
    reader::read(M::NAME, json, &mut message, version)?;
    Ok(message)
}

#[cfg(all(test, feature = "admin"))]
mod tests {
    use super::*;
    use crate::messages::alter_client_quotas_request::{AlterClientQuotasRequest, EntryData, OpData};

    #[test]
    fn floats_that_are_no_numbers_are_printed_by_name_as_java_does_and_read_back() {
        for (value, name) in NOT_FINITE.into_iter().zip(["NaN", "Infinity", "-Infinity"]) {
            let ops = vec![OpData { value, ..OpData::default() }];
            let entries = vec![EntryData { ops, ..EntryData::default() }];
            let request = AlterClientQuotasRequest { entries, ..AlterClientQuotasRequest::default() };
            let json = to_json(&request, 1).expect("it can be printed");
            assert_eq!(json["entries"][0]["ops"][0]["value"], name);
            let read: AlterClientQuotasRequest = from_json(&json, 1).expect("it can be read");
            assert_eq!(read.to_bytes(1), request.to_bytes(1));
        }
    }
}
