//! What turns keys and values into bytes and back: [`Serializer`], [`Deserializer`], and those that every Kafka client
//! has, with Java's bytes.
//!
//! | serde | type | bytes |
//! |---|---|---|
//! | [`BytesSerde`] | `[u8]`, `Vec<u8>`, `Bytes` | as they are |
//! | [`StringSerde`] | `str`, `String` | UTF-8 |
//! | [`ShortSerde`], [`IntegerSerde`], [`LongSerde`] | `i16`, `i32`, `i64` | 2, 4, 8, big endian |
//! | [`FloatSerde`], [`DoubleSerde`] | `f32`, `f64` | 4, 8, IEEE 754, big endian |
//! | [`BooleanSerde`] | `bool` | 1: 1 or 0 |
//! | [`UuidSerde`] | [`Uuid`](ottla_protocol::types::Uuid) | 36 characters of text |
//! | [`VoidSerde`] | `()` | null |
//! | [`Nullable`] | `Option<T>` | null, or another serde's |
//! | `JsonSerde` (feature `json`) | what serde serializes | JSON text |
//!
//! Both traits are synchronous and object-safe. A serializer that needs something from elsewhere, such as a schema's id,
//! says [`SerializeErrorKind::NotReady`]; who sends then awaits [`Serializer::prepare`] and asks once more. So nobody
//! pays for what only a registry needs.
//!
//! Not here: the registry's formats (`ottla-schema-registry`), and where the bytes go.

mod bytes_serde;
mod error;
#[cfg(feature = "json")]
mod json;
mod null;
mod numbers;
mod part;
mod text;
mod uuid;

use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;

pub use bytes_serde::BytesSerde;
pub use error::{DeserializeError, DeserializeErrorKind, SerializeError, SerializeErrorKind};
#[cfg(feature = "json")]
pub use json::JsonSerde;
pub use null::{Nullable, VoidSerde};
pub use numbers::{BooleanSerde, DoubleSerde, FloatSerde, IntegerSerde, LongSerde, ShortSerde};
pub use part::{Part, PartWriter, SerializedPart};
pub use text::StringSerde;
pub use uuid::UuidSerde;

/// Something that [`Serializer::serialize`] needs is on its way.
pub type Preparation<'a> = Pin<Box<dyn Future<Output = Result<(), SerializeError>> + Send + 'a>>;

/// Turns keys or values of type `T` into bytes.
///
/// ```
/// use ottla_core::serdes::{PartWriter, SerializeError, Serializer};
///
/// struct Celsius(f64);
///
/// struct CelsiusSerializer;
///
/// impl Serializer<Celsius> for CelsiusSerializer {
///     fn serialize(&self, data: &Celsius, to: &mut PartWriter<'_>) -> Result<(), SerializeError> {
///         if data.0 < -273.15 {
///             return Err(SerializeError::invalid(format!("below absolute zero: {}", data.0)));
///         }
///         to.write(format!("{:.1}", data.0));
///         to.header("unit", "°C");
///         Ok(())
///     }
/// }
/// ```
pub trait Serializer<T: ?Sized>: Send + Sync {
    /// Writes the bytes of `data`, nothing for an empty key or value, or null. After an error what was written does not
    /// count. Must be quick: it runs on the task that sends.
    ///
    /// # Errors
    /// Why `data` cannot be written. [`SerializeErrorKind::NotReady`] asks for [`prepare`](Self::prepare).
    fn serialize(&self, data: &T, to: &mut PartWriter<'_>) -> Result<(), SerializeError>;

    /// Fetches what [`serialize`](Self::serialize) said that it lacks, and keeps it. Called after it said so, once for a
    /// record.
    fn prepare<'a>(&'a self, data: &'a T, topic: &'a str, part: Part) -> Preparation<'a> {
        _ = (data, topic, part);
        Box::pin(ready(Ok(())))
    }
}

/// Turns bytes into keys or values of type `T`.
pub trait Deserializer<T>: Send + Sync {
    /// Reads all the bytes, or null.
    ///
    /// # Errors
    /// Why they are no `T`.
    fn deserialize(&self, part: &SerializedPart<'_>) -> Result<T, DeserializeError>;
}

macro_rules! pass_on {
    ($($pointer:ty),*) => {$(
        impl<T: ?Sized, S: Serializer<T> + ?Sized> Serializer<T> for $pointer {
            fn serialize(&self, data: &T, to: &mut PartWriter<'_>) -> Result<(), SerializeError> {
                (**self).serialize(data, to)
            }

            fn prepare<'a>(&'a self, data: &'a T, topic: &'a str, part: Part) -> Preparation<'a> {
                (**self).prepare(data, topic, part)
            }
        }

        impl<T, S: Deserializer<T> + ?Sized> Deserializer<T> for $pointer {
            fn deserialize(&self, part: &SerializedPart<'_>) -> Result<T, DeserializeError> {
                (**self).deserialize(part)
            }
        }
    )*};
}

pass_on!(&S, Box<S>, Arc<S>);

#[cfg(test)]
mod tests;
