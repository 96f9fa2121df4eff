//! What every test starts with: a broker, a network, clients.

use std::sync::Arc;
use std::time::Duration;

use ottla_client::{Client, ClientBuilder, Consumer, ConsumerBuilder, Message, OffsetReset, TopicPartition};
use ottla_protocol::types::NodeId;
use ottla_testbroker::{StoredRecord, TestBroker, TestBrokerBuilder};
use ottla_tests::memory_network::MemoryNetwork;
use ottla_transport::Clock;
use tokio::time::timeout;

/// Where the clients' wall clock starts: 2023-11-14 22:13:20 UTC.
pub const START_UNIX_MS: i64 = 1_700_000_000_000;

/// Longer than whatever works takes: waiting for it on a paused clock costs nothing.
const PATIENCE: Duration = Duration::from_secs(600);

pub struct World {
    pub broker: Arc<TestBroker>,
    pub network: MemoryNetwork,
}

impl World {
    /// One node, and a topic `t` with these many partitions.
    pub fn new(partitions: i32) -> Self {
        Self::with(partitions, |broker| broker)
    }

    pub fn with(partitions: i32, change: impl FnOnce(TestBrokerBuilder) -> TestBrokerBuilder) -> Self {
        let broker = change(TestBroker::builder()).start_in_memory().expect("settings that can be");
        broker.create_topic("t", partitions).expect("a new topic");
        let broker = Arc::new(broker);
        Self { network: MemoryNetwork::new(Arc::clone(&broker)), broker }
    }

    /// Settings of a client on the world's own network.
    pub fn builder(&self) -> ClientBuilder {
        self.builder_on(&self.network)
    }

    pub fn builder_on(&self, network: &MemoryNetwork) -> ClientBuilder {
        Client::builder(self.broker.bootstrap_servers())
            .connector(network.clone())
            .deterministic(Clock::starting_at(START_UNIX_MS), 7)
    }

    pub async fn client(&self) -> Client {
        self.builder().connect().await.expect("a client")
    }

    /// A client with a network of its own.
    pub async fn remote_client(&self) -> (Client, MemoryNetwork) {
        let network = MemoryNetwork::new(Arc::clone(&self.broker));
        (self.builder_on(&network).connect().await.expect("a client"), network)
    }

    pub fn records(&self, topic: &str, partition: i32) -> Vec<StoredRecord> {
        self.broker.records(topic, partition).expect("a partition")
    }

    /// The values in a partition of `t`.
    pub fn values(&self, partition: i32) -> Vec<String> {
        self.records("t", partition).iter().map(|record| text(record.value.as_deref())).collect()
    }
}

pub const NODE_1: NodeId = NodeId(1);

/// A member of group `g` that reads `t` from its beginning.
pub fn member(client: &Client) -> ConsumerBuilder {
    client.consumer("g").subscribe(["t"]).auto_offset_reset(OffsetReset::Earliest)
}

pub fn tp(partition: i32) -> TopicPartition {
    TopicPartition::new("t", partition)
}

pub fn text(bytes: Option<&[u8]>) -> String {
    String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
}

/// Waits, but not for ever.
pub async fn soon<F: Future>(what: F) -> F::Output {
    timeout(PATIENCE, what).await.expect("something that was waited for never happened")
}

/// The next batches, until there are `count` records or more.
pub async fn read(consumer: &Consumer, count: usize) -> Vec<Message> {
    let mut messages = Vec::new();
    while messages.len() < count {
        let batch = soon(consumer.next_batch()).await.expect("a batch").expect("the consumer is open");
        messages.extend(batch.messages());
    }
    messages
}

/// As [`read`]: the values, as text.
pub async fn read_values(consumer: &Consumer, count: usize) -> Vec<String> {
    read(consumer, count).await.iter().map(|message| text(message.value().as_deref())).collect()
}

/// Nothing comes within `period`.
pub async fn reads_nothing(consumer: &Consumer, period: Duration) {
    if let Ok(batch) = timeout(period, consumer.next_batch()).await {
        panic!("something came: {batch:?}");
    }
}
