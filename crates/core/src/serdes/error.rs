//! Why a key or value could not be turned into bytes, or back.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// Of a text no more than this is kept, in characters: it may quote what a peer wrote.
const TEXT_CHARACTERS: usize = 512;

/// A key or value could not be turned into bytes.
#[derive(Clone, Debug)]
pub struct SerializeError {
    kind: SerializeErrorKind,
    text: String,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SerializeErrorKind {
    /// The data cannot be written in this format.
    Invalid,
    /// The serializer lacks something: [`prepare`](super::Serializer::prepare) fetches it.
    NotReady,
    /// What the serializer needs could not be fetched. It may be there later.
    Unavailable,
}

/// Bytes are no key or value of the type asked for.
#[derive(Clone, Debug)]
pub struct DeserializeError {
    kind: DeserializeErrorKind,
    text: String,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeserializeErrorKind {
    /// The bytes are not in this format.
    Invalid,
    /// Null, where the type has no null; [`Nullable`](super::Nullable) has.
    Null,
    /// The deserializer lacks something that must be fetched first.
    NotReady,
}

impl SerializeError {
    /// An error of a kind. `text` is lower case, without a full stop; of what is longer than 512 characters the rest is
    /// left out.
    pub fn new(kind: SerializeErrorKind, text: impl Into<String>) -> Self {
        Self { kind, text: bounded(text.into()), source: None }
    }

    /// The data cannot be written in this format.
    pub fn invalid(text: impl Into<String>) -> Self {
        Self::new(SerializeErrorKind::Invalid, text)
    }

    /// With what caused it.
    #[must_use]
    pub fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> SerializeErrorKind {
        self.kind
    }

    /// Whether the same data may be written later.
    pub fn is_retriable(&self) -> bool {
        matches!(self.kind, SerializeErrorKind::NotReady | SerializeErrorKind::Unavailable)
    }
}

impl DeserializeError {
    /// An error of a kind. `text` is lower case, without a full stop; of what is longer than 512 characters the rest is
    /// left out.
    pub fn new(kind: DeserializeErrorKind, text: impl Into<String>) -> Self {
        Self { kind, text: bounded(text.into()), source: None }
    }

    /// The bytes are not in this format.
    pub fn invalid(text: impl Into<String>) -> Self {
        Self::new(DeserializeErrorKind::Invalid, text)
    }

    /// With what caused it.
    #[must_use]
    pub fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> DeserializeErrorKind {
        self.kind
    }

    /// Whether the same bytes may be read later.
    pub fn is_retriable(&self) -> bool {
        self.kind == DeserializeErrorKind::NotReady
    }

    pub(super) fn null(wanted: &str) -> Self {
        Self::new(DeserializeErrorKind::Null, format!("null, and not {wanted} (`Nullable` reads both)"))
    }
}

impl fmt::Display for SerializeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for DeserializeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for SerializeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl Error for DeserializeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

fn bounded(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(TEXT_CHARACTERS) {
        text.truncate(end);
        text.push('…');
    }
    text
}
