//! Where to read from when nothing is committed, the position is gone, or the application seeks to an end or a time:
//! ListOffsets, one request a broker at a time.
//!
//! Not here: offsets by time that the application asks for without seeking.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use ottla_protocol::api::ApiKey;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::message::{Message, VersionRange};
use ottla_protocol::messages::list_offsets_request::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use ottla_protocol::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsResponse};
use ottla_protocol::types::NodeId;

use super::node_slots::NodeSlots;
use super::{
    ConsumerError, ConsumerErrorKind, FetchConfig, FetchEpoch, LeaderEpoch, Leaders, Offset, Position,
    PositionState, Positions, TopicPartition,
};
use crate::coverage;
use crate::random::Jitter;
use crate::request::{RequestError, Token};
use crate::time::{Instant, Now, earliest};

/// The timestamps that stand for ends.
const LATEST_TIMESTAMP: i64 = -1;
const EARLIEST_TIMESTAMP: i64 = -2;

/// Versions that can say an isolation level; Kafka 2.1 has them.
const MIN_VERSION: i16 = 2;

/// `auto.offset.reset`: what to do when there is no position, or it is outside of the partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OffsetResetPolicy {
    /// Read from the oldest record on.
    Earliest,
    /// Read what comes from now on.
    Latest,
    /// Read what is not older than this; what comes from now on, if there is no such record (KIP-1106).
    ByDuration(Duration),
    /// Tell the application.
    None,
}

impl OffsetResetPolicy {
    /// What to look for; `None` if there is to be no reset.
    pub fn target(self, now: Now) -> Option<ResetTarget> {
        match self {
            Self::Earliest => Some(ResetTarget::Earliest),
            Self::Latest => Some(ResetTarget::Latest),
            Self::ByDuration(age) => {
                let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
                Some(ResetTarget::Timestamp(now.unix_ms.saturating_sub(age).max(0)))
            }
            Self::None => None,
        }
    }
}

/// A place in a partition that only its leader can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetTarget {
    /// The oldest record.
    Earliest,
    /// Behind the newest record that may be read.
    Latest,
    /// The first record whose timestamp is this or later, in milliseconds since 1970, not negative; behind the newest
    /// if there is none.
    Timestamp(i64),
}

impl ResetTarget {
    fn to_wire(self) -> i64 {
        match self {
            Self::Earliest => EARLIEST_TIMESTAMP,
            Self::Latest => LATEST_TIMESTAMP,
            // A negative one would mean something else.
            Self::Timestamp(unix_ms) => unix_ms.max(0),
        }
    }
}

/// What the driver has to do.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ResetAction {
    /// Send a request on the control lane of a broker; answer by [`OffsetReset::on_response`].
    Send {
        /// To answer with.
        token: Token,
        /// The leader of all its partitions.
        node_id: NodeId,
        /// The request, fit for all `versions`.
        request: ListOffsetsRequest,
        /// The versions to choose from.
        versions: VersionRange,
        /// How long to wait.
        timeout: Duration,
    },
    /// The picture of the cluster proved wrong.
    RefreshMetadata,
    /// Pass on to the application. Unless [fatal](ConsumerError::is_fatal), it is tried again.
    Failed(ConsumerError),
}

/// The machine. Works on partitions in [`PositionState::NeedsReset`].
#[derive(Debug)]
pub struct OffsetReset {
    config: FetchConfig,
    jitter: Jitter,
    slots: NodeSlots<BTreeMap<TopicPartition, (FetchEpoch, ResetTarget)>>,
    /// Bounded by what one answer has.
    outputs: VecDeque<ResetAction>,
}

impl OffsetReset {
    /// Nothing under way.
    pub fn new(config: FetchConfig, jitter: Jitter) -> Self {
        Self { config, jitter, slots: NodeSlots::new(), outputs: VecDeque::new() }
    }

    /// What to do next; drain until `None` after every event, and when the cluster's picture changes.
    pub fn poll_action(
        &mut self,
        now: Now,
        positions: &mut Positions,
        leaders: &impl Leaders,
    ) -> Option<ResetAction> {
        if self.outputs.is_empty() {
            self.plan(now, positions, leaders);
        }
        self.outputs.pop_front()
    }

    /// The answer to [`ResetAction::Send`].
    pub fn on_response(
        &mut self,
        now: Now,
        token: Token,
        result: Result<&ListOffsetsResponse, RequestError>,
        positions: &mut Positions,
    ) {
        let Some((node_id, mut asked)) = self.slots.take(token) else { return };
        let response = match result {
            Ok(response) => response,
            Err(error) => {
                self.slots.fail(now, node_id, &self.config.backoff, &mut self.jitter);
                self.refresh();
                if !error.is_retriable() {
                    let error = ConsumerError::from_request(error, ApiKey::LIST_OFFSETS).of_node(node_id);
                    self.outputs.push_back(ResetAction::Failed(error));
                }
                return;
            }
        };
        self.slots.succeed(node_id);
        for topic in &response.topics {
            for answer in &topic.partitions {
                let partition = TopicPartition::new(topic.name.clone(), answer.partition_index);
                if let Some((partition, asked)) = asked.remove_entry(&partition) {
                    self.on_partition(now, node_id, &partition, asked, answer, positions);
                }
            }
        }
        // What the answer lacks is asked for again, later.
        for (partition, _) in asked {
            if let Some(known) = positions.partitions.get_mut(&partition) {
                known.retry.fail(now, &self.config.backoff, &mut self.jitter);
            }
        }
    }

