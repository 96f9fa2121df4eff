//! Where to read on in every assigned partition, and what is known of it.
//!
//! | state | what it waits for | becomes |
//! |---|---|---|
//! | NeedsCommitted | the driver to look the committed offset up | LookingUp |
//! | LookingUp | the group's answer | Known, NeedsReset, Halted; NeedsCommitted if there is none |
//! | NeedsReset | [`OffsetReset`](super::OffsetReset) | Known; NeedsReset if there is no record of that time |
//! | Known | nothing: it is fetched | Known; NeedsReset or Halted if the position is gone |
//! | Halted | the application to seek | |
//!
//! A seek leads from every state to Known or NeedsReset. Every assignment and seek gives the partition a new
//! [`FetchEpoch`]; what was asked for or delivered under an earlier one is void.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ottla_protocol::api::ApiKey;
use ottla_protocol::types::NodeId;

use super::{
    ConsumerError, ConsumerErrorKind, IsolationLevel, LeaderEpoch, Offset, OffsetResetPolicy, ResetTarget,
    TopicPartition,
};
use crate::groups::FetchedOffsets;
use crate::retry::Retry;
use crate::state_table::StateTable;
use crate::time::{Instant, Now};

/// Tells what concerns a partition as it is now from what concerns it as it was before a seek or a rebalance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FetchEpoch(u64);

/// Where to read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The offset of the next record.
    pub offset: Offset,
    /// The leader epoch of the record before, where it is known.
    pub leader_epoch: Option<LeaderEpoch>,
}

/// What a partition waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PositionState {
    /// The group is to be asked what is committed: [`Positions::poll_lookup`].
    NeedsCommitted,
    /// The group is being asked.
    LookingUp,
    /// The partition's broker is to be asked where to start.
    NeedsReset(ResetTarget),
    /// Nothing.
    Known(Position),
    /// The application to seek.
    Halted,
}

/// A state without what belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    NeedsCommitted,
    LookingUp,
    NeedsReset,
    Known,
    Halted,
}

/// Every edge that is legal without a seek.
pub(super) static EDGES: StateTable<Phase> = {
    use Phase::*;
    StateTable::new(
        "position",
        &[
            (NeedsCommitted, &[LookingUp]),
            (LookingUp, &[NeedsCommitted, NeedsReset, Known, Halted]),
            (NeedsReset, &[NeedsReset, Known]),
            (Known, &[NeedsReset, Known, Halted]),
            (Halted, &[]),
        ],
    )
};

/// Every edge of a seek.
pub(super) static SEEKS: StateTable<Phase> = {
    use Phase::*;
    const ENDS: &[Phase] = &[NeedsReset, Known];
    StateTable::new(
        "position, by a seek",
        &[(NeedsCommitted, ENDS), (LookingUp, ENDS), (NeedsReset, ENDS), (Known, ENDS), (Halted, ENDS)],
    )
};

/// A partition from whose position on the application will read: after an assignment, a reset or a seek.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Started {
    /// The partition.
    pub partition: TopicPartition,
    /// Where.
    pub position: Position,
    /// Whether that is what is committed.
    pub is_committed: bool,
}

/// Partitions whose committed offsets are being looked up.
#[derive(Debug)]
pub struct CommittedLookup {
    partitions: BTreeMap<TopicPartition, FetchEpoch>,
}

impl CommittedLookup {
    /// What to ask the group for.
    pub fn partitions(&self) -> BTreeSet<TopicPartition> {
        self.partitions.keys().cloned().collect()
    }
}

/// All assigned partitions.
#[derive(Debug, Default)]
pub struct Positions {
    pub(super) partitions: BTreeMap<TopicPartition, Partition>,
    last_epoch: u64,
    /// At most one for each event and partition, since drivers drain it.
    started: VecDeque<Started>,
}

/// What is known of a partition.
#[derive(Debug)]
pub(super) struct Partition {
    pub(super) epoch: FetchEpoch,
    pub(super) state: PositionState,
    pub(super) paused: bool,
    /// Bytes that were delivered and that the application has not taken.
    pub(super) undelivered: usize,
    /// When it last brought something, in the fetcher's own count: who did longest ago is asked first.
    pub(super) turn: u64,
    pub(super) retry: Retry,
    /// Who led the partition, and in which epoch, when it was last ready to be asked for. What it waits for is that
    /// leader's trouble.
    pub(super) led: Option<(NodeId, Option<LeaderEpoch>)>,
    /// A replica that is nearer than the leader, and until when to believe it.
    pub(super) replica: Option<(NodeId, Instant)>,
    pub(super) high_watermark: Option<Offset>,
    pub(super) last_stable_offset: Option<Offset>,
    pub(super) log_start_offset: Option<Offset>,
}

