//! A producer of keys and values that are not bytes yet.
//!
//! Serializing happens on the task that sends, into buffers that are used again. Not here: the serializers
//! (`ottla_core::serdes`).

mod buffers;
mod record;

use std::fmt;
use std::sync::Arc;

use ottla_core::serdes::{Part, PartWriter, SerializeError, SerializeErrorKind, Serializer};
use ottla_protocol::records::OwnedHeader;

use super::Producer;
use super::delivery::{Delivery, RecordMetadata};
use super::error::SendError;
use crate::record::Record;

use buffers::{Buffers, Pool};
pub use record::TypedRecord;

/// Sends keys of type `K` and values of type `V`: a [`Producer`] with a serializer for each. Made by
/// [`Producer::typed`]; cheap to clone.
pub struct TypedProducer<K: ?Sized, V: ?Sized> {
    producer: Producer,
    key_serializer: Arc<dyn Serializer<K>>,
    value_serializer: Arc<dyn Serializer<V>>,
    pool: Arc<Pool>,
}

impl Producer {
    /// This producer, for keys of type `K` and values of type `V`. Both send through one queue, and a record of either is
    /// like any other. For topics without keys `K` is `()` and its serializer
    /// [`VoidSerde`](ottla_core::serdes::VoidSerde).
    ///
    /// ```no_run
    /// # async fn run(producer: ottla_client::Producer) -> Result<(), Box<dyn std::error::Error>> {
    /// use ottla_client::serdes::{LongSerde, StringSerde};
    ///
    /// let visits = producer.typed::<str, i64>(StringSerde, LongSerde);
    /// visits.send("visits", "alice", &3).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn typed<K: ?Sized, V: ?Sized>(
        &self,
        key_serializer: impl Serializer<K> + 'static,
        value_serializer: impl Serializer<V> + 'static,
    ) -> TypedProducer<K, V> {
        TypedProducer {
            producer: self.clone(),
            key_serializer: Arc::new(key_serializer),
            value_serializer: Arc::new(value_serializer),
            pool: Arc::default(),
        }
    }
}

impl<K: ?Sized, V: ?Sized> TypedProducer<K, V> {
    /// Sends a value under a key, and waits until it is acknowledged. For headers, a partition or a tombstone see
    /// [`TypedRecord`].
    ///
    /// # Errors
    /// Why it is not, or not certainly, written; [`SendError::Serialize`] if a part cannot be serialized.
    ///
    /// # Cancel safety
    /// As [`Producer::send`].
    pub async fn send(&self, topic: &str, key: &K, value: &V) -> Result<RecordMetadata, SendError> {
        self.send_record(TypedRecord::to(topic).key(key).value(value)).await
    }

    /// Sends a record, and waits until it is acknowledged.
    ///
    /// # Errors
    /// See [`send`](Self::send).
    ///
    /// # Cancel safety
    /// As [`Producer::send`].
    pub async fn send_record(&self, record: TypedRecord<'_, K, V>) -> Result<RecordMetadata, SendError> {
        self.enqueue(record).await?.await
    }

    /// Queues a record, as [`Producer::enqueue`] does.
    ///
    /// # Errors
    /// Why it was not queued.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the record unqueued.
    pub async fn enqueue(&self, record: TypedRecord<'_, K, V>) -> Result<Delivery, SendError> {
        let mut buffers = self.pool.take();
        let Buffers { key, value, headers } = &mut *buffers;
        let topic = record.topic;
        let key = serialize(&*self.key_serializer, record.key, topic, Part::Key, key, headers).await?;
        let value =
            serialize(&*self.value_serializer, record.value, topic, Part::Value, value, headers).await?;
        let mut all = record.headers;
        all.extend(headers.iter().map(OwnedHeader::as_header));
        let (partition, timestamp) = (record.partition, record.timestamp);
        self.producer.enqueue(Record { topic, partition, timestamp, key, value, headers: all }).await
    }

    /// The producer behind it: to flush or close it, and for records that are bytes already.
    pub fn producer(&self) -> &Producer {
        &self.producer
    }
}

/// A part's bytes; what is not there is null, and no serializer's business.
async fn serialize<'a, T: ?Sized>(
    serializer: &dyn Serializer<T>,
    data: Option<&T>,
    topic: &str,
    part: Part,
    bytes: &'a mut Vec<u8>,
    headers: &mut Vec<OwnedHeader>,
) -> Result<Option<&'a [u8]>, SendError> {
    let Some(data) = data else { return Ok(None) };
    let failed = |source| SendError::Serialize { part, source };
    let header_count = headers.len();
    let mut once = || -> Result<bool, SerializeError> {
        bytes.clear();
        headers.truncate(header_count);
        let mut to = PartWriter::new(topic, part, bytes, headers);
        serializer.serialize(data, &mut to)?;
        Ok(to.is_null())
    };
    let is_null = match once() {
        Ok(is_null) => is_null,
        Err(error) if error.kind() == SerializeErrorKind::NotReady => {
            serializer.prepare(data, topic, part).await.map_err(failed)?;
            once().map_err(failed)?
        }
        Err(error) => return Err(failed(error)),
    };
    Ok((!is_null).then_some(bytes))
}

impl<K: ?Sized, V: ?Sized> Clone for TypedProducer<K, V> {
    fn clone(&self) -> Self {
        Self {
            producer: self.producer.clone(),
            key_serializer: Arc::clone(&self.key_serializer),
            value_serializer: Arc::clone(&self.value_serializer),
            pool: Arc::clone(&self.pool),
        }
    }
}

impl<K: ?Sized, V: ?Sized> fmt::Debug for TypedProducer<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypedProducer").field("producer", &self.producer).finish_non_exhaustive()
    }
}
