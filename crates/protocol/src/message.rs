//! What all messages have in common: a name, versions, and the way to bytes and back.

use std::fmt;

use bytes::Bytes;

use crate::api::ApiKey;
use crate::codec::{Decoder, Encoder};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind};
use crate::frame::FrameBuf;
use crate::walk::Walk;

/// A closed range of versions; empty where `min > max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VersionRange {
    /// The lowest version.
    pub min: i16,
    /// The highest version.
    pub max: i16,
}

impl VersionRange {
    /// The versions from `min` to `max`, both included.
    pub const fn new(min: i16, max: i16) -> Self {
        Self { min, max }
    }

    /// Whether `version` is one of them.
    pub const fn contains(self, version: i16) -> bool {
        self.min <= version && version <= self.max
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.min > self.max
    }

    /// What both ranges have.
    #[must_use]
    pub fn intersect(self, other: Self) -> Self {
        Self { min: self.min.max(other.min), max: self.max.min(other.max) }
    }
}

impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            _ if self.is_empty() => f.write_str("none"),
            Self { min, max } if min == max => write!(f, "{min}"),
            Self { min, max } => write!(f, "{min} to {max}"),
        }
    }
}

/// A message of the protocol: a request, a response, a header or a data type.
pub trait Message: Walk + Default + Sized {
    /// The name of its spec.
    const NAME: &'static str;
    /// The versions that the specs define.
    const VERSIONS: VersionRange;
    /// The first flexible version (KIP-482): compact lengths and tagged fields.
    const FLEXIBLE_FROM: i16;

    /// Reads a message that is all of `bytes`. Text and bytes in it share the memory of `bytes`.
    ///
    /// # Errors
    /// The first thing that is wrong, with its field and offset. Memory stays within 64 times the input's size, or
    /// 64 KiB if that is more, and 1 KiB for the decoder and its error.
    fn decode(bytes: &Bytes, version: i16) -> Result<Self, DecodeError> {
        let (message, read) = Self::decode_prefix(bytes, version)?;
        if read < bytes.len() {
            let mut error = DecodeError::new(DecodeErrorKind::TrailingBytes(bytes.len() - read), read);
            error.within(Self::NAME);
            return Err(error);
        }
        Ok(message)
    }

    /// Reads a message from the start of `bytes` and says how many bytes it took. Java's clients and brokers ignore
    /// what follows a message in its frame; this is the way to do so.
    ///
    /// # Errors
    /// As [`decode`](Self::decode), but for bytes that are left over.
    fn decode_prefix(bytes: &Bytes, version: i16) -> Result<(Self, usize), DecodeError> {
        check_version::<Self>(version)?;
        let mut message = Self::default();
        let read =
            Decoder::new(bytes, version, version >= Self::FLEXIBLE_FROM).read(Self::NAME, &mut message)?;
        Ok((message, read))
    }

    /// Appends the message to `out`.
    ///
    /// # Errors
    /// A field that cannot be written in this version. What was appended until then stays in `out`.
    fn encode(&self, version: i16, out: &mut FrameBuf) -> Result<(), EncodeError> {
        if !Self::VERSIONS.contains(version) {
            return Err(EncodeError::new(EncodeErrorKind::UnknownVersion, version, Self::NAME.to_owned()));
        }
        Encoder::new(out, version, version >= Self::FLEXIBLE_FROM).write(Self::NAME, self)
    }

    /// The message as bytes of its own.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    fn to_bytes(&self, version: i16) -> Result<Bytes, EncodeError> {
        let mut out = FrameBuf::new();
        self.encode(version, &mut out)?;
        Ok(out.into_bytes())
    }
}

pub(crate) fn check_version<M: Message>(version: i16) -> Result<(), DecodeError> {
    if M::VERSIONS.contains(version) {
        return Ok(());
    }
    let mut error = DecodeError::new(DecodeErrorKind::UnknownVersion(version), 0);
    error.within(M::NAME);
    Err(error)
}

/// A request's body.
pub trait Request: Message {
    /// The API.
    const API_KEY: ApiKey;
    /// The answer's body, in the same version.
    type Response: Response;
}

/// A response's body.
pub trait Response: Message {
    /// The API.
    const API_KEY: ApiKey;

    /// The version of the header that goes before a response of `version`.
    fn header_version(version: i16) -> i16 {
        Self::API_KEY
            .api()
            .expect("the specs have the API of every response")
            .response_header_version(version)
    }
}
