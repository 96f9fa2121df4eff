//! Tests of `jaas.rs`.
