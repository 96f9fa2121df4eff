//! One partition: what the controller says of it, as each node has heard it, and the replicas on its nodes.
//!
//! Requests and fetches of followers go in; who is elected and when followers fetch is decided elsewhere
//! (`controller.rs`, `replication.rs`).

use std::collections::BTreeMap;
use std::time::Duration;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::types::NodeId;

use crate::batch::{Produced, Refused};
use crate::image::Image;
use crate::leading::Leading;
use crate::now::{Instant, Now};
use crate::partition_state::PartitionState;
use crate::replica::{Appended, Fetched, Replica, Truncated};
use crate::topic_config::TopicConfig;

/// A partition of a topic.
#[derive(Clone, Debug)]
pub(crate) struct Partition {
    image: Image<PartitionState>,
    replicas: BTreeMap<NodeId, Replica>,
    /// `min.insync.replicas`, but never more than there are replicas.
    min_isr: usize,
    /// Bytes that the cluster counts for it: those of its largest log, since replicas share their batches.
    counted_bytes: u64,
}

/// How far a batch is from being committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Commit {
    Pending,
    Done,
}

/// What a follower's fetch has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FollowerFetched {
    /// Anything at all: the follower has a reason to fetch again.
    pub(crate) changed: bool,
    /// There is more to read for consumers, on the leader or on the follower.
    pub(crate) high_watermark_moved: bool,
    /// The follower has caught up and is not in the ISR.
    pub(crate) can_join_isr: bool,
    /// What the follower gave up.
    pub(crate) truncated: Option<Truncated>,
}

impl Partition {
    /// A partition without records. Its replicas take up their roles with [`assume_role`](Self::assume_role).
    pub(crate) fn new(state: PartitionState, min_insync_replicas: usize) -> Self {
        Self {
            replicas: state.replicas.iter().map(|node| (*node, Replica::default())).collect(),
            min_isr: min_insync_replicas.min(state.replicas.len()),
            image: Image::new(state),
            counted_bytes: 0,
        }
    }

    /// Asks for so many replicas in sync from now on.
    pub(crate) fn set_min_insync_replicas(&mut self, min_insync_replicas: usize) {
        self.min_isr = min_insync_replicas.min(self.replicas.len());
    }

    /// As the controller has it.
    pub(crate) fn state(&self) -> &PartitionState {
        self.image.current()
    }

    /// As `node` has heard it.
    pub(crate) fn seen_by(&self, node: NodeId) -> &PartitionState {
        self.image.seen_by(node)
    }

    /// What the controller decided; the nodes of `unaware` do not hear of it yet.
    pub(crate) fn decide(&mut self, next: PartitionState, unaware: &[NodeId]) {
        self.image.change(next, unaware);
    }

    pub(crate) fn learn(&mut self, node: NodeId) {
        self.image.learn(node);
    }

    pub(crate) fn replica(&self, node: NodeId) -> Option<&Replica> {
        self.replicas.get(&node)
    }

    pub(crate) fn replicas(&self) -> impl Iterator<Item = (NodeId, &Replica)> {
        self.replicas.iter().map(|(node, replica)| (*node, replica))
    }

    /// The replica that the controller takes for the leader's, or the first one if there is none.
    pub(crate) fn best_replica(&self) -> Option<&Replica> {
        let state = self.state();
        self.replicas.get(&state.leader).or_else(|| self.replicas.get(state.isr.first()?))
    }

    /// The replica that `node` may answer from as the leader, to a client that believes in `leader_epoch` (-1: in none).
    pub(crate) fn led_by(&self, node: NodeId, leader_epoch: i32) -> Result<&Replica, ErrorCode> {
        let replica = self.hosted_by(node, leader_epoch)?;
        replica.leading.as_ref().ok_or(ErrorCode::NOT_LEADER_OR_FOLLOWER)?;
        Ok(replica)
    }

    /// The replica of `node`, leader or follower, to read from (KIP-392).
    pub(crate) fn hosted_by(&self, node: NodeId, leader_epoch: i32) -> Result<&Replica, ErrorCode> {
        let replica = self.replicas.get(&node).ok_or(ErrorCode::NOT_LEADER_OR_FOLLOWER)?;
        let current = self.seen_by(node).leader_epoch;
        match leader_epoch {
            believed if believed < 0 || believed == current => Ok(replica),
            believed if believed < current => Err(ErrorCode::FENCED_LEADER_EPOCH),
            _ => Err(ErrorCode::UNKNOWN_LEADER_EPOCH),
        }
    }

