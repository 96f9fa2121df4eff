//! A record between `send` and its batch, as interceptors see and change it.

use std::borrow::Cow;

use bytes::Bytes;
use ottla_protocol::records::OwnedHeader;

use crate::record::Record;

/// A record that is about to be queued. Its parts are borrowed from the sender until an interceptor replaces them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutgoingRecord<'a> {
    /// The topic.
    pub topic: Cow<'a, str>,
    /// The partition; `None` leaves it to the partitioner.
    pub partition: Option<i32>,
    /// Milliseconds since 1970-01-01 UTC; `None` is the present.
    pub timestamp: Option<i64>,
    /// The key, or null.
    pub key: Option<Cow<'a, [u8]>>,
    /// The value, or null.
    pub value: Option<Cow<'a, [u8]>>,
    /// The headers in their order; keys may come several times.
    pub headers: Vec<OwnedHeader>,
}

impl<'a> OutgoingRecord<'a> {
    pub(super) fn new(record: Record<'a>) -> Self {
        Self {
            topic: Cow::Borrowed(record.topic),
            partition: record.partition,
            timestamp: record.timestamp,
            key: record.key.map(Cow::Borrowed),
            value: record.value.map(Cow::Borrowed),
            headers: record.headers.into_iter().map(OwnedHeader::from).collect(),
        }
    }

    /// Adds a header behind those that are there.
    pub fn header(&mut self, key: impl Into<Bytes>, value: impl Into<Bytes>) {
        self.headers.push(OwnedHeader::new(key, Some(value.into())));
    }

    pub(super) fn as_record(&self) -> Record<'_> {
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
