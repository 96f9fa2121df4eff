//! ottla beside other clients: what one sends the other reads, on a real Apache Kafka and on our test broker.
//!
//! The other clients are programs: Java's console clients, kcat (librdkafka) and KafkaJS. `cargo xtask test` fetches
//! what it can, leaves out what is not installed and says so, and with `CI=true` fails instead.

#[path = "interop/groups.rs"]
mod groups;
#[path = "interop/on_kafka.rs"]
mod on_kafka;
#[path = "interop/on_testbroker.rs"]
mod on_testbroker;
#[path = "interop/partitions.rs"]
mod partitions;
#[path = "interop/relay.rs"]
mod relay;
#[path = "interop/rewrite_hosts.rs"]
mod rewrite_hosts;
#[path = "interop/secured_broker.rs"]
mod secured_broker;
#[path = "interop/secured_cases.rs"]
mod secured_cases;
#[path = "interop/secured_testbroker.rs"]
mod secured_testbroker;
#[path = "interop/serdes.rs"]
mod serdes;
#[path = "interop/written_batches.rs"]
mod written_batches;
