//! A key or a value on its way out of a serializer or into a deserializer.

use bytes::Bytes;
use ottla_protocol::records::{Headers, OwnedHeader};

/// Which part of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// The key.
    Key,
    /// The value.
    Value,
}

/// Where a serializer writes one key or value.
#[derive(Debug)]
pub struct PartWriter<'a> {
    topic: &'a str,
    part: Part,
    bytes: &'a mut Vec<u8>,
    headers: &'a mut Vec<OwnedHeader>,
    is_null: bool,
}

/// The bytes of one key or value, with what belongs to them.
#[derive(Clone, Copy, Debug)]
pub struct SerializedPart<'a> {
    topic: &'a str,
    part: Part,
    bytes: Option<&'a [u8]>,
    headers: Headers<'a>,
}

impl Part {
    /// As Kafka's documents call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Value => "value",
        }
    }
}

impl<'a> PartWriter<'a> {
    /// A writer to the end of `bytes` and of `headers`.
    pub fn new(
        topic: &'a str,
        part: Part,
        bytes: &'a mut Vec<u8>,
        headers: &'a mut Vec<OwnedHeader>,
    ) -> Self {
        Self { topic, part, bytes, headers, is_null: false }
    }

    /// The topic that the record goes to.
    #[must_use]
    pub fn topic(&self) -> &str {
        self.topic
    }

    /// Whether this is the key or the value.
    #[must_use]
    pub fn part(&self) -> Part {
        self.part
    }

    /// Adds bytes behind those that were written.
    pub fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.bytes.extend_from_slice(bytes.as_ref());
    }

    /// The bytes written so far, for what wants to write into a `Vec` or an [`std::io::Write`].
    pub fn bytes_mut(&mut self) -> &mut Vec<u8> {
        self.bytes
    }

    /// The part is null, whatever was written. As a value this is a tombstone.
    pub fn set_null(&mut self) {
        self.is_null = true;
    }

    /// Adds a header to the record, behind those that are there.
    pub fn header(&mut self, key: impl Into<Bytes>, value: impl Into<Bytes>) {
        self.headers.push(OwnedHeader::new(key, Some(value.into())));
    }

    /// Whether the part is null.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.is_null
    }
}

impl<'a> SerializedPart<'a> {
    /// A part of a record in `topic`.
    #[must_use]
    pub fn new(topic: &'a str, part: Part, bytes: Option<&'a [u8]>, headers: Headers<'a>) -> Self {
        Self { topic, part, bytes, headers }
    }

    /// The topic that the record is in.
    #[must_use]
    pub fn topic(&self) -> &'a str {
        self.topic
    }

    /// Whether this is the key or the value.
    #[must_use]
    pub fn part(&self) -> Part {
        self.part
    }

    /// The bytes, or null.
    #[must_use]
    pub fn bytes(&self) -> Option<&'a [u8]> {
        self.bytes
    }

    /// The record's headers.
    #[must_use]
    pub fn headers(&self) -> Headers<'a> {
        self.headers
    }
}
