//! Round trips, Java's framings, limits and damage.

use super::*;

fn samples() -> Vec<Vec<u8>> {
    let mut seed = 0x9e37_79b9_u32;
    let mut noise = |length: usize| -> Vec<u8> {
        (0..length)
            .map(|_| {
                seed ^= seed << 13;
                seed ^= seed >> 17;
                seed ^= seed << 5;
                seed as u8
            })
            .collect()
    };
    let text: Vec<u8> = (0..200_000).flat_map(|i: u32| format!("record {} ", i % 977).into_bytes()).collect();
    vec![
        Vec::new(),
        b"a".to_vec(),
        noise(5),
        noise(1000),
        vec![0; 300_000],
        noise(64 * 1024),
        noise(200_000),
        text[..65_535].to_vec(),
        text,
    ]
}

fn available() -> impl Iterator<Item = Compression> {
    Compression::ALL.into_iter().filter(|codec| codec.is_available())
}

fn compressed(codec: Compression, input: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    compress(codec, CompressionLevel::DEFAULT, input, &mut out).expect("default level");
    out
}

#[test]
fn every_codec_reads_what_it_writes_with_kept_state() {
    let (mut compressor, mut decompressor) = (Compressor::new(), Decompressor::new());
    for codec in available() {
        for input in samples() {
            let mut out = b"kept".to_vec();
            compressor.compress(codec, CompressionLevel::DEFAULT, &input, &mut out).expect("compress");
            assert_eq!(&out[..4], b"kept");
            let back = decompressor.decompress(codec, &out[4..], input.len()).expect("decompress");
            assert!(back == input, "{codec} of {} bytes", input.len());
        }
    }
}

#[test]
fn output_stops_at_the_limit() {
    let mut decompressor = Decompressor::new();
    for codec in available() {
        for input in samples().into_iter().filter(|input| !input.is_empty()) {
            let packed = compressed(codec, &input);
            for limit in [0, input.len() / 2, input.len() - 1] {
                let error = decompressor.decompress(codec, &packed, limit).expect_err("over the limit");
                assert_eq!(error, CompressionError::LimitExceeded { codec, limit });
            }
        }
    }
}

#[test]
fn cut_data_is_an_error() {
    for codec in available().filter(|codec| *codec != Compression::None) {
        let input = &samples()[7][..5000];
        let packed = compressed(codec, input);
        for end in 0..packed.len() {
            match decompress(codec, &packed[..end], 1 << 20) {
                Err(CompressionError::Corrupt { .. }) => {}
                // Xerial streams may end after any block, and an empty zstd stream has no frames.
                Ok(output) => assert!(output.is_empty() && end <= 16, "{codec} cut at {end}"),
                Err(error) => panic!("{codec} cut at {end}: {error}"),
            }
        }
    }
}

#[test]
fn levels_are_those_of_kafka() {
    let cases = [
        (Compression::Gzip, 1, true),
        (Compression::Gzip, 9, true),
        (Compression::Gzip, -1, true),
        (Compression::Gzip, 0, false),
        (Compression::Gzip, 10, false),
        (Compression::Lz4, 17, true),
        (Compression::Lz4, 18, false),
        (Compression::Zstd, -131_072, true),
        (Compression::Zstd, 23, false),
        (Compression::Snappy, 1, false),
        (Compression::None, 1, false),
    ];
    for (codec, level, valid) in cases {
        assert_eq!(CompressionLevel::new(codec, level).is_ok(), valid, "{codec} {level}");
    }
    let error = CompressionLevel::new(Compression::Gzip, 12).expect_err("too high");
    assert_eq!(error.to_string(), "gzip has levels 1 to 9, not: 12");
}

