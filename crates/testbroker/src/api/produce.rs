//! Produce, v3 to v13 (topic ids from v13; the current leader in errors from v10 on, KIP-951).
//!
//! With acks -1 the answer waits until the batches are committed, at most for the request's timeout: they may be
//! committed all the same later. Transactions are not served.

use std::collections::BTreeSet;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::message::VersionRange;
use ottla_protocol::messages::produce_request::{PartitionProduceData, ProduceRequest};
use ottla_protocol::messages::produce_response::{
    BatchIndexAndErrorMessage, NodeEndpoint, PartitionProduceResponse, ProduceResponse, TopicProduceResponse,
};
use ottla_protocol::types::{NodeId, Uuid};

use crate::batch::{Produced, Refused};
use crate::cluster::{Answer, Call, Cluster};
use crate::connection::{CloseReason, RequestId};
use crate::faults::At;
use crate::journal::{ProducedPartition, RequestSummary, summary_rows};
use crate::now::millis;
use crate::partition::Commit;
use crate::replica::Appended;
use crate::subject::{About, Part};
use crate::topic::TopicKey;
use crate::waiting_produce::{Uncommitted, WaitingProduce};

pub(crate) const VERSIONS: VersionRange = VersionRange::new(3, 13);

/// The first version that names topics by id.
const FIRST_VERSION_BY_ID: i16 = 13;
/// The first version whose answer tells the current leader.
const FIRST_VERSION_WITH_LEADER: i16 = 10;
/// What Kafka says of a partition that it does not have, or not on this node.
const NOT_HOSTED: &str = "This server does not host this topic-partition.";

impl About for ProduceRequest {
    fn parts(&self, cluster: &Cluster, call: &Call) -> Vec<Part> {
        let mut parts = Vec::new();
        for topic in &self.topic_data {
            let key = TopicKey::of(call.version, FIRST_VERSION_BY_ID, &topic.name, topic.topic_id);
            let name = cluster.topics.name_of(&key);
            let part = |data: &PartitionProduceData| Part::partition(name.as_ref(), data.index);
            parts.extend(topic.partition_data.iter().map(part));
        }
        parts
    }

    fn summary(&self) -> RequestSummary {
        let rows = self.topic_data.iter().flat_map(|topic| {
            let row = |data| ProducedPartition::new(topic, data);
            topic.partition_data.iter().map(row)
        });
        let (partitions, left_out) = summary_rows(rows);
        RequestSummary::Produce { acks: self.acks, partitions, left_out }
    }
}

/// A batch that was appended, or is there already.
struct Written {
    appended: Appended,
    partition: (Uuid, i32),
    leader_epoch: i32,
    log_start_offset: i64,
}

pub(crate) fn handle(cluster: &mut Cluster, call: &Call, request: ProduceRequest) -> Answer<ProduceResponse> {
    let mut response = ProduceResponse::default();
    let (mut failed, mut uncommitted) = (false, Vec::new());
    for topic in request.topic_data {
        let key = TopicKey::of(call.version, FIRST_VERSION_BY_ID, &topic.name, topic.topic_id);
        let mut answer = TopicProduceResponse::default();
        for data in &topic.partition_data {
            let partition = match append(cluster, call, &key, data, request.acks) {
                Ok(written) => {
                    uncommitted.push(Uncommitted {
                        partition: written.partition,
                        leader_epoch: written.leader_epoch,
                        end_offset: written.appended.end_offset,
                        row: (response.responses.len(), answer.partition_responses.len()),
                    });
                    success(data.index, &written)
                }
                Err(refused) => {
                    failed = true;
                    let moved = cluster.topics.find(&key).map(|topic| (topic.id, data.index));
                    failure(cluster, call, moved, data.index, refused)
                }
            };
            answer.partition_responses.push(partition);
        }
        answer.name = topic.name;
        answer.topic_id = topic.topic_id;
        response.responses.push(answer);
    }
    match (request.acks, failed) {
        (0, false) => return Answer::Never,
        (0, true) => return Answer::Close(CloseReason::UnacknowledgedError),
        _ => {}
    }
    let mut produce = WaitingProduce { call: call.clone(), response, uncommitted };
    if request.acks != -1 || settle(cluster, &mut produce) {
        return Answer::Now(with_endpoints(cluster, produce));
    }
    cluster.produces.insert(produce, call.now.instant + millis(request.timeout_ms));
    Answer::Later
}

