//! Clients that can be put to the same work: ottla and others, for comparison.

mod java;
mod kafkajs;
mod kcat;
mod ottla;
mod process;

pub use java::{Java, JavaConsumer};
pub use kafkajs::{KafkaJs, KafkaJsConsumer};
pub use kcat::Kcat;
pub use ottla::{Ottla, assigned, consume, contents, produce};

use crate::workload::{Content, Received};
use ottla_protocol::compression::Compression;

/// A client of Kafka.
pub trait KafkaClient {
    /// What it is called.
    fn name(&self) -> &'static str;

    /// What is left of a record once this client has sent it: not every one can send everything.
    fn sends(&self, content: &Content) -> Content;

    /// What is left of a record once this client has read it.
    fn shows(&self, content: &Content) -> Content;

    /// Sends records in their order, in compressed batches, and waits until all replicas have them.
    ///
    /// # Panics
    /// If that fails.
    fn produce(&self, bootstrap_servers: &str, topic: &str, compression: Compression, records: &[Content]);

    /// Reads the first `count` records of a topic.
    ///
    /// # Panics
    /// If they cannot be read.
    fn consume(&self, bootstrap_servers: &str, topic: &str, count: usize) -> Vec<Received>;
}

fn tab_separated<const FIELDS: usize>(line: &str) -> [&str; FIELDS] {
    let fields: Vec<&str> = line.split('\t').collect();
    fields.try_into().unwrap_or_else(|_| panic!("not {FIELDS} fields: {line}"))
}
