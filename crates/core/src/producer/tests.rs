//! The rules of the producer, as arithmetic on time.

mod partitioners;

use std::time::Duration;

use ottla_protocol::compression::{Compression, CompressionLevel, Compressor};
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::message::Message;
use ottla_protocol::messages::metadata_response::{
    MetadataResponse, MetadataResponsePartition, MetadataResponseTopic,
};
use ottla_protocol::messages::produce_response::{
    PartitionProduceResponse, ProduceResponse, TopicProduceResponse,
};
use ottla_protocol::records::{NO_HEADERS, RecordSet};

use super::*;
use crate::backoff::Backoff;
use crate::connection::Answer;
use crate::metadata::{Metadata, MetadataConfig};
use crate::request::RequestError;

mod broker;
mod giving_up;
mod leaders;
mod random_walk;
mod record_errors;
mod retries;
mod retrying;
mod sending;
mod splitting;
mod tally;

const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));

fn config() -> ProducerConfig {
    ProducerConfig {
        acks: Acks::All,
        enable_idempotence: true,
        batch_size: 400,
        linger: Duration::ZERO,
        buffer_memory: 10_000,
        max_request_size: 5_000,
        max_in_flight: 2,
        compression: Compression::None,
        compression_level: CompressionLevel::DEFAULT,
        retries: u32::MAX,
        delivery_timeout: Duration::from_secs(10),
        backoff: BACKOFF,
    }
}

fn at(ms: u64) -> Now {
    Now { instant: Instant::from_start(Duration::from_millis(ms)), unix_ms: ms as i64 }
}

/// One topic whose partitions are led by nodes 1, 2, 1, 2, …
fn snapshot(partitions: i32) -> ClusterSnapshot {
    snapshot_led_by(partitions, |index| NodeId(1 + index % 2))
}

fn snapshot_led_by(partitions: i32, leader: fn(i32) -> NodeId) -> ClusterSnapshot {
    snapshot_in_epoch(0, partitions, leader)
}

fn snapshot_in_epoch(leader_epoch: i32, partitions: i32, leader: fn(i32) -> NodeId) -> ClusterSnapshot {
    let mut topic = MetadataResponseTopic::default();
    topic.name = Some("t".into());
    for index in 0..partitions {
        let mut partition = MetadataResponsePartition::default();
        partition.partition_index = index;
        (partition.leader_id, partition.leader_epoch) = (leader(index), leader_epoch);
        topic.partitions.push(partition);
    }
    let mut response = MetadataResponse::default();
    response.topics.push(topic);
    let config = MetadataConfig {
        max_age: Duration::from_secs(300),
        backoff: BACKOFF,
        allow_auto_topic_creation: false,
    };
    let mut metadata = Metadata::new(config, Jitter::seeded(1), Instant::ZERO);
    let body = response.to_bytes(12).expect("it can be written");
    metadata.poll_request(Instant::ZERO);
    metadata.on_answer(Instant::ZERO, &Answer { version: 12, body }).expect("it can be read");
    (**metadata.snapshot()).clone()
}

/// The producer, and what a test needs to drive it.
struct World {
    producer: Producer<u32>,
    partitions: Vec<PartitionIndex>,
    tags: u32,
    completed: Vec<(u32, Result<i64, ProduceErrorKind>)>,
    /// The same in full: tag, records, outcome.
    outcomes: Vec<(u32, RecordRange, Result<Delivered, ProduceError>)>,
    refreshes: usize,
}

/// A request that went out.
struct Sent {
    token: Token,
    node: NodeId,
    /// Per batch: partition, base sequence, producer epoch, records.
    batches: Vec<(i32, i32, i16, i32)>,
    /// What the request carries, per batch.
    sealed: Vec<Bytes>,
}

impl World {
    fn new(config: ProducerConfig) -> Self {
        Self::led_by(config, |index| NodeId(1 + index % 2))
    }

    fn led_by(config: ProducerConfig, leader: fn(i32) -> NodeId) -> Self {
        let snapshot = snapshot_led_by(2, leader);
        let mut producer = Producer::new(config, Jitter::seeded(1));
        let partitions = (0..2).map(|p| producer.partition(&"t".into(), p, &snapshot)).collect();
        Self { producer, partitions, tags: 0, completed: Vec::new(), outcomes: Vec::new(), refreshes: 0 }
    }

    /// One whose leaders have acknowledged batch 1 of partition 0 and batch 2 of partition 1, a record each.
    fn introduced(config: ProducerConfig) -> Self {
        let mut world = Self::new(config);
        for partition in 0..2 {
            world.append(0, partition, 10).expect("room");
            world.producer.flush();
            let sent = world.run(0).remove(0);
            world.answer(0, &sent, ErrorCode::NONE);
        }
        world.run(0);
        world.completed.clear();
        world.outcomes.clear();
        world
    }

