//! Null: as a key, no key; as a value, a tombstone.

use super::{
    DeserializeError, Deserializer, Part, PartWriter, Preparation, SerializeError, SerializedPart, Serializer,
};

/// Nothing but null, for topics without keys: Java's `VoidSerializer`.
#[derive(Clone, Copy, Debug, Default)]
pub struct VoidSerde;

/// Another serde's `T`, or null for `None`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nullable<S>(pub S);

impl Serializer<()> for VoidSerde {
    fn serialize(&self, (): &(), to: &mut PartWriter<'_>) -> Result<(), SerializeError> {
        to.set_null();
        Ok(())
    }
}

impl Deserializer<()> for VoidSerde {
    fn deserialize(&self, part: &SerializedPart<'_>) -> Result<(), DeserializeError> {
        match part.bytes() {
            None => Ok(()),
            Some(bytes) => Err(DeserializeError::invalid(format!("not null: {} bytes", bytes.len()))),
        }
    }
}

impl<T, S: Serializer<T>> Serializer<Option<T>> for Nullable<S> {
    fn serialize(&self, data: &Option<T>, to: &mut PartWriter<'_>) -> Result<(), SerializeError> {
        match data {
            Some(data) => self.0.serialize(data, to),
            None => {
                to.set_null();
                Ok(())
            }
        }
    }

    fn prepare<'a>(&'a self, data: &'a Option<T>, topic: &'a str, part: Part) -> Preparation<'a> {
        match data {
            Some(data) => self.0.prepare(data, topic, part),
            None => Box::pin(std::future::ready(Ok(()))),
        }
    }
}

impl<T, S: Deserializer<T>> Deserializer<Option<T>> for Nullable<S> {
    fn deserialize(&self, part: &SerializedPart<'_>) -> Result<Option<T>, DeserializeError> {
        part.bytes().map(|_| self.0.deserialize(part)).transpose()
    }
}
