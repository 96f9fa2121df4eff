//! Tests of `security.rs`.
