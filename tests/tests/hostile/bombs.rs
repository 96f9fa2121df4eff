//! Small inputs that claim to be large, or are: each codec stops at the caller's limit with a typed error, in the memory
//! that `Decompressor` promises.

use allocation_counter::measure;
use ottla_protocol::compression::{Compression, CompressionError, CompressionLevel, Decompressor, compress};
use ottla_protocol::records::{BatchBuilder, NO_HEADERS, RecordError, RecordSet, SealOptions};

use crate::records::allowed;

const LIMIT: usize = 1 << 20;
/// What the bombs expand to, in bytes.
const EXPANDED: usize = 256 << 20;

#[derive(Debug, PartialEq)]
enum Stopped {
    AtTheLimit,
    AsCorrupt,
}

#[track_caller]
fn check(name: &str, codec: Compression, bomb: &[u8], stopped: Stopped) {
    let mut result = Ok(Vec::new());
    let memory = measure(|| result = Decompressor::new().decompress(codec, bomb, LIMIT)).bytes_max;
    let error = result.expect_err("it is too large");
    println!(
        "{name:<36}{:>9} bytes of input, {memory:>8} of memory, of {} allowed: {error}",
        bomb.len(),
        allowed(LIMIT)
    );
    match stopped {
        Stopped::AtTheLimit => assert_eq!(error, CompressionError::LimitExceeded { codec, limit: LIMIT }),
        Stopped::AsCorrupt => assert!(matches!(error, CompressionError::Corrupt { .. }), "{error}"),
    }
    assert!(memory <= allowed(LIMIT), "{memory} bytes of memory where {} are allowed", allowed(LIMIT));
}

/// `EXPANDED` zeros, made in parts.
fn zeros(codec: Compression) -> Vec<u8> {
    // Members, frames and streams follow each other in all four, so one part is compressed and repeated.
    let part = vec![0; 4 << 20];
    let mut out = Vec::new();
    compress(codec, CompressionLevel::DEFAULT, &part, &mut out).expect("it is available");
    out.repeat(EXPANDED / part.len())
}

#[test]
fn zeros_in_any_codec_stop_at_the_limit() {
    for codec in &Compression::ALL[1..] {
        check(&format!("{codec}, 256 MiB of zeros"), *codec, &zeros(*codec), Stopped::AtTheLimit);
    }
}

#[test]
fn lengths_that_lie_are_not_believed() {
    use Stopped::{AsCorrupt, AtTheLimit};
    // 4 GiB declared in front of one literal byte, raw and in xerial framing.
    let raw = [0xff, 0xff, 0xff, 0xff, 0x0f, 0x00, b'a'];
    check("snappy, raw, declares 4 GiB", Compression::Snappy, &raw, AsCorrupt);
    let xerial = [b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01\0\0\0\x07", &raw[..]].concat();
    check("snappy, xerial, declares 4 GiB", Compression::Snappy, &xerial, AsCorrupt);
    let block = [b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01\xff\xff\xff\xff", &raw[..]].concat();
    check("snappy, xerial, a block of 4 GiB", Compression::Snappy, &block, AsCorrupt);
    // Copies of 64 bytes, three bytes each: what it declares is what it holds.
    let mut copies = Vec::new();
    ottla_protocol::varint::put_unsigned_varint(&mut copies, 1 + 64 * 60_000);
    copies.extend_from_slice(&[0, b'a']);
    copies.extend([0xfe, 1, 0].repeat(60_000));
    check("snappy, raw, copies", Compression::Snappy, &copies, AtTheLimit);
    // Blocks of 4 MiB, a content size of 2^63, and a block of 2 GiB.
    let stored = [0x04, 0x22, 0x4d, 0x18, 0x68, 0x70, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0xff, 0xff, 0xff, 0x7f];
    let mut decompressor = Decompressor::new();
    let memory = measure(|| {
        let read = decompressor.decompress_magic_0(Compression::Lz4, &stored, LIMIT);
        assert!(matches!(read, Err(CompressionError::Corrupt { .. })), "{read:?}");
    });
    assert!(memory.bytes_max <= 1024, "nothing is set aside: {memory:?}");
    // One segment of 2 GiB, then a raw block of one byte.
    let segment = [0x28, 0xb5, 0x2f, 0xfd, 0b1010_0000, 0, 0, 0, 0x80, 1 | 1 << 3, 0, 0, 7];
    check("zstd, declares 2 GiB", Compression::Zstd, &segment, AsCorrupt);
    // Blocks that repeat one byte 131,071 times, four bytes each, in the largest window.
    let mut repeats = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0xff];
    let header = |last: u32| ((131_071_u32 << 3) | 1 << 1 | last).to_le_bytes();
    for block in 0..1000 {
        repeats.extend_from_slice(&header(u32::from(block == 999))[..3]);
        repeats.push(7);
    }
    // The C library refuses such a window before it looks at a block.
    let stopped = if cfg!(feature = "zstd-c") { AsCorrupt } else { AtTheLimit };
    check("zstd, repeated bytes", Compression::Zstd, &repeats, stopped);
}

#[test]
fn a_batch_that_is_a_bomb_is_an_error_with_its_offset() {
    for codec in &Compression::ALL[1..] {
        let mut builder = BatchBuilder::new();
        builder.append(0, None, Some(&vec![0; 8 << 20]), NO_HEADERS).expect("it fits");
        let mut options = SealOptions::default();
        (options.compression, options.base_offset) = (*codec, 42);
        let bytes = builder.seal(&options, &mut Default::default()).expect("it is available");
        let batch = RecordSet::new(bytes).next().expect("a batch").expect("whole");
        let mut result = None;
        let memory = measure(|| result = Some(batch.records(LIMIT).map(drop))).bytes_max;
        let source = CompressionError::LimitExceeded { codec: *codec, limit: LIMIT };
        assert_eq!(result, Some(Err(RecordError::Compression { base_offset: 42, source })));
        assert!(memory <= allowed(LIMIT), "{codec}: {memory} bytes of memory");
    }
}
