//! A cluster under hand-made time, spoken to in frames as a client would.

// Each test binary uses its own part of it.
#![allow(dead_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash};
use std::time::Duration;

use bytes::Bytes;
use ottla_protocol::compression::{Compression, Compressor};
use ottla_protocol::frame::{FrameBuf, decode_response_header, encode_request, split_frame};
use ottla_protocol::message::{Message, Request, Response};
use ottla_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use ottla_protocol::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use ottla_protocol::messages::find_coordinator_request::FindCoordinatorRequest;
use ottla_protocol::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use ottla_protocol::messages::produce_response::PartitionProduceResponse;
use ottla_protocol::records::{BatchBuilder, NO_HEADERS, SealOptions};
use ottla_protocol::types::{NodeId, NodeIds};
use ottla_testbroker::{Action, CloseReason, Cluster, ClusterBuilder, ConnectionId, Instant, Now};

/// The wall clock when a rig starts.
pub const START_MS: i64 = 1_700_000_000_000;

pub struct Rig {
    pub cluster: Cluster,
    pub now: Now,
    next_correlation_id: i32,
    answers: BTreeMap<ConnectionId, Vec<Bytes>>,
    pub closed: BTreeMap<ConnectionId, CloseReason>,
    pub proceeded: usize,
    pub cut: BTreeMap<ConnectionId, Bytes>,
    pub muted: BTreeSet<ConnectionId>,
    /// A hash over all actions so far, in their order.
    pub trace: DefaultHasher,
}

/// A request whose answer is yet to come.
pub struct Sent {
    connection: ConnectionId,
    correlation_id: i32,
    version: i16,
}

impl Rig {
    pub fn new(builder: ClusterBuilder) -> Self {
        Self {
            cluster: builder.build().expect("settings"),
            now: Now::new(Instant::from_micros(0), START_MS),
            next_correlation_id: 0,
            answers: BTreeMap::new(),
            closed: BTreeMap::new(),
            proceeded: 0,
            cut: BTreeMap::new(),
            muted: BTreeSet::new(),
            trace: DefaultHasher::new(),
        }
    }

    pub fn connect(&mut self, node: i32) -> ConnectionId {
        self.cluster.connect(self.now, NodeId(node), "/10.0.0.1").expect("a node that is up")
    }

    pub fn frame<R: Request>(&mut self, version: i16, request: &R) -> (i32, Bytes) {
        let mut out = FrameBuf::new();
        self.next_correlation_id += 1;
        let id = self.next_correlation_id;
        encode_request(&mut out, request, version, id, Some(&"rig".into())).expect("encodable");
        (id, out.into_bytes().slice(4..))
    }

    pub fn send<R: Request>(&mut self, connection: ConnectionId, version: i16, request: &R) -> Sent {
        let (correlation_id, frame) = self.frame(version, request);
        self.cluster.handle(self.now, connection, frame);
        self.drain();
        Sent { connection, correlation_id, version }
    }

    /// The answer, if there is one already: it must be the connection's next.
    pub fn answer<R: Request>(&mut self, sent: &Sent) -> Option<R::Response> {
        let answers = self.answers.get_mut(&sent.connection)?;
        if answers.is_empty() {
            return None;
        }
        let frame = answers.remove(0);
        let (correlation_id, body) =
            decode_response_header(&frame, R::Response::header_version(sent.version)).expect("a header");
        assert_eq!(correlation_id, sent.correlation_id, "answers in the order of the requests");
        Some(R::Response::decode(&body, sent.version).expect("an answer of that version"))
    }

    pub fn call<R: Request>(&mut self, connection: ConnectionId, version: i16, request: &R) -> R::Response {
        let sent = self.send(connection, version, request);
        self.answer::<R>(&sent).expect("an answer at once")
    }

    pub fn advance(&mut self, by: Duration) {
        self.now = self.now + by;
        self.cluster.handle_timeout(self.now);
        self.drain();
    }

    /// Lets time pass, waking the cluster whenever it wants to be.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(next) = self.cluster.next_timeout().filter(|next| *next <= end.instant) {
            self.now = self.now + next.saturating_since(self.now.instant);
            self.cluster.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    /// Does something to the cluster itself.
    pub fn control<R>(&mut self, act: impl FnOnce(&mut Cluster, Now) -> R) -> R {
        let result = act(&mut self.cluster, self.now);
        self.drain();
        result
    }

    pub fn drain(&mut self) {
        while let Some(action) = self.cluster.poll_action() {
            match action {
                Action::Respond(connection, frame) => {
                    let mut bytes = bytes::BytesMut::from(frame.into_bytes());
                    // An answer that is sent twice is two frames.
                    while let Some(frame) = split_frame(&mut bytes, usize::MAX).expect("frames") {
                        (connection, &frame).hash(&mut self.trace);
                        self.answers.entry(connection).or_default().push(frame);
                    }
                }
                Action::Proceed(connection) => {
                    connection.hash(&mut self.trace);
                    self.proceeded += 1;
                }
                Action::Close(connection, reason) => {
                    (connection, reason.to_string()).hash(&mut self.trace);
                    self.closed.insert(connection, reason);
                }
                Action::Cut(connection, bytes) => {
                    self.cut.insert(connection, bytes);
                }
                Action::Mute(connection) => {
                    self.muted.insert(connection);
                }
                other => panic!("unknown action: {other:?}"),
            }
        }
    }

