//! gzip members (RFC 1952) around raw deflate, with the deflate state kept between calls.
//!
//! Reading takes several members in a row, and like Java's `GZIPInputStream` ignores what follows a
//! complete member if it is no member itself. The header and trailer are handled here because flate2
//! cannot reset a gzip stream as such.

use flate2::{Compress, Crc, Decompress, FlushCompress, FlushDecompress, Status};

use super::bounded::BoundedOutput;
use super::{Compression, CompressionError, CompressionLevel};

const MAGIC: [u8; 2] = [0x1f, 0x8b];
const DEFLATE: u8 = 8;
const TRAILER_SIZE: usize = 8;
/// No flags, no time, no extra flags, operating system unknown.
const HEADER: [u8; 10] = [MAGIC[0], MAGIC[1], DEFLATE, 0, 0, 0, 0, 0, 0, 255];
const DEFAULT_LEVEL: i32 = 6;

const HEADER_CRC: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0xe0;

pub(super) struct Encoder {
    deflate: Compress,
    level: i32,
}

impl Default for Encoder {
    fn default() -> Self {
        Self { deflate: new_deflate(DEFAULT_LEVEL), level: DEFAULT_LEVEL }
    }
}

impl Encoder {
    pub(super) fn compress(
        &mut self,
        level: CompressionLevel,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CompressionError> {
        let level = level.or_default_of(Compression::Gzip, DEFAULT_LEVEL)?;
        if level == self.level {
            self.deflate.reset();
        } else {
            *self = Self { deflate: new_deflate(level), level };
        }
        out.reserve(HEADER.len() + input.len() / 2 + 64);
        out.extend_from_slice(&HEADER);
        let mut rest = input;
        loop {
            let before = self.deflate.total_in();
            let status = self
                .deflate
                .compress_vec(rest, out, FlushCompress::Finish)
                .map_err(|error| encoder_failed(&error))?;
            // Never more than `rest`, so the cast and the slice hold.
            rest = &rest[(self.deflate.total_in() - before) as usize..];
            match status {
                Status::StreamEnd => break,
                Status::Ok | Status::BufError if out.len() == out.capacity() => {
                    out.reserve(rest.len() / 2 + 1024);
                }
                Status::Ok | Status::BufError => return Err(encoder_failed(&"no progress")),
            }
        }
        let mut crc = Crc::new();
        crc.update(input);
        out.extend_from_slice(&crc.sum().to_le_bytes());
        out.extend_from_slice(&crc.amount().to_le_bytes());
        Ok(())
    }
}

pub(super) struct Decoder {
    inflate: Decompress,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { inflate: Decompress::new(false) }
    }
}

impl Decoder {
    pub(super) fn decompress(&mut self, input: &[u8], limit: usize) -> Result<Vec<u8>, CompressionError> {
        let mut out = BoundedOutput::new(Compression::Gzip, limit);
        let mut rest = self.member(input, &mut out)?;
        while rest.starts_with(&MAGIC) && header_size(rest).is_some() {
            rest = self.member(rest, &mut out)?;
        }
        out.finish()
    }

    /// Decodes one member and returns what follows it.
    fn member<'a>(&mut self, input: &'a [u8], out: &mut BoundedOutput) -> Result<&'a [u8], CompressionError> {
        let start = out.len();
        let mut rest =
            header_size(input).and_then(|size| input.get(size..)).ok_or_else(|| corrupt("no gzip header"))?;
        self.inflate.reset(false);
        loop {
            out.reserve(1)?;
            let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self
                .inflate
                .decompress_vec(rest, out.vec(), FlushDecompress::None)
                .map_err(|error| corrupt(&error.to_string()))?;
            let (used, made) = (self.inflate.total_in() - before_in, self.inflate.total_out() - before_out);
            rest = rest.get(used as usize..).unwrap_or_default();
            match status {
                Status::StreamEnd => break,
                Status::Ok | Status::BufError if used == 0 && made == 0 => {
                    return Err(corrupt("the data ends early"));
                }
                Status::Ok | Status::BufError => {}
            }
        }
        out.check()?;
        let mut crc = Crc::new();
        crc.update(&out.vec()[start..]);
        let (trailer, rest) =
            rest.split_first_chunk::<TRAILER_SIZE>().ok_or_else(|| corrupt("the data ends early"))?;
        let mut expected = [0; TRAILER_SIZE];
        expected[..4].copy_from_slice(&crc.sum().to_le_bytes());
        expected[4..].copy_from_slice(&crc.amount().to_le_bytes());
        if *trailer != expected {
            return Err(corrupt("checksum or size mismatch"));
        }
        Ok(rest)
    }
}

/// The size of the member header at the start of `input`, if there is a whole and valid one.
fn header_size(input: &[u8]) -> Option<usize> {
    let fixed = input.get(..HEADER.len())?;
    let flags = fixed[3];
    if fixed[..2] != MAGIC || fixed[2] != DEFLATE || flags & RESERVED != 0 {
        return None;
    }
    let mut size = HEADER.len();
    if flags & EXTRA != 0 {
        let length = input.get(size..)?.first_chunk::<2>()?;
        size += 2 + usize::from(u16::from_le_bytes(*length));
    }
    for flag in [NAME, COMMENT] {
        if flags & flag != 0 {
            size += input.get(size..)?.iter().position(|byte| *byte == 0)? + 1;
        }
    }
    if flags & HEADER_CRC != 0 {
        size += 2;
    }
    (size <= input.len()).then_some(size)
}

fn new_deflate(level: i32) -> Compress {
    Compress::new(flate2::Compression::new(level.unsigned_abs()), false)
}

fn corrupt(reason: &str) -> CompressionError {
    CompressionError::corrupt(Compression::Gzip, reason)
}

fn encoder_failed(reason: &dyn std::fmt::Display) -> CompressionError {
    CompressionError::Encoder { codec: Compression::Gzip, reason: reason.to_string() }
}
