//! JSON by serde_json, with the feature `json`.

use serde_core::Serialize;
use serde_core::de::DeserializeOwned;

use super::{DeserializeError, Deserializer, PartWriter, SerializeError, SerializedPart, Serializer};

/// JSON text, of whatever serde serializes. A Rust `None` is the text `null`, which is no tombstone: for those see
/// [`Nullable`](super::Nullable).
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonSerde;

impl<T: Serialize + ?Sized> Serializer<T> for JsonSerde {
    fn serialize(&self, data: &T, to: &mut PartWriter<'_>) -> Result<(), SerializeError> {
        serde_json::to_writer(to.bytes_mut(), data)
            .map_err(|error| SerializeError::invalid(format!("no JSON can be made: {error}")))
    }
}

impl<T: DeserializeOwned> Deserializer<T> for JsonSerde {
    fn deserialize(&self, part: &SerializedPart<'_>) -> Result<T, DeserializeError> {
        let bytes = part.bytes().ok_or_else(|| DeserializeError::null("JSON"))?;
        // As text, because serde's own error may quote values of any length.
        serde_json::from_slice(bytes)
            .map_err(|error| DeserializeError::invalid(format!("not the JSON expected: {error}")))
    }
}
