//! The task that performs what the producer's machine decides.

use std::sync::Arc;

use bytes::Bytes;
use ottla_core::connection::{Answer, versions_up_to};
use ottla_core::events::Role;
use ottla_core::metadata::{ClusterSnapshot, LeaderHints};
use ottla_core::producer::{Acks, Action, Unsealed, UnsealedContent};
use ottla_core::request::{RequestError, Token};
use ottla_core::time::Instant;
use ottla_protocol::compression::Compressor;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::message::Message;
use ottla_protocol::messages::init_producer_id_request::InitProducerIdRequest;
use ottla_protocol::messages::init_producer_id_response::InitProducerIdResponse;
use ottla_protocol::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use ottla_protocol::messages::produce_response::ProduceResponse;
use ottla_protocol::types::{NodeId, ProducerId};
use ottla_transport::SendOptions;
use tokio::time::sleep_until;

use super::delivery::BatchState;
use super::{Shared, State};
use crate::client::{Follower, Lane, Peer};

/// From version 13 on topics are named by id, which this client does not send yet.
const MAX_PRODUCE_VERSION: i16 = 12;

pub(super) struct Driver {
    shared: Arc<Shared>,
    compressor: Compressor,
    snapshots: Follower<Arc<ClusterSnapshot>>,
    client_closed: bool,
    /// Moves to another broker when one does not answer.
    attempt: usize,
}

impl Driver {
    pub(super) fn spawn(shared: Arc<Shared>) {
        let snapshots = shared.client.shared.metadata.watch();
        let compressor = Compressor::new();
        let driver = Driver { shared, compressor, snapshots, client_closed: false, attempt: 0 };
        tokio::spawn(driver.run());
    }

    async fn run(mut self) {
        self.shared.tell_begin();
        loop {
            let next = self.perform();
            if self.is_done() {
                self.shared.tell_end();
                return;
            }
            let clock = self.shared.client.shared.pool.clock();
            let timer =
                sleep_until(clock.deadline(next.unwrap_or(Instant::from_start(std::time::Duration::MAX))));
            tokio::select! {
                biased;
                () = self.shared.work.notified() => {}
                changed = self.snapshots.changed(), if !self.client_closed => match changed {
                    Ok(()) => self.take_snapshot(),
                    Err(_) => {
                        self.client_closed = true;
                        self.shared.lock().machine.on_client_closed();
                        self.shared.tell_end();
                    }
                },
                () = timer => {}
            }
        }
    }

    fn is_done(&self) -> bool {
        let state = self.shared.lock();
        state.abandoned && state.machine.memory() == 0
    }

    fn take_snapshot(&mut self) {
        let snapshot = self.snapshots.see();
        if let Some(custom) = &self.shared.custom {
            custom.on_snapshot(&snapshot);
        }
        let mut state = self.shared.lock();
        let State { machine, topics, .. } = &mut *state;
        machine.on_snapshot(&snapshot);
        topics.on_snapshot(&snapshot, machine);
    }

    /// Does everything that is due, and says when to come back.
    fn perform(&mut self) -> Option<Instant> {
        self.shared.read_wall_clock();
        loop {
            let now = self.shared.now().instant;
            let action = {
                let mut state = self.shared.lock();
                match state.machine.poll_action(now) {
                    Some(action) => action,
                    None => return state.machine.next_timeout(),
                }
            };
            match action {
                Action::InitProducerId { token, producer_id, producer_epoch } => {
                    self.ask_for_id(token, producer_id, producer_epoch);
                }
                Action::Send { token, node, batches } => self.send(token, node, batches),
                other => self.shared.pass_on(other),
            }
        }
    }

