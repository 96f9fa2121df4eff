//! What can go wrong while compressing, decompressing and naming a codec.

use std::error::Error;
use std::fmt;

use super::Compression;

/// Why data could not be compressed or decompressed.
///
/// Never retriable with the same input and settings. Damage and limits concern one batch, so reading may
/// go on past it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CompressionError {
    /// This build lacks the codec.
    Disabled {
        /// The codec asked for.
        codec: Compression,
    },
    /// The compressed data is damaged or not of this codec.
    Corrupt {
        /// The codec that read it.
        codec: Compression,
        /// What was wrong, in the words of the codec.
        reason: String,
    },
    /// The data decompresses to more than the caller allows.
    LimitExceeded {
        /// The codec that read it.
        codec: Compression,
        /// The most bytes allowed.
        limit: usize,
    },
    /// The codec has no such level.
    Level {
        /// The codec asked for.
        codec: Compression,
        /// The level asked for.
        level: i32,
    },
    /// The encoder failed, which no input should make it do.
    Encoder {
        /// The codec asked for.
        codec: Compression,
        /// What was wrong, in the words of the codec.
        reason: String,
    },
}

impl CompressionError {
    /// The codec concerned.
    #[must_use]
    pub const fn codec(&self) -> Compression {
        match self {
            Self::Disabled { codec }
            | Self::Corrupt { codec, .. }
            | Self::LimitExceeded { codec, .. }
            | Self::Level { codec, .. }
            | Self::Encoder { codec, .. } => *codec,
        }
    }

    #[cfg_attr(
        not(any(
            feature = "gzip",
            feature = "snappy",
            feature = "lz4",
            feature = "zstd",
            feature = "zstd-c"
        )),
        allow(dead_code)
    )]
    pub(super) fn corrupt(codec: Compression, reason: impl fmt::Display) -> Self {
        Self::Corrupt { codec, reason: reason.to_string() }
    }
}

impl fmt::Display for CompressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disabled { codec: Compression::Zstd } => {
                f.write_str("this build cannot do zstd, enable the cargo feature: zstd or zstd-c")
            }
            Self::Disabled { codec } => {
                write!(f, "this build cannot do {codec}, enable the cargo feature: {codec}")
            }
            Self::Corrupt { codec, reason } => write!(f, "invalid {codec} data: {reason}"),
            Self::LimitExceeded { codec, limit } => {
                write!(f, "{codec} data decompresses to more than the limit in bytes: {limit}")
            }
            Self::Level { codec, level } => match codec.level_range() {
                Some(range) => {
                    let (low, high) = range.into_inner();
                    write!(f, "{codec} has levels {low} to {high}, not: {level}")
                }
                None => write!(f, "{codec} has no levels, but was given: {level}"),
            },
            Self::Encoder { codec, reason } => write!(f, "{codec} encoder failed: {reason}"),
        }
    }
}

impl Error for CompressionError {}

/// A name that is none of Kafka's compression types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseCompressionError {
    name: String,
}

impl ParseCompressionError {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned() }
    }
}

impl fmt::Display for ParseCompressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "compression type is one of none, gzip, snappy, lz4 and zstd, not: {}", self.name)
    }
}

impl Error for ParseCompressionError {}
