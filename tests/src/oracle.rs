//! Checks of single lines of the oracle's fixtures: what Apache Kafka's own classes say.

pub mod assignors;
