//! On a real Kafka: each client reads what the other sent, through every compression.

use ottla_client::Compression;
use ottla_tests::clients::{Java, KafkaClient, Kcat, Ottla};
use ottla_tests::real_kafka::RealKafka;
use ottla_tests::workload::{Content, KeyPartitions, check, interop_records, keyed};
use std::time::Instant;

const PARTITIONS: i32 = 6;

fn relay(sender: &dyn KafkaClient, reader: &dyn KafkaClient, compression: Compression) -> KeyPartitions {
    let kafka = RealKafka::one();
    let topic = kafka.topic(&format!("{}-{}-{compression}", sender.name(), reader.name()), PARTITIONS);
    let records = keyed(interop_records());
    let began = Instant::now();
    sender.produce(kafka.bootstrap_servers(), &topic, compression, &records);
    let produced = began.elapsed();
    let received = reader.consume(kafka.bootstrap_servers(), &topic, records.len());
    let sends = |content: &Content| sender.sends(content);
    let (from, count) = (sender.name(), received.len());
    let read = began.elapsed() - produced;
    println!("{count} records, {compression}: {from} sent {produced:.1?}, {} read {read:.1?}", reader.name());
    let expected: Vec<Content> = records.iter().map(|content| reader.shows(&sends(content))).collect();
    check(&expected, &received)
}

macro_rules! each_compression {
    ($($name:ident: $compression:ident;)*) => {$(
        mod $name {
            use super::*;

            #[test]
            #[ignore = "needs a real Kafka and Java: cargo xtask test"]
            fn java_reads_what_ottla_sends() {
                relay(&Ottla::new(), &Java::default(), Compression::$compression);
            }

            #[test]
            #[ignore = "needs a real Kafka and Java: cargo xtask test"]
            fn ottla_reads_what_java_sends() {
                relay(&Java::default(), &Ottla::new(), Compression::$compression);
            }

            #[test]
            #[ignore = "needs a real Kafka and kcat: cargo xtask test"]
            fn kcat_reads_what_ottla_sends() {
                relay(&Ottla::new(), &Kcat::default(), Compression::$compression);
            }

            #[test]
            #[ignore = "needs a real Kafka and kcat: cargo xtask test"]
            fn ottla_reads_what_kcat_sends() {
                relay(&Kcat::default(), &Ottla::new(), Compression::$compression);
            }
        }
    )*};
}

each_compression! {
    uncompressed: None;
    gzip: Gzip;
    snappy: Snappy;
    lz4: Lz4;
    zstd: Zstd;
}
