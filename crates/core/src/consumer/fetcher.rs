//! Which broker to ask for which partitions, and what the answers mean.
//!
//! One request a broker at a time. A partition is in it if its position is known, it is not paused, little of it
//! waits for the application, and no pause after an error is on. Who brought something longest ago comes first, since
//! brokers fill answers from the front.
//!
//! Memory: requests reserve what they allow the broker to send, deliveries are pinned until the driver says that they
//! are gone, and both together stay within `fetch_memory`, but for a batch larger than what was left of it, which
//! brokers send whole (KIP-74). Every broker may reserve an equal share, so that one with much to say does not keep
//! the others waiting.
//!
//! Not here: fetch sessions (KIP-227): every request is a full one, without a session. Truncation found by leader
//! epochs (KIP-320) either: an epoch only fences.

mod response;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use ottla_protocol::message::{Message, VersionRange};
use ottla_protocol::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use ottla_protocol::types::{NodeId, ProducerId, TopicName, Uuid};

use super::node_slots::NodeSlots;
use super::{
    ConsumerError, FetchConfig, FetchEpoch, LeaderEpoch, Leaders, Offset, Position, PositionState, Positions,
    TopicPartition,
};
use crate::random::Jitter;
use crate::request::Token;
use crate::time::{Instant, Now, earliest};

/// The last version that names topics; the next ones need their ids, of all topics of a request.
const LAST_VERSION_BY_NAME: i16 = 12;

/// What the driver has to do.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FetchAction {
    /// Send a request on the fetch lane of a broker; answer by [`Fetcher::on_response`].
    Send {
        /// To answer with.
        token: Token,
        /// The broker.
        node_id: NodeId,
        /// The request, fit for all `versions`.
        request: FetchRequest,
        /// The versions to choose from: up to 12 where a topic's id is not known.
        versions: VersionRange,
        /// How long to wait.
        timeout: Duration,
    },
    /// Data, in the order of offsets for each partition.
    Deliver(Delivery),
    /// The picture of the cluster proved wrong.
    RefreshMetadata,
    /// Pass on to the application. Unless [fatal](ConsumerError::is_fatal), it is tried again.
    Failed(ConsumerError),
}

/// Batches of a partition as they came, one after another; the last one may be cut and is then to be ignored. The
/// driver hands records out from `fetch_offset` on, while [`Positions::is_current`] holds. Where a batch turns out to
/// be broken, it seeks back to that batch.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Delivery {
    /// The partition.
    pub partition: TopicPartition,
    /// Under which the data was asked for.
    pub fetch_epoch: FetchEpoch,
    /// The first offset that is new: batches may start before it.
    pub fetch_offset: Offset,
    /// The offset behind the last whole batch, where the next delivery starts.
    pub next_offset: Offset,
    /// The batches.
    pub records: Bytes,
    /// Behind the last record that every in-sync replica has.
    pub high_watermark: Option<Offset>,
    /// Before it, all transactions are finished.
    pub last_stable_offset: Option<Offset>,
    /// Which transactional records to drop, when only committed ones are read: all of that producer from that offset
    /// to its abort marker.
    pub aborted_transactions: Vec<AbortedTransaction>,
}

impl Delivery {
    /// What it counts for in `fetch_memory`, and for [`Positions::on_taken`]: bytes of records as they came.
    pub fn size(&self) -> usize {
        self.records.len()
    }
}

/// A transaction that was aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// Whose.
    pub producer_id: ProducerId,
    /// Where it starts in this partition.
    pub first_offset: Offset,
}

/// The machine. Works on partitions in [`PositionState::Known`].
#[derive(Debug)]
pub struct Fetcher {
    config: FetchConfig,
    jitter: Jitter,
    slots: NodeSlots<Asked>,
    /// Bounded by what one answer has.
    outputs: VecDeque<FetchAction>,
    last_turn: u64,
    reserved: usize,
    pinned: usize,
}

