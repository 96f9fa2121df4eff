//! What the application has done with, and so what may be committed.
//!
//! The rule, which is Java's: an offset may be committed once the record before it was handed to the application and
//! given back. With polls, a poll gives back all that the polls before it handed out
//! ([`Consumed::on_poll`]); with handlers, a handler's return gives back its record or batch ([`Consumed::on_done`]).
//! Whoever dies between reads those records again: at least once, never at most once. Where reading starts may be
//! committed at once, so that a group which starts at the end stays there.
//!
//! Not here: the requests ([`groups`](crate::groups)), and an order among records of one partition that are worked
//! on at the same time (the driver calls [`Consumed::on_done`] in offset order).

use std::collections::BTreeMap;
use std::time::Duration;

use super::{LeaderEpoch, Offset, OffsetAndMetadata, Position, Started, TopicPartition};
use crate::time::{Instant, Now};

/// By partition: handed out, given back, committed.
#[derive(Debug)]
pub struct Consumed {
    partitions: BTreeMap<TopicPartition, Progress>,
    /// `auto.commit.interval.ms`; `None` if the application commits.
    interval: Option<Duration>,
    commit_at: Option<Instant>,
    /// Whether a commit that [`poll_commit`](Self::poll_commit) asked for is under way.
    in_flight: bool,
}

#[derive(Debug)]
struct Progress {
    handed_out: Position,
    given_back: Position,
    /// What the group is known to have.
    committed: Option<Offset>,
}

impl Consumed {
    /// Nothing consumed. `interval` is `auto.commit.interval.ms` (default 5 s), `None` without `enable.auto.commit`.
    pub fn new(interval: Option<Duration>) -> Self {
        Self { partitions: BTreeMap::new(), interval, commit_at: None, in_flight: false }
    }

    /// Reading starts somewhere: after an assignment, a reset or a seek.
    pub fn on_started(&mut self, started: &Started) {
        let before = self.partitions.get(&started.partition).and_then(|progress| progress.committed);
        let committed = if started.is_committed { Some(started.position.offset) } else { before };
        let progress = Progress { handed_out: started.position, given_back: started.position, committed };
        self.partitions.insert(started.partition.clone(), progress);
    }

