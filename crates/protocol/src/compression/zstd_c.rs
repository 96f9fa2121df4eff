//! zstd by the C library, in one call per frame straight into the output.

use zstd_safe::{
    CCtx, CParameter, DCtx, InBuffer, OutBuffer, ResetDirective, zstd_sys::ZSTD_EndDirective,
    zstd_sys::ZSTD_ErrorCode,
};

use super::zstd_frame::output_bound;
use super::{Compression, CompressionError, CompressionLevel};

/// Kafka's own is 3; see `docs/decisions/0005-zstd-level-1.md`.
const DEFAULT_LEVEL: i32 = 1;
/// The first guess at the output, as a multiple of the input; each retry gives four times the room.
const FIRST_RATIO: usize = 16;
const RETRY_FACTOR: usize = 4;
/// The library returns its error codes negated.
const TOO_SMALL: usize = 0usize.wrapping_sub(ZSTD_ErrorCode::ZSTD_error_dstSize_tooSmall as usize);

pub(super) struct Encoder {
    context: CCtx<'static>,
    level: Option<i32>,
}

impl Default for Encoder {
    fn default() -> Self {
        Self { context: CCtx::create(), level: None }
    }
}

impl Encoder {
    pub(super) fn compress(
        &mut self,
        level: CompressionLevel,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CompressionError> {
        let level = level.or_default_of(Compression::Zstd, DEFAULT_LEVEL)?;
        self.context.reset(ResetDirective::SessionOnly).map_err(encoder_failed)?;
        if self.level != Some(level) {
            self.context.set_parameter(CParameter::CompressionLevel(level)).map_err(encoder_failed)?;
            self.level = Some(level);
        }
        // With room for the worst case the library compresses in one pass and copies nothing.
        out.reserve(zstd_safe::compress_bound(input.len()));
        let start = out.len();
        let mut source = InBuffer::around(input);
        let mut target = OutBuffer::around_pos(out, start);
        let left = self
            .context
            .compress_stream2(&mut target, &mut source, ZSTD_EndDirective::ZSTD_e_end)
            .map_err(encoder_failed)?;
        if left == 0 { Ok(()) } else { Err(failed("output does not fit its own bound")) }
    }
}

pub(super) struct Decoder {
    context: DCtx<'static>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { context: DCtx::create() }
    }
}

impl Decoder {
    pub(super) fn decompress(&mut self, input: &[u8], limit: usize) -> Result<Vec<u8>, CompressionError> {
        let bound = usize::try_from(output_bound(input)?).unwrap_or(usize::MAX);
        let most = bound.min(limit);
        let mut room = input.len().saturating_mul(FIRST_RATIO).min(most);
        loop {
            let mut bytes = Vec::with_capacity(room.max(1));
            match self.context.decompress(&mut bytes, input) {
                // The vector may have got a little more room than it was asked for.
                Ok(size) if size <= limit => return Ok(bytes),
                Err(code) if code == TOO_SMALL && room < most => {
                    room = room.saturating_mul(RETRY_FACTOR).min(most);
                }
                Ok(_) => return Err(exceeded(limit)),
                Err(code) if code == TOO_SMALL && most < bound => return Err(exceeded(limit)),
                Err(code) => {
                    return Err(CompressionError::corrupt(
                        Compression::Zstd,
                        zstd_safe::get_error_name(code),
                    ));
                }
            }
        }
    }
}

fn exceeded(limit: usize) -> CompressionError {
    CompressionError::LimitExceeded { codec: Compression::Zstd, limit }
}

fn encoder_failed(code: usize) -> CompressionError {
    failed(zstd_safe::get_error_name(code))
}

fn failed(reason: &str) -> CompressionError {
    CompressionError::Encoder { codec: Compression::Zstd, reason: reason.to_owned() }
}