/// What a request asked for.
#[derive(Debug)]
struct Asked {
    partitions: BTreeMap<TopicPartition, (FetchEpoch, Offset)>,
    topics: BTreeMap<Uuid, TopicName>,
    reserved: usize,
}

/// A partition that may be fetched.
struct Candidate<'a> {
    turn: u64,
    partition: &'a TopicPartition,
    epoch: FetchEpoch,
    offset: Offset,
    leader_epoch: Option<LeaderEpoch>,
}

impl Fetcher {
    /// Nothing under way.
    pub fn new(config: FetchConfig, jitter: Jitter) -> Self {
        Self {
            config,
            jitter,
            slots: NodeSlots::new(),
            outputs: VecDeque::new(),
            last_turn: 0,
            reserved: 0,
            pinned: 0,
        }
    }

    /// Memory that was taken for deliveries beyond their own size: decompressed records.
    pub fn pin(&mut self, bytes: usize) {
        self.pinned = self.pinned.saturating_add(bytes);
    }

    /// Memory that is free again: [`Delivery::size`] once nobody has the delivery any more, and what was
    /// [pinned](Self::pin) for it.
    pub fn unpin(&mut self, bytes: usize) {
        self.pinned = self.pinned.saturating_sub(bytes);
    }

    /// Bytes that are pinned now.
    pub fn pinned(&self) -> usize {
        self.pinned
    }

    /// What to do next; drain until `None` after every event, and when positions or the cluster's picture changed.
    pub fn poll_action(
        &mut self,
        now: Now,
        positions: &mut Positions,
        leaders: &impl Leaders,
    ) -> Option<FetchAction> {
        if self.outputs.is_empty() {
            self.plan(now, positions, leaders);
        }
        self.outputs.pop_front()
    }

    /// When to call [`poll_action`](Self::poll_action) next, if nothing happens before.
    pub fn next_timeout(&self, positions: &Positions) -> Option<Instant> {
        let waiting = positions
            .partitions
            .values()
            .filter(|known| matches!(known.state, PositionState::Known(_)) && !known.paused)
            .filter_map(|known| known.retry.at());
        earliest(waiting.min(), self.slots.next_timeout())
    }

    fn plan(&mut self, now: Now, positions: &mut Positions, leaders: &impl Leaders) {
        self.slots.pass(now);
        let little = self.config.max_partition_bytes / 2;
        let mut leaderless = false;
        // All brokers that partitions are read from, with what may be asked of them.
        let mut nodes: BTreeMap<NodeId, Vec<Candidate<'_>>> = BTreeMap::new();
        // Brokers of which enough waits for the application.
        let mut ahead: BTreeSet<NodeId> = BTreeSet::new();
        for (partition, known) in &mut positions.partitions {
            let Some(position) = known.position().filter(|_| !known.paused) else { continue };
            let leads = leaders.leader(partition);
            if leads.is_some() && known.led.is_some() && leads != known.led {
                // As for producers: a new leader need not wait (KIP-951).
                known.retry.reset();
            }
            let ready = known.retry.pass(now);
            let Some((leader, leader_epoch)) = leads else {
                if ready {
                    known.retry.fail(now, &self.config.backoff, &mut self.jitter);
                    leaderless = true;
                }
                continue;
            };
            known.replica = known.replica.filter(|(_, until)| *until > now.instant);
            if known.replica.is_some_and(|(node_id, _)| !leaders.has_node(node_id)) {
                // The leader would name it again.
                known.replica = None;
                known.retry.fail(now, &self.config.backoff, &mut self.jitter);
                leaderless = true;
                continue;
            }
            let node_id = known.replica.map_or(leader, |(node_id, _)| node_id);
            let candidates = nodes.entry(node_id).or_default();
            if known.undelivered > little {
                ahead.insert(node_id);
            } else if ready {
                let (turn, epoch, Position { offset, .. }) = (known.turn, known.epoch, position);
                candidates.push(Candidate { turn, partition, epoch, offset, leader_epoch });
                known.led = leads;
            }
        }
        if leaderless {
            self.refresh();
        }
        let share = (self.config.memory / nodes.len().max(1)).clamp(1, self.config.max_bytes.max(1));
        let mut ready: Vec<_> = nodes.into_iter().filter(|(_, candidates)| !candidates.is_empty()).collect();
        // Whoever was asked longest ago goes first, so that scarce memory goes around.
        ready.sort_by_key(|(node_id, _)| self.slots.turn(*node_id));
        for (node_id, candidates) in ready {
            // A request without the partitions that have more than enough often asks only for the ends of others:
            // the broker would keep it, and the slot, for `fetch.max.wait.ms`. Java waits likewise (KAFKA-17439).
            if self.slots.is_free(node_id) && !ahead.contains(&node_id) {
                let Some(max_bytes) = self.allowance(share) else { break };
                self.ask(node_id, candidates, max_bytes, leaders);
            }
        }
    }

