//! The outer structure of zstd data (RFC 8878): frames and blocks, without what is in the blocks.
//!
//! A walk over the headers bounds the output before anything is decoded. Nothing here decodes; frames
//! with a dictionary are refused, as Kafka has none.

use super::{Compression, CompressionError};

const MAGIC: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();
const SKIPPABLE: u32 = 0x184d_2a50;
/// No block holds more, whatever its window.
pub(super) const LARGEST_BLOCK: usize = 128 * 1024;

/// One frame's place in the data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    /// Header, blocks and checksum, in bytes.
    pub(super) size: usize,
    /// The most that the blocks can decode to, in bytes.
    pub(super) bound: u64,
    /// Nothing to decode.
    #[cfg_attr(feature = "zstd-c", allow(dead_code))]
    pub(super) skippable: bool,
    /// The header has a window size (in byte 5) rather than a content size only.
    #[cfg_attr(feature = "zstd-c", allow(dead_code))]
    pub(super) has_window: bool,
    /// What the header says the frame decodes to, if it says so.
    pub(super) content_size: Option<u64>,
}

impl Frame {
    /// Walks the frame at the start of `input`.
    pub(super) fn parse(input: &[u8]) -> Result<Self, CompressionError> {
        let magic = *input.first_chunk::<4>().ok_or_else(cut)?;
        if u32::from_le_bytes(magic) & 0xffff_fff0 == SKIPPABLE {
            let length = *input.get(4..).and_then(<[u8]>::first_chunk::<4>).ok_or_else(cut)?;
            let size = 8 + u32::from_le_bytes(length) as usize;
            if size > input.len() {
                return Err(cut());
            }
            return Ok(Self { size, bound: 0, skippable: true, has_window: false, content_size: None });
        }
        if magic != MAGIC {
            return Err(corrupt("no zstd frame"));
        }
        let descriptor = *input.get(4).ok_or_else(cut)?;
        if descriptor & 0b1000 != 0 {
            return Err(corrupt("unknown frame flags"));
        }
        if descriptor & 0b11 != 0 {
            return Err(corrupt("the frame needs a dictionary"));
        }
        let single_segment = descriptor & 0b10_0000 != 0;
        let window_end = if single_segment { 5 } else { 6 };
        let content_size_length = match descriptor >> 6 {
            0 => usize::from(single_segment),
            flag => 1 << flag,
        };
        let blocks_start = window_end + content_size_length;
        let stored = input.get(window_end..blocks_start).ok_or_else(cut)?;
        let checksum_size = if descriptor & 0b100 != 0 { 4 } else { 0 };
        let (blocks_size, bound) = walk_blocks(&input[blocks_start..])?;
        let size = blocks_start + blocks_size + checksum_size;
        if size > input.len() {
            return Err(cut());
        }
        let content_size = content_size(stored);
        Ok(Self { size, bound, skippable: false, has_window: !single_segment, content_size })
    }
}

/// The most that all frames of `input` can decode to, in bytes.
#[cfg(feature = "zstd-c")]
pub(super) fn output_bound(mut input: &[u8]) -> Result<u64, CompressionError> {
    let mut bound = 0;
    while !input.is_empty() {
        let frame = Frame::parse(input)?;
        bound += frame.content_size.map_or(frame.bound, |size| size.min(frame.bound));
        input = &input[frame.size..];
    }
    Ok(bound)
}

fn content_size(stored: &[u8]) -> Option<u64> {
    let mut bytes = [0; 8];
    bytes[..stored.len()].copy_from_slice(stored);
    let size = u64::from_le_bytes(bytes);
    match stored.len() {
        0 => None,
        // Two bytes start where one byte ends.
        2 => Some(size + 256),
        _ => Some(size),
    }
}

/// The size of the blocks up to the last one, and the most they decode to.
fn walk_blocks(blocks: &[u8]) -> Result<(usize, u64), CompressionError> {
    let mut position = 0;
    let mut bound = 0;
    loop {
        let header = blocks.get(position..).and_then(<[u8]>::first_chunk::<3>).ok_or_else(cut)?;
        let header = u32::from_le_bytes([header[0], header[1], header[2], 0]);
        let size = (header >> 3) as usize;
        if size > LARGEST_BLOCK {
            return Err(corrupt("a block is larger than 128 KiB"));
        }
        let (stored, decoded) = match header >> 1 & 0b11 {
            0 => (size, size),
            1 => (1, size),
            2 => (size, LARGEST_BLOCK),
            _ => return Err(corrupt("unknown block type")),
        };
        position += 3 + stored;
        bound += decoded as u64;
        if position > blocks.len() {
            return Err(cut());
        }
        if header & 1 != 0 {
            return Ok((position, bound));
        }
    }
}

fn cut() -> CompressionError {
    corrupt("the data ends early")
}

fn corrupt(reason: &str) -> CompressionError {
    CompressionError::corrupt(Compression::Zstd, reason)
}
