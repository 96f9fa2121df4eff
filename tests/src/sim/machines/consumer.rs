//! A member of a group: its machines and the client below them. The application above is in `application.rs`.
//!
//! What `ottla-client` decides in its consumer's engine is decided here once more, since it is in no machine: when
//! committed offsets are looked up and how that is spaced, when an application is overdue, and what is told first.

mod application;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ottla_core::assignors::{RangeAssignor, RoundRobinAssignor, TopicSnapshot};
use ottla_core::consumer::{
    CommittedLookup, Consumed, Delivery, FetchAction, FetchConfig, Fetcher, OffsetAndMetadata, OffsetReset,
    OffsetResetPolicy, Positions, ResetAction, TopicPartition,
};
use ottla_core::groups::{
    Action, ClassicGroup, ClassicGroupConfig, CommittedOffsets, FetchedOffsets, FindGroupCoordinator,
    GroupError, Holdings,
};
use ottla_core::metadata::ClusterSnapshot;
use ottla_core::random::Jitter;
use ottla_core::request::Token;
use ottla_core::time::{Instant, Now, earliest};
use ottla_protocol::compression::Decompressor;
use ottla_protocol::message::Message;
use ottla_protocol::messages::fetch_request::FetchRequest;
use ottla_protocol::messages::find_coordinator_request::FindCoordinatorRequest;
use ottla_protocol::messages::list_offsets_request::ListOffsetsRequest;
use ottla_protocol::types::TopicName;

use self::application::{Application, Fetched};
use super::client::{Client, Done, Progress};
use super::clock;
use super::connections::{Lane, Peer, Purpose};
use super::membership;
use super::network::Network;
use super::notes::Notes;
use super::settings::{GROUP, MAX_ROUNDS, Settings, TOPICS};
use crate::random::Random;

pub(super) struct ConsumerActor {
    name: String,
    pub(super) client: Client,
    group: ClassicGroup,
    positions: Positions,
    fetcher: Fetcher,
    reset: OffsetReset,
    consumed: Consumed,
    snapshot: Arc<ClusterSnapshot>,
    lookup: Option<(Token, CommittedLookup)>,
    lookup_failures: u32,
    /// After a failure: when to ask for committed offsets again.
    lookup_at: Option<Instant>,
    jitter: Jitter,
    commits: BTreeMap<Token, Commit>,
    topics_to_assign: Option<Vec<TopicName>>,
    /// Partitions that the group wants back and the application may still be working on.
    revoking: Vec<TopicPartition>,
    /// What the application was told, and is to be told.
    holdings: Holdings,
    /// Fetched and not handed out yet.
    fetched: VecDeque<Fetched>,
    application: Application,
    max_poll_interval: Duration,
    coordinators_asked: usize,
    decompressor: Decompressor,
    is_closing: bool,
    has_left: bool,
    pub(super) errors: Vec<String>,
}

/// A commit under way.
struct Commit {
    offsets: BTreeMap<TopicPartition, OffsetAndMetadata>,
    is_automatic: bool,
}

impl ConsumerActor {
    pub(super) fn new(
        name: String,
        client: Client,
        now: Instant,
        settings: &Settings,
        random: &mut Random,
    ) -> Self {
        let mut jitter = Jitter::seeded(random.bits());
        let limits = client.limits.clone();
        let mut config = ClassicGroupConfig::new(GROUP.into());
        config.session_timeout = Duration::from_secs(6);
        config.heartbeat_interval = Duration::from_millis(1_500);
        config.rebalance_timeout = settings.max_poll_interval;
        config.request_timeout = limits.request_timeout;
        config.api_timeout = Duration::from_secs(20);
        config.backoff = limits.backoff;
        let mut group = ClassicGroup::new(
            config,
            vec![Arc::new(RangeAssignor), Arc::new(RoundRobinAssignor)],
            jitter.fork(),
        );
        let topics: Vec<TopicName> = TOPICS.iter().map(|topic| (*topic).into()).collect();
        group.subscribe(clock::to_client(now), topics.clone());
        let mut fetch = FetchConfig::default();
        fetch.reset_policy = OffsetResetPolicy::Earliest;
        fetch.max_partition_bytes = fetch.max_partition_bytes.min(settings.fetch_memory);
        fetch.memory = settings.fetch_memory;
        fetch.request_timeout = limits.request_timeout;
        fetch.backoff = limits.backoff;
        let mut actor = Self {
            name,
            client,
            group,
            positions: Positions::default(),
            reset: OffsetReset::new(fetch.clone(), jitter.fork()),
            fetcher: Fetcher::new(fetch, jitter.fork()),
            consumed: Consumed::new(Some(settings.auto_commit_interval)),
            snapshot: Arc::default(),
            lookup: None,
            lookup_failures: 0,
            lookup_at: None,
            jitter,
            commits: BTreeMap::new(),
            topics_to_assign: None,
            revoking: Vec::new(),
            holdings: Holdings::default(),
            fetched: VecDeque::new(),
            application: Application::new(now, random.bits()),
            max_poll_interval: settings.max_poll_interval,
            coordinators_asked: 0,
            decompressor: Decompressor::new(),
            is_closing: false,
            has_left: false,
            errors: Vec::new(),
        };
        actor.client.want(now, &topics);
        actor
    }

