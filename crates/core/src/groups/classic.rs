//! A member of a classic consumer group: `group.protocol=classic`.
//!
//! The machine finds the coordinator, joins, leads if it must, keeps the membership by heartbeats, has partitions
//! given up before a rebalance and handed out after it, and carries commits and lookups of offsets, since these need
//! the coordinator and the membership. Specs: KIP-62 (heartbeats beside the application), KIP-345 (static members),
//! KIP-394 (member ids before joining), KIP-429 (cooperative rebalances), KIP-814 (a leader that skips assigning).
//!
//! Deliberately not here: how often the application polls (the driver says so by [`ClassicGroup::on_poll_overdue`]),
//! what topics a pattern matches, when to commit (`consumer`), and groups of KIP-848.
//!
//! What the driver owes the machine: every [`Action::Send`] and [`Action::FindCoordinator`] is answered once, by an
//! error if by nothing else; every [`Action::Revoke`] and [`Action::Lost`] by [`ClassicGroup::on_revoked`] once the
//! application let go ([`Holdings`](super::Holdings) knows when); [`Action::NeedTopics`] by [`ClassicGroup::on_topics`], and again whenever these topics change.

mod membership;
mod offsets;
mod state;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ottla_protocol::api::ApiKey;
use ottla_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use ottla_protocol::types::{GroupId, NodeId, Str, TopicName};

use super::coordinator::{CoordinatorLookup, LookupError};
use super::error::{GroupError, GroupErrorKind};
use super::request::{GroupRequest, GroupResponse};
use crate::assignors::{Assignor, GenerationId, Member, RebalanceProtocol, TopicSnapshot};
use crate::backoff::Backoff;
use crate::consumer::{OffsetAndMetadata, TopicPartition};
use crate::random::Jitter;
use crate::request::{RequestError, Token};
use crate::retry::Retry;
use crate::time::{Instant, Now, earliest};
pub use offsets::{CommittedOffsets, FetchedOffsets};
use offsets::{Consequence, OffsetOperations};
pub use state::ClassicState;
#[cfg(feature = "__coverage")]
pub(crate) use state::EDGES;

/// What a classic group is run with. Set fields after [`new`](Self::new); `ottla-client` checks them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClassicGroupConfig {
    /// `group.id`.
    pub group_id: GroupId,
    /// `group.instance.id`: makes the member a static one, which keeps its place over restarts and does not leave.
    /// Default: none.
    pub group_instance_id: Option<Str>,
    /// `session.timeout.ms`: without a heartbeat for so long, the coordinator takes the member for dead. Default 45 s.
    pub session_timeout: Duration,
    /// `heartbeat.interval.ms`, at most a third of the session timeout. Default 3 s.
    pub heartbeat_interval: Duration,
    /// `max.poll.interval.ms`: how long a rebalance waits for members to let go of partitions. Default 5 min.
    pub rebalance_timeout: Duration,
    /// `request.timeout.ms`. Default 30 s.
    pub request_timeout: Duration,
    /// `default.api.timeout.ms`: how long a commit or a lookup is tried. Default 60 s.
    pub api_timeout: Duration,
    /// `retry.backoff.ms` and `retry.backoff.max.ms`. Default 100 ms to 1 s.
    pub backoff: Backoff,
    /// `client.rack`, for assignors that know racks (KIP-881). Default: none.
    pub rack_id: Option<Str>,
}

impl ClassicGroupConfig {
    /// Kafka's defaults.
    pub fn new(group_id: GroupId) -> Self {
        Self {
            group_id,
            group_instance_id: None,
            session_timeout: Duration::from_secs(45),
            heartbeat_interval: Duration::from_secs(3),
            rebalance_timeout: Duration::from_secs(300),
            request_timeout: Duration::from_secs(30),
            api_timeout: Duration::from_secs(60),
            backoff: Backoff::new(Duration::from_millis(100), Duration::from_secs(1)),
            rack_id: None,
        }
    }
}

