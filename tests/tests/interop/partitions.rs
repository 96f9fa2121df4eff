//! Where keys go: every client that is told to hash in the same way picks the same partition.

use super::relay::relay;
use ottla_client::{BuiltInPartitioner, Compression};
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

#[test]
#[ignore = "needs a real Kafka and kcat: cargo xtask test"]
fn keys_go_to_the_partitions_that_each_of_librdkafkas_partitioners_picks() {
    let kafka = RealKafka::one();
    let cluster = kafka.bootstrap_servers();
    let reader = Ottla::new();
    for partitioner in BuiltInPartitioner::ALL {
        // The others do not look at keys.
        if partitioner.partition_of_key(Some(b"k"), 1).is_none() {
            continue;
        }
        let name = partitioner.name();
        let topic = |sender: &str| kafka.topic(&format!("{name}-{sender}"), 7);
        let ottla = Ottla::new().with_partitioner(partitioner);
        let ours = relay(&ottla, &[&reader], cluster, &topic("ottla"), Compression::Lz4);
        let kcat = Kcat::with_partitioner(name);
        let librdkafkas = relay(&kcat, &[&reader], cluster, &topic("kcat"), Compression::Lz4);
        println!("{name}: {} keys", ours.len());
        assert_eq!(ours, librdkafkas, "{name}");
    }
}