/// Something happened to a partition that this request waits for.
pub(crate) fn reconsider(cluster: &mut Cluster, id: RequestId) {
    let Some(waiting) = cluster.produces.find(id) else { return };
    let is_due = waiting
        .uncommitted
        .iter()
        .all(|batch| !matches!(commit_of(cluster, waiting.call.node, batch), Ok(Commit::Pending)));
    if is_due {
        finish(cluster, id);
    }
}

/// Answers a waiting request; what is not committed by now has timed out.
pub(crate) fn finish(cluster: &mut Cluster, id: RequestId) {
    let Some(mut waiting) = cluster.produces.remove(id) else { return };
    if !settle(cluster, &mut waiting) {
        for batch in std::mem::take(&mut waiting.uncommitted) {
            fail(cluster, &mut waiting, &batch, ErrorCode::REQUEST_TIMED_OUT);
        }
    }
    let response = with_endpoints(cluster, waiting);
    cluster.respond(id, &response);
}

/// Enters what has become of the batches; says whether that is known of all.
fn settle(cluster: &Cluster, produce: &mut WaitingProduce) -> bool {
    for batch in std::mem::take(&mut produce.uncommitted) {
        match commit_of(cluster, produce.call.node, &batch) {
            Ok(Commit::Done) => {}
            Ok(Commit::Pending) => produce.uncommitted.push(batch),
            Err(error) => fail(cluster, produce, &batch, error),
        }
    }
    produce.uncommitted.is_empty()
}

fn commit_of(cluster: &Cluster, node: NodeId, batch: &Uncommitted) -> Result<Commit, ErrorCode> {
    let partition = cluster.topics.partition(batch.partition);
    let partition = partition.ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
    partition.commit_of(node, batch.leader_epoch, batch.end_offset)
}

fn fail(cluster: &Cluster, produce: &mut WaitingProduce, batch: &Uncommitted, error: ErrorCode) {
    let topic = produce.response.responses.get_mut(batch.row.0);
    let Some(row) = topic.and_then(|topic| topic.partition_responses.get_mut(batch.row.1)) else { return };
    row.error_code = error.0;
    tell_leader(cluster, &produce.call, batch.partition, row);
}

fn append(
    cluster: &mut Cluster,
    call: &Call,
    key: &TopicKey,
    data: &PartitionProduceData,
    acks: i16,
) -> Result<Written, Refused> {
    if !(-1..=1).contains(&acks) {
        return Err(Refused::new(ErrorCode::INVALID_REQUIRED_ACKS, "acks must be -1, 0 or 1"));
    }
    let name = cluster.topics.name_of(key);
    let at = At::partition(name.as_deref(), data.index);
    call.fault(at)?;
    let topic = cluster.topics.find_mut(key).ok_or_else(|| Refused::new(key.unknown(), NOT_HOSTED))?;
    let id = topic.id;
    let (config, partition) = topic
        .partition_mut(data.index)
        .ok_or_else(|| Refused::new(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, NOT_HOSTED))?;
    partition.led_by(call.node, -1).map_err(|error| Refused::new(error, NOT_HOSTED))?;
    let records = data.records.as_ref().ok_or_else(|| {
        Refused::new(ErrorCode::INVALID_RECORD, "Produce requests must contain exactly one record batch")
    })?;
    if cluster.log_bytes.saturating_add(records.len() as u64) > cluster.settings.max_log_bytes {
        return Err(Refused::new(
            ErrorCode::KAFKA_STORAGE_ERROR,
            "The test broker's memory for logs is full: raise max_log_bytes or set retention.bytes.",
        ));
    }
    let produced = Produced::check(records, call.version, config, call.now.unix_ms)?;
    if produced.header.attributes.is_transactional() {
        return Err(Refused::new(ErrorCode::INVALID_TXN_STATE, "Transactions are not served."));
    }
    if acks == -1 && partition.is_under_min_isr(call.node) {
        let message =
            "The size of the current ISR is insufficient to satisfy the min.insync.replicas requirement.";
        return Err(Refused::new(ErrorCode::NOT_ENOUGH_REPLICAS, message));
    }
    let expiration = cluster.settings.producer_id_expiration;
    let appended = partition.append(call.node, &produced, config, call.now, expiration)?;
    let leader_epoch = partition.seen_by(call.node).leader_epoch;
    if appended.is_new {
        cluster.on_append((id, data.index));
    }
    cluster.note_produced((id, data.index), leader_epoch, &produced.header, appended);
    cluster.note_high_watermark((id, data.index));
    call.fault_after(at)?;
    let partition = cluster.topics.partition((id, data.index));
    let replica = partition.and_then(|partition| partition.replica(call.node));
    let log_start_offset = replica.map_or(-1, |replica| replica.log.start_offset());
    Ok(Written { appended, partition: (id, data.index), leader_epoch, log_start_offset })
}