    fn send(&mut self, token: Token, node: NodeId, batches: Vec<Unsealed>) {
        let mut request = ProduceRequest::default();
        request.acks = self.shared.settings.acks.code();
        request.timeout_ms = millis(self.shared.settings.request_timeout);
        let mut sealed = Vec::with_capacity(batches.len());
        let mut builders = Vec::with_capacity(batches.len());
        for batch in batches {
            let bytes = match batch.content {
                UnsealedContent::Open(mut builder, options) => {
                    let bytes = builder.seal(&options, &mut self.compressor);
                    builders.push(builder);
                    bytes
                }
                UnsealedContent::Sealed(bytes) => Ok(bytes),
            };
            if let Ok(bytes) = &bytes {
                put(&mut request, batch.topic, batch.partition, bytes.clone());
            }
            sealed.push(bytes);
        }
        let is_closed = {
            let mut state = self.shared.lock();
            state.machine.on_sealed(token, sealed);
            builders.into_iter().for_each(|builder| state.machine.give_back(builder));
            state.closed
        };
        if is_closed {
            // Whoever closes may wait to have them handed back.
            self.shared.progress.notify_waiters();
        }
        if request.topic_data.is_empty() {
            return;
        }
        let versions = versions_up_to::<ProduceRequest>(MAX_PRODUCE_VERSION);
        let mut options = SendOptions::new(versions, self.shared.settings.request_timeout);
        options.expects_answer = self.shared.settings.acks != Acks::None;
        options.role = Role::Producer;
        let shared = Arc::clone(&self.shared);
        let reply = Box::new(move |result| shared.on_produced(token, result));
        let pool = &self.shared.client.shared.pool;
        pool.send(Peer::Node(node), Lane::Produce, Box::new(request), options, reply);
    }

    fn ask_for_id(&mut self, token: Token, producer_id: i64, producer_epoch: i16) {
        let mut request = InitProducerIdRequest::default();
        request.transactional_id = None;
        // Brokers before 2.5 cannot bump an epoch; there a new id does the same.
        request.producer_id = ProducerId(producer_id);
        request.producer_epoch = producer_epoch;
        request.transaction_timeout_ms = i32::MAX;
        let timeout = self.shared.settings.request_timeout;
        let mut options = SendOptions::new(InitProducerIdRequest::VERSIONS, timeout);
        options.role = Role::Producer;
        let pool = &self.shared.client.shared.pool;
        let peer = pool.any_peer(self.attempt);
        self.attempt += 1;
        let shared = Arc::clone(&self.shared);
        let reply = Box::new(move |result: Result<Answer, RequestError>| {
            let now = shared.now();
            let result =
                result.and_then(|answer| answer.decode::<InitProducerIdRequest>()).map(|r| read_id(&r));
            shared.lock().machine.on_init_producer_id(now, token, result);
            shared.work.notify_one();
        });
        pool.send(peer, Lane::Control, Box::new(request), options, reply);
    }
}

impl Shared {
    /// A request has its answer. Runs on the connection's task, so that whoever waits is woken from there.
    fn on_produced(&self, token: Token, result: Result<Answer, RequestError>) {
        let response = match self.settings.acks {
            Acks::None => result.map(|_| ProduceResponse::default()),
            _ => result.and_then(|answer| answer.decode::<ProduceRequest>()),
        };
        // Known before the answer is judged, other leaders need no backoff and no other request.
        let leaders = response.as_ref().map(LeaderHints::of_produce).unwrap_or_default();
        let hinted = self.client.shared.metadata.on_leader_hints(&leaders);
        let now = self.now();
        {
            let mut state = self.lock();
            if let Some(snapshot) = hinted {
                state.machine.on_snapshot(&snapshot);
            }
            state.machine.on_produced(now, token, response.as_ref().map_err(Clone::clone));
        }
        self.tell_results();
        self.work.notify_one();
    }

    /// Tells what became of batches, if that is what the machine has to say next.
    pub(super) fn tell_results(&self) {
        loop {
            let Some(action) = self.lock().machine.take_result() else { break };
            self.pass_on(action);
        }
    }

    fn pass_on(&self, action: Action<Arc<BatchState>>) {
        match action {
            Action::Complete { tag, records, outcome } => tag.resolve(records, outcome),
            Action::RefreshMetadata => self.client.shared.metadata.refresh(),
            Action::MemoryFreed => self.progress.notify_waiters(),
            _ => {}
        }
    }
}

fn read_id(response: &InitProducerIdResponse) -> Result<(i64, i16), ErrorCode> {
    ErrorCode(response.error_code).into_result()?;
    Ok((response.producer_id.0, response.producer_epoch))
}

fn put(
    request: &mut ProduceRequest,
    topic: ottla_protocol::types::TopicName,
    partition: i32,
    records: Bytes,
) {
    let mut data = PartitionProduceData::default();
    data.index = partition;
    data.records = Some(records);
    match request.topic_data.iter_mut().find(|known| known.name == topic) {
        Some(known) => known.partition_data.push(data),
        None => {
            let mut fresh = TopicProduceData::default();
            fresh.name = topic;
            fresh.partition_data.push(data);
            request.topic_data.push(fresh);
        }
    }
}

fn millis(duration: std::time::Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
