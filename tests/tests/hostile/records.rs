//! Record sets and compressed data: Kafka's own batches of every magic and codec with damage, as they are and with size
//! and CRC mended so that the damage gets past them; damage to records that are then compressed; sets of magic 0 and
//! 1 in wrappers; random bytes behind each codec's first ones.

use bytes::Bytes;
use ottla_protocol::compression::{Compression, CompressionLevel, Compressor, Decompressor};
use ottla_protocol::records::{Batch, BatchHeader, ControlRecord, Cursor, RecordSet, crc32, edit};
use ottla_tests::oracle::unhex;
use ottla_tests::random::Random;

use crate::Share;
use crate::damage::{damaged, lines};
use crate::report::Report;

/// What decompressed records may take, in bytes.
const LIMIT: usize = 64 * 1024;
/// What `Decompressor` promises: the output with its growth, a zstd window of twice the limit, and 2 MiB for a block.
/// A block of 98,047 sequences, which five bytes may claim, takes 1.2 MB by itself.
pub const fn allowed(limit: usize) -> u64 {
    4 * limit as u64 + (2 << 20)
}
/// The largest batch that is damaged, in bytes.
const LARGEST_BATCH: usize = 4000;
/// Of each kind, round and worker.
const INPUTS: usize = 5000;

/// Kafka's own batches.
pub struct Batches {
    all: Vec<Vec<u8>>,
    /// Records of magic 2 as they lie in their batches, and the batches' headers.
    plain: Vec<Vec<u8>>,
    headers: Vec<BatchHeader>,
    /// Messages of magic 0 and 1 that are not compressed.
    legacy: Vec<Vec<u8>>,
    /// By the codec's number less one.
    compressed: [Vec<Vec<u8>>; 4],
}

impl Batches {
    pub fn load() -> Self {
        let (all, plain, headers, legacy) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut batches = Self { all, plain, headers, legacy, compressed: Default::default() };
        for line in lines("batches.jsonl.gz") {
            let set = unhex(line["hex"].as_str().expect("it has bytes")).expect("it is hex");
            let found = RecordSet::new(set.into()).verify_crc(false).filter_map(Result::ok);
            for batch in found.filter(|batch| batch.size_in_bytes() <= LARGEST_BATCH) {
                batches.add(&batch);
            }
        }
        batches
    }

    fn add(&mut self, batch: &Batch) {
        let bytes = batch.bytes().to_vec();
        match (batch.header(), batch.compression().expect("Kafka wrote it")) {
            (None, Compression::None) => self.legacy.push(bytes.clone()),
            (Some(header), codec) => {
                if codec != Compression::None {
                    self.compressed[usize::from(codec.id()) - 1].push(bytes[BatchHeader::SIZE..].to_vec());
                } else {
                    self.plain.push(bytes[BatchHeader::SIZE..].to_vec());
                }
                self.headers.push(*header);
            }
            _ => {}
        }
        self.all.push(bytes);
    }
}

/// This worker's share.
pub fn attack(share: Share, batches: &Batches, report: &mut Report) {
    let mut random = Random(share.seed("records"));
    // Kept, as a consumer keeps it; bombs are tried on new ones.
    let (mut compressor, mut decompressor) = (Compressor::new(), Decompressor::new());
    for _ in 0..INPUTS {
        let input = damaged(&mut random, &batches.all);
        read_set(report, "batches", input, &mut decompressor);
        let mut input = damaged(&mut random, &batches.all);
        mend(&mut input);
        read_set(report, "batches, mended", input, &mut decompressor);
        let input = recompressed(&mut random, batches, &mut compressor);
        read_set(report, "batches, recompressed", input, &mut decompressor);
        let input = wrapper(&mut random, batches, &mut compressor);
        read_set(report, "legacy wrappers", input, &mut decompressor);
        let mut input = random.bytes(300);
        input.resize(input.len().max(17), 0);
        input[16] = random.below(4) as u8;
        if let (0..3, Some(attributes)) = (random.below(4), input.get_mut(22)) {
            // In magic 2: not compressed, so that the bytes are read as records.
            *attributes &= !0b111;
        }
        mend(&mut input);
        read_set(report, "random batches", input, &mut decompressor);
        read_compressed(report, &mut random, batches, &mut decompressor);
    }
}

/// Writes the size and the CRC that the bytes have.
fn mend(batch: &mut [u8]) {
    let Some(size) = batch.len().checked_sub(12).filter(|size| *size >= 5) else { return };
    batch[8..12].copy_from_slice(&(size as u32).to_be_bytes());
    if batch[16] == 2 {
        // Refused if it is too short for a header, and then it stays as it is.
        let _ = edit::update_crc(batch);
    } else {
        let crc = crc32(&batch[16..]);
        batch[12..16].copy_from_slice(&crc.to_be_bytes());
    }
}