/// What the driver has to do.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Action {
    /// Ask any broker for the group's coordinator; answer by [`ClassicGroup::on_coordinator`].
    FindCoordinator {
        /// To answer with.
        token: Token,
    },
    /// Send a request on the coordinator lane of a node; answer by [`ClassicGroup::on_response`].
    Send {
        /// To answer with.
        token: Token,
        /// The coordinator.
        node_id: NodeId,
        /// The request; reshape it by [`GroupRequest::for_version`].
        request: GroupRequest,
        /// How long to wait for the answer: JoinGroup lasts as long as a rebalance.
        timeout: Duration,
    },
    /// This member leads: call [`ClassicGroup::on_topics`] once all of `topics` are looked up, and again whenever
    /// their partitions change, until the next rebalance.
    NeedTopics {
        /// What any member subscribes to, sorted.
        topics: Vec<TopicName>,
    },
    /// Have the application let go of partitions and commit, then call [`ClassicGroup::on_revoked`]. Without that, they
    /// are [lost](Self::Lost) with the membership after the rebalance timeout.
    Revoke {
        /// The partitions.
        partitions: Vec<TopicPartition>,
    },
    /// The membership is lost; these partitions may belong to others already. Nothing of them can be committed. Takes
    /// the place of a [`Revoke`](Self::Revoke) that is not answered. Tell the application, then call
    /// [`ClassicGroup::on_revoked`]: the member does not join again before.
    Lost {
        /// The partitions.
        partitions: Vec<TopicPartition>,
    },
    /// A rebalance is through.
    Assigned {
        /// All partitions that this member now has, in the assignor's order.
        partitions: Vec<TopicPartition>,
        /// Those that it did not have before.
        added: Vec<TopicPartition>,
        /// The generation.
        generation_id: GenerationId,
    },
    /// A commit is done.
    Committed {
        /// As [`ClassicGroup::commit`] returned it.
        token: Token,
        /// What became of it.
        result: Result<CommittedOffsets, GroupError>,
    },
    /// A lookup of committed offsets is done.
    OffsetsFetched {
        /// As [`ClassicGroup::fetch_offsets`] returned it.
        token: Token,
        /// What was found.
        result: Result<FetchedOffsets, GroupError>,
    },
    /// The group is left for good: the last action.
    Left,
    /// The group cannot go on; [`ClassicGroup::subscribe`] tries again.
    Failed(GroupError),
}

/// A member of a classic group.
pub struct ClassicGroup {
    config: ClassicGroupConfig,
    assignors: Vec<Arc<dyn Assignor>>,
    jitter: Jitter,
    state: ClassicState,
    /// What the application subscribes to, sorted.
    topics: Vec<TopicName>,
    membership: Membership,
    /// Which of the assignors the group chose.
    assignor: Option<usize>,
    /// What the application has, in the assignor's order.
    owned: Vec<TopicPartition>,
    leadership: Option<Leadership>,
    /// What the next SyncGroup request hands in.
    handed_in: Vec<SyncGroupRequestAssignment>,
    revocation: Option<Revocation>,
    /// The application was told that partitions are lost, and may still be working on them.
    is_losing: bool,
    /// Why the next JoinGroup request is sent (KIP-800).
    reason: &'static str,
    /// The subscription changed after it was sent.
    is_outdated: bool,
    is_overdue: bool,
    is_closing: bool,
    lookup: CoordinatorLookup,
    /// For JoinGroup, SyncGroup and Heartbeat.
    retry: Retry,
    /// The request of these kinds, or LeaveGroup at the end, that is under way: there is never a second one.
    in_flight: Option<(Token, ApiKey)>,
    heartbeat_at: Instant,
    session_deadline: Instant,
    leaving_deadline: Instant,
    offsets: OffsetOperations,
    /// Bounded by what one event can cause, since drivers drain it between events.
    outputs: VecDeque<Action>,
    next_token: u64,
}

/// As whom the member is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Membership {
    /// Empty before the coordinator gave one.
    member_id: Str,
    generation_id: Option<GenerationId>,
}

/// What the leader of a generation keeps.
struct Leadership {
    /// Empty once they are assigned.
    members: Vec<Member>,
    /// What any of them subscribes to.
    topics: BTreeSet<TopicName>,
    /// What was assigned.
    snapshot: TopicSnapshot,
    /// What has become of it since.
    newest: TopicSnapshot,
    /// A static leader came back: the assignment stands (KIP-814).
    skips_assignment: bool,
}

/// Partitions that the application is letting go of.
struct Revocation {
    partitions: Vec<TopicPartition>,
    deadline: Instant,
    /// The assignment that is waiting for it (cooperative).
    assigned: Option<Vec<TopicPartition>>,
}

/// What the member is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goal {
    Member,
    Idle,
    Overdue,
    Closed,
}

