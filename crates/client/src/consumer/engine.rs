//! What the consumer's machines share, under one lock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use ottla_core::assignors::TopicSnapshot;
use ottla_core::backoff::Backoff;
use ottla_core::consumer::{
    CommittedLookup, Consumed, Delivery, FetchEpoch, Fetcher, OffsetAndMetadata, OffsetReset,
    OffsetResetPolicy, Positions, TopicPartition,
};
use ottla_core::groups::{ClassicGroup, CommittedOffsets, FetchedOffsets, GroupError, Holdings};
use ottla_core::metadata::ClusterSnapshot;
use ottla_core::metrics::ConsumerMetrics;
use ottla_core::random::Jitter;
use ottla_core::request::Token;
use ottla_core::time::{Instant, Now, earliest};
use ottla_protocol::records::RecordSet;
use ottla_protocol::types::TopicName;
use tokio::sync::oneshot;

use super::batch::Pin;
use super::error::{ConsumerError, ErrorQueue};
use crate::error::{ClientError, ClientErrorKind};

/// Snapshots in a row without a topic, or without a partition of it, before the application is told: a new topic spreads in a moment.
const UNKNOWN_SNAPSHOTS: u32 = 5;

pub(super) struct Engine {
    pub(super) positions: Positions,
    pub(super) fetcher: Fetcher,
    pub(super) reset: OffsetReset,
    pub(super) consumed: Consumed,
    pub(super) group: Option<ClassicGroup>,
    pub(super) policy: OffsetResetPolicy,
    pub(super) snapshot: Arc<ClusterSnapshot>,
    /// Fetched and not handed out yet.
    pub(super) fetched: VecDeque<Fetched>,
    /// For the application.
    pub(super) errors: ErrorQueue,
    pub(super) holdings: Holdings,
    /// Partitions that the group wants back and the application may still be working on.
    pub(super) revoking: Vec<TopicPartition>,
    /// Partitions were lost while the application worked on records of them: its next commit has to fail.
    pub(super) has_lost: bool,
    lookup: Option<(Token, CommittedLookup)>,
    lookup_failures: u32,
    /// After a failure: when to ask for committed offsets again.
    lookup_at: Option<Instant>,
    backoff: Backoff,
    jitter: Jitter,
    commits: BTreeMap<Token, Commit>,
    /// What the leader of the group has to know to assign.
    pub(super) topics_to_assign: Option<Vec<TopicName>>,
    /// Topics that the application named, and for how many snapshots each was missing.
    pub(super) wanted: BTreeMap<TopicName, u32>,
    /// Likewise the partitions that it named.
    named: BTreeMap<TopicPartition, u32>,
    /// When the application last asked for a batch, and whether it is asking now.
    pub(super) polled_at: Instant,
    pub(super) is_polling: bool,
    pub(super) max_poll_interval: std::time::Duration,
    pub(super) is_closing: bool,
    pub(super) has_left: bool,
    pub(super) has_failed: bool,
    pub(super) tally: ConsumerMetrics,
}

/// A commit under way.
struct Commit {
    offsets: BTreeMap<TopicPartition, OffsetAndMetadata>,
    /// Whoever waits for it; nobody waits for an automatic one.
    waiter: Option<oneshot::Sender<Result<(), ConsumerError>>>,
}

/// A delivery on its way to the application.
pub(super) struct Fetched {
    pub(super) partition: TopicPartition,
    pub(super) fetch_epoch: FetchEpoch,
    pub(super) fetch_offset: i64,
    pub(super) high_watermark: i64,
    pub(super) size: usize,
    /// Its share of the fetch memory, once batches have been taken from it.
    pub(super) pin: Option<Arc<Pin>>,
    pub(super) batches: RecordSet,
}

/// What whoever waits for a commit is to be told.
pub(super) struct CommitDone {
    pub(super) waiter: oneshot::Sender<Result<(), ConsumerError>>,
    pub(super) outcome: Result<(), ConsumerError>,
}

/// The machines of a new consumer.
pub(super) struct Machines {
    pub(super) fetcher: Fetcher,
    pub(super) reset: OffsetReset,
    pub(super) consumed: Consumed,
    pub(super) group: Option<ClassicGroup>,
    pub(super) policy: OffsetResetPolicy,
    /// Between attempts to learn what is committed.
    pub(super) backoff: Backoff,
    pub(super) jitter: Jitter,
}

impl Engine {
    pub(super) fn new(
        machines: Machines,
        snapshot: Arc<ClusterSnapshot>,
        wanted: BTreeSet<TopicName>,
        max_poll_interval: std::time::Duration,
        now: Instant,
    ) -> Self {
        let Machines { fetcher, reset, consumed, group, policy, backoff, jitter } = machines;
        Self {
            positions: Positions::default(),
            fetcher,
            reset,
            consumed,
            group,
            policy,
            snapshot,
            fetched: VecDeque::new(),
            errors: ErrorQueue::default(),
            holdings: Holdings::default(),
            revoking: Vec::new(),
            has_lost: false,
            lookup: None,
            lookup_failures: 0,
            lookup_at: None,
            backoff,
            jitter,
            commits: BTreeMap::new(),
            topics_to_assign: None,
            wanted: wanted.into_iter().map(|topic| (topic, 0)).collect(),
            named: BTreeMap::new(),
            polled_at: now,
            is_polling: false,
            max_poll_interval,
            is_closing: false,
            has_left: false,
            has_failed: false,
            tally: ConsumerMetrics::default(),
        }
    }