    fn append(&mut self, ms: u64, partition: usize, bytes: usize) -> Result<u32, Refusal> {
        self.append_value(ms, partition, &vec![b'x'; bytes]).map(|(tag, _)| tag)
    }

    /// The tag of the record's batch, and its index there.
    fn append_value(&mut self, ms: u64, partition: usize, value: &[u8]) -> Result<(u32, u32), Refusal> {
        let record = RecordParts { timestamp: 1, key: None, value: Some(value), headers: NO_HEADERS };
        let tags = &mut self.tags;
        let tag = || {
            *tags += 1;
            *tags
        };
        let appended = self.producer.append(at(ms), self.partitions[partition], record, tag);
        appended.map(|(tag, index, _)| (tag, index))
    }

    /// Performs everything that is due; gives ids at once, and returns the requests.
    fn run(&mut self, ms: u64) -> Vec<Sent> {
        let mut sent = Vec::new();
        while let Some(action) = self.producer.poll_action(at(ms).instant) {
            match action {
                Action::InitProducerId { token, producer_epoch, .. } => {
                    let id = Ok(Ok((7, producer_epoch + 1)));
                    self.producer.on_init_producer_id(at(ms), token, id);
                }
                Action::Send { token, node, batches } => sent.push(self.seal(token, node, batches)),
                Action::Complete { tag, records, outcome } => {
                    self.outcomes.push((tag, records, outcome.clone()));
                    self.completed.push((tag, outcome.map(|d| d.base_offset).map_err(|e| e.kind())));
                }
                Action::RefreshMetadata => self.refreshes += 1,
                Action::MemoryFreed => {}
            }
        }
        sent
    }

    fn seal(&mut self, token: Token, node: NodeId, batches: Vec<Unsealed>) -> Sent {
        let mut sent = Sent { token, node, batches: Vec::new(), sealed: Vec::new() };
        let mut sealed = Vec::new();
        for batch in batches {
            let bytes = match batch.content {
                UnsealedContent::Open(mut builder, options) => {
                    builder.seal(&options, &mut Compressor::new()).expect("sealed")
                }
                UnsealedContent::Sealed(bytes) => bytes,
            };
            let parsed = RecordSet::new(bytes.clone()).next().expect("one").expect("whole");
            let header = parsed.header().expect("magic 2");
            sent.batches.push((
                batch.partition,
                header.base_sequence,
                header.producer_epoch,
                header.record_count,
            ));
            sent.sealed.push(bytes.clone());
            sealed.push(Ok(bytes));
        }
        self.producer.on_sealed(token, sealed);
        sent
    }

    /// Writes whatever is sent at these times, and returns the first batch of each request, in their order.
    fn deliver(&mut self, times: impl IntoIterator<Item = u64>) -> Vec<(i32, i32, i16, i32)> {
        let mut order = Vec::new();
        for ms in times {
            for sent in self.run(ms) {
                order.push(sent.batches[0]);
                self.answer(ms, &sent, ErrorCode::NONE);
            }
        }
        order
    }

    fn answer(&mut self, ms: u64, sent: &Sent, code: ErrorCode) {
        let answers = sent.batches.iter().map(|&(partition, ..)| {
            let mut answer = PartitionProduceResponse::default();
            answer.index = partition;
            answer.error_code = code.0;
            answer.base_offset = 100;
            answer
        });
        self.answer_with(ms, sent, answers.collect());
    }

    fn answer_with(&mut self, ms: u64, sent: &Sent, answers: Vec<PartitionProduceResponse>) {
        let mut topic = TopicProduceResponse::default();
        topic.name = "t".into();
        topic.partition_responses = answers;
        let mut response = ProduceResponse::default();
        response.responses.push(topic);
        self.producer.on_produced(at(ms), sent.token, Ok(&response));
    }

    /// The request may have arrived, and has no answer.
    fn lose(&mut self, ms: u64, sent: &Sent) {
        let lost = RequestError::Disconnected { sent: true, reason: "reset".into() };
        self.producer.on_produced(at(ms), sent.token, Err(lost));
    }

    /// What the machine holds, counted anew.
    fn held(&self) -> usize {
        let queued = self.producer.queues.iter().flat_map(|queue| &queue.batches);
        let under_way = self.producer.under_way.values().flat_map(|request| &request.batches);
        queued.chain(under_way.map(|(_, batch)| batch)).map(|batch| batch.size).sum()
    }
}
