//! The literals section of a block: raw, one byte repeated, or Huffman-coded in one or four streams.

use super::bits::CUT;
use super::huffman::Table;
use crate::compression::zstd_frame::LARGEST_BLOCK;

/// The literals of the current block, and the table that later blocks may use again.
#[derive(Default)]
pub(super) struct Literals {
    bytes: Vec<u8>,
    table: Table,
}

impl Literals {
    /// For a new frame, which has no table yet.
    pub(super) fn reset(&mut self) {
        self.table.clear();
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Decodes the section at the start of `block` and returns what follows it.
    pub(super) fn decode<'a>(&mut self, block: &'a [u8]) -> Result<&'a [u8], &'static str> {
        let first = *block.first().ok_or(CUT)?;
        self.bytes.clear();
        match first & 0b11 {
            0 | 1 => self.plain(block, first & 0b11 == 1),
            kind => self.compressed(block, kind == 3),
        }
    }

    fn plain<'a>(&mut self, block: &'a [u8], one_byte: bool) -> Result<&'a [u8], &'static str> {
        let (header_size, shift) = match block[0] >> 2 & 0b11 {
            1 => (2, 4),
            3 => (3, 4),
            _ => (1, 3),
        };
        let size = (header(block, header_size)? >> shift) as usize;
        check_size(size)?;
        let rest = &block[header_size..];
        if one_byte {
            let (byte, rest) = rest.split_first().ok_or(CUT)?;
            self.bytes.resize(size, *byte);
            return Ok(rest);
        }
        let (bytes, rest) = rest.split_at_checked(size).ok_or(CUT)?;
        self.bytes.extend_from_slice(bytes);
        Ok(rest)
    }

    fn compressed<'a>(&mut self, block: &'a [u8], same_table: bool) -> Result<&'a [u8], &'static str> {
        let (header_size, width, streams) = match block[0] >> 2 & 0b11 {
            0 => (3, 10, 1),
            1 => (3, 10, 4),
            2 => (4, 14, 4),
            _ => (5, 18, 4),
        };
        let fields = header(block, header_size)? >> 4;
        let mask = (1 << width) - 1;
        let (size, stored) = ((fields & mask) as usize, (fields >> width & mask) as usize);
        check_size(size)?;
        let (mut section, rest) = block[header_size..].split_at_checked(stored).ok_or(CUT)?;
        if !same_table {
            let used = self.table.read(section)?;
            section = &section[used..];
        } else if self.table.is_empty() {
            return Err("there is no huffman table to use again");
        }
        self.bytes.resize(size, 0);
        if streams == 1 {
            self.table.decode(section, &mut self.bytes)?;
        } else {
            self.four_streams(section)?;
        }
        Ok(rest)
    }

    fn four_streams(&mut self, section: &[u8]) -> Result<(), &'static str> {
        let (jumps, mut streams) = section.split_first_chunk::<6>().ok_or(CUT)?;
        let part = self.bytes.len().div_ceil(4);
        let mut out = &mut self.bytes[..];
        for jump in jumps.chunks_exact(2) {
            let size = usize::from(u16::from_le_bytes([jump[0], jump[1]]));
            let (stream, after) = streams.split_at_checked(size).ok_or(CUT)?;
            let (place, left) = out.split_at_mut_checked(part).ok_or("too few literals for four streams")?;
            self.table.decode(stream, place)?;
            (streams, out) = (after, left);
        }
        self.table.decode(streams, out)
    }
}

fn check_size(size: usize) -> Result<(), &'static str> {
    if size > LARGEST_BLOCK { Err("more literals than a block may hold") } else { Ok(()) }
}

fn header(block: &[u8], size: usize) -> Result<u64, &'static str> {
    let mut bytes = [0; 8];
    bytes[..size].copy_from_slice(block.get(..size).ok_or(CUT)?);
    Ok(u64::from_le_bytes(bytes))
}
