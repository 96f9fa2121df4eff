//! Numbers of a fixed size, big endian: Java's serializers of these names.

use super::{DeserializeError, Deserializer, PartWriter, SerializeError, SerializedPart, Serializer};

macro_rules! number {
    ($(#[$doc:meta])* $serde:ident, $number:ty, $size:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $serde;

        impl Serializer<$number> for $serde {
            fn serialize(&self, data: &$number, to: &mut PartWriter<'_>) -> Result<(), SerializeError> {
                to.write(data.to_be_bytes());
                Ok(())
            }
        }

        impl Deserializer<$number> for $serde {
            fn deserialize(&self, part: &SerializedPart<'_>) -> Result<$number, DeserializeError> {
                exactly::<$size>(part).map(<$number>::from_be_bytes)
            }
        }
    };
}

number! {
    /// 2 bytes, big endian.
    ShortSerde, i16, 2
}

number! {
    /// 4 bytes, big endian.
    IntegerSerde, i32, 4
}

number! {
    /// 8 bytes, big endian.
    LongSerde, i64, 8
}

number! {
    /// 4 bytes of IEEE 754, big endian.
    FloatSerde, f32, 4
}

number! {
    /// 8 bytes of IEEE 754, big endian.
    DoubleSerde, f64, 8
}

/// One byte: 1 is true, 0 is false.
#[derive(Clone, Copy, Debug, Default)]
pub struct BooleanSerde;

impl Serializer<bool> for BooleanSerde {
    fn serialize(&self, data: &bool, to: &mut PartWriter<'_>) -> Result<(), SerializeError> {
        to.write([u8::from(*data)]);
        Ok(())
    }
}

impl Deserializer<bool> for BooleanSerde {
    fn deserialize(&self, part: &SerializedPart<'_>) -> Result<bool, DeserializeError> {
        match exactly::<1>(part)? {
            [0] => Ok(false),
            [1] => Ok(true),
            [other] => Err(DeserializeError::invalid(format!("neither 0 nor 1: {other}"))),
        }
    }
}

fn exactly<const SIZE: usize>(part: &SerializedPart<'_>) -> Result<[u8; SIZE], DeserializeError> {
    let bytes = part.bytes().ok_or_else(|| DeserializeError::null("a number"))?;
    let wrong = |_| DeserializeError::invalid(format!("not {SIZE} bytes: {}", bytes.len()));
    bytes.try_into().map_err(wrong)
}
