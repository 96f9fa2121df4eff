//! Admin operations on an Apache Kafka cluster: topics, groups, configs, ACLs and the rest of Java's `Admin`.
//!
//! Nothing is here yet; the crate holds its place in the layers (`docs/architecture.md`).
