//! What can go wrong between bytes and messages.

use std::fmt;

/// Bytes that are not the message they were taken for.
#[derive(Clone, PartialEq, Eq)]
pub struct DecodeError {
    kind: DecodeErrorKind,
    offset: usize,
    path: String,
}

/// Why bytes could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The input ended inside a field.
    Truncated,
    /// An array claims more elements than the rest of the frame can hold.
    ArrayTooLong(u64),
    /// Text is not UTF-8.
    InvalidUtf8,
    /// A variable-length number has more bytes than its type allows.
    OverlongVarint,
    /// A field is null in a version in which it cannot be.
    UnexpectedNull,
    /// A known tagged field's value is shorter or longer than its declared size.
    TaggedFieldSize,
    /// A known tagged field is there more than once, with this tag.
    RepeatedTag(u32),
    /// A tag belongs to a field of other versions.
    TagNotInVersion(u32),
    /// A text is longer than any version allows, in bytes.
    TextTooLong(usize),
    /// The message would take more memory than its budget allows, in bytes.
    OverBudget(usize),
    /// Bytes are left over behind the message.
    TrailingBytes(usize),
    /// Our code does not know that version of the message.
    UnknownVersion(i16),
    /// Our code does not know the API of that key, or was built without the feature that has its messages.
    UnknownApi(i16),
    /// A frame is longer than allowed, in bytes.
    FrameTooLarge(i64),
}

impl DecodeError {
    pub(crate) fn new(kind: DecodeErrorKind, offset: usize) -> Self {
        Self { kind, offset, path: String::new() }
    }

    /// Puts the name of the surrounding field or message in front of the path.
    pub(crate) fn within(&mut self, outer: &str) {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path.insert_str(0, dot);
        self.path.insert_str(0, outer);
    }

    /// Puts the index of the surrounding element in front of the path.
    pub(crate) fn within_element(&mut self, index: usize) {
        self.within(&format!("[{index}]"));
    }

    /// Why.
    pub fn kind(&self) -> DecodeErrorKind {
        self.kind
    }

    /// Where, in bytes from the start of the input.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The field, from the message down: `MetadataResponse.topics[3].name`.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for DecodeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the input ends too early"),
            Self::ArrayTooLong(length) => {
                write!(f, "an array is longer than the rest of the frame: {length}")
            }
            Self::InvalidUtf8 => f.write_str("text is not valid utf-8"),
            Self::OverlongVarint => f.write_str("a variable-length number is too long"),
            Self::UnexpectedNull => f.write_str("null where this version allows none"),
            Self::TaggedFieldSize => f.write_str("a tagged field differs from its declared size"),
            Self::RepeatedTag(tag) => write!(f, "a tagged field is there more than once, with tag: {tag}"),
            Self::TagNotInVersion(tag) => write!(f, "a tag belongs to a field of other versions: {tag}"),
            Self::TextTooLong(length) => write!(f, "a text is longer than 32767 bytes: {length}"),
            Self::OverBudget(budget) => {
                write!(f, "the message needs more memory than allowed: {budget} bytes")
            }
            Self::TrailingBytes(count) => write!(f, "bytes are left over: {count}"),
            Self::UnknownVersion(version) => write!(f, "unknown version: {version}"),
            Self::UnknownApi(key) => write!(f, "unknown API, or not in this build: key {key}"),
            Self::FrameTooLarge(size) => write!(f, "the frame is too large: {size} bytes"),
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {}", self.kind, self.offset)?;
        if !self.path.is_empty() {
            write!(f, ", in {}", self.path)?;
        }
        f.write_str(")")
    }
}

impl fmt::Debug for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DecodeError({self})")
    }
}

impl std::error::Error for DecodeError {}

/// A message that cannot be written in the version asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodeError {
    kind: EncodeErrorKind,
    version: i16,
    path: String,
}

/// Why a message could not be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeErrorKind {
    /// A field that this version lacks is set, and Kafka does not allow to drop it.
    NotInVersion,
    /// A field is null in a version in which it cannot be.
    UnexpectedNull,
    /// Text, bytes or an array is longer than its length field can say.
    TooLong(usize),
    /// Unknown tagged fields are set in a version without tagged fields, or a tag is there twice or past 31 bits.
    TaggedFields,
    /// Our code does not know that version of the message.
    UnknownVersion,
}

impl EncodeError {
    pub(crate) fn new(kind: EncodeErrorKind, version: i16, path: String) -> Self {
        Self { kind, version, path }
    }

    /// Why.
    pub fn kind(&self) -> EncodeErrorKind {
        self.kind
    }

    /// The version asked for.
    pub fn version(&self) -> i16 {
        self.version
    }

    /// The field, from the message down.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, version, path } = self;
        match kind {
            EncodeErrorKind::NotInVersion => {
                write!(f, "{path} is set, but version {version} has no such field")
            }
            EncodeErrorKind::UnexpectedNull => {
                write!(f, "{path} is null, which version {version} does not allow")
            }
            EncodeErrorKind::TooLong(len) => write!(f, "{path} is too long: {len}"),
            EncodeErrorKind::TaggedFields => {
                write!(f, "{path} has tagged fields that version {version} cannot carry")
            }
            EncodeErrorKind::UnknownVersion => write!(f, "unknown version of {path}: {version}"),
        }
    }
}

impl std::error::Error for EncodeError {}
