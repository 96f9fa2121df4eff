//! Cross-layer tests, and what several of them need: clusters to test on, records to send, and other clients to
//! compare with.

pub mod breaking;
pub mod broker;
pub mod chaos;
pub mod clients;
pub mod memory_network;
pub mod oracle;
pub mod pages;
pub mod proxies;
pub mod random;
pub mod real_kafka;
pub mod rewrite_hosts;
pub mod scripted_network;
pub mod secured;
pub mod sim;
pub mod workload;