fn some_codec(random: &mut Random, below: usize) -> Compression {
    Compression::ALL[1 + random.below(below)]
}

/// Damaged records, compressed in a batch of magic 2 that is sound.
fn recompressed(random: &mut Random, batches: &Batches, compressor: &mut Compressor) -> Vec<u8> {
    let header = batches.headers[random.below(batches.headers.len())];
    let records = damaged(random, &batches.plain);
    let codec = some_codec(random, 4);
    let record_count = random.below(6) as i32;
    let attributes = header.attributes.with_compression(codec);
    let mut batch = BatchHeader { attributes, record_count, ..header }.to_bytes().to_vec();
    compressor.compress(codec, CompressionLevel::DEFAULT, &records, &mut batch).expect("it is available");
    mend(&mut batch);
    batch
}

/// A damaged set of magic 0 or 1, compressed in a message that is sound.
fn wrapper(random: &mut Random, batches: &Batches, compressor: &mut Compressor) -> Vec<u8> {
    let mut set = Vec::new();
    for _ in 0..=random.below(3) {
        let mut message = damaged(random, &batches.legacy);
        if random.below(2) == 0 {
            mend(&mut message);
        }
        set.extend_from_slice(&message);
    }
    // zstd is refused here.
    let codec = some_codec(random, 3);
    let magic = random.below(2) as u8;
    let mut wrapper = [&(random.below(9) as u64).to_be_bytes()[..], &[0; 8], &[magic, codec.id()]].concat();
    wrapper.extend_from_slice(&[0; 8][..8 * usize::from(magic)]);
    wrapper.extend_from_slice(&[0xff; 4]);
    let length_at = wrapper.len();
    wrapper.extend_from_slice(&[0; 4]);
    compressor.compress(codec, CompressionLevel::DEFAULT, &set, &mut wrapper).expect("it is available");
    let length = (wrapper.len() - length_at - 4) as u32;
    wrapper[length_at..length_at + 4].copy_from_slice(&length.to_be_bytes());
    mend(&mut wrapper);
    wrapper
}

/// Reads all that can be read of a set, its CRCs checked or not; decoded is one with a record.
fn read_set(report: &mut Report, kind: &'static str, input: Vec<u8>, decompressor: &mut Decompressor) {
    let input = Bytes::from(input);
    let read = || {
        let mut records = 0;
        for check in [false, true] {
            for batch in RecordSet::new(input.clone()).verify_crc(check).filter_map(Result::ok) {
                records += read_batch(&batch, decompressor);
            }
        }
        (records > 0).then_some(())
    };
    report.attempt(kind, &"set", &input, allowed(LIMIT), read, Ok);
}

fn read_batch(batch: &Batch, decompressor: &mut Decompressor) -> usize {
    let Ok(records) = batch.records_with(decompressor, LIMIT) else { return 0 };
    assert!(records.data().len() <= LIMIT.max(batch.size_in_bytes()), "past the limit");
    let (mut cursor, mut count) = (Cursor::new(), 0);
    for record in &records {
        let span = cursor.next_span(&records).expect("as many spans as records");
        let (Ok(record), Ok(span)) = (record, span) else { continue };
        assert_eq!(record.value, span.record(&records).value);
        assert_eq!(record.headers.count(), record.headers.len());
        let _ = (ControlRecord::parse(&record), records.sequence_of(record.offset));
        count += 1;
    }
    assert!(count <= records.len(), "more records than stated");
    count
}

/// Compressed data without a batch around it.
fn read_compressed(
    report: &mut Report,
    random: &mut Random,
    batches: &Batches,
    decompressor: &mut Decompressor,
) {
    let starts: [(&[u8], &'static str); 4] = [
        (&[0x1f, 0x8b, 8, 0], "gzip data"),
        (b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01", "snappy data"),
        (&[4, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82], "lz4 data"),
        (&[0x28, 0xb5, 0x2f, 0xfd], "zstd data"),
    ];
    for (at, (start, kind)) in starts.into_iter().enumerate() {
        let data = if random.below(4) == 0 {
            [start, &random.bytes(300)].concat()
        } else {
            damaged(random, &batches.compressed[at])
        };
        let limit = [0, 100, LIMIT][random.below(3)];
        let codec = Compression::ALL[at + 1];
        let old = random.below(4) == 0;
        let read = || {
            let read = if old {
                decompressor.decompress_magic_0(codec, &data, limit)
            } else {
                decompressor.decompress(codec, &data, limit)
            };
            read.ok()
        };
        report.attempt(kind, &"data", &data, allowed(limit), read, |output| {
            if output.len() > limit { Err("it is past the limit".to_owned()) } else { Ok(()) }
        });
    }
}