    /// When to call [`poll_action`](Self::poll_action) next, if nothing happens before.
    pub fn next_timeout(&self, positions: &Positions) -> Option<Instant> {
        let waiting = positions
            .partitions
            .values()
            .filter(|known| matches!(known.state, PositionState::NeedsReset(_)))
            .filter_map(|known| known.retry.at());
        earliest(waiting.min(), self.slots.next_timeout())
    }

    fn plan(&mut self, now: Now, positions: &mut Positions, leaders: &impl Leaders) {
        self.slots.pass(now);
        let mut plans: BTreeMap<NodeId, Plan> = BTreeMap::new();
        let mut leaderless = false;
        for (partition, known) in &mut positions.partitions {
            let PositionState::NeedsReset(target) = known.state else { continue };
            if !known.retry.pass(now) {
                continue;
            }
            let Some((node_id, leader_epoch)) = leaders.leader(partition) else {
                known.retry.fail(now, &self.config.backoff, &mut self.jitter);
                leaderless = true;
                continue;
            };
            if self.slots.is_free(node_id) {
                let plan = plans.entry(node_id).or_default();
                plan.add(partition, target, leader_epoch);
                plan.asked.insert(partition.clone(), (known.epoch, target));
            }
        }
        if leaderless {
            self.refresh();
        }
        for (node_id, mut plan) in plans {
            plan.request.replica_id = NodeId(-1);
            plan.request.isolation_level = self.config.isolation_level.to_wire();
            let timeout = self.config.request_timeout;
            plan.request.timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
            let token = self.slots.put(node_id, plan.asked);
            let versions = VersionRange::new(MIN_VERSION, ListOffsetsRequest::VERSIONS.max);
            self.outputs.push_back(ResetAction::Send {
                token,
                node_id,
                request: plan.request,
                versions,
                timeout,
            });
        }
    }

    fn on_partition(
        &mut self,
        now: Now,
        node_id: NodeId,
        partition: &TopicPartition,
        (epoch, target): (FetchEpoch, ResetTarget),
        answer: &ListOffsetsPartitionResponse,
        positions: &mut Positions,
    ) {
        let Some(known) = positions.partitions.get_mut(partition) else { return };
        // A seek meanwhile goes before.
        if known.epoch != epoch || known.state != PositionState::NeedsReset(target) {
            return;
        }
        let code = ErrorCode(answer.error_code);
        coverage::told(ApiKey::LIST_OFFSETS, code);
        if code == ErrorCode::NONE {
            match (Offset::from_wire(answer.offset), target) {
                (Some(offset), _) => {
                    let leader_epoch = LeaderEpoch::from_wire(answer.leader_epoch);
                    positions.on_reset(partition, Position { offset, leader_epoch });
                }
                (None, ResetTarget::Timestamp(_)) => known.go(PositionState::NeedsReset(ResetTarget::Latest)),
                (None, _) => {
                    known.retry.fail(now, &self.config.backoff, &mut self.jitter);
                    let error = ConsumerError::new(ConsumerErrorKind::Corrupt);
                    self.outputs.push_back(ResetAction::Failed(error.at(partition, None).of_node(node_id)));
                }
            }
            return;
        }
        known.retry.fail(now, &self.config.backoff, &mut self.jitter);
        if code.refreshes_metadata() {
            self.refresh();
        }
        if !code.is_retriable() {
            let error = ConsumerError::from_code(code, ApiKey::LIST_OFFSETS);
            self.outputs.push_back(ResetAction::Failed(error.at(partition, None).of_node(node_id)));
        }
    }

    fn refresh(&mut self) {
        if !self.outputs.contains(&ResetAction::RefreshMetadata) {
            self.outputs.push_back(ResetAction::RefreshMetadata);
        }
    }
}

/// A request in the making.
#[derive(Default)]
struct Plan {
    request: ListOffsetsRequest,
    asked: BTreeMap<TopicPartition, (FetchEpoch, ResetTarget)>,
}

impl Plan {
    fn add(&mut self, partition: &TopicPartition, target: ResetTarget, leader_epoch: Option<LeaderEpoch>) {
        let mut entry = ListOffsetsPartition::default();
        entry.partition_index = partition.partition;
        entry.current_leader_epoch = LeaderEpoch::to_wire(leader_epoch);
        entry.timestamp = target.to_wire();
        match self.request.topics.last_mut() {
            Some(topic) if topic.name == partition.topic => topic.partitions.push(entry),
            _ => {
                let mut topic = ListOffsetsTopic::default();
                topic.name = partition.topic.clone();
                topic.partitions = vec![entry];
                self.request.topics.push(topic);
            }
        }
    }
}

#[cfg(test)]
mod tests;
