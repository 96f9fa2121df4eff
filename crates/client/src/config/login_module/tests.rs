//! Tests of `login_module.rs`.
