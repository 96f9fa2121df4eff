//! A record to be sent: borrowed here, owned in `record/owned.rs`.
//!
//! Not here: where it goes (the partitioner) and how it is written (`ottla-protocol`).

mod owned;

use ottla_protocol::records::Header;

pub use owned::OwnedRecord;

/// A record on its way to a topic. It borrows its parts; they are copied once, into the batch. To keep a record, or to
/// make its parts on the way, use [`OwnedRecord`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    pub(crate) topic: &'a str,
    pub(crate) partition: Option<i32>,
    pub(crate) timestamp: Option<i64>,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) headers: Vec<Header<'a>>,
}

impl<'a> Record<'a> {
    /// A record to `topic` with neither key nor value: both are null until they are given.
    pub fn to(topic: &'a str) -> Self {
        Self { topic, partition: None, timestamp: None, key: None, value: None, headers: Vec::new() }
    }

    /// A record that says that there is nothing more under `key`: its value is null, and a compacted topic forgets
    /// what came before.
    pub fn tombstone<B: AsRef<[u8]> + ?Sized>(topic: &'a str, key: &'a B) -> Self {
        Self::to(topic).key(key)
    }

    /// Records with the same key go to the same partition.
    #[must_use]
    pub fn key<B: AsRef<[u8]> + ?Sized>(mut self, key: &'a B) -> Self {
        self.key = Some(key.as_ref());
        self
    }

    /// What the record says.
    #[must_use]
    pub fn value<B: AsRef<[u8]> + ?Sized>(mut self, value: &'a B) -> Self {
        self.value = Some(value.as_ref());
        self
    }

    /// The partition, instead of the one that the partitioner picks.
    #[must_use]
    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// Milliseconds since 1970-01-01 UTC, instead of the present. The topic may keep the broker's time instead.
    #[must_use]
    pub fn timestamp(mut self, unix_ms: i64) -> Self {
        self.timestamp = Some(unix_ms);
        self
    }

    /// Adds a header behind those that are there; a key may come several times.
    #[must_use]
    pub fn header<B: AsRef<[u8]> + ?Sized>(mut self, key: &'a str, value: &'a B) -> Self {
        self.headers.push(Header::new(key, Some(value.as_ref())));
        self
    }

    /// Adds a header whose value is null, which is not the same as an empty one.
    #[must_use]
    pub fn header_null(mut self, key: &'a str) -> Self {
        self.headers.push(Header::new(key, None));
        self
    }

    /// A copy that owns its parts.
    #[must_use]
    pub fn into_owned(self) -> OwnedRecord {
        OwnedRecord::from(self)
    }
}