    /// These partitions are another member's, or nobody's. Commit before that.
    pub fn revoke(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            self.partitions.remove(partition);
        }
    }

    /// The application gets records up to `next`, which it did not get yet. `leader_epoch` is that of the last one's
    /// batch.
    pub fn on_handed_out(
        &mut self,
        partition: &TopicPartition,
        next: Offset,
        leader_epoch: Option<LeaderEpoch>,
    ) {
        if let Some(progress) = self.partitions.get_mut(partition) {
            progress.handed_out = Position { offset: next, leader_epoch };
        }
    }

    /// The application asks for more: it is done with all that it got.
    pub fn on_poll(&mut self) {
        for progress in self.partitions.values_mut() {
            progress.given_back = progress.handed_out;
        }
    }

    /// The application is done with all records of the partition before `next`. What it never got does not count.
    pub fn on_done(&mut self, partition: &TopicPartition, next: Offset) {
        if let Some(progress) = self.partitions.get_mut(partition) {
            let next = next.min(progress.handed_out.offset);
            if next > progress.given_back.offset {
                // The epoch is that of the last record that was handed out; an earlier one's is not known.
                let leader_epoch = progress.handed_out.leader_epoch;
                let exact = next == progress.handed_out.offset;
                progress.given_back = Position { offset: next, leader_epoch: leader_epoch.filter(|_| exact) };
            }
        }
    }

    /// The next offset that the application will be handed.
    pub fn position(&self, partition: &TopicPartition) -> Option<Offset> {
        self.partitions.get(partition).map(|progress| progress.handed_out.offset)
    }

    /// The offset that may be committed.
    pub fn committable(&self, partition: &TopicPartition) -> Option<Offset> {
        self.partitions.get(partition).map(|progress| progress.given_back.offset)
    }

    /// All that may be committed and is not yet: what to commit before partitions are revoked or the consumer is
    /// closed. With `only`, of these partitions.
    pub fn uncommitted(
        &self,
        only: Option<&[TopicPartition]>,
    ) -> BTreeMap<TopicPartition, OffsetAndMetadata> {
        let wanted = |partition| only.is_none_or(|only| only.contains(partition));
        let mut offsets = BTreeMap::new();
        for (partition, progress) in &self.partitions {
            let Position { offset, leader_epoch } = progress.given_back;
            if progress.committed != Some(offset) && wanted(partition) {
                let offset = OffsetAndMetadata { leader_epoch, ..OffsetAndMetadata::new(offset) };
                offsets.insert(partition.clone(), offset);
            }
        }
        offsets
    }

    /// Whether something of these partitions was handed out that is not committed.
    pub fn has_unfinished(&self, partitions: &[TopicPartition]) -> bool {
        let progress = |partition| self.partitions.get(partition);
        let unfinished = |progress: &Progress| progress.committed != Some(progress.handed_out.offset);
        partitions.iter().filter_map(progress).any(unfinished)
    }

    /// What to commit now because the interval is over; answered by [`on_committed`](Self::on_committed) and
    /// [`on_commit_ended`](Self::on_commit_ended). One at a time.
    pub fn poll_commit(&mut self, now: Now) -> Option<BTreeMap<TopicPartition, OffsetAndMetadata>> {
        let interval = self.interval?;
        let due = *self.commit_at.get_or_insert(now.instant + interval);
        if self.in_flight || due > now.instant {
            return None;
        }
        self.commit_at = Some(now.instant + interval);
        let offsets = self.uncommitted(None);
        self.in_flight = !offsets.is_empty();
        self.in_flight.then_some(offsets)
    }

    /// The group has `offset` for the partition, whoever asked for the commit.
    pub fn on_committed(&mut self, partition: &TopicPartition, offset: Offset) {
        if let Some(progress) = self.partitions.get_mut(partition) {
            progress.committed = Some(offset);
        }
    }

    /// The commit that [`poll_commit`](Self::poll_commit) asked for is over, well or not. What did not succeed is
    /// asked for again when the next interval is over.
    pub fn on_commit_ended(&mut self) {
        self.in_flight = false;
    }

    /// When [`poll_commit`](Self::poll_commit) may have something.
    pub fn next_timeout(&self) -> Option<Instant> {
        if self.in_flight || self.partitions.is_empty() { None } else { self.commit_at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t(partition: i32) -> TopicPartition {
        TopicPartition::new("t", partition)
    }

    fn started(offset: i64, is_committed: bool) -> Started {
        let position = Position { offset: Offset(offset), leader_epoch: None };
        Started { partition: t(0), position, is_committed }
    }

    fn now(seconds: u64) -> Now {
        Now { instant: Instant::from_start(Duration::from_secs(seconds)), unix_ms: 0 }
    }

    fn uncommitted(consumed: &Consumed) -> Option<i64> {
        consumed.uncommitted(None).get(&t(0)).map(|offset| offset.offset.0)
    }

    #[test]
    fn what_a_poll_hands_out_may_be_committed_from_the_next_one_on() {
        let mut consumed = Consumed::new(None);
        consumed.on_started(&started(5, true));
        assert_eq!(uncommitted(&consumed), None);
        consumed.on_poll();
        consumed.on_handed_out(&t(0), Offset(8), Some(LeaderEpoch(2)));
        assert_eq!(uncommitted(&consumed), None);
        consumed.on_poll();
        consumed.on_handed_out(&t(0), Offset(9), Some(LeaderEpoch(3)));
        let offset = &consumed.uncommitted(None)[&t(0)];
        assert_eq!((offset.offset, offset.leader_epoch), (Offset(8), Some(LeaderEpoch(2))));
        consumed.on_committed(&t(0), Offset(8));
        assert_eq!(uncommitted(&consumed), None);
        assert_eq!(
            (consumed.position(&t(0)), consumed.committable(&t(0))),
            (Some(Offset(9)), Some(Offset(8)))
        );
    }

    #[test]
    fn a_handler_gives_back_what_it_got_and_no_more() {
        let mut consumed = Consumed::new(None);
        consumed.on_started(&started(5, true));
        consumed.on_handed_out(&t(0), Offset(8), Some(LeaderEpoch(2)));
        consumed.on_done(&t(0), Offset(6));
        assert_eq!(uncommitted(&consumed), Some(6));
        assert_eq!(consumed.uncommitted(None)[&t(0)].leader_epoch, None);
        consumed.on_done(&t(0), Offset(100));
        assert_eq!(uncommitted(&consumed), Some(8));
        // Late and out of order, it takes nothing back.
        consumed.on_done(&t(0), Offset(7));
        assert_eq!(uncommitted(&consumed), Some(8));
    }

    #[test]
    fn where_reading_starts_may_be_committed() {
        let mut consumed = Consumed::new(None);
        consumed.on_started(&started(100, false));
        assert_eq!(uncommitted(&consumed), Some(100));
        consumed.on_committed(&t(0), Offset(100));
        // A seek to what is committed already is no reason to commit; one to elsewhere is.
        consumed.on_started(&started(100, false));
        assert_eq!(uncommitted(&consumed), None);
        consumed.on_started(&started(7, false));
        assert_eq!(uncommitted(&consumed), Some(7));
    }

    #[test]
    fn commits_come_at_their_interval_one_at_a_time_and_again_if_they_fail() {
        let mut consumed = Consumed::new(Some(Duration::from_secs(5)));
        consumed.on_started(&started(5, true));
        assert_eq!(consumed.poll_commit(now(0)), None);
        assert_eq!(consumed.next_timeout(), Some(now(5).instant));
        consumed.on_handed_out(&t(0), Offset(6), None);
        consumed.on_poll();
        assert_eq!(consumed.poll_commit(now(4)), None);
        assert!(consumed.poll_commit(now(5)).is_some());
        assert_eq!(consumed.next_timeout(), None);
        assert_eq!(consumed.poll_commit(now(10)), None);
        consumed.on_commit_ended();
        assert!(consumed.poll_commit(now(10)).is_some());
        consumed.on_committed(&t(0), Offset(6));
        consumed.on_commit_ended();
        assert_eq!(consumed.poll_commit(now(15)), None);
        assert_eq!(consumed.next_timeout(), Some(now(20).instant));
    }

    #[test]
    fn of_a_revoked_partition_nothing_is_committed() {
        let mut consumed = Consumed::new(None);
        consumed.on_started(&started(5, true));
        consumed.on_handed_out(&t(0), Offset(6), None);
        consumed.on_poll();
        assert_eq!(consumed.uncommitted(Some(&[t(0)])).len(), 1);
        assert!(consumed.has_unfinished(&[t(0)]) && !consumed.has_unfinished(&[t(1)]));
        assert!(consumed.uncommitted(Some(&[t(1)])).is_empty());
        consumed.revoke(&[t(0)]);
        consumed.on_handed_out(&t(0), Offset(7), None);
        consumed.on_poll();
        assert!(consumed.uncommitted(None).is_empty());
    }
}
