//! Fetch, v4 to v18 (topic ids from v13; the current leader in errors from v12, where it lives from v16 on).
//!
//! Answers when `min_bytes` are there, when a partition has an error, or when `max_wait_ms` is over. Reads end at the
//! high watermark. From v11 on a follower answers too, as Kafka's does (KIP-392), from what it knows to be committed; no
//! client is told of a preferred replica, since racks are not modelled.

use std::collections::BTreeSet;

use bytes::Bytes;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::message::VersionRange;
use ottla_protocol::messages::fetch_request::{FetchPartition, FetchRequest};
use ottla_protocol::messages::fetch_response::{
    FetchResponse, FetchableTopicResponse, NodeEndpoint, PartitionData,
};
use ottla_protocol::types::{NodeId, TopicName, Uuid};

use crate::cluster::{Answer, Call, Cluster};
use crate::connection::RequestId;
use crate::faults::At;
use crate::fetch_session::FetchContext;
use crate::fetching::WaitingFetch;
use crate::journal::{FetchedPartition, RequestSummary, summary_rows};
use crate::now::millis;
use crate::partition::Partition;
use crate::replica::Replica;
use crate::subject::{About, Part};
use crate::topic::TopicKey;

pub(crate) const VERSIONS: VersionRange = VersionRange::new(4, 18);

/// The first version that names topics by id.
const FIRST_VERSION_BY_ID: i16 = 13;
/// The first version whose answer tells the current leader (KIP-595).
const FIRST_VERSION_WITH_LEADER: i16 = 12;
/// The first version that followers answer (KIP-392).
const FIRST_VERSION_FROM_FOLLOWERS: i16 = 11;
/// The first version whose answer says where the current leader lives (KIP-951).
const FIRST_VERSION_WITH_ENDPOINTS: i16 = 16;
/// The most bytes of records in one answer, whatever the client allows (the broker's `fetch.max.bytes`).
const MAX_RESPONSE_BYTES: i32 = 55 * 1024 * 1024;

impl About for FetchRequest {
    fn parts(&self, cluster: &Cluster, call: &Call) -> Vec<Part> {
        let partitions =
            cluster.fetch_sessions.partitions(call.node, self, call.version >= FIRST_VERSION_BY_ID);
        let part =
            |(key, index): (TopicKey, i32)| Part::partition(cluster.topics.name_of(&key).as_ref(), index);
        partitions.into_iter().map(part).collect()
    }

    fn summary(&self) -> RequestSummary {
        let rows = self.topics.iter().flat_map(|topic| {
            let row = |asked| FetchedPartition::new(topic, asked);
            topic.partitions.iter().map(row)
        });
        let (partitions, left_out) = summary_rows(rows);
        let (session_id, session_epoch) = (self.session_id, self.session_epoch);
        RequestSummary::Fetch { session_id, session_epoch, partitions, left_out }
    }
}

pub(crate) fn handle(cluster: &mut Cluster, call: &Call, mut request: FetchRequest) -> Answer<FetchResponse> {
    // Before the session moves on, as if it were not there.
    if let Err(error) = call.fault_of_read(At::default())
        && is_session_error(error)
    {
        let mut response = FetchResponse::default();
        response.error_code = error.0;
        return Answer::Now(response);
    }
    let opened = cluster.fetch_sessions.open(
        call.node,
        call.now.instant,
        &mut cluster.random,
        call.version >= FIRST_VERSION_BY_ID,
        &mut request,
    );
    let context = match opened {
        Ok(context) => context,
        Err(error) => {
            let mut response = FetchResponse::default();
            response.error_code = error.0;
            return Answer::Now(response);
        }
    };
    let wait = millis(request.max_wait_ms);
    if wait.is_zero() || request.topics.is_empty() {
        return Answer::Now(answer(cluster, call, &request, context));
    }
    match outlook(cluster, call, &request) {
        Outlook::Ready => Answer::Now(answer(cluster, call, &request, context)),
        Outlook::TooFew(watched) => {
            let fetch = WaitingFetch { call: call.clone(), request, context, watched };
            cluster.fetches.insert(fetch, call.now.instant + wait);
            Answer::Later
        }
    }
}

