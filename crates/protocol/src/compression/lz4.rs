//! lz4 frames as Kafka writes and reads them (KIP-57), around lz4_flex's block codec.
//!
//! Written: version 1, independent blocks of 64 KiB, no sizes, no checksums but the header's. Read:
//! also linked blocks, block and content checksums, any block size, and frames in a row. Frames are
//! handled here rather than by a frame decoder because magic 0 needs its wrong header checksum let
//! through, and because blocks can so be decoded straight into the output.

use lz4_flex::block::{
    CompressTable, compress_into_with_table, decompress_into, decompress_into_with_dict,
    get_maximum_output_size,
};

use super::bounded::BoundedOutput;
use super::xxh32::xxh32;
use super::{Compression, CompressionError};

const MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];
const BLOCK_SIZE: usize = 64 * 1024;
const VERSION: u8 = 0b01 << 6;
const INDEPENDENT: u8 = 1 << 5;
const BLOCK_CHECKSUM: u8 = 1 << 4;
const CONTENT_SIZE: u8 = 1 << 3;
const CONTENT_CHECKSUM: u8 = 1 << 2;
const DICTIONARY: u8 = 1;
/// In the descriptor's second byte: blocks of 64 KiB.
const BLOCKS_OF_64_KIB: u8 = 4 << 4;
/// In a block's length: the block is stored as it is.
const STORED: u32 = 1 << 31;
/// How far back a linked block may refer.
const WINDOW: usize = 64 * 1024;
/// The best that an lz4 block can do is 255 bytes from one.
const LARGEST_RATIO: usize = 255;

#[derive(Default)]
pub(super) struct Encoder {
    table: CompressTable,
}

impl Encoder {
    pub(super) fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), CompressionError> {
        out.extend_from_slice(&MAGIC);
        let descriptor = [VERSION | INDEPENDENT, BLOCKS_OF_64_KIB];
        out.extend_from_slice(&descriptor);
        out.push(header_checksum(&descriptor));
        for block in input.chunks(BLOCK_SIZE) {
            let start = out.len();
            out.resize(start + 4 + get_maximum_output_size(block.len()), 0);
            let size =
                compress_into_with_table(block, &mut out[start + 4..], &mut self.table).map_err(|error| {
                    CompressionError::Encoder { codec: Compression::Lz4, reason: error.to_string() }
                })?;
            // Both sizes are far below 31 bits.
            let length = if size < block.len() {
                out.truncate(start + 4 + size);
                size as u32
            } else {
                out.truncate(start + 4);
                out.extend_from_slice(block);
                block.len() as u32 | STORED
            };
            out[start..start + 4].copy_from_slice(&length.to_le_bytes());
        }
        out.extend_from_slice(&[0; 4]);
        Ok(())
    }
}

/// What to make of the checksum in a frame's header.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum HeaderChecksum {
    Checked,
    /// Not looked at, as Kafka reads magic 0.
    Ignored,
}

pub(super) fn decompress(
    input: &[u8],
    limit: usize,
    checksum: HeaderChecksum,
) -> Result<Vec<u8>, CompressionError> {
    let mut out = BoundedOutput::new(Compression::Lz4, limit);
    let mut rest = decompress_frame(input, &mut out, checksum)?;
    while rest.starts_with(&MAGIC) {
        rest = decompress_frame(rest, &mut out, checksum)?;
    }
    out.finish()
}

/// Decodes one frame and returns what follows it.
fn decompress_frame<'a>(
    input: &'a [u8],
    out: &mut BoundedOutput,
    checksum: HeaderChecksum,
) -> Result<&'a [u8], CompressionError> {
    let (header, mut rest) = FrameHeader::parse(input, checksum)?;
    let frame_start = out.len();
    loop {
        let length = u32::from_le_bytes(take(&mut rest)?);
        if length == 0 {
            break;
        }
        let size = (length & !STORED) as usize;
        if size > header.block_size {
            return Err(corrupt("a block is larger than the frame allows"));
        }
        let (block, after) = rest.split_at_checked(size).ok_or_else(cut)?;
        rest = after;
        if header.has(BLOCK_CHECKSUM) && u32::from_le_bytes(take(&mut rest)?) != xxh32(block) {
            return Err(corrupt("block checksum mismatch"));
        }
        if length & STORED != 0 {
            out.extend(block)?;
        } else {
            decompress_block(block, &header, frame_start, out)?;
        }
    }
    out.check()?;
    if header.has(CONTENT_CHECKSUM)
        && u32::from_le_bytes(take(&mut rest)?) != xxh32(&out.vec()[frame_start..])
    {
        return Err(corrupt("content checksum mismatch"));
    }
    Ok(rest)
}

fn decompress_block(
    block: &[u8],
    header: &FrameHeader,
    frame_start: usize,
    out: &mut BoundedOutput,
) -> Result<(), CompressionError> {
    let filled = out.len();
    let most = header.block_size.min(block.len().saturating_mul(LARGEST_RATIO));
    let (before, space) = out.space(most)?;
    let cramped = space.len() < most;
    let result = if header.has(INDEPENDENT) {
        decompress_into(block, space)
    } else {
        let window = &before[frame_start.max(before.len().saturating_sub(WINDOW))..];
        decompress_into_with_dict(block, space, window)
    };
    match result {
        Ok(size) => {
            out.commit(filled + size);
            out.check()
        }
        Err(lz4_flex::block::DecompressError::OutputTooSmall { .. }) if cramped => Err(out.exceeded()),
        Err(error) => Err(corrupt(&error.to_string())),
    }
}

struct FrameHeader {
    flags: u8,
    block_size: usize,
}

impl FrameHeader {
    /// Reads the header at the start of `input` and returns it with what follows.
    fn parse(input: &[u8], checksum: HeaderChecksum) -> Result<(Self, &[u8]), CompressionError> {
        let mut rest = input.strip_prefix(&MAGIC).ok_or_else(|| corrupt("no lz4 frame"))?;
        let described = rest;
        let [flags, block_descriptor] = take(&mut rest)?;
        if flags & 0b1100_0000 != VERSION || flags & 0b10 != 0 || block_descriptor & 0b1000_1111 != 0 {
            return Err(corrupt("unknown frame version or flags"));
        }
        if flags & DICTIONARY != 0 {
            return Err(corrupt("the frame needs a dictionary"));
        }
        let block_size = match block_descriptor >> 4 {
            4 => 64 * 1024,
            5 => 256 * 1024,
            6 => 1024 * 1024,
            7 => 4 * 1024 * 1024,
            _ => return Err(corrupt("unknown block size")),
        };
        let mut described_size = 2;
        if flags & CONTENT_SIZE != 0 {
            // Declared by the peer, so of no use here.
            take::<8>(&mut rest)?;
            described_size += 8;
        }
        let [stored] = take(&mut rest)?;
        if checksum == HeaderChecksum::Checked && stored != header_checksum(&described[..described_size]) {
            return Err(corrupt("header checksum mismatch"));
        }
        Ok((Self { flags, block_size }, rest))
    }

    fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// The second byte of the hash of the descriptor.
fn header_checksum(descriptor: &[u8]) -> u8 {
    (xxh32(descriptor) >> 8) as u8
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], CompressionError> {
    let (taken, after) = rest.split_first_chunk::<N>().ok_or_else(cut)?;
    *rest = after;
    Ok(*taken)
}

fn cut() -> CompressionError {
    corrupt("the data ends early")
}

fn corrupt(reason: &str) -> CompressionError {
    CompressionError::corrupt(Compression::Lz4, reason)
}
