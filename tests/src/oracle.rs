//! Comparison with bytes that Apache Kafka's own classes made.

pub mod fields;
pub mod messages;