impl Positions {
    /// Makes `partitions` all that is assigned. Those that were before are left as they are; new ones start from what
    /// is committed.
    pub fn assign(&mut self, partitions: &[TopicPartition]) {
        let kept: BTreeSet<_> = partitions.iter().collect();
        self.partitions.retain(|partition, _| kept.contains(partition));
        for partition in partitions {
            if !self.partitions.contains_key(partition) {
                let epoch = self.next_epoch();
                self.partitions.insert(partition.clone(), Partition::new(epoch));
            }
        }
    }

    /// Takes partitions away.
    pub fn revoke(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            self.partitions.remove(partition);
        }
    }

    /// What is assigned.
    pub fn assigned(&self) -> impl Iterator<Item = &TopicPartition> {
        self.partitions.keys()
    }

    /// What the partition waits for; `None` if it is not assigned.
    pub fn state(&self, partition: &TopicPartition) -> Option<PositionState> {
        self.partitions.get(partition).map(|known| known.state)
    }

    /// Where fetching goes on, ahead of the application by what is buffered; `None` while it is not known.
    pub fn position(&self, partition: &TopicPartition) -> Option<Position> {
        self.partitions.get(partition)?.position()
    }

    /// Reads on at `offset`. False if the partition is not assigned.
    pub fn seek(&mut self, partition: &TopicPartition, position: Position) -> bool {
        let epoch = self.next_epoch();
        let Some(known) = self.partitions.get_mut(partition) else { return false };
        known.restart(epoch, PositionState::Known(position));
        self.started.push_back(Started { partition: partition.clone(), position, is_committed: false });
        true
    }

    /// Reads on at an end of the partition, or at a point in time. False if the partition is not assigned.
    pub fn seek_to(&mut self, partition: &TopicPartition, target: ResetTarget) -> bool {
        let epoch = self.next_epoch();
        let Some(known) = self.partitions.get_mut(partition) else { return false };
        known.restart(epoch, PositionState::NeedsReset(target));
        true
    }

    /// Stops fetching. What was delivered before stays valid; what is under way is dropped and fetched again later.
    pub fn pause(&mut self, partition: &TopicPartition) -> bool {
        self.partitions.get_mut(partition).map(|known| known.paused = true).is_some()
    }

    /// Goes on fetching.
    pub fn resume(&mut self, partition: &TopicPartition) -> bool {
        self.partitions.get_mut(partition).map(|known| known.paused = false).is_some()
    }

    /// Whether the partition is paused.
    pub fn is_paused(&self, partition: &TopicPartition) -> bool {
        self.partitions.get(partition).is_some_and(|known| known.paused)
    }

    /// Whether what was delivered under `fetch_epoch` is still to be handed out.
    pub fn is_current(&self, partition: &TopicPartition, fetch_epoch: FetchEpoch) -> bool {
        self.partitions.get(partition).is_some_and(|known| known.epoch == fetch_epoch)
    }

    /// The application took the last record of a delivery of `size` bytes. Makes room for the next fetch of the
    /// partition; memory is another matter ([`Fetcher::unpin`](super::Fetcher::unpin)).
    pub fn on_taken(&mut self, partition: &TopicPartition, fetch_epoch: FetchEpoch, size: usize) {
        if let Some(known) = self.partitions.get_mut(partition).filter(|known| known.epoch == fetch_epoch) {
            known.undelivered = known.undelivered.saturating_sub(size);
        }
    }

    /// The offset behind the last record that every in-sync replica has, as of the last answer.
    pub fn high_watermark(&self, partition: &TopicPartition) -> Option<Offset> {
        self.partitions.get(partition)?.high_watermark
    }

    /// The offset before which all transactions are finished, as of the last answer.
    pub fn last_stable_offset(&self, partition: &TopicPartition) -> Option<Offset> {
        self.partitions.get(partition)?.last_stable_offset
    }

    /// The offset of the oldest record, as of the last answer.
    pub fn log_start_offset(&self, partition: &TopicPartition) -> Option<Offset> {
        self.partitions.get(partition)?.log_start_offset
    }

    /// How many offsets lie between `next`, the next one that the application will read, and the end of what it may
    /// read. `None` before the first answer.
    pub fn lag(
        &self,
        partition: &TopicPartition,
        next: Offset,
        isolation_level: IsolationLevel,
    ) -> Option<u64> {
        let known = self.partitions.get(partition)?;
        let end = match isolation_level {
            IsolationLevel::ReadUncommitted => known.high_watermark,
            IsolationLevel::ReadCommitted => known.last_stable_offset,
        };
        Some(u64::try_from(end?.0.saturating_sub(next.0)).unwrap_or(0))
    }

    /// Partitions whose committed offsets the driver has to look up now, if there are any; to be returned by
    /// [`on_looked_up`](Self::on_looked_up) with the answer, or [`on_lookup_failed`](Self::on_lookup_failed).
    pub fn poll_lookup(&mut self) -> Option<CommittedLookup> {
        let mut partitions = BTreeMap::new();
        for (partition, known) in &mut self.partitions {
            if known.state == PositionState::NeedsCommitted {
                known.go(PositionState::LookingUp);
                partitions.insert(partition.clone(), known.epoch);
            }
        }
        (!partitions.is_empty()).then_some(CommittedLookup { partitions })
    }

    /// What is committed. Partitions without a commit are reset by `policy`, those that were refused are asked for
    /// again; both that and a policy that forbids a reset give errors to pass on.
    pub fn on_looked_up(
        &mut self,
        now: Now,
        lookup: CommittedLookup,
        found: &FetchedOffsets,
        policy: OffsetResetPolicy,
    ) -> Vec<ConsumerError> {
        let mut errors = Vec::new();
        for (partition, epoch) in lookup.partitions {
            let Some(known) = self.partitions.get_mut(&partition).filter(|known| known.epoch == epoch) else {
                continue;
            };
            match found.partitions.get(&partition) {
                Some(Ok(Some(committed))) => {
                    let position =
                        Position { offset: committed.offset, leader_epoch: committed.leader_epoch };
                    known.go(PositionState::Known(position));
                    self.started.push_back(Started { partition, position, is_committed: true });
                }
                Some(Ok(None)) => match policy.target(now) {
                    Some(target) => known.go(PositionState::NeedsReset(target)),
                    None => {
                        known.go(PositionState::Halted);
                        let error = ConsumerError::new(ConsumerErrorKind::NoCommittedOffset);
                        errors.push(error.at(&partition, None));
                    }
                },
                Some(Err(code)) => {
                    known.go(PositionState::NeedsCommitted);
                    errors.push(ConsumerError::from_code(*code, ApiKey::OFFSET_FETCH).at(&partition, None));
                }
                None => known.go(PositionState::NeedsCommitted),
            }
        }
        errors
    }

    /// There was no answer: the partitions need one still. The driver spaces its attempts.
    pub fn on_lookup_failed(&mut self, lookup: CommittedLookup) {
        for (partition, epoch) in lookup.partitions {
            if let Some(known) = self.partitions.get_mut(&partition).filter(|known| known.epoch == epoch) {
                known.go(PositionState::NeedsCommitted);
            }
        }
    }

    /// The next partition that starts somewhere; drain until `None` after every event, into
    /// [`Consumed::on_started`](super::Consumed::on_started).
    pub fn poll_started(&mut self) -> Option<Started> {
        self.started.pop_front()
    }

    /// A reset found the position.
    pub(super) fn on_reset(&mut self, partition: &TopicPartition, position: Position) {
        if let Some(known) = self.partitions.get_mut(partition) {
            known.go(PositionState::Known(position));
            known.retry.reset();
            self.started.push_back(Started { partition: partition.clone(), position, is_committed: false });
        }
    }

    fn next_epoch(&mut self) -> FetchEpoch {
        self.last_epoch += 1;
        FetchEpoch(self.last_epoch)
    }
}