fn success(index: i32, written: &Written) -> PartitionProduceResponse {
    let mut response = PartitionProduceResponse::default();
    response.index = index;
    response.base_offset = written.appended.base_offset;
    response.log_append_time_ms = written.appended.log_append_time_ms;
    response.log_start_offset = written.log_start_offset;
    response
}

fn failure(
    cluster: &Cluster,
    call: &Call,
    partition: Option<(Uuid, i32)>,
    index: i32,
    refused: Refused,
) -> PartitionProduceResponse {
    let mut response = PartitionProduceResponse::default();
    response.index = index;
    response.base_offset = -1;
    response.error_code = refused.error.0;
    response.error_message = Some(refused.message.into());
    let records = refused.records.into_iter().map(|(index, fault)| {
        let mut record = BatchIndexAndErrorMessage::default();
        record.batch_index = index;
        record.batch_index_error_message = Some(fault.into());
        record
    });
    response.record_errors = records.collect();
    if let Some(partition) = partition {
        tell_leader(cluster, call, partition, &mut response);
        mislead(cluster, call, partition, &mut response);
    }
    response
}

/// Names another leader, if a rule wants it.
fn mislead(cluster: &Cluster, call: &Call, id: (Uuid, i32), row: &mut PartitionProduceResponse) {
    let Some(fate) = call.fate.as_ref().filter(|_| call.version >= FIRST_VERSION_WITH_LEADER) else { return };
    let Some(topic) = cluster.topics.with_id(id.0) else { return };
    if let Some((node, epochs_back)) = fate.misdirection(At::partition(Some(&topic.name), id.1)) {
        row.current_leader.leader_id = node;
        let leader_epoch = i64::from(row.current_leader.leader_epoch) - i64::from(epochs_back);
        row.current_leader.leader_epoch = i32::try_from(leader_epoch).unwrap_or(-1).max(-1);
    }
}

/// Says who leads, as far as the node has heard.
fn tell_leader(cluster: &Cluster, call: &Call, id: (Uuid, i32), row: &mut PartitionProduceResponse) {
    if row.error_code != ErrorCode::NOT_LEADER_OR_FOLLOWER.0 || call.version < FIRST_VERSION_WITH_LEADER {
        return;
    }
    if let Some(partition) = cluster.topics.partition(id) {
        let state = partition.seen_by(call.node);
        row.current_leader.leader_id = state.leader;
        row.current_leader.leader_epoch = state.leader_epoch;
    }
}

fn with_endpoints(cluster: &Cluster, produce: WaitingProduce) -> ProduceResponse {
    let mut response = produce.response;
    let rows = response.responses.iter().flat_map(|topic| &topic.partition_responses);
    let leaders: BTreeSet<NodeId> = rows.map(|row| row.current_leader.leader_id).collect();
    response.node_endpoints = leaders.iter().filter_map(|id| endpoint(cluster, &produce.call, *id)).collect();
    response
}

fn endpoint(cluster: &Cluster, call: &Call, id: NodeId) -> Option<NodeEndpoint> {
    let mut endpoint = NodeEndpoint::default();
    endpoint.node_id = id;
    let Some(node) = cluster.nodes.get(&id) else {
        // Only a rule names such a node.
        endpoint.host = format!("node-{id}").into();
        endpoint.port = i32::from(u16::MAX);
        return (id.0 >= 0).then_some(endpoint);
    };
    let at = node.endpoint(call.listener);
    endpoint.host = at.host.clone();
    endpoint.port = i32::from(at.port);
    endpoint.rack = node.rack.clone();
    Some(endpoint)
}
