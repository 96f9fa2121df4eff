//! A producer: its machine, the client below it and the workload above it.

use std::collections::VecDeque;

use ottla_core::connection::versions_up_to;
use ottla_core::producer::{
    Acks, Action, Delivered, PartitionIndex, ProduceError, Producer, ProducerConfig, RecordParts,
    RecordRange, Refusal, Unsealed, UnsealedContent,
};
use ottla_core::random::Jitter;
use ottla_core::request::Token;
use ottla_core::time::{Instant, Now, earliest};
use ottla_protocol::compression::Compressor;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::message::Message;
use ottla_protocol::messages::init_producer_id_request::InitProducerIdRequest;
use ottla_protocol::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use ottla_protocol::types::{NodeId, ProducerId, TopicName};

use super::client::{Client, Done, Progress};
use super::clock;
use super::connections::{Lane, Peer, Purpose};
use super::network::Network;
use super::notes::Notes;
use super::record;
use super::settings::{MAX_ROUNDS, PARTITIONS, RECORDS, Settings, TOPICS};
use crate::random::Random;
use crate::sim::history::{ClientEvent, Place, RecordId};

/// From version 13 on topics are named by id, which ottla's client does not send yet.
const MAX_PRODUCE_VERSION: i16 = 12;

pub(super) struct ProducerActor {
    name: String,
    pub(super) client: Client,
    machine: Producer<usize>,
    compressor: Compressor,
    /// What is still to be sent, in order.
    workload: VecDeque<Planned>,
    /// What is in each batch, by its tag.
    batches: Vec<BatchContent>,
    unresolved: usize,
    buffer_memory: usize,
    is_full: bool,
    ids_asked: usize,
    request_timeout_ms: i32,
}

struct Planned {
    at: Instant,
    id: RecordId,
    topic: TopicName,
    partition: i32,
    padding: usize,
}

#[derive(Default)]
struct BatchContent {
    place: Option<Place>,
    ids: Vec<RecordId>,
    /// How many of them have no outcome.
    unresolved: usize,
}

impl ProducerActor {
    pub(super) fn new(client: Client, settings: &Settings, random: &mut Random) -> Self {
        let config = ProducerConfig {
            acks: Acks::All,
            enable_idempotence: settings.idempotent,
            batch_size: settings.batch_size,
            linger: settings.linger,
            buffer_memory: settings.buffer_memory,
            max_request_size: 1 << 20,
            max_in_flight: settings.max_in_flight,
            compression: settings.compression,
            compression_level: Default::default(),
            retries: u32::MAX,
            delivery_timeout: settings.delivery_timeout,
            backoff: settings.limits.backoff,
        };
        let mut actor = Self {
            name: "producer".to_owned(),
            client,
            machine: Producer::new(config, Jitter::seeded(random.bits())),
            compressor: Compressor::new(),
            workload: workload(random),
            batches: Vec::new(),
            unresolved: 0,
            buffer_memory: settings.buffer_memory,
            is_full: false,
            ids_asked: 0,
            request_timeout_ms: i32::try_from(settings.limits.request_timeout.as_millis())
                .unwrap_or(i32::MAX),
        };
        let topics: Vec<TopicName> = TOPICS.iter().map(|topic| (*topic).into()).collect();
        actor.client.want(Instant::ZERO, &topics);
        actor
    }

    /// Whether everything was sent and is resolved.
    pub(super) fn is_done(&self) -> bool {
        self.workload.is_empty() && self.unresolved == 0
    }

