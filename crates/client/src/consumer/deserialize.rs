//! Keys and values of consumed records as something better than bytes.

use std::fmt;

use ottla_core::consumer::{Offset, TopicPartition};
use ottla_core::serdes::{DeserializeError, Deserializer, Part, SerializedPart};

use super::batch::{ConsumerRecord, Message};

/// A record's key or value is not what was asked for. It says which record: to read on behind it, ask for the next one,
/// or seek.
#[derive(Clone)]
pub struct RecordDeserializationError {
    partition: TopicPartition,
    offset: i64,
    part: Part,
    source: DeserializeError,
}

impl ConsumerRecord<'_> {
    /// The key, as `deserializer` reads it.
    ///
    /// # Errors
    /// Why it cannot, and of which record.
    pub fn key_as<T>(
        &self,
        deserializer: &(impl Deserializer<T> + ?Sized),
    ) -> Result<T, RecordDeserializationError> {
        self.part_as(Part::Key, self.key(), deserializer)
    }

    /// The value, as `deserializer` reads it.
    ///
    /// ```no_run
    /// # fn read(batch: ottla_client::Batch) -> Result<(), Box<dyn std::error::Error>> {
    /// use ottla_client::serdes::{LongSerde, Nullable, StringSerde};
    ///
    /// for record in &batch {
    ///     let name = record.key_as(&StringSerde)?;
    ///     let visits: Option<i64> = record.value_as(&Nullable(LongSerde))?;
    ///     println!("{name}: {visits:?}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Why it cannot, and of which record.
    pub fn value_as<T>(
        &self,
        deserializer: &(impl Deserializer<T> + ?Sized),
    ) -> Result<T, RecordDeserializationError> {
        self.part_as(Part::Value, self.value(), deserializer)
    }

    /// The value, which is JSON.
    ///
    /// # Errors
    /// If it is not, or not of a `T`; and for a tombstone: `value_as(&Nullable(JsonSerde))` reads both.
    #[cfg(feature = "json")]
    pub fn json<T: serde_core::de::DeserializeOwned>(&self) -> Result<T, RecordDeserializationError> {
        self.value_as(&ottla_core::serdes::JsonSerde)
    }

    fn part_as<T>(
        &self,
        part: Part,
        bytes: Option<&[u8]>,
        deserializer: &(impl Deserializer<T> + ?Sized),
    ) -> Result<T, RecordDeserializationError> {
        let serialized = SerializedPart::new(self.topic(), part, bytes, self.headers());
        deserializer.deserialize(&serialized).map_err(|source| RecordDeserializationError {
            partition: TopicPartition::new(self.topic(), self.partition()),
            offset: self.offset(),
            part,
            source,
        })
    }
}

impl Message {
    /// The key, as `deserializer` reads it.
    ///
    /// # Errors
    /// Why it cannot, and of which record.
    pub fn key_as<T>(
        &self,
        deserializer: &(impl Deserializer<T> + ?Sized),
    ) -> Result<T, RecordDeserializationError> {
        self.record().key_as(deserializer)
    }

    /// The value, as `deserializer` reads it.
    ///
    /// # Errors
    /// Why it cannot, and of which record.
    pub fn value_as<T>(
        &self,
        deserializer: &(impl Deserializer<T> + ?Sized),
    ) -> Result<T, RecordDeserializationError> {
        self.record().value_as(deserializer)
    }

    /// The value, which is JSON; see [`ConsumerRecord::json`].
    ///
    /// # Errors
    /// If it is not, or not of a `T`.
    #[cfg(feature = "json")]
    pub fn json<T: serde_core::de::DeserializeOwned>(&self) -> Result<T, RecordDeserializationError> {
        self.record().json()
    }
}

impl RecordDeserializationError {
    /// Where the record is.
    #[must_use]
    pub fn topic_partition(&self) -> &TopicPartition {
        &self.partition
    }

    /// The record's offset.
    #[must_use]
    pub fn offset(&self) -> Offset {
        Offset(self.offset)
    }

    /// Whether it is the key or the value.
    #[must_use]
    pub fn part(&self) -> Part {
        self.part
    }

    /// Why.
    #[must_use]
    pub fn error(&self) -> &DeserializeError {
        &self.source
    }
}

impl fmt::Display for RecordDeserializationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, offset, part, source } = self;
        write!(f, "{partition}, offset {offset}: the {} cannot be read: {source}", part.name())
    }
}

/// What a program prints whose `main` returns the error: the text and its causes.
impl fmt::Debug for RecordDeserializationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::error::with_causes(self, f)
    }
}

impl std::error::Error for RecordDeserializationError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.source()
    }
}
