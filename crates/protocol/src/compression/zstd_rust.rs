//! zstd in pure Rust (ruzstd), its memory bounded.
//!
//! ruzstd decodes into a window of its own and hands out what lies beyond it, so the window that a frame
//! asks for is first cut to what the frame can fill. A block is stopped once it passes its 128 KiB.
//! Content checksums are not verified, since a batch has its CRC; there are no dictionaries.
//!
//! Writing knows one weak effort: several times slower than the C library and behind its level 1 in
//! ratio. Whoever writes much zstd wants the feature `zstd-c`. Why not a decoder of our own:
//! `docs/decisions/0002-zstd-by-ruzstd-and-rust-1.87.md`.

use std::io::Read;

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::bounded::BoundedOutput;
use super::zstd_frame::{Frame, LARGEST_BLOCK};
use super::{Compression, CompressionError, CompressionLevel};

/// A decoder with a larger window than this is not kept.
const LARGEST_KEPT_WINDOW: usize = 8 * 1024 * 1024;
/// Magic number, descriptor and window.
const HEADER_WITH_WINDOW: usize = 6;

#[derive(Default)]
pub(super) struct Encoder;

impl Encoder {
    pub(super) fn compress(
        &mut self,
        level: CompressionLevel,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CompressionError> {
        level.or_default_of(Compression::Zstd, 0)?;
        ruzstd::encoding::compress(input, out, ruzstd::encoding::CompressionLevel::Fastest);
        Ok(())
    }
}

#[derive(Default)]
pub(super) struct Decoder {
    decoder: Option<FrameDecoder>,
}

impl Decoder {
    pub(super) fn decompress(&mut self, input: &[u8], limit: usize) -> Result<Vec<u8>, CompressionError> {
        let mut out = BoundedOutput::new(Compression::Zstd, limit);
        let mut decoder = self.decoder.take().unwrap_or_else(unbounded);
        let mut rest = input;
        let mut keep = true;
        while !rest.is_empty() {
            let frame = Frame::parse(rest)?;
            let (bytes, after) = rest.split_at(frame.size);
            if !frame.skippable {
                keep &= decompress_frame(&mut decoder, bytes, &frame, limit, &mut out)?;
            }
            rest = after;
        }
        // Only after success: what state an error leaves behind is the library's to know.
        self.decoder = keep.then_some(decoder);
        out.finish()
    }
}

/// A decoder that takes every window; the bound is ours.
fn unbounded() -> FrameDecoder {
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(u64::MAX);
    decoder
}

/// Decodes one frame and says whether the decoder is small enough to be kept.
fn decompress_frame(
    decoder: &mut FrameDecoder,
    bytes: &[u8],
    frame: &Frame,
    limit: usize,
    out: &mut BoundedOutput,
) -> Result<bool, CompressionError> {
    let left = limit.saturating_sub(out.len());
    if let Some(size) = frame.content_size {
        // Without a window in the header, this is what the decoder sets aside.
        if size > frame.bound {
            return Err(corrupt(&"the blocks cannot hold the content"));
        }
        if size > left as u64 {
            return Err(out.exceeded());
        }
    }
    // No valid frame can look back further than it decodes to, so a window of that size will do for any
    // that fits; a smaller one than a block's would also make the decoder take smaller blocks only.
    let most = left.saturating_add(1).max(LARGEST_BLOCK);
    let needed = usize::try_from(frame.bound).unwrap_or(usize::MAX).min(most);
    let mut start = [0; HEADER_WITH_WINDOW];
    let (start, blocks) = match bytes.split_first_chunk::<HEADER_WITH_WINDOW>() {
        Some((header, blocks)) if frame.has_window => {
            start = *header;
            start[5] = start[5].min(window_descriptor(needed));
            (&start[..], blocks)
        }
        _ => (&start[..0], bytes),
    };
    let begin = out.len();
    let mut source = start.chain(blocks);
    decoder.init(&mut source).map_err(|error| corrupt(&error))?;
    while !decoder.is_finished() {
        decoder
            .decode_blocks(&mut source, BlockDecodingStrategy::UptoBlocks(1))
            .map_err(|error| corrupt(&error))?;
        while decoder.can_collect() > 0 {
            let filled = out.len();
            let (_, space) = out.space(decoder.can_collect())?;
            let size = decoder.read(space).map_err(|error| corrupt(&error))?;
            out.commit(filled + size);
            out.check()?;
        }
    }
    match frame.content_size {
        Some(size) if size != (out.len() - begin) as u64 => Err(corrupt(&"the content has another size")),
        _ => Ok(needed <= LARGEST_KEPT_WINDOW),
    }
}

/// The window descriptor for the smallest power of two that holds `size`: 1 KiB and up.
fn window_descriptor(size: usize) -> u8 {
    // At most 63 - 10 = 53 for any size; the format ends at 31.
    let exponent = size.checked_next_power_of_two().map_or(63, usize::trailing_zeros);
    (exponent.saturating_sub(10).min(31) << 3) as u8
}

fn corrupt(reason: &dyn std::fmt::Display) -> CompressionError {
    CompressionError::corrupt(Compression::Zstd, reason)
}
