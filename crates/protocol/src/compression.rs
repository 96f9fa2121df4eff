//! The five compression types of record batches, each with bounded output.
//!
//! What a batch's attributes name (`compression.type` of topics and producers), written so that Apache
//! Kafka reads it and read as Apache Kafka writes it: gzip members, snappy in Java's xerial framing,
//! lz4 frames (KIP-57) and zstd frames (KIP-110). Every codec is a cargo feature of the same name; a
//! codec whose feature is off is an error that names the feature. With both `zstd` and `zstd-c` on, the
//! C library does the work.
//!
//! Decompression stops at the caller's limit and grows its output by what was really produced, never
//! by what the data declares.
//!
//! Not here: which part of a batch is compressed (`records`), and when it pays to compress at all.

mod bounded;
mod compressor;
mod decompressor;
mod error;
#[cfg(feature = "gzip")]
mod gzip;
mod level;
#[cfg(feature = "lz4")]
mod lz4;
#[cfg(feature = "snappy")]
mod snappy;
#[cfg(feature = "lz4")]
mod xxh32;
#[cfg(feature = "zstd-c")]
mod zstd_c;
#[cfg(any(feature = "zstd", feature = "zstd-c"))]
mod zstd_frame;
#[cfg(all(feature = "zstd", not(feature = "zstd-c")))]
mod zstd_rust;

use std::fmt;
use std::str::FromStr;

pub use compressor::{Compressor, compress};
pub use decompressor::{Decompressor, decompress};
pub use error::{CompressionError, ParseCompressionError};
pub use level::CompressionLevel;

/// How the records of a batch are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip, RFC 1952.
    Gzip,
    /// Snappy blocks in xerial framing.
    Snappy,
    /// lz4 frames.
    Lz4,
    /// zstd frames, since Kafka 2.1 and in magic 2 only (KIP-110).
    Zstd,
}

impl Compression {
    /// Every type, in the order of their ids.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The number in the lowest three bits of a batch's attributes: 0 to 4.
    #[must_use]
    pub const fn id(self) -> u8 {
        self as u8
    }

    /// The type with this id, unless Kafka knows none.
    #[must_use]
    pub const fn from_id(id: u8) -> Option<Self> {
        Some(match id {
            0 => Self::None,
            1 => Self::Gzip,
            2 => Self::Snappy,
            3 => Self::Lz4,
            4 => Self::Zstd,
            _ => return None,
        })
    }

    /// The name in Kafka's configuration: `none`, `gzip`, `snappy`, `lz4`, `zstd`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// Whether this build has the codec, that is its cargo feature is on.
    #[must_use]
    pub const fn is_available(self) -> bool {
        match self {
            Self::None => true,
            Self::Gzip => cfg!(feature = "gzip"),
            Self::Snappy => cfg!(feature = "snappy"),
            Self::Lz4 => cfg!(feature = "lz4"),
            Self::Zstd => cfg!(any(feature = "zstd", feature = "zstd-c")),
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Compression {
    type Err = ParseCompressionError;

    /// Parses Kafka's configuration names, ASCII case ignored.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|codec| codec.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| ParseCompressionError::new(name))
    }
}

#[cfg(test)]
mod tests;
