//! UUIDs as text, `123e4567-e89b-12d3-a456-426614174000`: Java's `UUIDSerializer`. This is not the form in which Kafka
//! itself prints topic ids.

use std::fmt::Write;

use ottla_protocol::types::Uuid;

use super::{DeserializeError, Deserializer, PartWriter, SerializeError, SerializedPart, Serializer};

/// Where text has its hyphens.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];
const LENGTH: usize = 36;

/// 36 characters: hexadecimal digits, and hyphens. Upper case is read and not written.
#[derive(Clone, Copy, Debug, Default)]
pub struct UuidSerde;

impl Serializer<Uuid> for UuidSerde {
    fn serialize(&self, data: &Uuid, to: &mut PartWriter<'_>) -> Result<(), SerializeError> {
        let mut text = String::with_capacity(LENGTH);
        for byte in data.0 {
            if HYPHENS.contains(&text.len()) {
                text.push('-');
            }
            // Writing to a string cannot fail.
            _ = write!(text, "{byte:02x}");
        }
        to.write(text);
        Ok(())
    }
}

impl Deserializer<Uuid> for UuidSerde {
    fn deserialize(&self, part: &SerializedPart<'_>) -> Result<Uuid, DeserializeError> {
        let bytes = part.bytes().ok_or_else(|| DeserializeError::null("a UUID"))?;
        parse(bytes).ok_or_else(|| {
            let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(LENGTH)]);
            DeserializeError::invalid(format!("not a UUID of {LENGTH} characters: {shown:?}"))
        })
    }
}

fn parse(text: &[u8]) -> Option<Uuid> {
    if text.len() != LENGTH {
        return None;
    }
    let mut bits = 0u128;
    for (at, character) in text.iter().enumerate() {
        if HYPHENS.contains(&at) {
            if *character != b'-' {
                return None;
            }
        } else {
            bits = bits << 4 | u128::from(char::from(*character).to_digit(16)?);
        }
    }
    Some(Uuid(bits.to_be_bytes()))
}