    pub fn create_topic(&mut self, connection: ConnectionId, name: &str, partitions: i32) {
        let mut topic = CreatableTopic::default();
        topic.name = name.into();
        topic.num_partitions = partitions;
        topic.replication_factor = -1;
        let mut request = CreateTopicsRequest::default();
        request.topics.push(topic);
        let response = self.call(connection, 7, &request);
        assert_eq!(response.topics[0].error_code, 0);
    }

    /// Creates a topic with a replica on each of three nodes and these configs; with n partitions, the first one's are
    /// on nodes 1, 2 and 3, the second one's on 2, 3 and 1.
    pub fn create_replicated(&mut self, name: &str, partitions: i32, configs: &[(&str, &str)]) {
        let mut topic = CreatableTopic::default();
        topic.name = name.into();
        topic.num_partitions = -1;
        topic.replication_factor = -1;
        for index in 0..partitions {
            let mut assignment = CreatableReplicaAssignment::default();
            assignment.partition_index = index;
            let nodes: Vec<NodeId> = (0..3).map(|n| NodeId((index + n) % 3 + 1)).collect();
            assignment.broker_ids = NodeIds::from(&nodes[..]);
            topic.assignments.push(assignment);
        }
        for (key, value) in configs {
            let mut config = CreatableTopicConfig::default();
            config.name = (*key).into();
            config.value = Some((*value).into());
            topic.configs.push(config);
        }
        let mut request = CreateTopicsRequest::default();
        request.topics.push(topic);
        let up = self.cluster.node_ids().find(|node| self.cluster.node_is_up(*node)).expect("a node");
        let connection = self.connect(up.0);
        let response = self.call(connection, 7, &request);
        assert_eq!(response.topics[0].error_code, 0);
    }

    /// Produces one batch with acks -1.
    /// The node that coordinates a group.
    pub fn coordinator(&mut self, group: &str) -> i32 {
        let connection = self.connect(1);
        let mut request = FindCoordinatorRequest::default();
        request.key = group.into();
        self.call(connection, 0, &request).node_id.0
    }

    pub fn produce(
        &mut self,
        connection: ConnectionId,
        topic: &str,
        partition: i32,
        batch: Bytes,
    ) -> PartitionProduceResponse {
        let request = produce_request(topic, partition, -1, batch);
        let mut response = self.call(connection, 12, &request);
        response.responses.remove(0).partition_responses.remove(0)
    }
}

pub fn produce_request(topic: &str, partition: i32, acks: i16, batch: Bytes) -> ProduceRequest {
    let mut data = PartitionProduceData::default();
    data.index = partition;
    data.records = Some(batch);
    let mut topic_data = TopicProduceData::default();
    topic_data.name = topic.into();
    topic_data.partition_data.push(data);
    let mut request = ProduceRequest::default();
    request.acks = acks;
    request.topic_data.push(topic_data);
    request
}

pub fn fetch_request(topic: &str, partition: i32, offset: i64, max_wait: Duration) -> FetchRequest {
    let mut asked = FetchPartition::default();
    asked.partition = partition;
    asked.fetch_offset = offset;
    asked.partition_max_bytes = 1 << 20;
    let mut fetch_topic = FetchTopic::default();
    fetch_topic.topic = topic.into();
    fetch_topic.partitions.push(asked);
    let mut request = FetchRequest::default();
    request.max_wait_ms = max_wait.as_millis() as i32;
    request.min_bytes = 1;
    request.max_bytes = 1 << 20;
    request.topics.push(fetch_topic);
    request
}

/// A batch of records with these values and timestamps.
pub fn batch_with(records: &[(i64, &str)], options: &SealOptions) -> Bytes {
    let mut builder = BatchBuilder::default();
    for (timestamp, value) in records {
        builder.append(*timestamp, None, Some(value.as_bytes()), NO_HEADERS).expect("room");
    }
    builder.seal(options, &mut Compressor::new()).expect("a batch")
}

pub fn batch(values: &[&str]) -> Bytes {
    let records: Vec<_> = values.iter().map(|value| (START_MS, *value)).collect();
    batch_with(&records, &SealOptions::default())
}

pub fn compressed(compression: Compression) -> SealOptions {
    let mut options = SealOptions::default();
    options.compression = compression;
    options
}

pub fn idempotent(producer_id: i64, epoch: i16, sequence: i32) -> SealOptions {
    let mut options = SealOptions::default();
    options.producer_id = producer_id;
    options.producer_epoch = epoch;
    options.base_sequence = sequence;
    options
}
