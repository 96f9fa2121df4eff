//! Leaders that a broker named when it was asked for a partition that it does not lead (KIP-951).
//!
//! Produce answers from version 10 on carry them, and Fetch answers from version 12 on (the endpoints from 16 on). A
//! hint is taken over only if it is newer than what is known and says, or it is known, where the leader listens; so
//! neither a broker that lags behind nor a confused one can undo what another one said.
//!
//! Not here: what is done with what failed. That is up to whoever asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::fetch_response::{self, FetchResponse};
use ottla_protocol::messages::produce_response::{self, ProduceResponse};
use ottla_protocol::types::{NodeId, Str, TopicName, Uuid};

use super::{Broker, ClusterSnapshot, Metadata};

/// Hints taken of one answer at most; what is beyond is left to a Metadata request. More than the partitions that a
/// request has, unless somebody wants to keep us busy.
const MOST_HINTS: usize = 10_000;

/// What one answer said of leaders: only where the error is about them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeaderHints {
    /// At most [`MOST_HINTS`].
    leaders: Vec<LeaderHint>,
    /// Only of those leaders.
    endpoints: BTreeMap<NodeId, Broker>,
}

/// Who leads a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
struct LeaderHint {
    /// Empty where the answer names topics by id.
    topic: TopicName,
    topic_id: Uuid,
    partition: i32,
    leader: NodeId,
    leader_epoch: i32,
}

impl LeaderHints {
    /// Those in the answer to a Produce request.
    pub fn of_produce(response: &ProduceResponse) -> Self {
        let mut hints = Self::default();
        for topic in &response.responses {
            for row in &topic.partition_responses {
                let current = (row.current_leader.leader_id, row.current_leader.leader_epoch);
                hints.add((&topic.name, topic.topic_id, row.index), row.error_code, current);
            }
        }
        hints.add_endpoints(response.node_endpoints.iter().map(|at| {
            let produce_response::NodeEndpoint { node_id, host, port, rack, .. } = at;
            (*node_id, host, *port, rack.as_ref())
        }));
        hints
    }

    /// Those in the answer to a Fetch request.
    pub fn of_fetch(response: &FetchResponse) -> Self {
        let mut hints = Self::default();
        for topic in &response.responses {
            for row in &topic.partitions {
                let current = (row.current_leader.leader_id, row.current_leader.leader_epoch);
                hints.add((&topic.topic, topic.topic_id, row.partition_index), row.error_code, current);
            }
        }
        hints.add_endpoints(response.node_endpoints.iter().map(|at| {
            let fetch_response::NodeEndpoint { node_id, host, port, rack, .. } = at;
            (*node_id, host, *port, rack.as_ref())
        }));
        hints
    }

    /// Whether the answer named no leader.
    pub fn is_empty(&self) -> bool {
        self.leaders.is_empty()
    }

    fn add(
        &mut self,
        (topic, topic_id, partition): (&TopicName, Uuid, i32),
        error_code: i16,
        (leader, leader_epoch): (NodeId, i32),
    ) {
        let is_named = leader.0 >= 0 && leader_epoch >= 0;
        if is_about_leaders(error_code) && is_named && self.leaders.len() < MOST_HINTS {
            let topic = topic.clone();
            self.leaders.push(LeaderHint { topic, topic_id, partition, leader, leader_epoch });
        }
    }

    fn add_endpoints<'a>(
        &mut self,
        endpoints: impl Iterator<Item = (NodeId, &'a Str, i32, Option<&'a Str>)>,
    ) {
        if self.leaders.is_empty() {
            return;
        }
        let named: BTreeSet<NodeId> = self.leaders.iter().map(|hint| hint.leader).collect();
        for (node_id, host, port, rack) in endpoints {
            let port = u16::try_from(port).ok().filter(|port| *port > 0);
            if let (true, false, Some(port)) = (named.contains(&node_id), host.is_empty(), port) {
                let (host, rack) = (host.detach(), rack.map(Str::detach));
                self.endpoints.insert(node_id, Broker { node_id, host, port, rack });
            }
        }
    }
}

impl Metadata {
    /// Takes over what is newer than what is known, as if a Metadata response had said so; says whether anything was.
    /// A request that is due or under way stays so: its answer undoes no newer leader.
    pub fn on_leader_hints(&mut self, hints: &LeaderHints) -> bool {
        let hinted = self.snapshot.hinted(hints);
        let is_news = hinted.is_some();
        if let Some(snapshot) = hinted {
            self.snapshot = Arc::new(snapshot);
        }
        is_news
    }
}

impl ClusterSnapshot {
    /// This picture with what is newer in the hints; `None` if nothing is.
    fn hinted(&self, hints: &LeaderHints) -> Option<Self> {
        let mut hinted: Option<Self> = None;
        for hint in &hints.leaders {
            let known = hinted.as_ref().unwrap_or(self);
            let endpoint = hints.endpoints.get(&hint.leader);
            // A leader that nobody can connect to helps nobody.
            if endpoint.is_none() && !known.brokers.contains_key(&hint.leader) {
                continue;
            }
            let Some((topic, at)) = known.outdated_by(hint) else { continue };
            let next = hinted.get_or_insert_with(|| self.clone());
            let topic = next.topics.get_mut(&topic).map(Arc::make_mut);
            if let Some(partition) = topic.and_then(|topic| topic.partitions.get_mut(at)) {
                partition.leader = Some(hint.leader);
                partition.leader_epoch = hint.leader_epoch;
            }
            if let Some(endpoint) = endpoint {
                next.brokers.insert(hint.leader, endpoint.clone());
            }
        }
        hinted
    }

    /// The hint's partition, if it is known and the hint is newer.
    fn outdated_by(&self, hint: &LeaderHint) -> Option<(TopicName, usize)> {
        let topic = match hint.topic.is_empty() {
            true if hint.topic_id == Uuid::ZERO => return None,
            true => self.topics().find(|topic| topic.topic_id == hint.topic_id)?,
            false => self.topic(&hint.topic)?,
        };
        let at = usize::try_from(hint.partition).ok()?;
        let known = topic.partitions.get(at)?;
        (known.leader_epoch < hint.leader_epoch).then(|| (topic.name.clone(), at))
    }
}

/// Whether an answer with this code may name the leader.
fn is_about_leaders(code: i16) -> bool {
    matches!(ErrorCode(code), ErrorCode::NOT_LEADER_OR_FOLLOWER | ErrorCode::FENCED_LEADER_EPOCH)
}

#[cfg(test)]
mod tests;
