//! Nanoseconds per record of reading and building batches: 10,000 records of 100 bytes.
//!
//! Prints the least of many rounds, which on a busy machine says most. Run with `--release`. Not a
//! benchmark to compare peers with.

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ottla_protocol::compression::{Compression, Compressor, Decompressor};
use ottla_protocol::records::{BatchBuilder, Cursor, Header, NO_HEADERS, RecordSet, SealOptions};

const RECORDS: u32 = 10_000;
const VALUE: [u8; 100] = [b'v'; 100];
const TIME: i64 = 1_700_000_000_000;
const BUDGET: Duration = Duration::from_millis(800);

fn main() {
    let mut builder = BatchBuilder::with_capacity(2 << 20);
    let mut compressor = Compressor::new();
    let plain = build(&mut builder, &mut compressor, Compression::None);
    let headed = build_headed(&mut builder, &mut compressor);
    println!("batch of {RECORDS} x {} bytes: {} bytes", VALUE.len(), plain.len());

    report("read key, value, headers, with crc", || walk(&plain, true));
    report("read key, value, headers, without crc", || walk(&plain, false));
    report("read with two headers each, with crc", || walk(&headed, true));
    report("read spans, with crc", || walk_spans(&plain));
    report("crc alone", || u64::from(crc32c::crc32c(&plain[21..])));
    report("append only", || {
        for index in 0..RECORDS {
            append(&mut builder, index);
        }
        let size = builder.size() as u64;
        builder.reset();
        size
    });
    report("append, seal", || {
        let sealed = build(&mut builder, &mut compressor, Compression::None);
        let size = sealed.len() as u64;
        builder.recycle(sealed);
        size
    });
    report("append with two headers each, seal", || {
        let sealed = build_headed(&mut builder, &mut compressor);
        let size = sealed.len() as u64;
        builder.recycle(sealed);
        size
    });
    let mut decompressor = Decompressor::new();
    for codec in Compression::ALL.into_iter().skip(1).filter(|codec| codec.is_available()) {
        report(&format!("append, seal with {codec}"), || {
            build(&mut builder, &mut compressor, codec).len() as u64
        });
        let sealed = build(&mut builder, &mut compressor, codec);
        report(&format!("read with {codec}"), || {
            let batch = RecordSet::new(sealed.clone()).next().expect("a batch").expect("whole");
            let records = batch.records_with(&mut decompressor, 64 << 20).expect("records");
            records.iter().map(|record| record.expect("well formed").offset as u64).sum()
        });
    }
}

fn append(builder: &mut BatchBuilder, index: u32) {
    let (time, value) = (TIME + i64::from(index / 16), &VALUE[..]);
    builder.append(black_box(time), None, Some(black_box(value)), NO_HEADERS).expect("append");
}

fn build(builder: &mut BatchBuilder, compressor: &mut Compressor, codec: Compression) -> Bytes {
    for index in 0..RECORDS {
        append(builder, index);
    }
    let mut options = SealOptions::default();
    options.compression = codec;
    builder.seal(&options, compressor).expect("seal")
}

fn build_headed(builder: &mut BatchBuilder, compressor: &mut Compressor) -> Bytes {
    let headers = [Header::new("trace-id", Some(b"0123456789abcdef")), Header::new("type", Some(b"x"))];
    for index in 0..RECORDS {
        let time = TIME + i64::from(index / 16);
        builder.append(time, Some(b"some-key"), Some(&VALUE), black_box(headers)).expect("append");
    }
    builder.seal(&SealOptions::default(), compressor).expect("seal")
}

fn walk(set: &Bytes, crc: bool) -> u64 {
    let mut sum = 0;
    for batch in RecordSet::new(set.clone()).verify_crc(crc) {
        let records = batch.expect("whole").records(0).expect("records");
        for record in &records {
            let record = record.expect("well formed");
            sum += record.key.map_or(0, <[u8]>::len) as u64;
            sum += record.value.map_or(0, |value| value.len() + usize::from(value[0])) as u64;
            for header in record.headers {
                sum += header.key_bytes().len() as u64;
            }
            sum += record.offset as u64 ^ record.timestamp as u64;
        }
    }
    sum
}

fn walk_spans(set: &Bytes) -> u64 {
    let mut sum = 0;
    for batch in RecordSet::new(set.clone()) {
        let records = batch.expect("whole").records(0).expect("records");
        let mut cursor = Cursor::new();
        while let Some(span) = cursor.next_span(&records) {
            sum += span.expect("well formed").value_range().map_or(0, |range| range.end) as u64;
        }
    }
    sum
}

fn report(what: &str, mut work: impl FnMut() -> u64) {
    let (mut least, mut rounds) = (Duration::MAX, 0);
    let start = Instant::now();
    while start.elapsed() < BUDGET || rounds < 5 {
        let round = Instant::now();
        black_box(work());
        least = least.min(round.elapsed());
        rounds += 1;
    }
    let each = least.as_nanos() as f64 / f64::from(RECORDS);
    println!("{each:8.1} ns a record  {what} ({rounds} rounds)");
}
