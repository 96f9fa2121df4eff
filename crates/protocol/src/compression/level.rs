//! Compression levels, with Kafka's ranges and defaults (KIP-390).

use std::ops::RangeInclusive;

use super::{Compression, CompressionError};

/// How hard a codec tries: a level valid for one codec, or whatever that codec's default is.
///
/// gzip takes 1 to 9 (default 6), lz4 1 to 17 (default 9), zstd -131072 to 22 (default 1, Kafka's is 3); none and
/// snappy have no levels. The lz4 encoder and the pure-Rust zstd encoder know one effort only and take
/// any valid level for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CompressionLevel(Option<i32>);

impl CompressionLevel {
    /// The codec's own default.
    pub const DEFAULT: Self = Self(None);

    /// The level `level` of `codec`. Kafka's -1 for gzip means the default.
    ///
    /// # Errors
    /// [`CompressionError::Level`] if the codec has no such level.
    pub fn new(codec: Compression, level: i32) -> Result<Self, CompressionError> {
        match codec.level_range() {
            Some(range) if range.contains(&level) => Ok(Self(Some(level))),
            Some(_) if codec == Compression::Gzip && level == -1 => Ok(Self::DEFAULT),
            _ => Err(CompressionError::Level { codec, level }),
        }
    }

    /// The number, if it is not the codec's default.
    #[must_use]
    pub const fn value(self) -> Option<i32> {
        self.0
    }

    #[cfg_attr(not(any(feature = "gzip", feature = "zstd-c")), allow(dead_code))]
    pub(super) fn or_default_of(self, codec: Compression, default: i32) -> Result<i32, CompressionError> {
        match self.0 {
            None => Ok(default),
            // A level made for another codec may be out of this one's range.
            Some(level) => Self::new(codec, level).map(|checked| checked.0.unwrap_or(default)),
        }
    }
}

impl Compression {
    /// The levels this codec knows, as Kafka's configuration accepts them; `None` without levels.
    #[must_use]
    pub const fn level_range(self) -> Option<RangeInclusive<i32>> {
        match self {
            Self::None | Self::Snappy => None,
            Self::Gzip => Some(1..=9),
            Self::Lz4 => Some(1..=17),
            Self::Zstd => Some(-131_072..=22),
        }
    }
}