impl ClassicGroup {
    /// A member of nothing. `assignors`, by preference, must not be empty, and all members of the group need one in
    /// common (`partition.assignment.strategy`).
    pub fn new(config: ClassicGroupConfig, assignors: Vec<Arc<dyn Assignor>>, jitter: Jitter) -> Self {
        Self {
            config,
            assignors,
            jitter,
            state: ClassicState::Idle,
            topics: Vec::new(),
            membership: Membership::default(),
            assignor: None,
            owned: Vec::new(),
            leadership: None,
            handed_in: Vec::new(),
            revocation: None,
            is_losing: false,
            reason: "first join",
            is_outdated: false,
            is_overdue: false,
            is_closing: false,
            lookup: CoordinatorLookup::default(),
            retry: Retry::default(),
            in_flight: None,
            heartbeat_at: Instant::ZERO,
            session_deadline: Instant::ZERO,
            leaving_deadline: Instant::ZERO,
            offsets: OffsetOperations::default(),
            outputs: VecDeque::new(),
            next_token: 0,
        }
    }

    /// The group's name.
    pub fn group_id(&self) -> &GroupId {
        &self.config.group_id
    }

    /// Where the member stands.
    pub fn state(&self) -> ClassicState {
        self.state
    }

    /// The member's id; empty while it has none.
    pub fn member_id(&self) -> &Str {
        &self.membership.member_id
    }

    /// The generation that the member belongs to.
    pub fn generation_id(&self) -> Option<GenerationId> {
        self.membership.generation_id
    }

    /// Whether the member leads its generation.
    pub fn is_leader(&self) -> bool {
        self.leadership.is_some()
    }

    /// The partitions that the application has, those included that it is letting go of.
    pub fn assignment(&self) -> &[TopicPartition] {
        &self.owned
    }

    /// The coordinator, while it is known.
    pub fn coordinator(&self) -> Option<NodeId> {
        self.lookup.node()
    }

    /// Subscribes to exactly `topics` from now on; to none means to leave the group until the next subscription. After
    /// a failure, tries again.
    pub fn subscribe(&mut self, now: Now, mut topics: Vec<TopicName>) {
        topics.sort();
        topics.dedup();
        if topics == self.topics && self.state != ClassicState::Failed || self.is_closing {
            return;
        }
        self.topics = topics;
        self.reason = "the subscription changed";
        match self.state {
            ClassicState::Idle | ClassicState::Failed | ClassicState::Overdue => self.proceed(now),
            _ if self.topics.is_empty() => self.release(now),
            ClassicState::Stable | ClassicState::Assigning => self.release(now),
            ClassicState::Joining => self.is_outdated = self.in_flight.is_some(),
            ClassicState::Syncing => self.is_outdated = true,
            // The request that comes next has the new topics.
            ClassicState::Revoking | ClassicState::Losing | ClassicState::Leaving | ClassicState::Left => {}
        }
    }

    /// The application did not poll for `max.poll.interval.ms`: gives the partitions up, so that others can work on
    /// them, and stays out until [`on_poll`](Self::on_poll).
    pub fn on_poll_overdue(&mut self, now: Now) {
        if !self.state.may_be_member() || self.is_closing {
            return;
        }
        self.is_overdue = true;
        self.reason = "the application polls again";
        self.tell("the application did not poll for max.poll.interval.ms");
        self.membership = Membership::default();
        self.lose(now);
    }

    /// The application polls. Cheap.
    pub fn on_poll(&mut self, now: Now) {
        if self.state == ClassicState::Overdue {
            self.is_overdue = false;
            self.proceed(now);
        }
    }

    /// Leaves for good: has the partitions given up, carries out the commits that were asked for before, tells the
    /// coordinator (a static member does not), and ends with [`Action::Left`].
    pub fn leave(&mut self, now: Now) {
        if std::mem::replace(&mut self.is_closing, true) {
            return;
        }
        if self.state.may_be_member() { self.release(now) } else { self.proceed(now) }
    }

    /// Commits offsets in the present generation; the result is an [`Action::Committed`]. Commits are carried out one
    /// after another in the order of their calls, and tried again for `default.api.timeout.ms`, but never in another
    /// generation than the present one. Without any subscription, commits as a consumer outside of the group.
    pub fn commit(&mut self, now: Now, offsets: BTreeMap<TopicPartition, OffsetAndMetadata>) -> Token {
        let token = self.token();
        let refusal = match self.state {
            ClassicState::Left => Some(GroupErrorKind::Closed),
            _ if !self.topics.is_empty() && self.membership.generation_id.is_none() => {
                Some(GroupErrorKind::NotMember)
            }
            _ if self.offsets.is_full() => Some(GroupErrorKind::TooManyOperations),
            _ => None,
        };
        match refusal {
            None => {
                let deadline = now.instant + self.config.api_timeout;
                self.offsets.commit(token, offsets, self.membership.clone(), deadline);
            }
            Some(kind) => {
                let result = Err(GroupError::new(kind, &self.config.group_id));
                self.outputs.push_back(Action::Committed { token, result });
            }
        }
        token
    }