#[test]
fn a_higher_gzip_level_takes_effect_on_kept_state() {
    if !Compression::Gzip.is_available() {
        return;
    }
    let mut compressor = Compressor::new();
    let input = &samples()[8];
    let mut size_at = |level| {
        let mut out = Vec::new();
        let level = CompressionLevel::new(Compression::Gzip, level).expect("valid level");
        compressor.compress(Compression::Gzip, level, input, &mut out).expect("compress");
        out.len()
    };
    let (fast, best, fast_again) = (size_at(1), size_at(9), size_at(1));
    assert!(best < fast);
    assert_eq!(fast, fast_again);
}

#[test]
fn names_and_ids_lead_back_to_the_type() {
    for codec in Compression::ALL {
        assert_eq!(codec.name().parse(), Ok(codec));
        assert_eq!(codec.name().to_uppercase().parse(), Ok(codec));
        assert_eq!(Compression::from_id(codec.id()), Some(codec));
    }
    assert_eq!(Compression::from_id(5), None);
    let error = "brotli".parse::<Compression>().expect_err("unknown");
    assert_eq!(error.to_string(), "compression type is one of none, gzip, snappy, lz4 and zstd, not: brotli");
}

#[test]
fn a_codec_that_is_off_names_its_feature() {
    for codec in Compression::ALL.into_iter().filter(|codec| !codec.is_available()) {
        let error = decompress(codec, b"", 0).expect_err("off");
        assert_eq!(error, CompressionError::Disabled { codec });
        assert!(error.to_string().contains(&format!("cargo feature: {codec}")));
        assert_eq!(compress(codec, CompressionLevel::DEFAULT, b"", &mut Vec::new()), Err(error));
    }
}