    pub(super) fn has_left(&self) -> bool {
        self.has_left
    }

    /// Does everything that is due.
    pub(super) fn turn(&mut self, now: Instant, network: &mut Network, notes: &Notes<'_>) {
        self.client.connections.handle_timeout(now, network);
        for _ in 0..MAX_ROUNDS {
            let mut idle = true;
            while let Some(progress) = self.client.poll(now, network) {
                idle = false;
                match progress {
                    Progress::Snapshot(snapshot) => {
                        self.snapshot = snapshot;
                        self.tell_topics(clock::to_client(now));
                    }
                    Progress::NoSnapshot => {}
                    Progress::Done(done) => self.on_done(clock::to_client(now), done),
                }
            }
            if !self.has_left {
                self.handle_timeout(clock::to_client(now));
                idle &= !self.drain(clock::to_client(now), network);
                idle &= !self.use_it(clock::to_client(now), notes);
            }
            if idle {
                return;
            }
        }
        panic!("the client spins at {now:?}");
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        if self.has_left {
            return self.client.connections.next_timeout();
        }
        let poll = self.application.busy_since().filter(|_| !self.is_closing);
        let all = [
            self.group.next_timeout(),
            self.fetcher.next_timeout(&self.positions),
            self.reset.next_timeout(&self.positions),
            self.consumed.next_timeout().filter(|_| !self.is_closing),
            poll.map(|since| since + self.max_poll_interval),
            self.lookup_at,
            self.application.next_timeout(),
            self.client.next_timeout(),
        ];
        all.into_iter().fold(None, earliest)
    }

    fn handle_timeout(&mut self, now: Now) {
        self.group.handle_timeout(now);
        let overdue =
            self.application.busy_since().is_some_and(|since| since + self.max_poll_interval <= now.instant);
        if overdue && !self.is_closing {
            self.group.on_poll_overdue(now);
            // Once is enough; the next poll starts the interval anew.
            self.application.on_overdue(now.instant);
        }
        if !self.is_closing
            && let Some(offsets) = self.consumed.poll_commit(now)
        {
            self.commit(now, offsets, true);
        }
    }

    /// Drains all machines; says whether there was something.
    fn drain(&mut self, now: Now, network: &mut Network) -> bool {
        let mut any = self.drain_group(now, network);
        any |= self.look_up(now);
        self.take_starts();
        let snapshot = Arc::clone(&self.snapshot);
        while let Some(action) = self.reset.poll_action(now, &mut self.positions, &*snapshot) {
            any = true;
            match action {
                ResetAction::Send { token, node_id, request, versions, timeout } => {
                    let to = (Peer::Node(node_id), Lane::Control);
                    let what = (Purpose::Offsets(token), request);
                    self.client.send(now.instant, to, what, (versions, timeout), network);
                }
                ResetAction::RefreshMetadata => self.client.metadata.refresh(now.instant),
                ResetAction::Failed(error) => self.errors.push(error.to_string()),
                _ => {}
            }
        }
        self.take_starts();
        while let Some(action) = self.fetcher.poll_action(now, &mut self.positions, &*snapshot) {
            any = true;
            match action {
                FetchAction::Send { token, node_id, request, versions, timeout } => {
                    let to = (Peer::Node(node_id), Lane::Fetch);
                    let what = (Purpose::Fetch(token), request);
                    self.client.send(now.instant, to, what, (versions, timeout), network);
                }
                FetchAction::Deliver(delivery) => self.on_delivery(delivery),
                FetchAction::RefreshMetadata => self.client.metadata.refresh(now.instant),
                FetchAction::Failed(error) => self.errors.push(error.to_string()),
                _ => {}
            }
        }
        any | self.drain_group(now, network)
    }

    fn drain_group(&mut self, now: Now, network: &mut Network) -> bool {
        let mut any = false;
        while let Some(action) = self.group.poll_action(now) {
            any = true;
            self.on_group_action(now, action, network);
            self.let_go(now);
        }
        any
    }

