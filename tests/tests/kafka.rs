//! End-to-end tests of the client on a real Apache Kafka, one broker and three: `cargo xtask test`.
//!
//! Other clients are compared with in `interop.rs`.

#[path = "kafka/broken_connections.rs"]
mod broken_connections;
#[path = "kafka/closing.rs"]
mod closing;
#[path = "kafka/every_record.rs"]
mod every_record;
#[path = "kafka/groups.rs"]
mod groups;
#[path = "kafka/metrics.rs"]
mod metrics;
#[path = "kafka/offset_reset.rs"]
mod offset_reset;
#[path = "kafka/refusals.rs"]
mod refusals;
#[path = "kafka/rewrite_hosts.rs"]
mod rewrite_hosts;
#[path = "kafka/round_trip.rs"]
mod round_trip;
#[path = "kafka/sending.rs"]
mod sending;
#[path = "kafka/splitting.rs"]
mod splitting;
#[path = "kafka/throttling.rs"]
mod throttling;