impl Partition {
    fn new(epoch: FetchEpoch) -> Self {
        Self {
            epoch,
            state: PositionState::NeedsCommitted,
            paused: false,
            undelivered: 0,
            turn: 0,
            retry: Retry::default(),
            led: None,
            replica: None,
            high_watermark: None,
            last_stable_offset: None,
            log_start_offset: None,
        }
    }

    pub(super) fn position(&self) -> Option<Position> {
        match self.state {
            PositionState::Known(position) => Some(position),
            _ => None,
        }
    }

    /// Takes an edge of the table; one that it lacks is a mistake of ours, and the application may still seek.
    pub(super) fn go(&mut self, next: PositionState) {
        let is_legal = EDGES.take(self.state.phase(), next.phase());
        self.state = if is_legal { next } else { PositionState::Halted };
    }

    /// The application decides, from whatever state.
    fn restart(&mut self, epoch: FetchEpoch, state: PositionState) {
        let is_legal = SEEKS.take(self.state.phase(), state.phase());
        self.epoch = epoch;
        self.state = if is_legal { state } else { PositionState::Halted };
        self.undelivered = 0;
        self.retry.reset();
        self.replica = None;
    }
}

impl PositionState {
    fn phase(self) -> Phase {
        match self {
            Self::NeedsCommitted => Phase::NeedsCommitted,
            Self::LookingUp => Phase::LookingUp,
            Self::NeedsReset(_) => Phase::NeedsReset,
            Self::Known(_) => Phase::Known,
            Self::Halted => Phase::Halted,
        }
    }
}