    /// Reads exactly these partitions.
    pub(super) fn assign(&mut self, partitions: &[TopicPartition]) {
        self.positions.assign(partitions);
        self.named = partitions.iter().map(|partition| (partition.clone(), 0)).collect();
    }

    /// Data came.
    pub(super) fn on_delivery(&mut self, delivery: Delivery) {
        let size = delivery.size();
        self.tally.bytes_fetched += size as u64;
        self.fetched.push_back(Fetched {
            partition: delivery.partition,
            fetch_epoch: delivery.fetch_epoch,
            fetch_offset: delivery.fetch_offset.0,
            high_watermark: delivery.high_watermark.map_or(-1, |offset| offset.0),
            size,
            pin: None,
            batches: RecordSet::new(delivery.records),
        });
    }

    /// Gives partitions up.
    pub(super) fn give_up(&mut self, partitions: &[TopicPartition]) {
        self.positions.revoke(partitions);
        self.consumed.revoke(partitions);
        // What was fetched of them is told apart by its epoch, and dropped when it is its turn.
    }

    /// Tells the group once the application has let go of what was revoked or lost.
    pub(super) fn let_go(&mut self, now: Now) {
        if !self.holdings.poll_answer() {
            return;
        }
        let revoked = std::mem::take(&mut self.revoking);
        self.give_up(&revoked);
        if let Some(group) = &mut self.group {
            group.on_revoked(now);
        }
    }

    /// Whether the application's last word is said, so that the listener may be told the rest of it.
    pub(super) fn is_winding_up(&self) -> bool {
        // What is done is committed before the listener is told that it is too late for that.
        self.is_closing && self.commits.is_empty()
    }

    /// Has the group commit; the receiver gets the outcome.
    pub(super) fn commit(
        &mut self,
        now: Now,
        offsets: BTreeMap<TopicPartition, OffsetAndMetadata>,
    ) -> Result<oneshot::Receiver<Result<(), ConsumerError>>, ConsumerError> {
        let group = self.group.as_mut().ok_or(ConsumerError::NoGroup)?;
        if self.has_left {
            return Err(ConsumerError::Closed);
        }
        if std::mem::take(&mut self.has_lost) {
            return Err(ConsumerError::Group(group.not_member()));
        }
        let (sender, receiver) = oneshot::channel();
        if offsets.is_empty() {
            // Nobody waits for it yet, so it cannot fail.
            _ = sender.send(Ok(()));
        } else {
            let token = group.commit(now, offsets.clone());
            self.commits.insert(token, Commit { offsets, waiter: Some(sender) });
        }
        Ok(receiver)
    }

    /// Starts a commit if the interval is over.
    pub(super) fn commit_automatically(&mut self, now: Now) {
        let Some(group) = &mut self.group else { return };
        if self.is_closing {
            return;
        }
        if let Some(offsets) = self.consumed.poll_commit(now) {
            let token = group.commit(now, offsets.clone());
            self.commits.insert(token, Commit { offsets, waiter: None });
        }
    }

    /// A commit is done. What comes back is to be told once the lock is released.
    pub(super) fn on_committed(
        &mut self,
        token: Token,
        result: Result<CommittedOffsets, GroupError>,
    ) -> Option<CommitDone> {
        let Commit { offsets, waiter } = self.commits.remove(&token)?;
        let mut outcome = Ok(());
        match result {
            Ok(committed) => {
                for (partition, result) in committed.partitions {
                    match (result, offsets.get(&partition)) {
                        (Ok(()), Some(sent)) => self.consumed.on_committed(&partition, sent.offset),
                        (Ok(()), None) => {}
                        (Err(code), _) => outcome = Err(ConsumerError::Commit { partition, code }),
                    }
                }
            }
            Err(error) => outcome = Err(ConsumerError::Group(error)),
        }
        if waiter.is_none() {
            // What did not succeed is committed with the next interval.
            self.consumed.on_commit_ended();
        }
        waiter.map(|waiter| CommitDone { waiter, outcome })
    }

    /// Asks for committed offsets where partitions need them. Without a group, nothing is committed.
    pub(super) fn look_up(&mut self, now: Now) {
        if self.lookup.is_some() || self.lookup_at.is_some_and(|at| at > now.instant) {
            return;
        }
        self.lookup_at = None;
        let Some(lookup) = self.positions.poll_lookup() else { return };
        match &mut self.group {
            Some(group) => {
                let token = group.fetch_offsets(now, lookup.partitions());
                self.lookup = Some((token, lookup));
            }
            None => {
                let mut nothing = FetchedOffsets::default();
                nothing.partitions = lookup.partitions().into_iter().map(|tp| (tp, Ok(None))).collect();
                self.on_found(now, lookup, &nothing);
            }
        }
    }