    /// The error of a commit that comes too late: the partitions belong to others already.
    pub fn not_member(&self) -> GroupError {
        GroupError::new(GroupErrorKind::NotMember, &self.config.group_id)
    }

    /// Looks committed offsets up; the result is an [`Action::OffsetsFetched`]. Tried again for
    /// `default.api.timeout.ms`. Offsets of a transaction that is not finished are waited for (KIP-447).
    pub fn fetch_offsets(&mut self, now: Now, partitions: BTreeSet<TopicPartition>) -> Token {
        let token = self.token();
        let refusal = match self.state {
            ClassicState::Left => Some(GroupErrorKind::Closed),
            _ if self.offsets.is_full() => Some(GroupErrorKind::TooManyOperations),
            _ => None,
        };
        match refusal {
            None => self.offsets.fetch(token, partitions, now.instant + self.config.api_timeout),
            Some(kind) => {
                let result = Err(GroupError::new(kind, &self.config.group_id));
                self.outputs.push_back(Action::OffsetsFetched { token, result });
            }
        }
        token
    }

    /// The answer to [`Action::FindCoordinator`].
    pub fn on_coordinator(&mut self, now: Now, token: Token, result: Result<NodeId, LookupError>) {
        let spacing = (&self.config.backoff, &mut self.jitter);
        if let Err(error) = self.lookup.on_answer(now, token, result, &self.config.group_id, spacing) {
            self.offsets.fail_all(&error, &mut self.outputs);
            if self.state.may_be_member() {
                self.fail(error);
            }
        }
    }

    /// The answer to [`Action::Send`]. Answers that nothing waits for any more are ignored.
    pub fn on_response(&mut self, now: Now, token: Token, result: Result<GroupResponse, RequestError>) {
        match self.in_flight {
            Some((expected, api)) if expected == token => {
                self.in_flight = None;
                self.on_member_response(now, api, result);
            }
            _ => self.on_offset_response(now, token, result),
        }
    }

    /// The partitions of the topics that [`Action::NeedTopics`] named; a topic that `topics` lacks has none. The
    /// leader assigns, or has the group rebalance if what it assigned is out of date.
    pub fn on_topics(&mut self, now: Now, topics: &TopicSnapshot) {
        let Some(leadership) = &mut self.leadership else { return };
        // Racks matter to members that know their own: moving a replica need not disturb the others.
        let mut snapshot = topics.only(&leadership.topics);
        if self.config.rack_id.is_none() {
            snapshot = snapshot.without_racks();
        }
        leadership.newest = snapshot;
        match self.state {
            ClassicState::Assigning => {
                leadership.snapshot.clone_from(&leadership.newest);
                self.assign(topics);
            }
            ClassicState::Stable => self.reassign(now),
            // While Syncing, it has to wait until it is Stable.
            _ => {}
        }
    }

    /// The application let go of all that [`Action::Revoke`] and [`Action::Lost`] named, and committed what it could.
    pub fn on_revoked(&mut self, now: Now) {
        // If there is one that the driver does not know of yet, that is the answer to an earlier one.
        if self.outputs.iter().any(|action| matches!(action, Action::Revoke { .. } | Action::Lost { .. })) {
            return;
        }
        self.is_losing = false;
        if self.state == ClassicState::Losing {
            return self.proceed(now);
        }
        let Some(revocation) = self.revocation.take() else { return };
        let gone: BTreeSet<_> = revocation.partitions.into_iter().collect();
        self.owned.retain(|partition| !gone.contains(partition));
        if let Some(assigned) = revocation.assigned.filter(|_| self.goal() == Goal::Member) {
            self.adopt(assigned);
        }
        self.release(now);
    }

    /// Time passes.
    pub fn handle_timeout(&mut self, now: Now) {
        if self.revocation.as_ref().is_some_and(|waiting| waiting.deadline <= now.instant) {
            // The coordinator waits no longer either, and who lets go now is too late.
            self.reason = "partitions were not given up in time";
            self.tell("the application did not give partitions up within max.poll.interval.ms");
            self.membership = Membership::default();
            self.lose(now);
        }
        if self.state.has_heartbeat() && self.session_deadline <= now.instant {
            // As in Java, that alone loses nothing: the coordinator may have been away for as long, and whether it
            // still knows the member the next heartbeat tells.
            self.in_flight = None;
            self.lookup.forget();
            self.session_deadline = now.instant + self.config.session_timeout;
            self.heartbeat_at = now.instant;
        }
        if self.state == ClassicState::Leaving && self.leaving_deadline <= now.instant {
            self.finish();
        }
        self.offsets.expire(now, &self.config.group_id, &mut self.outputs);
    }