    /// `node` acts on what it has heard: it begins to lead, goes on, or follows.
    pub(crate) fn assume_role(&mut self, node: NodeId, now: Instant) -> bool {
        let state = self.image.seen_by(node).clone();
        let Some(replica) = self.replicas.get_mut(&node) else { return false };
        if state.leader != node {
            replica.leading = None;
            return false;
        }
        if replica.leading.as_ref().is_none_or(|leading| leading.leader_epoch != state.leader_epoch) {
            replica.begin_epoch(state.leader_epoch);
            replica.leading = Some(Leading::new(&state, node, replica.log.end_offset(), now));
        }
        self.commit(node)
    }

    /// The process on `node` has ended: it leads nothing any more. What it wrote is on its disk.
    pub(crate) fn restart(&mut self, node: NodeId) {
        if let Some(replica) = self.replicas.get_mut(&node) {
            replica.leading = None;
        }
    }

    /// Appends a batch on `node`, unless it is a retry of one that is there.
    pub(crate) fn append(
        &mut self,
        node: NodeId,
        produced: &Produced,
        config: &TopicConfig,
        now: Now,
        producer_expiration: Duration,
    ) -> Result<Appended, Refused> {
        let not_leader = || Refused::new(ErrorCode::NOT_LEADER_OR_FOLLOWER, "not the leader");
        let leader_epoch = self.seen_by(node).leader_epoch;
        let replica = self.replicas.get_mut(&node).ok_or_else(not_leader)?;
        let before = replica.log.end_offset();
        let expiration_ms = i64::try_from(producer_expiration.as_millis()).unwrap_or(i64::MAX);
        let appended = replica.append_produced(produced, leader_epoch, config, now.unix_ms, expiration_ms)?;
        if let Some(leading) = &mut replica.leading {
            leading.on_append(now.instant, before);
        }
        self.commit(node);
        Ok(appended)
    }

    /// Whether `node` sees fewer replicas in sync than acks -1 asks for.
    pub(crate) fn is_under_min_isr(&self, node: NodeId) -> bool {
        self.seen_by(node).isr.len() < self.min_isr
    }

    /// Whether what `node` appended before `end_offset` under `leader_epoch` is committed. It stays unknown if `node`
    /// has stopped leading.
    pub(crate) fn commit_of(
        &self,
        node: NodeId,
        leader_epoch: i32,
        end_offset: i64,
    ) -> Result<Commit, ErrorCode> {
        let replica = self.led_by(node, -1)?;
        if replica.leading.as_ref().is_none_or(|leading| leading.leader_epoch != leader_epoch) {
            return Err(ErrorCode::NOT_LEADER_OR_FOLLOWER);
        }
        if replica.high_watermark() < end_offset {
            return Ok(Commit::Pending);
        }
        if self.is_under_min_isr(node) {
            Err(ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND)
        } else {
            Ok(Commit::Done)
        }
    }

    /// Moves the high watermark of a leader as far as its ISR has come; says whether it moved. Not at all while there
    /// are too few in sync (KIP-966).
    pub(crate) fn commit(&mut self, node: NodeId) -> bool {
        if self.is_under_min_isr(node) {
            return false;
        }
        let isr = &self.image.seen_by(node).isr;
        let Some(replica) = self.replicas.get_mut(&node) else { return false };
        let Some(leading) = &replica.leading else { return false };
        let committed = leading.committed(isr, replica.log.end_offset());
        replica.advance_high_watermark(committed)
    }

    /// Whether a fetch of `follower` would bring it or its leader anything new; to be in sync again is news for one that
    /// `may_join`.
    pub(crate) fn has_news_for(&self, follower: NodeId, may_join: bool) -> bool {
        let Some((leader_node, leader, leading)) = self.leader_of(follower) else { return false };
        let Some(replica) = self.replicas.get(&follower) else { return false };
        let end_offset = replica.log.end_offset();
        leading.end_of(follower) != Some(end_offset)
            || end_offset != leader.log.end_offset()
            || replica.high_watermark() < leader.high_watermark().min(end_offset)
            || replica.log.start_offset() < leader.log.start_offset()
            || (may_join && self.can_join_isr(leader_node, follower))
    }

