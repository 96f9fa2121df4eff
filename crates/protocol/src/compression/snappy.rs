//! Snappy as Java's snappy-java streams it: the xerial framing around raw blocks.
//!
//! A stream is the 16-byte header (magic, version, oldest compatible version) and blocks, each a
//! big-endian length and raw snappy of at most 32 KiB of input. Data without that header is one raw
//! block, as librdkafka and others write it. Not snappy's own framing format.

use snap::raw::{Decoder, decompress_len, max_compress_len};

use super::bounded::BoundedOutput;
use super::{Compression, CompressionError};

const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
const HEADER: [u8; 16] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1];
/// Java's default; its reader takes any.
const BLOCK_SIZE: usize = 32 * 1024;
/// The best that raw snappy can do: 64 bytes from a copy of 3.
const LARGEST_RATIO: usize = 22;

pub(super) struct Encoder {
    raw: snap::raw::Encoder,
}

impl Default for Encoder {
    fn default() -> Self {
        Self { raw: snap::raw::Encoder::new() }
    }
}

impl Encoder {
    pub(super) fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), CompressionError> {
        out.extend_from_slice(&HEADER);
        for block in input.chunks(BLOCK_SIZE) {
            let start = out.len();
            out.resize(start + 4 + max_compress_len(block.len()), 0);
            let size = self.raw.compress(block, &mut out[start + 4..]).map_err(|error| {
                CompressionError::Encoder { codec: Compression::Snappy, reason: error.to_string() }
            })?;
            // At most 38,261 bytes for a full block.
            out[start..start + 4].copy_from_slice(&(size as u32).to_be_bytes());
            out.truncate(start + 4 + size);
        }
        Ok(())
    }
}

pub(super) fn decompress(input: &[u8], limit: usize) -> Result<Vec<u8>, CompressionError> {
    let mut out = BoundedOutput::new(Compression::Snappy, limit);
    if !input.starts_with(&MAGIC) {
        decompress_block(input, &mut out)?;
        return out.finish();
    }
    let mut rest = input.get(HEADER.len()..).ok_or_else(|| corrupt("the header ends early"))?;
    while !rest.is_empty() {
        if rest.starts_with(&MAGIC) {
            // Streams written one after the other, as snappy-java's reader allows.
            rest = rest.get(HEADER.len()..).ok_or_else(|| corrupt("the header ends early"))?;
            continue;
        }
        let (length, after) =
            rest.split_first_chunk::<4>().ok_or_else(|| corrupt("a block length ends early"))?;
        let length = u32::from_be_bytes(*length) as usize;
        let (block, after) =
            after.split_at_checked(length).ok_or_else(|| corrupt("a block ends past the data"))?;
        decompress_block(block, &mut out)?;
        rest = after;
    }
    out.finish()
}

fn decompress_block(block: &[u8], out: &mut BoundedOutput) -> Result<(), CompressionError> {
    let declared = decompress_len(block).map_err(|error| corrupt(&error.to_string()))?;
    if declared > block.len().saturating_mul(LARGEST_RATIO) {
        return Err(corrupt("a block declares more than it can hold"));
    }
    let filled = out.len();
    let (_, space) = out.space(declared)?;
    if space.len() < declared {
        return Err(out.exceeded());
    }
    let size = Decoder::new().decompress(block, space).map_err(|error| corrupt(&error.to_string()))?;
    out.commit(filled + size);
    Ok(())
}

fn corrupt(reason: &str) -> CompressionError {
    CompressionError::corrupt(Compression::Snappy, reason)
}
