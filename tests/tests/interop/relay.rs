//! One client sends, another reads, and what came is compared with what was sent.

use ottla_client::Compression;
use ottla_tests::clients::KafkaClient;
use ottla_tests::workload::{Content, KeyPartitions, check, interop_records, keyed};
use std::time::Instant;

/// Sends the workload into an empty topic, and has each reader read it. Returns where the keys are.
pub fn relay(
    sender: &dyn KafkaClient,
    readers: &[&dyn KafkaClient],
    bootstrap_servers: &str,
    topic: &str,
    compression: Compression,
) -> KeyPartitions {
    let records = keyed(interop_records());
    let began = Instant::now();
    sender.produce(bootstrap_servers, topic, compression, &records);
    let produced = began.elapsed();
    let mut partitions = KeyPartitions::new();
    for reader in readers {
        let began = Instant::now();
        let received = reader.consume(bootstrap_servers, topic, records.len());
        let read = began.elapsed();
        let expected: Vec<Content> =
            records.iter().map(|content| reader.shows(&sender.sends(content))).collect();
        partitions = check(&expected, &received);
        println!(
            "{} records, {} keys, {compression}: {} sent in {produced:.1?}, {} read in {read:.1?}, all equal",
            received.len(),
            partitions.len(),
            sender.name(),
            reader.name(),
        );
    }
    partitions
}
