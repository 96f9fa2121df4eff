//! Cross-layer tests.

pub mod memory_network;
pub mod oracle;
pub mod scripted_network;
