//! Clients that can be put to the same work: ottla and others, for comparison.

mod console;
mod java;
mod kafkajs;
mod kcat;
mod member;
mod ottla;
mod process;

pub use console::{ConsoleLine, console_consume};
pub use java::Java;
pub use kafkajs::KafkaJs;
pub use kcat::Kcat;
pub use member::{Member, until};
pub use ottla::{Ottla, assigned, consume, contents, produce};

use crate::workload::{Content, Received};
use ottla_protocol::compression::Compression;
use process::Running;
use std::time::Duration;

/// What stands for a null key where other clients print what they read; for a null value too where they have no other way.
pub const NULL: &str = "<null>";

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

/// A client whose consumers can be members of a group.
pub trait GroupClient: KafkaClient {
    /// Starts a consumer, which reads a topic from where the group is, or from its oldest record. It ends after `count`
    /// records, or when none has come for `patience`, and then commits what it has read.
    fn start_member(
        &self,
        bootstrap_servers: &str,
        topic: &str,
        group: &str,
        count: usize,
        patience: Duration,
    ) -> RunningMember;
}

/// A consumer that runs as a program of its own. Dropping it ends it, without a commit.
#[derive(Debug)]
pub struct RunningMember {
    running: Running,
    read_line: fn(&str) -> Received,
}

impl RunningMember {
    /// Waits for its end, and returns what it has read.
    ///
    /// # Panics
    /// If it fails.
    #[must_use]
    pub fn received(self) -> Vec<Received> {
        self.running.output().lines().map(self.read_line).collect()
    }
}

/// How long a consumer that knows what it waits for does so.
const PATIENCE: Duration = Duration::from_secs(20);

fn tab_separated<const FIELDS: usize>(line: &str) -> [&str; FIELDS] {
    let fields: Vec<&str> = line.split('\t').collect();
    fields.try_into().unwrap_or_else(|_| panic!("not {FIELDS} fields: {line}"))
}
