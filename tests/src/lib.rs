//! Cross-layer tests.

pub mod oracle;
