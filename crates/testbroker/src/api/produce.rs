//! Produce, v3 to v13 (topic ids from v13; the current leader in errors from v10 on, KIP-951).
//!
//! Never blocks: all replicas are in sync, so acks 1 and -1 are the same. Transactions are not served.

use std::collections::BTreeSet;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::message::VersionRange;
use ottla_protocol::messages::produce_request::{PartitionProduceData, ProduceRequest};
use ottla_protocol::messages::produce_response::{
    BatchIndexAndErrorMessage, NodeEndpoint, PartitionProduceResponse, ProduceResponse, TopicProduceResponse,
};
use ottla_protocol::types::NodeId;

use crate::batch::{Produced, Refused};
use crate::cluster::{Answer, Call, Cluster};
use crate::connection::CloseReason;
use crate::faults::At;
use crate::journal::{ProducedPartition, RequestSummary, summary_rows};
use crate::partition::Appended;
use crate::subject::{About, Part};
use crate::topic::TopicKey;

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

pub(crate) fn handle(cluster: &mut Cluster, call: &Call, request: ProduceRequest) -> Answer<ProduceResponse> {
    let mut response = ProduceResponse::default();
    let (mut failed, mut leaders) = (false, BTreeSet::new());
    for topic in request.topic_data {
        let key = TopicKey::of(call.version, FIRST_VERSION_BY_ID, &topic.name, topic.topic_id);
        let mut answer = TopicProduceResponse::default();
        for data in &topic.partition_data {
            let partition = match append(cluster, call, &key, data, request.acks) {
                Ok((appended, log_start_offset)) => success(data.index, appended, log_start_offset),
                Err(refused) => {
                    failed = true;
                    failure(cluster, call, &key, data.index, refused)
                }
            };
            leaders.insert(partition.current_leader.leader_id);
            answer.partition_responses.push(partition);
        }
        answer.name = topic.name;
        answer.topic_id = topic.topic_id;
        response.responses.push(answer);
    }
    response.node_endpoints = leaders.iter().filter_map(|id| endpoint(cluster, *id)).collect();
    match (request.acks, failed) {
        (0, false) => Answer::Never,
        (0, true) => Answer::Close(CloseReason::UnacknowledgedError),
        _ => Answer::Now(response),
    }
}

fn append(
    cluster: &mut Cluster,
    call: &Call,
    key: &TopicKey,
    data: &PartitionProduceData,
    acks: i16,
) -> Result<(Appended, i64), Refused> {
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
    partition.check_leader(call.node, -1).map_err(|error| Refused::new(error, NOT_HOSTED))?;
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
    let before = partition.log.size_bytes();
    let appended = partition.append(&produced, config, call.now.unix_ms)?;
    cluster.log_bytes += partition.log.size_bytes() - before;
    if let Some(retention_bytes) = config.retention_bytes {
        cluster.log_bytes -= partition.log.retain_bytes(retention_bytes);
    }
    let log_start_offset = partition.log.start_offset();
    let leader_epoch = partition.leader_epoch;
    if appended.is_new {
        cluster.touched.insert((id, data.index));
    }
    cluster.note_produced(id, data.index, leader_epoch, &produced.header, appended);
    call.fault_after(at)?;
    Ok((appended, log_start_offset))
}

fn success(index: i32, appended: Appended, log_start_offset: i64) -> PartitionProduceResponse {
    let mut response = PartitionProduceResponse::default();
    response.index = index;
    response.base_offset = appended.base_offset;
    response.log_append_time_ms = appended.log_append_time_ms;
    response.log_start_offset = log_start_offset;
    response
}

fn failure(
    cluster: &Cluster,
    call: &Call,
    key: &TopicKey,
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
    if refused.error == ErrorCode::NOT_LEADER_OR_FOLLOWER && call.version >= FIRST_VERSION_WITH_LEADER {
        let partition = cluster.topics.find(key).and_then(|topic| topic.partition(index));
        if let Some(partition) = partition {
            response.current_leader.leader_id = partition.leader;
            response.current_leader.leader_epoch = partition.leader_epoch;
        }
    }
    response
}

fn endpoint(cluster: &Cluster, id: NodeId) -> Option<NodeEndpoint> {
    let node = cluster.nodes.get(&id)?;
    let mut endpoint = NodeEndpoint::default();
    endpoint.node_id = id;
    endpoint.host = node.host.clone();
    endpoint.port = i32::from(node.port);
    endpoint.rack = node.rack.clone();
    Some(endpoint)
}
