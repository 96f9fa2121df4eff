//! Batches that ottla writes, read by the other clients: every codec and its levels, null and empty keys and values,
//! headers that come twice, batches and records near the broker's limit. One row for each codec and reader.

use ottla_client::{Client, Compression, CompressionLevel, Producer, Record};
use ottla_tests::broker::stored_batches;
use ottla_tests::clients::{Java, KafkaClient, Kcat, NULL};
use ottla_tests::real_kafka::RealKafka;
use ottla_tests::workload::{Content, Received};
use std::time::Duration;

/// How batches are compressed; each has a partition of its own.
const ROWS: [(Compression, Option<i32>); 11] = [
    (Compression::None, None),
    (Compression::Gzip, None),
    (Compression::Gzip, Some(1)),
    (Compression::Gzip, Some(9)),
    (Compression::Snappy, None),
    (Compression::Lz4, None),
    (Compression::Lz4, Some(1)),
    (Compression::Lz4, Some(17)),
    (Compression::Zstd, None),
    (Compression::Zstd, Some(-5)),
    (Compression::Zstd, Some(22)),
];

/// Near the 1,048,588 bytes that a broker takes in its default setting.
const BATCH_BYTES: usize = 1_000_000;

#[test]
#[ignore = "needs a real Kafka and Java: cargo xtask test"]
fn java_reads_every_batch_that_ottla_writes() {
    read_by(&Java::default());
}

#[test]
#[ignore = "needs a real Kafka and kcat: cargo xtask test"]
fn kcat_reads_every_batch_that_ottla_writes() {
    read_by(&Kcat::default());
}

fn read_by(reader: &dyn KafkaClient) {
    let kafka = RealKafka::one();
    let servers = kafka.bootstrap_servers();
    let topic = kafka.topic(&format!("written-{}", reader.name()), ROWS.len() as i32);
    let sent = contents();
    let runtime = tokio::runtime::Runtime::new().expect("threads for a runtime");
    runtime.block_on(write_all(servers, &topic, &sent));

    let received = reader.consume(servers, &topic, sent.len() * ROWS.len());
    for (partition, (compression, level)) in (0..).zip(ROWS) {
        let mut found: Vec<&Received> = received.iter().filter(|one| one.partition == partition).collect();
        found.sort_by_key(|one| one.offset);
        let level = level.map_or(String::new(), |level| format!(" {level}"));
        let name = format!("{compression}{level}");
        for (at, (found, sent)) in found.iter().zip(&sent).enumerate() {
            assert_eq!(found.offset, at as i64, "{name}");
            assert_same(&found.content, &as_read(sent), &name);
        }
        assert_eq!(found.len(), sent.len(), "{name}");
        let batches = stored_batches(servers, &topic, partition);
        assert!(batches.iter().all(|batch| batch.compression == compression), "{name}: {batches:?}");
        let most = batches.iter().map(|batch| batch.records).max().unwrap_or_default();
        let largest = batches.iter().map(|batch| batch.bytes).max().unwrap_or_default();
        assert!(most > 10_000, "{name}: a big batch: {most}");
        println!(
            "{name:<9} {:<5} {} records in {} batches of up to {most} records and {largest} bytes, all equal",
            reader.name(),
            found.len(),
            batches.len(),
        );
    }
}

/// A record that may lack a key, which those of the workload never do.
struct Sent {
    key: Option<String>,
    value: Option<String>,
    headers: Vec<(String, String)>,
}

/// What a reader makes of it.
fn as_read(sent: &Sent) -> Content {
    Content {
        key: sent.key.clone().unwrap_or_else(|| NULL.to_owned()),
        value: sent.value.clone(),
        headers: sent.headers.clone(),
        timestamp: Some(TIMESTAMP),
    }
}

const TIMESTAMP: i64 = 1_700_000_000_000;

/// Every oddity, then a big batch of small records, then big records.
fn contents() -> Vec<Sent> {
    let texts = |middle: &str| [None, Some(String::new()), Some(middle.to_owned())];
    let pairs = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<Vec<_>>()
    };
    let headers =
        [pairs(&[]), pairs(&[("a", "1"), ("b", ""), ("a", "2"), ("a", "1")]), pairs(&[("ż", "客户")])];
    let mut all = Vec::new();
    for key in texts("klucz-żółć") {
        for value in texts("a value") {
            for headers in headers.clone() {
                all.push(Sent { key: key.clone(), value: value.clone(), headers });
            }
        }
    }
    for number in 0..30_000 {
        let key = (number % 3 != 0).then(|| format!("key-{}", number % 101));
        all.push(Sent { key, value: Some(format!("record {number} of a big batch")), headers: Vec::new() });
    }
    let repeated = "lorem ipsum ".repeat(900_000 / 12);
    all.push(Sent { key: None, value: Some(repeated), headers: Vec::new() });
    all.push(Sent { key: None, value: Some(hard_to_compress(900_000)), headers: Vec::new() });
    all
}

/// Letters that no codec makes much smaller than 6 bits each.
fn hard_to_compress(len: usize) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-";
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let letter = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(LETTERS[(state >> 58) as usize])
    };
    (0..len).map(letter).collect()
}

async fn write_all(servers: &str, topic: &str, sent: &[Sent]) {
    let client = Client::builder(servers).connect().await.expect("the cluster is there");
    for (partition, (compression, level)) in (0..).zip(ROWS) {
        let level = level.map_or(CompressionLevel::DEFAULT, |level| {
            CompressionLevel::new(compression, level).expect("a level of the codec")
        });
        let producer = client.producer().compression(compression).compression_level(level);
        let producer = producer.batch_size(BATCH_BYTES).linger(Duration::from_secs(60)).build();
        write(&producer.expect("a producer"), topic, partition, sent).await;
    }
    client.close().await;
}

async fn write(producer: &Producer, topic: &str, partition: i32, sent: &[Sent]) {
    let mut deliveries = Vec::with_capacity(sent.len());
    for one in sent {
        let mut record = Record::to(topic).partition(partition).timestamp(TIMESTAMP);
        if let Some(key) = &one.key {
            record = record.key(key);
        }
        if let Some(value) = &one.value {
            record = record.value(value);
        }
        for (key, value) in &one.headers {
            record = record.header(key, value);
        }
        deliveries.push(producer.enqueue(record).await.expect("room for a record"));
    }
    producer.flush().await;
    for delivery in deliveries {
        delivery.await.expect("the record is written");
    }
}

/// As `assert_eq`, without a million letters in its message.
fn assert_same(found: &Content, expected: &Content, name: &str) {
    let short = |content: &Content| format!("{content:?}").chars().take(200).collect::<String>();
    assert!(found == expected, "{name}: {} instead of {}", short(found), short(expected));
}
