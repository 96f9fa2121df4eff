//! On a real Kafka: each client reads what the other sent, through every compression.

use super::relay::relay;
use ottla_client::Compression;
use ottla_tests::broker::compressions;
use ottla_tests::clients::{Java, KafkaClient, Kcat, Ottla};
use ottla_tests::real_kafka::RealKafka;

fn check(sender: &dyn KafkaClient, reader: &dyn KafkaClient, compression: Compression) {
    let kafka = RealKafka::one();
    let topic = kafka.topic(&format!("{}-{}-{compression}", sender.name(), reader.name()), 6);
    relay(sender, &[reader], kafka.bootstrap_servers(), &topic, compression);
    let found = compressions(kafka.bootstrap_servers(), &topic);
    assert!(found.contains(&compression), "{} was told {compression}: {found:?}", sender.name());
}

macro_rules! each_compression {
    ($($name:ident: $compression:ident;)*) => {$(
        mod $name {
            use super::*;

            #[test]
            #[ignore = "needs a real Kafka and Java: cargo xtask test"]
            fn java_reads_what_ottla_sends() {
                check(&Ottla::new(), &Java::default(), Compression::$compression);
            }

            #[test]
            #[ignore = "needs a real Kafka and Java: cargo xtask test"]
            fn ottla_reads_what_java_sends() {
                check(&Java::default(), &Ottla::new(), Compression::$compression);
            }

            #[test]
            #[ignore = "needs a real Kafka and kcat: cargo xtask test"]
            fn kcat_reads_what_ottla_sends() {
                check(&Ottla::new(), &Kcat::default(), Compression::$compression);
            }

            #[test]
            #[ignore = "needs a real Kafka and kcat: cargo xtask test"]
            fn ottla_reads_what_kcat_sends() {
                check(&Kcat::default(), &Ottla::new(), Compression::$compression);
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
