//! Where a real Apache Kafka is: `cargo xtask test` starts one broker and a cluster of three, and says where.

use crate::broker::{NewTopic, create_topic};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A running cluster.
#[derive(Clone, Debug)]
pub struct RealKafka {
    bootstrap_servers: String,
    nodes: i16,
}

impl RealKafka {
    /// The one with a single broker.
    #[must_use]
    pub fn one() -> Self {
        Self { bootstrap_servers: required("OTTLA_TEST_KAFKA"), nodes: 1 }
    }

    /// The one with three, of which two must have a record before it counts as written.
    #[must_use]
    pub fn three() -> Self {
        Self { bootstrap_servers: required("OTTLA_TEST_KAFKA3"), nodes: 3 }
    }

    /// What clients take as `bootstrap.servers`.
    #[must_use]
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    /// Creates a topic that no other test has, and waits until every broker knows it.
    #[must_use]
    pub fn topic(&self, rule: &str, partitions: i32) -> String {
        self.topic_with(rule, partitions, &[])
    }

    /// Likewise, with topic configs.
    #[must_use]
    pub fn topic_with(&self, rule: &str, partitions: i32, configs: &[(&str, &str)]) -> String {
        let name = unique(rule);
        let topic = NewTopic { name: &name, partitions, replicas: self.nodes, configs };
        create_topic(&self.bootstrap_servers, &topic);
        name
    }
}

/// A name for a topic or group that no other test and no earlier run has.
#[must_use]
pub fn unique(what: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("it-{what}-{:x}-{:x}-{number}", since.as_millis(), std::process::id())
}

/// An environment variable that `cargo xtask test` sets.
///
/// # Panics
/// If it is not set.
#[must_use]
pub fn required(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: run cargo xtask test"))
}