/// Something happened to a partition that this fetch waits for.
pub(crate) fn reconsider(cluster: &mut Cluster, id: RequestId) {
    let Some(waiting) = cluster.fetches.find(id) else { return };
    if let Outlook::Ready = outlook(cluster, &waiting.call, &waiting.request) {
        finish(cluster, id);
    }
}

/// Answers a waiting fetch with what there is.
pub(crate) fn finish(cluster: &mut Cluster, id: RequestId) {
    let Some(waiting) = cluster.fetches.remove(id) else { return };
    let response = answer(cluster, &waiting.call, &waiting.request, waiting.context);
    cluster.respond(id, &response);
}

fn answer(
    cluster: &mut Cluster,
    call: &Call,
    request: &FetchRequest,
    context: FetchContext,
) -> FetchResponse {
    let mut response = read(cluster, call, request);
    cluster.fetch_sessions.close(call.node, context, &mut response);
    response
}

/// Whether an answer is due already.
enum Outlook {
    Ready,
    /// Fewer than `min_bytes`; these partitions may bring more.
    TooFew(Vec<(Uuid, i32)>),
}

fn outlook(cluster: &Cluster, call: &Call, request: &FetchRequest) -> Outlook {
    let wanted = u64::try_from(request.min_bytes).unwrap_or(0);
    let (mut bytes, mut watched) = (0u64, Vec::new());
    for topic in &request.topics {
        let key = TopicKey::of(call.version, FIRST_VERSION_BY_ID, &topic.topic, topic.topic_id);
        let Some(found) = cluster.topics.find(&key) else { return Outlook::Ready };
        for asked in &topic.partitions {
            let Some(partition) = found.partition(asked.partition) else { return Outlook::Ready };
            let Ok(replica) = check(call, &found.name, partition, asked) else { return Outlook::Ready };
            if diverges(replica, asked).is_some() {
                return Outlook::Ready;
            }
            // A batch that is longer than the limit counts as one byte: it will be sent if it is the first.
            let limit = u64::try_from(asked.partition_max_bytes).unwrap_or(0).max(1);
            let readable = replica.log.bytes_between(asked.fetch_offset, replica.high_watermark());
            bytes += readable.min(limit);
            watched.push((found.id, asked.partition));
        }
    }
    if bytes >= wanted { Outlook::Ready } else { Outlook::TooFew(watched) }
}

fn read(cluster: &Cluster, call: &Call, request: &FetchRequest) -> FetchResponse {
    let mut response = FetchResponse::default();
    let mut left = usize::try_from(request.max_bytes.min(MAX_RESPONSE_BYTES)).unwrap_or(0);
    let (mut is_empty, mut leaders) = (true, BTreeSet::new());
    for topic in &request.topics {
        let key = TopicKey::of(call.version, FIRST_VERSION_BY_ID, &topic.topic, topic.topic_id);
        let found = cluster.topics.find(&key).ok_or(key.unknown());
        let mut answer = FetchableTopicResponse::default();
        answer.topic = topic.topic.clone();
        answer.topic_id = topic.topic_id;
        for asked in &topic.partitions {
            let partition = found.and_then(|topic| {
                topic.partition(asked.partition).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
            });
            let data = partition
                .and_then(|partition| {
                    let name = found.map(|topic| &topic.name)?;
                    let replica = check(call, name, partition, asked)?;
                    let limit = usize::try_from(asked.partition_max_bytes).unwrap_or(0).min(left);
                    Ok(data(replica, asked, limit, is_empty))
                })
                .unwrap_or_else(|error| refuse(call, asked.partition, error, partition.ok()));
            let size = data.records.as_ref().map_or(0, Bytes::len);
            left = left.saturating_sub(size);
            is_empty &= size == 0;
            leaders.insert(data.current_leader.leader_id);
            answer.partitions.push(data);
        }
        response.responses.push(answer);
    }
    if call.version >= FIRST_VERSION_WITH_ENDPOINTS {
        response.node_endpoints = leaders.iter().filter_map(|id| endpoint(cluster, call, *id)).collect();
    }
    response
}