#[cfg(feature = "snappy")]
#[test]
fn snappy_is_read_raw_framed_and_in_several_streams() {
    let input = b"snappy snappy snappy snappy".repeat(9);
    let raw = snap::raw::Encoder::new().compress_vec(&input).expect("raw snappy");
    assert_eq!(decompress(Compression::Snappy, &raw, 1000).as_deref(), Ok(&input[..]));
    let framed = compressed(Compression::Snappy, &input);
    assert_eq!(&framed[..20], [b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01\0\0\0", &[framed[19]][..]].concat());
    let twice = [&framed[..], &framed[..]].concat();
    assert_eq!(decompress(Compression::Snappy, &twice, 1000), Ok(input.repeat(2)));
}

#[cfg(feature = "snappy")]
#[test]
fn a_snappy_block_cannot_declare_more_than_it_can_hold() {
    // A length of 2^32 - 1 in front of a literal byte.
    let block = [0xff, 0xff, 0xff, 0xff, 0x0f, 0x00, b'a'];
    let error = decompress(Compression::Snappy, &block, usize::MAX - 1).expect_err("declares 4 GiB");
    assert!(matches!(error, CompressionError::Corrupt { .. }), "{error}");
}

#[cfg(feature = "gzip")]
#[test]
fn gzip_members_are_joined_and_what_follows_them_is_ignored() {
    let (one, two) = (compressed(Compression::Gzip, b"one "), compressed(Compression::Gzip, b"two"));
    let joined = [&one[..], &two[..], b"\0\0garbage"].concat();
    assert_eq!(decompress(Compression::Gzip, &joined, 100).as_deref(), Ok(&b"one two"[..]));
}

#[cfg(feature = "gzip")]
#[test]
fn a_gzip_header_with_every_field_is_skipped() {
    let plain = compressed(Compression::Gzip, b"value");
    let mut full = plain[..10].to_vec();
    full[3] = 0b1_1110;
    full.extend_from_slice(b"\x02\0xxname\0comment\0cc");
    full.extend_from_slice(&plain[10..]);
    assert_eq!(decompress(Compression::Gzip, &full, 100).as_deref(), Ok(&b"value"[..]));
}

#[cfg(feature = "lz4")]
#[test]
fn an_lz4_frame_starts_as_kafkas_own_do() {
    let framed = compressed(Compression::Lz4, b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    assert_eq!(&framed[..7], [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]);
    assert_eq!(&framed[framed.len() - 4..], [0; 4]);
}

#[cfg(feature = "lz4")]
#[test]
fn the_wrong_lz4_header_checksum_of_magic_0_is_read_only_when_asked_for() {
    let mut framed = compressed(Compression::Lz4, b"value");
    framed[6] = (xxh32::xxh32(&framed[..6]) >> 8) as u8;
    let mut decompressor = Decompressor::new();
    assert!(decompressor.decompress(Compression::Lz4, &framed, 100).is_err());
    let value = decompressor.decompress_magic_0(Compression::Lz4, &framed, 100);
    assert_eq!(value.as_deref(), Ok(&b"value"[..]));
}

#[cfg(any(feature = "zstd", feature = "zstd-c"))]
#[test]
fn zstd_frames_are_joined_and_skippable_ones_skipped() {
    let (one, two) = (compressed(Compression::Zstd, b"one "), compressed(Compression::Zstd, b"two"));
    let skippable = [0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 9, 9, 9];
    let joined = [&one[..], &skippable[..], &two[..]].concat();
    assert_eq!(decompress(Compression::Zstd, &joined, 100).as_deref(), Ok(&b"one two"[..]));
}

#[test]
fn mutated_data_never_panics_nor_passes_the_limit() {
    let mut decompressor = Decompressor::new();
    let mut seed = 7_u64;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize
    };
    let input = &samples()[7][..4000];
    for codec in available() {
        let packed = compressed(codec, input);
        for _ in 0..2000 {
            let mut damaged = packed.clone();
            for _ in 0..=next() % 4 {
                let position = next() % damaged.len();
                damaged[position] = next() as u8;
            }
            damaged.truncate(damaged.len() - next() % 8);
            if let Ok(output) = decompressor.decompress(codec, &damaged, 10_000) {
                assert!(output.len() <= 10_000);
            }
        }
    }
}

/// A frame of a 16-byte raw block and one of `sequences` matches of 131,074 bytes each, which need two
/// bytes of input: codes by RLE, the last repeated offset.
#[cfg(any(feature = "zstd", feature = "zstd-c"))]
fn zstd_bomb(sequences: u16) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0xf8];
    frame.extend_from_slice(&[16 << 3, 0, 0]);
    frame.extend_from_slice(&[7; 16]);
    let mut block = vec![1 << 3, 7];
    block.push(0xff);
    block.extend_from_slice(&(sequences - 0x7f00).to_le_bytes());
    block.extend_from_slice(&[0b0101_0100, 0, 0, 52]);
    block.extend(std::iter::repeat_n(0xff, usize::from(sequences) * 2));
    block.push(1);
    let header = 1 | 2 << 1 | (block.len() as u32) << 3;
    frame.extend_from_slice(&header.to_le_bytes()[..3]);
    frame.extend_from_slice(&block);
    frame
}

#[cfg(any(feature = "zstd", feature = "zstd-c"))]
#[test]
fn a_zstd_block_that_holds_more_than_a_block_may_is_an_error() {
    // 5 GiB from 80 KB; a decoder that looks at the end of the block is too late.
    let error = decompress(Compression::Zstd, &zstd_bomb(40_000), 1 << 30).expect_err("too large");
    assert!(matches!(error, CompressionError::Corrupt { .. }), "{error}");
}

#[cfg(any(feature = "zstd", feature = "zstd-c"))]
#[test]
fn a_zstd_frame_cannot_declare_more_than_its_blocks_can_hold() {
    // One segment of 2 GiB, then a raw block of one byte: nothing is set aside for the 2 GiB.
    let frame = [0x28, 0xb5, 0x2f, 0xfd, 0b1010_0000, 0, 0, 0, 0x80, 1 | 1 << 3, 0, 0, 7];
    let error = decompress(Compression::Zstd, &frame, 3 << 30).expect_err("declares 2 GiB");
    assert!(matches!(error, CompressionError::Corrupt { .. }), "{error}");
}
