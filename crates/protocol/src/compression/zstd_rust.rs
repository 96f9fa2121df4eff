//! zstd in pure Rust: a decoder of our own (RFC 8878), ruzstd's encoder.
//!
//! Why not ruzstd's decoder: the versions that build with our minimum Rust execute a block before they
//! look at its size, so 80 KB from a peer take gigabytes and then panic; all versions decode into a
//! window of their own besides the output. This one decodes straight into the bounded output, which
//! is its window. Content checksums are not verified, since a batch has its CRC; there are no dictionaries.
//!
//! Writing knows one weak effort: several times slower than the C library and behind its level 1 in
//! ratio. Whoever writes much zstd wants the feature `zstd-c`.

mod bits;
mod fse;
mod huffman;
mod literals;
mod sequences;

use super::bounded::BoundedOutput;
use super::zstd_frame::{Frame, LARGEST_BLOCK};
use super::{Compression, CompressionError, CompressionLevel};
use literals::Literals;
use sequences::Sequences;

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

/// Tables and literals, kept from block to block and for the next call.
#[derive(Default)]
pub(super) struct Decoder {
    literals: Literals,
    sequences: Sequences,
}

impl Decoder {
    pub(super) fn decompress(&mut self, input: &[u8], limit: usize) -> Result<Vec<u8>, CompressionError> {
        let mut out = BoundedOutput::new(Compression::Zstd, limit);
        let mut rest = input;
        while !rest.is_empty() {
            let frame = Frame::parse(rest)?;
            let (bytes, after) = rest.split_at(frame.size);
            if !frame.skippable {
                self.frame(bytes, &frame, limit, &mut out)?;
            }
            rest = after;
        }
        out.finish()
    }

    fn frame(
        &mut self,
        bytes: &[u8],
        frame: &Frame,
        limit: usize,
        out: &mut BoundedOutput,
    ) -> Result<(), CompressionError> {
        let start = out.len();
        if frame.content_size.is_some_and(|size| size > (limit - start.min(limit)) as u64) {
            return Err(out.exceeded());
        }
        self.literals.reset();
        self.sequences.reset();
        let mut rest = &bytes[frame.header_size..];
        loop {
            // `Frame::parse` has walked the blocks already.
            let (header, after) = rest.split_first_chunk::<3>().ok_or_else(|| corrupt("no block"))?;
            let header = u32::from_le_bytes([header[0], header[1], header[2], 0]);
            let size = (header >> 3) as usize;
            let kind = header >> 1 & 0b11;
            let stored = if kind == 1 { 1 } else { size };
            let (block, after) = after.split_at_checked(stored).ok_or_else(|| corrupt("no block"))?;
            match kind {
                0 => out.extend(block)?,
                1 => out.fill(block[0], size)?,
                _ => self.block(block, start, out)?,
            }
            if header & 1 != 0 {
                break;
            }
            rest = after;
        }
        match frame.content_size {
            Some(size) if size != (out.len() - start) as u64 => Err(corrupt("the content has another size")),
            _ => Ok(()),
        }
    }

    fn block(
        &mut self,
        block: &[u8],
        frame_start: usize,
        out: &mut BoundedOutput,
    ) -> Result<(), CompressionError> {
        let rest = self.literals.decode(block).map_err(corrupt)?;
        let Some(mut run) = self.sequences.start(rest).map_err(corrupt)? else {
            return out.extend(self.literals.bytes());
        };
        out.reserve(LARGEST_BLOCK)?;
        let most = (out.limit() - out.len()).min(LARGEST_BLOCK);
        let mut literals = self.literals.bytes();
        let bytes = out.vec();
        let block_start = bytes.len();
        while let Some(sequence) = run.next().map_err(corrupt)? {
            let (copied, after) = literals
                .split_at_checked(sequence.literal_length)
                .ok_or_else(|| corrupt("a sequence has more literals than there are"))?;
            literals = after;
            if bytes.len() - block_start + sequence.literal_length + sequence.match_length > most {
                return Err(too_much(out, block_start));
            }
            bytes.extend_from_slice(copied);
            if sequence.offset > bytes.len() - frame_start {
                return Err(corrupt("a match starts before the frame"));
            }
            repeat(bytes, sequence.offset, sequence.match_length);
        }
        if bytes.len() - block_start + literals.len() > most {
            return Err(too_much(out, block_start));
        }
        bytes.extend_from_slice(literals);
        Ok(())
    }
}

/// Appends `length` bytes of what lies `offset` back, which may be what is being appended.
#[inline]
fn repeat(bytes: &mut Vec<u8>, offset: usize, mut length: usize) {
    let start = bytes.len() - offset;
    while length > 0 {
        // What has been appended repeats with the same period, so each turn can take twice as much.
        let part = length.min(bytes.len() - start);
        bytes.extend_from_within(start..start + part);
        length -= part;
    }
}

/// More than a block may hold, or more than the caller wants.
fn too_much(out: &BoundedOutput, block_start: usize) -> CompressionError {
    if out.limit() - block_start < LARGEST_BLOCK { out.exceeded() } else { corrupt("a block is too large") }
}

fn corrupt(reason: &str) -> CompressionError {
    CompressionError::corrupt(Compression::Zstd, reason)
}
