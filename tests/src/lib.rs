//! Cross-layer tests.

pub mod memory_network;
pub mod oracle;
