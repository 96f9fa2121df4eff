//! Rules that hold for any records: nothing is lost. What holds for any bytes is in `hostile`.
//!
//! Seeded loops: a failure names its seed and round.

use bytes::Bytes;
use ottla_protocol::compression::{Compression, CompressionLevel, Compressor};
use ottla_protocol::records::{BatchBuilder, BatchRecords, Header, Recompressor, RecordSet, SealOptions};
use ottla_tests::random::Random;

const LIMIT: usize = 1 << 20;

fn maybe_bytes(random: &mut Random, most: usize) -> Option<Vec<u8>> {
    (random.below(4) != 0).then(|| random.bytes(most))
}

#[derive(Clone, Debug, PartialEq)]
struct Owned {
    delta: u32,
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

fn random_records(random: &mut Random) -> Vec<Owned> {
    let mut delta = 0;
    (0..=random.below(20))
        .map(|_| {
            delta += 1 + if random.below(5) == 0 { random.below(1 << 20) as u32 } else { 0 };
            let wild = random.below(10) == 0;
            let value_size = if random.below(20) == 0 { 20_000 } else { 100 };
            Owned {
                delta,
                timestamp: if wild {
                    random.bits() as i64
                } else {
                    1_700_000_000_000 + random.below(1 << 20) as i64
                },
                key: maybe_bytes(random, 30),
                value: maybe_bytes(random, value_size),
                headers: (0..random.below(4).saturating_sub(1))
                    .map(|_| (format!("h{}", random.below(3)), maybe_bytes(random, 200)))
                    .collect(),
            }
        })
        .collect()
}

fn build(records: &[Owned], options: &SealOptions, compressor: &mut Compressor) -> Bytes {
    let mut builder = BatchBuilder::new();
    for record in records {
        let headers = record.headers.iter().map(|(key, value)| Header::new(key, value.as_deref()));
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        builder.append_at(record.delta, record.timestamp, key, value, headers).expect("append");
    }
    builder.seal(options, compressor).expect("seal")
}

fn read(records: &BatchRecords, base_offset: i64) -> Vec<Owned> {
    let owned = |record: ottla_protocol::records::Record<'_>| Owned {
        delta: u32::try_from(record.offset - base_offset).expect("a delta"),
        timestamp: record.timestamp,
        key: record.key.map(<[u8]>::to_vec),
        value: record.value.map(<[u8]>::to_vec),
        headers: record
            .headers
            .map(|header| (header.key().expect("utf-8").to_owned(), header.value().map(<[u8]>::to_vec)))
            .collect(),
    };
    records.iter().map(|record| owned(record.expect("well formed"))).collect()
}

fn random_options(random: &mut Random) -> SealOptions {
    let codecs: Vec<_> = Compression::ALL.into_iter().filter(|codec| codec.is_available()).collect();
    let mut options = SealOptions::default();
    options.compression = codecs[random.below(codecs.len())];
    options.base_offset = random.below(1 << 40) as i64;
    options.producer_id = random.below(1000) as i64 - 1;
    options.transactional = random.below(2) == 0;
    options
}

#[test]
fn whatever_is_built_is_read_back() {
    let (mut compressor, mut recompressor) = (Compressor::new(), Recompressor::new(LIMIT));
    for seed in 0..500 {
        let mut random = Random(seed);
        let records = random_records(&mut random);
        let options = random_options(&mut random);
        let bytes = build(&records, &options, &mut compressor);
        let batch = RecordSet::new(bytes).next().expect("a batch").expect("whole");
        let read_back = read(&batch.records(LIMIT).expect("records"), options.base_offset);
        assert_eq!(read_back, records, "seed {seed}");
        let to = random_options(&mut random).compression;
        let other = recompressor.recompress(&batch, to, CompressionLevel::DEFAULT).expect("recompress");
        let other = RecordSet::new(other).next().expect("a batch").expect("whole");
        let read_back = read(&other.records(LIMIT).expect("records"), options.base_offset);
        assert_eq!(read_back, records, "seed {seed} recompressed to {to}");
    }
}