    pub(super) fn on_looked_up(
        &mut self,
        now: Now,
        token: Token,
        result: Result<FetchedOffsets, GroupError>,
    ) {
        let Some((_, lookup)) = self.lookup.take_if(|(asked, _)| *asked == token) else { return };
        match result {
            Ok(found) => self.on_found(now, lookup, &found),
            Err(error) => {
                self.positions.on_lookup_failed(lookup);
                self.space_lookups(now);
                self.errors.push(ConsumerError::Group(error));
            }
        }
    }

    /// The positions ask again at once for what they did not get.
    fn space_lookups(&mut self, now: Now) {
        self.lookup_at = Some(now.instant + self.backoff.delay(self.lookup_failures, &mut self.jitter));
        self.lookup_failures = self.lookup_failures.saturating_add(1);
    }

    fn on_found(&mut self, now: Now, lookup: CommittedLookup, found: &FetchedOffsets) {
        if found.partitions.values().any(Result::is_err) {
            self.space_lookups(now);
        } else {
            self.lookup_failures = 0;
        }
        let errors = self.positions.on_looked_up(now, lookup, found, self.policy);
        errors.into_iter().for_each(|error| self.errors.push(error));
    }

    /// Where partitions start, for the bookkeeping of commits.
    pub(super) fn take_starts(&mut self) {
        while let Some(started) = self.positions.poll_started() {
            self.consumed.on_started(&started);
        }
    }

    /// A new picture of the cluster.
    pub(super) fn on_snapshot(&mut self, now: Now, snapshot: Arc<ClusterSnapshot>) {
        let is_answer = snapshot.answers() != self.snapshot.answers();
        self.snapshot = snapshot;
        self.tell_topics(now);
        if !is_answer {
            // Only leaders have changed: no broker was asked again for what is missing.
            return;
        }
        for (topic, missing) in &mut self.wanted {
            let known = self.snapshot.topic(topic).is_some_and(|topic| topic.error.is_none());
            *missing = if known { 0 } else { *missing + 1 };
            if *missing == UNKNOWN_SNAPSHOTS {
                let kind = ClientErrorKind::UnknownTopic(topic.clone());
                self.errors.push(ConsumerError::Client(ClientError::new(kind)));
            }
        }
        for (TopicPartition { topic, partition }, missing) in &mut self.named {
            let Some(known) = self.snapshot.topic(topic).filter(|topic| topic.error.is_none()) else {
                continue;
            };
            let partitions = known.partitions.len();
            let is_there = usize::try_from(*partition).is_ok_and(|partition| partition < partitions);
            *missing = if is_there { 0 } else { *missing + 1 };
            if *missing == UNKNOWN_SNAPSHOTS {
                let (topic, partition) = (topic.clone(), *partition);
                let kind = ClientErrorKind::UnknownPartition { topic, partition, partitions };
                self.errors.push(ConsumerError::Client(ClientError::new(kind)));
            }
        }
    }

    /// Tells the group's leader of the topics that it assigns, once all of them are known or known to be missing.
    pub(super) fn tell_topics(&mut self, now: Now) {
        let (Some(group), Some(topics)) = (&mut self.group, &self.topics_to_assign) else { return };
        if topics.iter().all(|topic| self.snapshot.topic(topic).is_some()) {
            group.on_topics(now, &TopicSnapshot::of_cluster(&self.snapshot, topics));
        }
    }

    /// Ends the membership, or at once what has none.
    pub(super) fn leave(&mut self, now: Now) {
        match &mut self.group {
            Some(group) if !self.has_failed => group.leave(now),
            _ => self.has_left = true,
        }
    }

    /// The driver ends: nothing happens from here on, so nobody may wait.
    pub(super) fn end(&mut self) {
        self.is_closing = true;
        self.has_left = true;
        self.commits.clear();
        // If somebody still asks, the client was closed below the consumer.
        let lost: Vec<_> = self.positions.assigned().cloned().collect();
        self.holdings.on_lost(&lost);
    }

    /// When the machines want to be looked at again.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let group = self.group.as_ref().and_then(ClassicGroup::next_timeout);
        let fetch = self.fetcher.next_timeout(&self.positions);
        let reset = self.reset.next_timeout(&self.positions);
        // Closing, it commits no more by itself: a time in the past would have the driver come back for ever.
        let commits = self.group.is_some() && !self.is_closing;
        let commit = if commits { self.consumed.next_timeout() } else { None };
        let poll = (!self.is_polling && self.group.is_some() && !self.is_closing)
            .then(|| self.polled_at + self.max_poll_interval);
        [group, fetch, reset, commit, poll, self.lookup_at].into_iter().fold(None, earliest)
    }

    /// Time passes.
    pub(super) fn handle_timeout(&mut self, now: Now) {
        let overdue = !self.is_polling && self.polled_at + self.max_poll_interval <= now.instant;
        if let Some(group) = &mut self.group {
            group.handle_timeout(now);
            if overdue && !self.is_closing {
                group.on_poll_overdue(now);
                // Once is enough; the next poll starts the interval anew.
                self.polled_at = now.instant;
            }
        }
        self.commit_automatically(now);
    }
}
