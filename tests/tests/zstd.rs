//! The pure-Rust zstd decoder against the C library: every level, many shapes of data, and damage.
//!
//! `cargo test -p ottla-tests --features zstd-reference --test zstd`

#![cfg(all(feature = "zstd-reference", not(feature = "zstd-c")))]

use ottla_protocol::compression::{Compression, Decompressor};
use zstd_safe::{CCtx, CParameter, DCtx, InBuffer, OutBuffer, zstd_sys::ZSTD_EndDirective};

const LIMIT: usize = 8 << 20;

/// xorshift64*.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() >> 16) as usize % end
    }
}

/// Runs, noise, skewed bytes, repeats from near and far, text: in random order and lengths.
fn data(random: &mut Random, size: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while out.len() < size {
        let scale = 1 + random.below(14);
        let length = 1 + random.below(1 << scale);
        match random.below(6) {
            0 => out.resize(out.len() + length, random.next() as u8),
            1 => out.extend((0..length).map(|_| random.next() as u8)),
            2 => out.extend((0..length).map(|_| (random.next() & random.next() & random.next()) as u8)),
            3 => out
                .extend((0..length / 8).flat_map(|_| format!("key-{:03} ", random.below(500)).into_bytes())),
            _ if !out.is_empty() => {
                let start = random.below(out.len());
                let end = (start + length).min(out.len());
                out.extend_from_within(start..end);
            }
            _ => {}
        }
    }
    out.truncate(size);
    out
}

fn compressed(random: &mut Random, level: i32, input: &[u8]) -> Vec<u8> {
    let mut context = CCtx::create();
    context.set_parameter(CParameter::CompressionLevel(level)).expect("level");
    context.set_parameter(CParameter::ChecksumFlag(random.below(2) == 0)).expect("checksum");
    let mut out = Vec::with_capacity(zstd_safe::compress_bound(input.len()) + 100_000);
    // In parts, so that the frame has a window and no size, or at once.
    let parts = 1 + random.below(3);
    let mut target = OutBuffer::around(&mut out);
    for (index, part) in input.chunks(input.len().div_ceil(parts).max(1)).enumerate() {
        let mut source = InBuffer::around(part);
        let directive = if random.below(2) == 0 || index == 0 && parts > 1 {
            ZSTD_EndDirective::ZSTD_e_flush
        } else {
            ZSTD_EndDirective::ZSTD_e_continue
        };
        context.compress_stream2(&mut target, &mut source, directive).expect("room");
    }
    let mut nothing = InBuffer::around(&[]);
    let left = context.compress_stream2(&mut target, &mut nothing, ZSTD_EndDirective::ZSTD_e_end);
    assert_eq!(left, Ok(0));
    out
}

#[test]
fn every_level_and_shape_decodes_as_the_c_library_encoded_it() {
    let mut decompressor = Decompressor::new();
    let mut random = Random(11);
    for round in 0..400 {
        let level = [-50, -5, -1, 1, 2, 3, 4, 6, 9, 12, 15, 18, 19, 22][round % 14];
        let sizes = [0, 1, 30, 300, 3_000, 30_000, 130_000, 131_072, 400_000, 1_500_000];
        let size = sizes[random.below(if level > 15 { 8 } else { 10 })];
        let input = data(&mut random, size);
        let packed = compressed(&mut random, level, &input);
        let output = decompressor.decompress(Compression::Zstd, &packed, LIMIT);
        assert!(
            output.as_deref() == Ok(&input[..]),
            "round {round} level {level} size {size}: {:?}",
            output.err()
        );
        if size > 0 {
            let refused = decompressor.decompress(Compression::Zstd, &packed, size - 1).expect_err("limit");
            assert!(refused.to_string().contains("limit"), "{refused}");
        }
    }
}

#[test]
fn damaged_frames_hardly_ever_decode_to_other_bytes_than_the_c_librarys() {
    let mut decompressor = Decompressor::new();
    let mut reference = DCtx::create();
    let mut random = Random(12);
    let (mut both, mut differ, mut neither, mut only_ours, mut only_theirs) = (0, 0, 0, 0, 0);
    for _ in 0..300 {
        let size = 1 + random.below(6_000);
        let input = data(&mut random, size);
        let packed = compressed(&mut random, 3, &input);
        for _ in 0..100 {
            let mut damaged = packed.clone();
            for _ in 0..=random.below(2) {
                let position = random.below(damaged.len());
                damaged[position] ^= 1 << random.below(8);
            }
            let ours = decompressor.decompress(Compression::Zstd, &damaged, LIMIT);
            let mut theirs = Vec::with_capacity(LIMIT);
            match (reference.decompress(&mut theirs, &damaged), ours) {
                (Ok(_), Ok(ours)) => {
                    assert_eq!(ours.len(), theirs.len(), "both decode, to different sizes");
                    both += 1;
                    differ += usize::from(ours != theirs);
                }
                // Its fast loops let pass what RFC 8878 forbids: a huffman stream without its end mark
                // or with bits left over, a repeated byte that fills more than a block.
                (Ok(_), Err(_)) => only_theirs += 1,
                // Content checksums are the C library's alone to verify.
                (Err(_), Ok(_)) => only_ours += 1,
                (Err(_), Err(_)) => neither += 1,
            }
        }
    }
    println!(
        "both {both} ({differ} differ), neither {neither}, only ours {only_ours}, only theirs {only_theirs}"
    );
    assert!(both > 1000 && neither > 1000);
    // ruzstd compares the literals of a block with what it declares, but not each of their four streams:
    // two flips that make one stream longer and another shorter pass it.
    assert!(differ * 100 < both, "{differ} of {both} decode to different bytes");
}
