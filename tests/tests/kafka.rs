//! End-to-end tests of the client on a real Apache Kafka, one broker and three: `cargo xtask test`.
//!
//! Other clients are compared with in `interop.rs`.

#[path = "kafka/round_trip.rs"]
mod round_trip;
#[path = "kafka/every_record.rs"]
mod every_record;