    fn on_group_action(&mut self, now: Now, action: Action, network: &mut Network) {
        match action {
            Action::FindCoordinator { token } => {
                let peer = self.client.connections.any_peer(self.coordinators_asked);
                self.coordinators_asked += 1;
                let what = (Purpose::Coordinator(token), FindGroupCoordinator(GROUP.into()));
                let options = (FindCoordinatorRequest::VERSIONS, self.client.limits.request_timeout);
                self.client.send(now.instant, (peer, Lane::Control), what, options, network);
            }
            Action::Send { token, node_id, request, timeout } => {
                let to = (Peer::Node(node_id), Lane::Coordinator);
                let options = (request.versions(), timeout);
                let what = (Purpose::Group(token, request.api_key()), request);
                self.client.send(now.instant, to, what, options, network);
            }
            Action::NeedTopics { topics } => {
                self.client.want(now.instant, &topics);
                self.topics_to_assign = Some(topics);
                self.tell_topics(now);
            }
            Action::Revoke { partitions } => {
                self.holdings.on_revoke(&partitions);
                self.revoking = partitions;
            }
            Action::Lost { partitions } => {
                self.revoking.clear();
                self.give_up(&partitions);
                self.holdings.on_lost(&partitions);
            }
            Action::Assigned { partitions, added, .. } => {
                self.positions.assign(&partitions);
                self.holdings.on_assigned(added);
            }
            Action::Committed { token, result } => self.on_committed(token, result),
            Action::OffsetsFetched { token, result } => self.on_looked_up(now, token, result),
            Action::Left => self.has_left = true,
            Action::Failed(error) => {
                self.errors.push(format!("the group failed: {error}"));
                self.has_left |= self.is_closing;
            }
            _ => {}
        }
    }

    fn on_done(&mut self, now: Now, done: Done) {
        let Some((purpose, result)) = membership::answer(&mut self.group, now, done) else { return };
        match purpose {
            Purpose::Offsets(token) => {
                let result = result.and_then(|answer| answer.decode::<ListOffsetsRequest>());
                let result = result.as_ref().map_err(Clone::clone);
                self.reset.on_response(now, token, result, &mut self.positions);
            }
            Purpose::Fetch(token) => {
                let result = result.and_then(|answer| answer.decode::<FetchRequest>());
                self.fetcher.on_response(now, token, result, &mut self.positions);
            }
            other => unreachable!("no consumer asks for that: {other:?}"),
        }
    }

    fn on_delivery(&mut self, delivery: Delivery) {
        self.fetched.push_back(Fetched::new(delivery));
    }

    /// Tells the group's leader of the topics that it assigns, once all are known or known to be missing.
    fn tell_topics(&mut self, now: Now) {
        let Some(topics) = &self.topics_to_assign else { return };
        if topics.iter().all(|topic| self.snapshot.topic(topic).is_some()) {
            self.group.on_topics(now, &TopicSnapshot::of_cluster(&self.snapshot, topics));
        }
    }

    fn commit(
        &mut self,
        now: Now,
        offsets: BTreeMap<TopicPartition, OffsetAndMetadata>,
        is_automatic: bool,
    ) -> Token {
        let token = self.group.commit(now, offsets.clone());
        self.commits.insert(token, Commit { offsets, is_automatic });
        token
    }

    fn on_committed(&mut self, token: Token, result: Result<CommittedOffsets, GroupError>) {
        let Some(Commit { offsets, is_automatic }) = self.commits.remove(&token) else { return };
        for (partition, result) in result.map(|committed| committed.partitions).unwrap_or_default() {
            if let (Ok(()), Some(sent)) = (result, offsets.get(&partition)) {
                self.consumed.on_committed(&partition, sent.offset);
            }
        }
        if is_automatic {
            self.consumed.on_commit_ended();
        }
    }

    /// Asks for committed offsets where partitions need them.
    fn look_up(&mut self, now: Now) -> bool {
        if self.lookup.is_some() || self.lookup_at.is_some_and(|at| at > now.instant) {
            return false;
        }
        self.lookup_at = None;
        let Some(lookup) = self.positions.poll_lookup() else { return false };
        let token = self.group.fetch_offsets(now, lookup.partitions());
        self.lookup = Some((token, lookup));
        true
    }

    fn on_looked_up(&mut self, now: Now, token: Token, result: Result<FetchedOffsets, GroupError>) {
        let Some((_, lookup)) = self.lookup.take_if(|(asked, _)| *asked == token) else { return };
        match result {
            Ok(found) => {
                if found.partitions.values().any(Result::is_err) {
                    self.space_lookups(now);
                } else {
                    self.lookup_failures = 0;
                }
                let errors = self.positions.on_looked_up(now, lookup, &found, OffsetResetPolicy::Earliest);
                self.errors.extend(errors.into_iter().map(|error| format!("{error:?}")));
            }
            Err(_) => {
                self.positions.on_lookup_failed(lookup);
                self.space_lookups(now);
            }
        }
    }

    fn space_lookups(&mut self, now: Now) {
        let delay = self.client.limits.backoff.delay(self.lookup_failures, &mut self.jitter);
        self.lookup_at = Some(now.instant + delay);
        self.lookup_failures = self.lookup_failures.saturating_add(1);
    }

    fn take_starts(&mut self) {
        while let Some(started) = self.positions.poll_started() {
            self.consumed.on_started(&started);
        }
    }

    fn give_up(&mut self, partitions: &[TopicPartition]) {
        self.positions.revoke(partitions);
        self.consumed.revoke(partitions);
    }

    /// Tells the group once the application has let go of what was revoked or lost.
    fn let_go(&mut self, now: Now) {
        if self.holdings.poll_answer() {
            let revoked = std::mem::take(&mut self.revoking);
            self.give_up(&revoked);
            self.group.on_revoked(now);
        }
    }
}
