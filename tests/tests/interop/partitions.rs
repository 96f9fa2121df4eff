//! Where keys go: every client that is told to hash as Java does picks the same partition.

use super::relay::relay;
use ottla_client::Compression;
use ottla_tests::clients::{Java, Kcat, Ottla};
use ottla_tests::real_kafka::RealKafka;

#[test]
#[ignore = "needs a real Kafka, Java and kcat: cargo xtask test"]
fn keys_go_to_the_partitions_that_java_and_kcat_pick() {
    let kafka = RealKafka::one();
    let ottla = Ottla::new();
    let cluster = kafka.bootstrap_servers();
    for partitions in [7, 12] {
        let topic = |sender: &str| kafka.topic(&format!("keys-{sender}"), partitions);
        let ours = relay(&ottla, &[&ottla], cluster, &topic("ottla"), Compression::Lz4);
        let javas = relay(&Java::default(), &[&ottla], cluster, &topic("java"), Compression::Lz4);
        let librdkafkas = relay(&Kcat::default(), &[&ottla], cluster, &topic("kcat"), Compression::Lz4);
        println!("{} keys in {partitions} partitions", ours.len());
        assert_eq!(ours, javas);
        assert_eq!(ours, librdkafkas);
    }
}
