//! Text as UTF-8: Java's `StringSerializer`. Java's deserializer puts U+FFFD where bytes are no UTF-8; here that is an
//! error.

use super::{DeserializeError, Deserializer, PartWriter, SerializeError, SerializedPart, Serializer};

/// Text as UTF-8.
#[derive(Clone, Copy, Debug, Default)]
pub struct StringSerde;

impl Serializer<str> for StringSerde {
    fn serialize(&self, data: &str, to: &mut PartWriter<'_>) -> Result<(), SerializeError> {
        to.write(data);
        Ok(())
    }
}

impl Serializer<String> for StringSerde {
    fn serialize(&self, data: &String, to: &mut PartWriter<'_>) -> Result<(), SerializeError> {
        to.write(data);
        Ok(())
    }
}

impl Deserializer<String> for StringSerde {
    fn deserialize(&self, part: &SerializedPart<'_>) -> Result<String, DeserializeError> {
        let bytes = part.bytes().ok_or_else(|| DeserializeError::null("text"))?;
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(error) => Err(DeserializeError::invalid("not UTF-8").with_source(error)),
        }
    }
}