#[cfg(test)]
mod tests {
    use ottla_protocol::error_code::ErrorCode;

    use super::*;
    use crate::consumer::OffsetAndMetadata;

    fn at(offset: i64) -> Position {
        Position { offset: Offset(offset), leader_epoch: None }
    }

    fn t(partition: i32) -> TopicPartition {
        TopicPartition::new("t", partition)
    }

    #[test]
    fn the_edges_are_these() {
        let expected =
            [".x... NeedsCommitted", "x.xxx LookingUp", "..xx. NeedsReset", "..xxx Known", "..... Halted"];
        assert_eq!(EDGES.picture(), expected);
        assert!(SEEKS.picture().iter().all(|row| row.starts_with("..xx. ")));
    }

    #[test]
    fn an_assigned_partition_starts_from_what_is_committed_or_by_the_policy() {
        let mut positions = Positions::default();
        positions.assign(&[t(0), t(1), t(2), t(3)]);
        let lookup = positions.poll_lookup().expect("all are unknown");
        assert_eq!(lookup.partitions().len(), 4);
        assert!(positions.poll_lookup().is_none());
        // Seeking meanwhile goes before whatever is committed.
        positions.seek(&t(1), at(9));
        let mut found = FetchedOffsets::default();
        for partition in [t(0), t(1)] {
            found.partitions.insert(partition, Ok(Some(OffsetAndMetadata::new(Offset(5)))));
        }
        found.partitions.insert(t(2), Ok(None));
        found.partitions.insert(t(3), Err(ErrorCode::TOPIC_AUTHORIZATION_FAILED));
        let errors = positions.on_looked_up(Now::default(), lookup, &found, OffsetResetPolicy::Earliest);
        assert_eq!(positions.position(&t(0)), Some(at(5)));
        assert_eq!(positions.position(&t(1)), Some(at(9)));
        assert_eq!(positions.state(&t(2)), Some(PositionState::NeedsReset(ResetTarget::Earliest)));
        assert_eq!(positions.state(&t(3)), Some(PositionState::NeedsCommitted));
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0].kind(), ConsumerErrorKind::TopicAuthorizationFailed);
        let started: Vec<_> = std::iter::from_fn(|| positions.poll_started()).collect();
        assert_eq!(started.len(), 2);
        assert!(!started[0].is_committed && started[1].is_committed);
    }

    #[test]
    fn without_a_policy_a_partition_without_commit_halts_until_a_seek() {
        let mut positions = Positions::default();
        positions.assign(&[t(0)]);
        let lookup = positions.poll_lookup().expect("it is unknown");
        let mut found = FetchedOffsets::default();
        found.partitions.insert(t(0), Ok(None));
        let errors = positions.on_looked_up(Now::default(), lookup, &found, OffsetResetPolicy::None);
        assert_eq!(errors[0].kind(), ConsumerErrorKind::NoCommittedOffset);
        assert!(errors[0].is_fatal());
        assert_eq!(positions.state(&t(0)), Some(PositionState::Halted));
        assert!(positions.seek(&t(0), at(3)));
        assert_eq!(positions.position(&t(0)), Some(at(3)));
    }

    #[test]
    fn what_was_looked_up_before_a_rebalance_does_not_count_after_it() {
        let mut positions = Positions::default();
        positions.assign(&[t(0)]);
        let lookup = positions.poll_lookup().expect("it is unknown");
        positions.revoke(&[t(0)]);
        positions.assign(&[t(0)]);
        let mut found = FetchedOffsets::default();
        found.partitions.insert(t(0), Ok(Some(OffsetAndMetadata::new(Offset(5)))));
        positions.on_looked_up(Now::default(), lookup, &found, OffsetResetPolicy::None);
        assert_eq!(positions.state(&t(0)), Some(PositionState::NeedsCommitted));
        let lookup = positions.poll_lookup().expect("it is unknown");
        positions.on_lookup_failed(lookup);
        assert!(positions.poll_lookup().is_some());
    }

    #[test]
    fn partitions_that_stay_assigned_keep_their_position() {
        let mut positions = Positions::default();
        positions.assign(&[t(0), t(1)]);
        positions.seek(&t(1), at(4));
        positions.assign(&[t(1), t(2)]);
        assert_eq!(positions.position(&t(1)), Some(at(4)));
        assert!(positions.state(&t(0)).is_none());
        assert!(!positions.seek(&t(0), at(1)) && !positions.pause(&t(0)) && !positions.resume(&t(0)));
    }
}