/// Errors that Fetch reports for the request; all others are of its partitions.
fn is_session_error(error: ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::FETCH_SESSION_ID_NOT_FOUND
            | ErrorCode::INVALID_FETCH_SESSION_EPOCH
            | ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR
    )
}

fn check<'a>(
    call: &Call,
    topic: &TopicName,
    partition: &'a Partition,
    asked: &FetchPartition,
) -> Result<&'a Replica, ErrorCode> {
    call.fault_of_read(At::partition(Some(topic), asked.partition))?;
    let replica = if call.version >= FIRST_VERSION_FROM_FOLLOWERS {
        partition.hosted_by(call.node, asked.current_leader_epoch)?
    } else {
        partition.led_by(call.node, asked.current_leader_epoch)?
    };
    // Between high watermark and log end there is something, but not for consumers.
    let known = replica.log.start_offset()..=replica.log.end_offset();
    let is_epoch_known =
        asked.last_fetched_epoch < 0 || replica.end_of_epoch(asked.last_fetched_epoch).is_some();
    if known.contains(&asked.fetch_offset) && is_epoch_known || diverges(replica, asked).is_some() {
        Ok(replica)
    } else {
        Err(ErrorCode::OFFSET_OUT_OF_RANGE)
    }
}

/// Where the consumer's log and this one went different ways, if it says what it read last (from v12 on).
fn diverges(replica: &Replica, asked: &FetchPartition) -> Option<(i32, i64)> {
    let last_epoch = Some(asked.last_fetched_epoch).filter(|epoch| *epoch >= 0)?;
    replica.end_of_epoch(last_epoch)?;
    replica.divergence(asked.fetch_offset, last_epoch)
}

fn data(replica: &Replica, asked: &FetchPartition, limit: usize, at_least_one: bool) -> PartitionData {
    let mut data = PartitionData::default();
    data.partition_index = asked.partition;
    data.high_watermark = replica.high_watermark();
    // All transactions have ended: there are none.
    data.last_stable_offset = replica.high_watermark();
    data.log_start_offset = replica.log.start_offset();
    // Null, as Kafka sends it to read_uncommitted consumers: no transaction can have been aborted.
    data.aborted_transactions = None;
    if let Some((leader_epoch, end_offset)) = diverges(replica, asked) {
        data.diverging_epoch.epoch = leader_epoch;
        data.diverging_epoch.end_offset = end_offset;
        data.records = Some(Bytes::new());
        return data;
    }
    data.records = Some(replica.log.read(asked.fetch_offset, replica.high_watermark(), limit, at_least_one));
    data
}

fn refuse(call: &Call, index: i32, error: ErrorCode, partition: Option<&Partition>) -> PartitionData {
    let mut data = PartitionData::default();
    data.partition_index = index;
    data.error_code = error.0;
    data.high_watermark = -1;
    data.aborted_transactions = None;
    data.records = Some(Bytes::new());
    let moved = call.version >= FIRST_VERSION_WITH_LEADER
        && matches!(error, ErrorCode::NOT_LEADER_OR_FOLLOWER | ErrorCode::FENCED_LEADER_EPOCH);
    if let (true, Some(partition)) = (moved, partition) {
        let state = partition.seen_by(call.node);
        data.current_leader.leader_id = state.leader;
        data.current_leader.leader_epoch = state.leader_epoch;
    }
    data
}

fn endpoint(cluster: &Cluster, call: &Call, id: NodeId) -> Option<NodeEndpoint> {
    let node = cluster.nodes.get(&id)?;
    let at = node.endpoint(call.listener);
    let mut endpoint = NodeEndpoint::default();
    endpoint.node_id = id;
    endpoint.host = at.host.clone();
    endpoint.port = i32::from(at.port);
    endpoint.rack = node.rack.clone();
    Some(endpoint)
}
