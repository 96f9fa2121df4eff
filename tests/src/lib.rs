//! Cross-layer tests.

pub mod oracle;
pub mod random;
