//! Our own client.

use super::KafkaClient;
use crate::workload::{Content, Received};
use ottla_client::{
    Batch, BuiltInPartitioner, Client, Consumer, ConsumerRecord, OffsetReset, Producer, Record,
    TopicPartition,
};
use ottla_protocol::compression::Compression;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(60);

/// ottla, on a runtime of its own.
#[derive(Debug)]
pub struct Ottla {
    runtime: Runtime,
    partitioner: BuiltInPartitioner,
}

impl Ottla {
    /// Starts a runtime.
    ///
    /// # Panics
    /// If the system has no threads left.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it starts threads")]
    pub fn new() -> Self {
        let runtime = Runtime::new().expect("threads for a runtime");
        Self { runtime, partitioner: BuiltInPartitioner::default() }
    }

    /// With another partitioner.
    #[must_use]
    pub fn with_partitioner(self, partitioner: BuiltInPartitioner) -> Self {
        Self { partitioner, ..self }
    }
}

impl KafkaClient for Ottla {
    fn name(&self) -> &'static str {
        "ottla"
    }

    fn sends(&self, content: &Content) -> Content {
        content.clone()
    }

    fn shows(&self, content: &Content) -> Content {
        content.clone()
    }

    fn produce(&self, bootstrap_servers: &str, topic: &str, compression: Compression, records: &[Content]) {
        self.runtime.block_on(async {
            let client = Client::builder(bootstrap_servers).connect().await.expect("the cluster is there");
            let producer = client.producer().compression(compression).partitioner(self.partitioner);
            let producer = producer.build().expect("a producer");
            produce(&producer, topic, records).await;
            producer.close(Duration::MAX).await.expect("all is resolved");
            client.close().await;
        });
    }

    fn consume(&self, bootstrap_servers: &str, topic: &str, count: usize) -> Vec<Received> {
        self.runtime.block_on(async {
            let client = Client::builder(bootstrap_servers).connect().await.expect("the cluster is there");
            let consumer = assigned(&client, topic).await;
            let received = consume(&consumer, count).await;
            consumer.close().await.expect("nothing to commit");
            client.close().await;
            received
        })
    }
}

/// Sends records and waits until each is acknowledged.
///
/// # Panics
/// If one is not.
pub async fn produce(producer: &Producer, topic: &str, records: &[Content]) {
    let mut deliveries = Vec::with_capacity(records.len());
    for content in records {
        let mut record = Record::to(topic).key(&content.key);
        if let Some(value) = &content.value {
            record = record.value(value);
        }
        for (key, value) in &content.headers {
            record = record.header(key, value);
        }
        if let Some(timestamp) = content.timestamp {
            record = record.timestamp(timestamp);
        }
        deliveries.push(producer.enqueue(record).await.expect("room for a record"));
    }
    for delivery in deliveries {
        delivery.await.expect("the record is written");
    }
}

/// A consumer that reads all partitions of a topic from their beginning.
///
/// # Panics
/// If the topic is not there.
pub async fn assigned(client: &Client, topic: &str) -> Consumer {
    let partitions = client.topic(topic).await.expect("the topic exists").partitions.len();
    let partitions = (0..partitions as i32).map(|number| TopicPartition::new(topic, number));
    client
        .consumer_without_group()
        .assign(partitions)
        .auto_offset_reset(OffsetReset::Earliest)
        .build()
        .expect("a consumer")
}

/// Reads records until there are `count`.
///
/// # Panics
/// If they do not come.
pub async fn consume(consumer: &Consumer, count: usize) -> Vec<Received> {
    let mut received = Vec::with_capacity(count);
    while received.len() < count {
        let batch = timeout(LIMIT, consumer.next_batch()).await;
        let batch = batch.unwrap_or_else(|_| panic!("{} of {count} records after {LIMIT:?}", received.len()));
        let batch = batch.expect("no error").expect("the consumer is open");
        received.extend(contents(&batch));
    }
    received
}

/// The records of a batch.
pub fn contents(batch: &Batch) -> impl Iterator<Item = Received> + '_ {
    batch.iter().map(|record| Received {
        partition: record.partition(),
        offset: record.offset(),
        content: content(&record),
    })
}

fn content(record: &ConsumerRecord<'_>) -> Content {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("only text was sent");
    let headers = record.headers().map(|header| {
        (text(header.key_bytes()), text(header.value().expect("no header without a value was sent")))
    });
    Content {
        key: text(record.key().expect("no record without a key was sent")),
        value: record.value().map(text),
        headers: headers.collect(),
        timestamp: Some(record.timestamp()),
    }
}