    /// Does everything that is due.
    pub(super) fn turn(&mut self, now: Instant, network: &mut Network, notes: &Notes<'_>) {
        self.client.connections.handle_timeout(now, network);
        for _ in 0..MAX_ROUNDS {
            let mut idle = true;
            while let Some(progress) = self.client.poll(now, network) {
                idle = false;
                match progress {
                    Progress::Snapshot(snapshot) => self.machine.on_snapshot(&snapshot),
                    Progress::NoSnapshot => {}
                    Progress::Done(done) => self.on_done(clock::to_client(now), done),
                }
            }
            idle &= !self.append_due(now, notes);
            while let Some(action) = self.machine.poll_action(now) {
                idle = false;
                self.perform(now, action, network, notes);
            }
            if idle {
                return;
            }
        }
        panic!("the client spins at {now:?}");
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        // What waits for memory or a topic waits for an event.
        let next = self.workload.front().filter(|planned| !self.is_full && self.knows(planned));
        let own = earliest(self.machine.next_timeout(), next.map(|planned| planned.at));
        earliest(own, self.client.next_timeout())
    }

    /// Gives the machine what the workload has by now; says whether there was something.
    fn append_due(&mut self, now: Instant, notes: &Notes<'_>) -> bool {
        let mut any = false;
        while !self.is_full && self.workload.front().is_some_and(|planned| planned.at <= now) {
            let Some(index) = self.next_partition() else { break };
            let Some(planned) = self.workload.pop_front() else { break };
            let value = record::value(planned.id, planned.padding);
            let now = clock::to_client(now);
            let parts = RecordParts { timestamp: now.unix_ms, key: None, value: Some(&value), headers: [] };
            let next_tag = self.batches.len();
            match self.machine.append(now, index, parts, || next_tag) {
                Ok((tag, _, _)) => {
                    if tag == next_tag {
                        self.batches.push(BatchContent::default());
                        self.unresolved += 1;
                    }
                    let topic = planned.topic.to_string();
                    let batch = &mut self.batches[tag];
                    batch.ids.push(planned.id);
                    batch.unresolved += 1;
                    batch.place = Some(Place { topic: topic.clone(), partition: planned.partition });
                    notes.note(ClientEvent::Sent { producer: self.name.clone(), id: planned.id, topic });
                    self.note_memory(notes);
                    any = true;
                }
                Err(Refusal::BufferFull) => {
                    self.workload.push_front(planned);
                    self.is_full = true;
                }
                Err(refusal) => unreachable!("a small record was refused: {refusal:?}"),
            }
        }
        any
    }

    /// Where the next record goes, once its topic is known.
    fn next_partition(&mut self) -> Option<PartitionIndex> {
        let planned = self.workload.front().filter(|planned| self.knows(planned))?;
        Some(self.machine.partition(&planned.topic, planned.partition, self.client.metadata.snapshot()))
    }

    fn knows(&self, planned: &Planned) -> bool {
        let topic = self.client.metadata.snapshot().topic(&planned.topic);
        let partitions =
            topic.filter(|topic| topic.error.is_none()).map_or(0, |topic| topic.partitions.len());
        usize::try_from(planned.partition).is_ok_and(|partition| partition < partitions)
    }

    fn perform(&mut self, now: Instant, action: Action<usize>, network: &mut Network, notes: &Notes<'_>) {
        match action {
            Action::InitProducerId { token, producer_id, producer_epoch } => {
                let mut request = InitProducerIdRequest::default();
                request.transactional_id = None;
                request.producer_id = ProducerId(producer_id);
                request.producer_epoch = producer_epoch;
                request.transaction_timeout_ms = i32::MAX;
                let peer = self.client.connections.any_peer(self.ids_asked);
                self.ids_asked += 1;
                let options = (InitProducerIdRequest::VERSIONS, self.client.limits.request_timeout);
                let what = (Purpose::ProducerId(token), request);
                self.client.send(now, (peer, Lane::Control), what, options, network);
            }
            Action::Send { token, node, batches } => self.send(now, token, node, batches, network),
            Action::Complete { tag, records, outcome } => self.complete(tag, records, &outcome, notes),
            Action::RefreshMetadata => self.client.metadata.refresh(now),
            Action::MemoryFreed => self.is_full = false,
            _ => {}
        }
    }