    /// What to do next; drain until `None` after every event.
    pub fn poll_action(&mut self, now: Now) -> Option<Action> {
        if let Some(action) = self.outputs.pop_front() {
            return Some(action);
        }
        if self.wants_coordinator() && self.lookup.is_due(now) {
            let token = self.token();
            self.lookup.on_sent(token);
            return Some(Action::FindCoordinator { token });
        }
        if let Some(action) = self.poll_offsets(now) {
            return Some(action);
        }
        if self.state == ClassicState::Leaving {
            return self.poll_leaving();
        }
        let node_id = self.lookup.node()?;
        let (request, timeout) = self.member_request(now)?;
        let token = self.token();
        self.in_flight = Some((token, request.api_key()));
        Some(Action::Send { token, node_id, request, timeout })
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) and [`poll_action`](Self::poll_action) next, if nothing
    /// happens before.
    pub fn next_timeout(&self) -> Option<Instant> {
        let mut next = self.offsets.next_timeout(self.lookup.node().is_some());
        if self.wants_coordinator() {
            next = earliest(next, self.lookup.next_timeout());
        }
        if self.in_flight.is_none() && self.lookup.node().is_some() {
            let retry_at = self.retry.at().unwrap_or_default();
            next = match self.state {
                ClassicState::Joining | ClassicState::Syncing => earliest(next, Some(retry_at)),
                state if state.has_heartbeat() => earliest(next, Some(self.heartbeat_at.max(retry_at))),
                _ => next,
            };
        }
        if self.state.has_heartbeat() {
            next = earliest(next, Some(self.session_deadline));
        }
        if self.state == ClassicState::Leaving {
            next = earliest(next, Some(self.leaving_deadline));
        }
        earliest(next, self.revocation.as_ref().map(|revocation| revocation.deadline))
    }

    fn token(&mut self) -> Token {
        self.next_token += 1;
        Token(self.next_token)
    }

    fn goal(&self) -> Goal {
        match () {
            () if self.is_closing => Goal::Closed,
            () if self.topics.is_empty() => Goal::Idle,
            () if self.is_overdue => Goal::Overdue,
            () => Goal::Member,
        }
    }

    fn protocol(&self) -> RebalanceProtocol {
        let protocols = self.assignors.iter().map(|assignor| assignor.protocol());
        protocols.min().unwrap_or(RebalanceProtocol::Eager)
    }

    fn wants_coordinator(&self) -> bool {
        match self.state {
            ClassicState::Leaving => self.wants_to_tell() || self.offsets.has_commits(),
            state => state.may_be_member() || !self.offsets.is_empty(),
        }
    }

    fn go(&mut self, next: ClassicState) {
        if self.state == next {
            return;
        }
        if !state::EDGES.take(self.state, next) {
            let error = GroupError::new(GroupErrorKind::Invariant, &self.config.group_id);
            self.state = ClassicState::Failed;
            self.outputs.push_back(Action::Failed(error));
            return;
        }
        self.state = next;
    }

    fn poll_offsets(&mut self, now: Now) -> Option<Action> {
        let node_id = self.lookup.node()?;
        let token = Token(self.next_token + 1);
        let request = self.offsets.poll(now, token, &self.config, &self.membership, &mut self.outputs);
        match request {
            Some(request) => {
                self.next_token += 1;
                Some(Action::Send { token, node_id, request, timeout: self.config.request_timeout })
            }
            None => self.outputs.pop_front(),
        }
    }

    fn on_offset_response(&mut self, now: Now, token: Token, result: Result<GroupResponse, RequestError>) {
        let spacing = (&self.config.backoff, &mut self.jitter);
        let group_id = &self.config.group_id;
        let consequence = self.offsets.on_response(now, token, result, group_id, spacing, &mut self.outputs);
        match consequence {
            Consequence::None => {}
            Consequence::ForgetCoordinator => self.lookup.forget(),
            // What an earlier membership was told does not concern this one.
            Consequence::Membership(membership, code) if membership == self.membership => {
                self.on_membership_code(now, code, ApiKey::OFFSET_COMMIT);
            }
            Consequence::Membership(..) => {}
        }
    }
}
