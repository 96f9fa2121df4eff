//! Tests of `value.rs`.