    fn send(
        &mut self,
        now: Instant,
        token: Token,
        node: NodeId,
        batches: Vec<Unsealed>,
        network: &mut Network,
    ) {
        let mut request = ProduceRequest::default();
        request.acks = Acks::All.code();
        request.timeout_ms = self.request_timeout_ms;
        let mut sealed = Vec::with_capacity(batches.len());
        for batch in batches {
            let bytes = match batch.content {
                UnsealedContent::Open(mut builder, options) => builder.seal(&options, &mut self.compressor),
                UnsealedContent::Sealed(bytes) => Ok(bytes),
            };
            if let Ok(bytes) = &bytes {
                let mut data = PartitionProduceData::default();
                data.index = batch.partition;
                data.records = Some(bytes.clone());
                match request.topic_data.iter_mut().find(|known| known.name == batch.topic) {
                    Some(known) => known.partition_data.push(data),
                    None => {
                        let mut fresh = TopicProduceData::default();
                        fresh.name = batch.topic;
                        fresh.partition_data.push(data);
                        request.topic_data.push(fresh);
                    }
                }
            }
            sealed.push(bytes);
        }
        self.machine.on_sealed(token, sealed);
        if request.topic_data.is_empty() {
            return;
        }
        let options =
            (versions_up_to::<ProduceRequest>(MAX_PRODUCE_VERSION), self.client.limits.request_timeout);
        let to = (Peer::Node(node), Lane::Produce);
        self.client.send(now, to, (Purpose::Produce(token), request), options, network);
    }

    fn on_done(&mut self, now: Now, (purpose, result): Done) {
        match purpose {
            Purpose::ProducerId(token) => {
                let result = result.and_then(|answer| answer.decode::<InitProducerIdRequest>());
                let result = result.map(|response| {
                    ErrorCode(response.error_code).into_result()?;
                    Ok((response.producer_id.0, response.producer_epoch))
                });
                self.machine.on_init_producer_id(now, token, result);
            }
            Purpose::Produce(token) => {
                let response = result.and_then(|answer| answer.decode::<ProduceRequest>());
                self.machine.on_produced(now, token, response.as_ref().map_err(Clone::clone));
            }
            other => unreachable!("no producer asks for that: {other:?}"),
        }
    }

    fn complete(
        &mut self,
        tag: usize,
        records: RecordRange,
        outcome: &Result<Delivered, ProduceError>,
        notes: &Notes<'_>,
    ) {
        let content = &mut self.batches[tag];
        let place = content.place.clone().expect("a batch has a record, and so a place");
        content.unresolved -= records.count as usize;
        if content.unresolved == 0 {
            self.unresolved -= 1;
        }
        let ids = content.ids.iter().skip(records.first as usize).take(records.count as usize);
        for (index, &id) in ids.enumerate() {
            let producer = self.name.clone();
            notes.note(match outcome {
                Ok(delivered) => {
                    let offset = match delivered.base_offset {
                        -1 => -1,
                        base => base + index as i64,
                    };
                    ClientEvent::Acknowledged { producer, id, place: place.clone(), offset }
                }
                Err(error) => ClientEvent::Failed {
                    producer,
                    id,
                    perhaps_written: error.is_perhaps_written(),
                    error: error.to_string(),
                },
            });
        }
    }

    fn note_memory(&self, notes: &Notes<'_>) {
        notes.note(ClientEvent::ProducerMemory {
            producer: self.name.clone(),
            used_bytes: self.machine.memory(),
            limit_bytes: self.buffer_memory,
        });
    }
}

/// The records with their times: in bursts, with pauses between them.
fn workload(random: &mut Random) -> VecDeque<Planned> {
    let mut at = std::time::Duration::ZERO;
    let planned = |number| {
        at += std::time::Duration::from_micros(match random.below(40) {
            0 => random.below(1_200_000) as u64,
            _ => random.below(2_000) as u64,
        });
        Planned {
            at: Instant::from_start(at),
            id: RecordId(number),
            topic: TOPICS[random.below(TOPICS.len())].into(),
            partition: random.below(PARTITIONS) as i32,
            padding: random.below(100),
        }
    };
    (0..RECORDS).map(planned).collect()
}
