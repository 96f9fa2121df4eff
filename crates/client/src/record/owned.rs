//! A record that owns its parts: to be kept, moved to another task, sent again.

use bytes::Bytes;
use ottla_protocol::records::OwnedHeader;
use ottla_protocol::types::TopicName;

use super::Record;

/// A record that owns its parts, so that it can be kept, sent by another task or sent again. Cloning it copies no bytes.
///
/// The builder's methods take whatever becomes [`Bytes`] without a copy: `String`, `Vec<u8>`, `&'static str`.
///
/// ```no_run
/// # async fn run(producer: ottla_client::Producer) -> Result<(), Box<dyn std::error::Error>> {
/// use ottla_client::OwnedRecord;
///
/// let record = OwnedRecord::to("orders").key("alice").value(format!("{} coffees", 2));
/// while let Err(error) = producer.send(&record).await {
///     if !error.is_retriable() {
///         return Err(error.into());
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OwnedRecord {
    /// The topic.
    pub topic: TopicName,
    /// The partition; `None` leaves it to the partitioner.
    pub partition: Option<i32>,
    /// Milliseconds since 1970-01-01 UTC; `None` is the present when the record is sent.
    pub timestamp: Option<i64>,
    /// The key, or null.
    pub key: Option<Bytes>,
    /// The value, or null: a tombstone.
    pub value: Option<Bytes>,
    /// The headers in their order; keys may come several times.
    pub headers: Vec<OwnedHeader>,
}

impl OwnedRecord {
    /// A record to `topic` with neither key nor value: both are null until they are given.
    pub fn to(topic: impl Into<TopicName>) -> Self {
        let topic = topic.into();
        Self { topic, partition: None, timestamp: None, key: None, value: None, headers: Vec::new() }
    }

    /// A record that says that there is nothing more under `key`; see [`Record::tombstone`].
    pub fn tombstone(topic: impl Into<TopicName>, key: impl Into<Bytes>) -> Self {
        Self::to(topic).key(key)
    }

    /// Records with the same key go to the same partition.
    #[must_use]
    pub fn key(mut self, key: impl Into<Bytes>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// What the record says.
    #[must_use]
    pub fn value(mut self, value: impl Into<Bytes>) -> Self {
        self.value = Some(value.into());
        self
    }

    /// The partition, instead of the one that the partitioner picks.
    #[must_use]
    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// Milliseconds since 1970-01-01 UTC, instead of the present.
    #[must_use]
    pub fn timestamp(mut self, unix_ms: i64) -> Self {
        self.timestamp = Some(unix_ms);
        self
    }

    /// Adds a header behind those that are there; a key may come several times.
    #[must_use]
    pub fn header(mut self, key: impl Into<Bytes>, value: impl Into<Bytes>) -> Self {
        self.headers.push(OwnedHeader::new(key, Some(value.into())));
        self
    }

    /// Adds a header whose value is null, which is not the same as an empty one.
    #[must_use]
    pub fn header_null(mut self, key: impl Into<Bytes>) -> Self {
        self.headers.push(OwnedHeader::new(key, None));
        self
    }

    /// What the record says, as JSON.
    ///
    /// # Errors
    /// If there is no JSON for it, such as a map whose keys are no text.
    #[cfg(feature = "json")]
    pub fn json<T: serde_core::Serialize + ?Sized>(
        self,
        value: &T,
    ) -> Result<Self, ottla_core::serdes::SerializeError> {
        use ottla_core::serdes::{JsonSerde, Part, PartWriter, Serializer};

        let (mut bytes, mut headers) = (Vec::new(), Vec::new());
        JsonSerde
            .serialize(value, &mut PartWriter::new(&self.topic, Part::Value, &mut bytes, &mut headers))?;
        Ok(self.value(bytes))
    }

    /// The record, borrowed. This allocates only where there are headers.
    #[must_use]
    pub fn as_record(&self) -> Record<'_> {
        Record {
            topic: &self.topic,
            partition: self.partition,
            timestamp: self.timestamp,
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: self.headers.iter().map(OwnedHeader::as_header).collect(),
        }
    }
}

impl From<Record<'_>> for OwnedRecord {
    fn from(record: Record<'_>) -> Self {
        Self {
            topic: record.topic.into(),
            partition: record.partition,
            timestamp: record.timestamp,
            key: record.key.map(Bytes::copy_from_slice),
            value: record.value.map(Bytes::copy_from_slice),
            headers: record.headers.into_iter().map(OwnedHeader::from).collect(),
        }
    }
}

impl<'a> From<&'a OwnedRecord> for Record<'a> {
    fn from(record: &'a OwnedRecord) -> Self {
        record.as_record()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owned_record_is_the_borrowed_one() {
        let full = Record::to("t").partition(3).timestamp(5).key("k").value("v");
        let full = full.header("a", "1").header_null("a").header("a", "").header("", "nameless");
        let cases = [
            full,
            Record::to("t"),
            Record::tombstone("t", "k"),
            Record::to("t").key("").value(""),
            Record::to("t").value(&[0xff, 0]),
        ];
        for record in cases {
            let owned = OwnedRecord::from(record.clone());
            assert_eq!(Record::from(&owned), record);
            assert_eq!(owned.as_record().into_owned(), owned);
        }
    }

    #[test]
    fn the_builders_of_both_records_say_the_same() {
        let owned = OwnedRecord::tombstone("t", String::from("k")).partition(1).timestamp(2);
        let owned = owned.value(vec![1, 2]).header("h", "1").header_null("h");
        let borrowed = Record::tombstone("t", "k").partition(1).timestamp(2).value(&[1, 2]);
        assert_eq!(owned.as_record(), borrowed.header("h", "1").header_null("h"));
    }
}
