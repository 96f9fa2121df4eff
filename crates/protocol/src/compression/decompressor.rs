//! Decompression with state that is kept between calls and output that is bounded.

use super::{Compression, CompressionError};

#[cfg(feature = "zstd-c")]
use super::zstd_c as zstd;
#[cfg(all(feature = "zstd", not(feature = "zstd-c")))]
use super::zstd_rust as zstd;

/// A decompressor that keeps the codecs' state between calls; made empty, filled on first use.
///
/// Up to 50 KiB for gzip and 160 KiB for zstd; lz4 and snappy need none. The pure-Rust zstd decoder also
/// keeps its window, of at most 8 MiB and as much again, and room for a block's sequences, up to 1.2 MiB.
#[derive(Default)]
pub struct Decompressor {
    #[cfg(feature = "gzip")]
    gzip: Option<super::gzip::Decoder>,
    #[cfg(any(feature = "zstd", feature = "zstd-c"))]
    zstd: Option<zstd::Decoder>,
}

impl Decompressor {
    /// A decompressor that has allocated nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Decompresses `input` into a new vector of at most `limit` bytes; [`Compression::None`] copies.
    ///
    /// Memory grows with what is produced, in steps that at most double it, to `limit` and a small
    /// constant; what the data declares is not believed. The pure-Rust zstd decoder holds its window
    /// besides, of at most twice `limit`, and up to 2 MiB for a block and its sequences.
    ///
    /// # Errors
    /// [`CompressionError::LimitExceeded`] once the output passes `limit`,
    /// [`CompressionError::Corrupt`] for damaged or cut data, [`CompressionError::Disabled`] without the
    /// codec's feature.
    pub fn decompress(
        &mut self,
        codec: Compression,
        input: &[u8],
        limit: usize,
    ) -> Result<Vec<u8>, CompressionError> {
        match codec {
            Compression::None if input.len() > limit => Err(CompressionError::LimitExceeded { codec, limit }),
            Compression::None => Ok(input.to_vec()),
            #[cfg(feature = "gzip")]
            Compression::Gzip => self.gzip.get_or_insert_default().decompress(input, limit),
            #[cfg(feature = "snappy")]
            Compression::Snappy => super::snappy::decompress(input, limit),
            #[cfg(feature = "lz4")]
            Compression::Lz4 => super::lz4::decompress(input, limit, super::lz4::HeaderChecksum::Checked),
            #[cfg(any(feature = "zstd", feature = "zstd-c"))]
            Compression::Zstd => self.zstd.get_or_insert_default().decompress(input, limit),
            #[allow(unreachable_patterns)]
            codec => Err(CompressionError::Disabled { codec }),
        }
    }

    /// As [`Self::decompress`], for the value of a compressed message of magic 0.
    ///
    /// Its lz4 frames carry a wrong header checksum, computed over the frame's magic number as well
    /// (KIP-57 kept that for old clients), so for lz4 the header checksum is not looked at.
    ///
    /// # Errors
    /// As [`Self::decompress`].
    pub fn decompress_magic_0(
        &mut self,
        codec: Compression,
        input: &[u8],
        limit: usize,
    ) -> Result<Vec<u8>, CompressionError> {
        match codec {
            #[cfg(feature = "lz4")]
            Compression::Lz4 => super::lz4::decompress(input, limit, super::lz4::HeaderChecksum::Ignored),
            codec => self.decompress(codec, input, limit),
        }
    }
}

impl std::fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decompressor").finish_non_exhaustive()
    }
}

/// Decompresses `input` into at most `limit` bytes, with fresh state; see [`Decompressor::decompress`].
///
/// # Errors
/// As [`Decompressor::decompress`].
pub fn decompress(codec: Compression, input: &[u8], limit: usize) -> Result<Vec<u8>, CompressionError> {
    Decompressor::new().decompress(codec, input, limit)
}
