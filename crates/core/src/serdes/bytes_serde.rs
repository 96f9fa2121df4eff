//! Bytes as they are: Java's `ByteArraySerializer` and `BytesSerializer`.

use bytes::Bytes;

use super::{DeserializeError, Deserializer, PartWriter, SerializeError, SerializedPart, Serializer};

/// Bytes as they are.
#[derive(Clone, Copy, Debug, Default)]
pub struct BytesSerde;

macro_rules! write_bytes {
    ($($bytes:ty),*) => {$(
        impl Serializer<$bytes> for BytesSerde {
            fn serialize(&self, data: &$bytes, to: &mut PartWriter<'_>) -> Result<(), SerializeError> {
                to.write(data);
                Ok(())
            }
        }
    )*};
}

write_bytes!([u8], Vec<u8>, Bytes);

impl Deserializer<Vec<u8>> for BytesSerde {
    fn deserialize(&self, part: &SerializedPart<'_>) -> Result<Vec<u8>, DeserializeError> {
        part.bytes().map(<[u8]>::to_vec).ok_or_else(|| DeserializeError::null("bytes"))
    }
}

impl Deserializer<Bytes> for BytesSerde {
    fn deserialize(&self, part: &SerializedPart<'_>) -> Result<Bytes, DeserializeError> {
        part.bytes().map(Bytes::copy_from_slice).ok_or_else(|| DeserializeError::null("bytes"))
    }
}
