//! Compression with state that is kept between calls.

use super::{Compression, CompressionError, CompressionLevel};

#[cfg(feature = "zstd-c")]
use super::zstd_c as zstd;
#[cfg(all(feature = "zstd", not(feature = "zstd-c")))]
use super::zstd_rust as zstd;

/// A compressor that keeps the codecs' tables between calls; made empty, filled on first use.
///
/// Up to 0.5 MiB for gzip, 16 KiB for lz4, 70 KiB for snappy and, with `zstd-c`, about 1 MiB at the
/// default level.
#[derive(Default)]
pub struct Compressor {
    #[cfg(feature = "gzip")]
    gzip: Option<super::gzip::Encoder>,
    #[cfg(feature = "snappy")]
    snappy: Option<super::snappy::Encoder>,
    #[cfg(feature = "lz4")]
    lz4: Option<super::lz4::Encoder>,
    #[cfg(any(feature = "zstd", feature = "zstd-c"))]
    zstd: Option<zstd::Encoder>,
}

impl Compressor {
    /// A compressor that has allocated nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends `input`, compressed, to `out`; [`Compression::None`] copies it. What was in `out` stays,
    /// and stays alone if this fails.
    ///
    /// # Errors
    /// [`CompressionError::Disabled`] without the codec's feature, [`CompressionError::Level`] for a level
    /// of another codec, [`CompressionError::Encoder`] if the codec gives up.
    pub fn compress(
        &mut self,
        codec: Compression,
        level: CompressionLevel,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CompressionError> {
        let start = out.len();
        let result = self.dispatch(codec, level, input, out);
        if result.is_err() {
            out.truncate(start);
        }
        result
    }

    #[allow(unused_variables)] // `level` concerns some codecs only
    fn dispatch(
        &mut self,
        codec: Compression,
        level: CompressionLevel,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CompressionError> {
        match codec {
            Compression::None => {
                out.extend_from_slice(input);
                Ok(())
            }
            #[cfg(feature = "gzip")]
            Compression::Gzip => self.gzip.get_or_insert_default().compress(level, input, out),
            #[cfg(feature = "snappy")]
            Compression::Snappy => self.snappy.get_or_insert_default().compress(input, out),
            #[cfg(feature = "lz4")]
            Compression::Lz4 => self.lz4.get_or_insert_default().compress(input, out),
            #[cfg(any(feature = "zstd", feature = "zstd-c"))]
            Compression::Zstd => self.zstd.get_or_insert_default().compress(level, input, out),
            #[allow(unreachable_patterns)]
            codec => Err(CompressionError::Disabled { codec }),
        }
    }
}

impl std::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compressor").finish_non_exhaustive()
    }
}

/// Appends `input`, compressed, to `out`, with fresh state; see [`Compressor::compress`].
///
/// # Errors
/// As [`Compressor::compress`].
pub fn compress(
    codec: Compression,
    level: CompressionLevel,
    input: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), CompressionError> {
    Compressor::new().compress(codec, level, input, out)
}
