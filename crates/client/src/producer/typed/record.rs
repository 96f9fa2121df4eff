//! A record whose key and value are not bytes yet.

use std::fmt;

use ottla_protocol::records::Header;

/// A record for a [`TypedProducer`](super::TypedProducer): what [`Record`](crate::Record) is to a producer of bytes.
pub struct TypedRecord<'a, K: ?Sized, V: ?Sized> {
    pub(super) topic: &'a str,
    pub(super) partition: Option<i32>,
    pub(super) timestamp: Option<i64>,
    pub(super) key: Option<&'a K>,
    pub(super) value: Option<&'a V>,
    pub(super) headers: Vec<Header<'a>>,
}

impl<'a, K: ?Sized, V: ?Sized> TypedRecord<'a, K, V> {
    /// A record to `topic` with neither key nor value: both are null until they are given, and no serializer is asked.
    pub fn to(topic: &'a str) -> Self {
        Self { topic, partition: None, timestamp: None, key: None, value: None, headers: Vec::new() }
    }

    /// A record that says that there is nothing more under `key`; see [`Record::tombstone`](crate::Record::tombstone).
    pub fn tombstone(topic: &'a str, key: &'a K) -> Self {
        Self::to(topic).key(key)
    }

    /// Records whose keys are the same bytes go to the same partition.
    #[must_use]
    pub fn key(mut self, key: &'a K) -> Self {
        self.key = Some(key);
        self
    }

    /// What the record says.
    #[must_use]
    pub fn value(mut self, value: &'a V) -> Self {
        self.value = Some(value);
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

    /// Adds a header behind those that are there; those of the serializers come last.
    #[must_use]
    pub fn header<B: AsRef<[u8]> + ?Sized>(mut self, key: &'a str, value: &'a B) -> Self {
        self.headers.push(Header::new(key, Some(value.as_ref())));
        self
    }

    /// Adds a header whose value is null.
    #[must_use]
    pub fn header_null(mut self, key: &'a str) -> Self {
        self.headers.push(Header::new(key, None));
        self
    }
}

impl<K: ?Sized, V: ?Sized> Clone for TypedRecord<'_, K, V> {
    fn clone(&self) -> Self {
        Self { headers: self.headers.clone(), ..*self }
    }
}

impl<K: fmt::Debug + ?Sized, V: fmt::Debug + ?Sized> fmt::Debug for TypedRecord<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypedRecord")
            .field("topic", &self.topic)
            .field("partition", &self.partition)
            .field("timestamp", &self.timestamp)
            .field("key", &self.key)
            .field("value", &self.value)
            .field("headers", &self.headers)
            .finish()
    }
}
