//! Tests of `properties.rs`.