    /// How many bytes the next request may bring; `None` if too little is left to make it worthwhile.
    fn allowance(&self, share: usize) -> Option<usize> {
        let used = self.reserved.saturating_add(self.pinned);
        let left = self.config.memory.saturating_sub(used);
        let worthwhile = used == 0 || left >= share.min(self.config.max_partition_bytes);
        worthwhile.then(|| left.clamp(1, share))
    }

    fn ask(
        &mut self,
        node_id: NodeId,
        mut candidates: Vec<Candidate<'_>>,
        max_bytes: usize,
        leaders: &impl Leaders,
    ) {
        candidates.sort_by(|a, b| (a.turn, a.partition).cmp(&(b.turn, b.partition)));
        let mut asked = Asked { partitions: BTreeMap::new(), topics: BTreeMap::new(), reserved: max_bytes };
        let mut request = FetchRequest::default();
        request.max_wait_ms = i32::try_from(self.config.max_wait.as_millis()).unwrap_or(i32::MAX);
        request.min_bytes = self.config.min_bytes;
        request.max_bytes = to_wire(max_bytes);
        request.isolation_level = self.config.isolation_level.to_wire();
        request.rack_id = self.config.rack_id.clone().unwrap_or_default();
        let mut names = BTreeSet::new();
        for candidate in candidates {
            let topic = &candidate.partition.topic;
            // A topic may come several times: the order of partitions matters more.
            if request.topics.last().is_none_or(|last| last.topic != *topic) {
                let mut entry = FetchTopic::default();
                entry.topic = topic.clone();
                entry.topic_id = leaders.topic_id(topic);
                asked.topics.insert(entry.topic_id, topic.clone());
                names.insert(topic.clone());
                request.topics.push(entry);
            }
            let mut entry = FetchPartition::default();
            entry.partition = candidate.partition.partition;
            entry.current_leader_epoch = LeaderEpoch::to_wire(candidate.leader_epoch);
            entry.fetch_offset = candidate.offset.0;
            entry.partition_max_bytes = to_wire(self.config.max_partition_bytes.min(max_bytes));
            request.topics.last_mut().expect("one was just made").partitions.push(entry);
            asked.partitions.insert(candidate.partition.clone(), (candidate.epoch, candidate.offset));
        }
        // Each with an id of its own.
        let by_id = asked.topics.len() == names.len() && !asked.topics.contains_key(&Uuid::ZERO);
        let max_version = if by_id { FetchRequest::VERSIONS.max } else { LAST_VERSION_BY_NAME };
        self.reserved = self.reserved.saturating_add(max_bytes);
        let token = self.slots.put(node_id, asked);
        self.outputs.push_back(FetchAction::Send {
            token,
            node_id,
            request,
            versions: VersionRange::new(FetchRequest::VERSIONS.min, max_version),
            timeout: self.config.request_timeout.saturating_add(self.config.max_wait),
        });
    }

    fn refresh(&mut self) {
        if !self.outputs.contains(&FetchAction::RefreshMetadata) {
            self.outputs.push_back(FetchAction::RefreshMetadata);
        }
    }
}

fn to_wire(bytes: usize) -> i32 {
    i32::try_from(bytes).unwrap_or(i32::MAX)
}