    /// One fetch of `follower` from whom it takes for the leader, if that node agrees.
    pub(crate) fn fetch_as(&mut self, follower: NodeId, now: Now) -> FollowerFetched {
        let Some((leader_node, leader, _)) = self.leader_of(follower) else {
            return FollowerFetched::default();
        };
        let before = self.summary(leader_node, follower);
        let Some(replica) = self.replicas.get(&follower) else { return FollowerFetched::default() };
        let asked_offset = replica.log.end_offset();
        let fetched = leader.answer_follower(asked_offset, replica.epochs.latest());
        let is_accepted = matches!(fetched, Fetched::Batches { .. });
        if let Some(replica) = self.replicas.get_mut(&leader_node) {
            let end_offset = replica.log.end_offset();
            if let (true, Some(leading)) = (is_accepted, &mut replica.leading) {
                leading.on_fetch(now.instant, follower, asked_offset, end_offset);
            }
        }
        self.commit(leader_node);
        let follower_replica = self.replicas.get_mut(&follower);
        let truncated = follower_replica.and_then(|replica| replica.follow(fetched, now.unix_ms));
        let after = self.summary(leader_node, follower);
        FollowerFetched {
            changed: before != after,
            high_watermark_moved: before.high_watermarks != after.high_watermarks,
            can_join_isr: self.can_join_isr(leader_node, follower),
            truncated,
        }
    }

    /// The high watermarks that the journal does not know yet, of the nodes that take themselves for the leader.
    pub(crate) fn high_watermark_news(&mut self) -> Vec<(NodeId, i64)> {
        let news = self.replicas.iter_mut();
        news.filter_map(|(node, replica)| Some((*node, replica.high_watermark_news()?))).collect()
    }

    /// When the leader `node` will take the next member out of its ISR, and whom.
    pub(crate) fn next_laggard(&self, node: NodeId, max_lag: Duration) -> Option<(Instant, NodeId)> {
        let replica = self.replicas.get(&node)?;
        replica.leading.as_ref()?.next_laggard(&self.seen_by(node).isr, replica.log.end_offset(), max_lag)
    }

    /// Deletes what is before `offset` on `node`.
    pub(crate) fn advance_start(&mut self, node: NodeId, offset: i64) {
        if let Some(replica) = self.replicas.get_mut(&node) {
            replica.advance_start(offset);
        }
    }

    /// Counts its bytes anew: how many there were, and how many there are.
    pub(crate) fn recount(&mut self) -> (u64, u64) {
        let largest = self.replicas.values().map(|replica| replica.log.size_bytes()).max().unwrap_or(0);
        (std::mem::replace(&mut self.counted_bytes, largest), largest)
    }

    /// The bytes counted last.
    pub(crate) fn counted_bytes(&self) -> u64 {
        self.counted_bytes
    }

    /// Whom `follower` fetches from, if both believe in the same leader epoch.
    fn leader_of(&self, follower: NodeId) -> Option<(NodeId, &Replica, &Leading)> {
        let state = self.seen_by(follower);
        let leader = self.replicas.get(&state.leader).filter(|_| state.leader != follower)?;
        let leading = leader.leading.as_ref()?;
        (leading.leader_epoch == state.leader_epoch).then_some((state.leader, leader, leading))
    }

    fn can_join_isr(&self, leader_node: NodeId, follower: NodeId) -> bool {
        if self.seen_by(leader_node).isr.contains(&follower) {
            return false;
        }
        let Some(leader) = self.replicas.get(&leader_node) else { return false };
        let Some(leading) = &leader.leading else { return false };
        leading
            .end_of(follower)
            .is_some_and(|end| end >= leader.high_watermark() && end >= leading.epoch_start_offset)
    }

    fn summary(&self, leader: NodeId, follower: NodeId) -> Summary {
        let (leader, follower_id) = (self.replicas.get(&leader), follower);
        let follower = self.replicas.get(&follower);
        let high_watermark = |replica: Option<&Replica>| replica.map_or(0, Replica::high_watermark);
        Summary {
            known_end: leader.and_then(|leader| leader.leading.as_ref()?.end_of(follower_id)),
            high_watermarks: (high_watermark(leader), high_watermark(follower)),
            log: follower.map(|replica| (replica.log.start_offset(), replica.log.end_offset())),
            latest_epoch: follower.and_then(|replica| replica.epochs.latest()),
        }
    }
}

/// Everything that a follower's fetch can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Summary {
    /// Where the leader thinks that the follower's log ends.
    known_end: Option<i64>,
    /// The leader's and the follower's.
    high_watermarks: (i64, i64),
    /// Where the follower's log starts and ends.
    log: Option<(i64, i64)>,
    /// An epoch that left no records can vanish without any.
    latest_epoch: Option<i32>,
}
