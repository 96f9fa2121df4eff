//! A member of a group that is never content: it subscribes to this and that and to nothing, does not poll for long, lets
//! go late or not at all, leaves and comes back, and is told what nobody gets over. In a group of its own, and without
//! reading anything: it is about every way through the states of a membership.
//!
//! What must hold: once nothing goes wrong any more and it wants to stay, it is soon a member for good.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ottla_core::assignors::{
    Assignment, Assignor, Member, RangeAssignor, RebalanceProtocol, RoundRobinAssignor, TopicSnapshot,
};
use ottla_core::groups::{Action, ClassicGroup, ClassicGroupConfig, ClassicState, FindGroupCoordinator};
use ottla_core::metadata::ClusterSnapshot;
use ottla_core::random::Jitter;
use ottla_core::time::{Instant, Now, earliest};
use ottla_protocol::message::Message;
use ottla_protocol::messages::find_coordinator_request::FindCoordinatorRequest;
use ottla_protocol::types::{Str, TopicName};

use super::client::{Client, Done, Progress};
use super::clock;
use super::connections::{Lane, Peer, Purpose};
use super::membership;
use super::network::Network;
use super::settings::{MAX_ROUNDS, TOPICS};
use crate::random::Random;

/// Its group.
const FICKLE_GROUP: &str = "fickle";

pub(super) struct Fickle {
    pub(super) client: Client,
    group: ClassicGroup,
    is_cooperative: bool,
    random: Random,
    snapshot: Arc<ClusterSnapshot>,
    /// When it changes its mind; not any more once all is calm.
    mood_at: Option<Instant>,
    /// When it lets go of what the group wants back.
    let_go_at: Option<Instant>,
    /// When it tells the leader's part of these topics.
    tell_at: Option<(Instant, Vec<TopicName>)>,
    coordinators_asked: usize,
    is_calm: bool,
}

impl Fickle {
    pub(super) fn new(mut client: Client, is_cooperative: bool, now: Instant, seed: u64) -> Self {
        let mut random = Random(seed);
        let topics = TOPICS.map(TopicName::from);
        client.want(now, &topics);
        let group = group(&client, is_cooperative, &mut random);
        Self {
            client,
            group,
            is_cooperative,
            random,
            snapshot: Arc::default(),
            mood_at: Some(now),
            let_go_at: None,
            tell_at: None,
            coordinators_asked: 0,
            is_calm: false,
        }
    }

    /// From here on it wants to stay.
    pub(super) fn calm_down(&mut self, now: Instant) {
        self.is_calm = true;
        self.mood_at = None;
        self.want_to_stay(now);
    }

    /// Whether it is a member for good.
    pub(super) fn is_settled(&self) -> bool {
        self.group.state() == ClassicState::Stable
    }

    /// Does everything that is due.
    pub(super) fn turn(&mut self, now: Instant, network: &mut Network) {
        self.client.connections.handle_timeout(now, network);
        for _ in 0..MAX_ROUNDS {
            let mut idle = true;
            while let Some(progress) = self.client.poll(now, network) {
                idle = false;
                match progress {
                    Progress::Snapshot(snapshot) => self.snapshot = snapshot,
                    Progress::NoSnapshot => {}
                    Progress::Done(done) => self.on_done(clock::to_client(now), done),
                }
            }
            self.group.handle_timeout(clock::to_client(now));
            idle &= !self.do_what_is_due(clock::to_client(now));
            while let Some(action) = self.group.poll_action(clock::to_client(now)) {
                idle = false;
                self.perform(now, action, network);
            }
            if idle {
                return;
            }
        }
        panic!("the member spins at {now:?}");
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let tell_at = self.tell_at.as_ref().map(|(at, _)| *at);
        let all =
            [self.mood_at, self.let_go_at, tell_at, self.group.next_timeout(), self.client.next_timeout()];
        all.into_iter().fold(None, earliest)
    }

    fn do_what_is_due(&mut self, now: Now) -> bool {
        let mut any = false;
        if self.let_go_at.is_some_and(|at| at <= now.instant) {
            self.let_go_at = None;
            self.group.on_revoked(now);
            any = true;
        }
        if let Some((_, topics)) = self.tell_at.take_if(|(at, _)| *at <= now.instant) {
            self.group.on_topics(now, &TopicSnapshot::of_cluster(&self.snapshot, &topics));
            any = true;
        }
        if self.mood_at.is_some_and(|at| at <= now.instant) {
            let a_while = if self.random.below(3) == 0 { 2_000 } else { 60 };
            self.mood_at = Some(now.instant + self.millis(a_while));
            self.change_its_mind(now);
            any = true;
        }
        any
    }

    fn change_its_mind(&mut self, now: Now) {
        match self.random.below(12) {
            0 | 1 => self.group.subscribe(now, Vec::new()),
            2 => self.group.on_poll_overdue(now),
            3 => self.group.leave(now),
            4..7 => {
                self.group.on_poll(now);
                let wanted = TOPICS.map(TopicName::from).into_iter();
                let wanted = wanted.filter(|_| self.random.below(3) > 0).collect();
                self.group.subscribe(now, wanted);
            }
            _ => self.group.on_poll(now),
        }
    }

    fn want_to_stay(&mut self, now: Instant) {
        let now = clock::to_client(now);
        if self.group.state() == ClassicState::Left {
            self.group = group(&self.client, self.is_cooperative, &mut self.random);
        }
        self.group.on_poll(now);
        self.group.subscribe(now, TOPICS.map(TopicName::from).to_vec());
    }

    fn perform(&mut self, now: Instant, action: Action, network: &mut Network) {
        match action {
            Action::FindCoordinator { token } => {
                let peer = self.client.connections.any_peer(self.coordinators_asked);
                self.coordinators_asked += 1;
                let what = (Purpose::Coordinator(token), FindGroupCoordinator(FICKLE_GROUP.into()));
                let options = (FindCoordinatorRequest::VERSIONS, self.client.limits.request_timeout);
                self.client.send(now, (peer, Lane::Control), what, options, network);
            }
            Action::Send { token, node_id, request, timeout } => {
                let to = (Peer::Node(node_id), Lane::Coordinator);
                let options = (request.versions(), timeout);
                let what = (Purpose::Group(token, request.api_key()), request);
                self.client.send(now, to, what, options, network);
                if !self.is_calm && self.random.below(4) == 0 {
                    // Before the answer, perhaps.
                    self.mood_at = Some(now + Duration::from_micros(self.random.below(8_000) as u64));
                }
            }
            Action::NeedTopics { topics } => {
                let a_while = if self.is_calm || self.random.below(2) == 0 { 5 } else { 1_500 };
                self.tell_at = Some((now + self.millis(a_while), topics));
            }
            Action::Revoke { .. } | Action::Lost { .. } => {
                let a_while = if self.is_calm || self.random.below(2) == 0 { 20 } else { 4_500 };
                self.let_go_at = Some(now + self.millis(a_while));
            }
            // It comes back as another one.
            Action::Left => {
                self.group = group(&self.client, self.is_cooperative, &mut self.random);
                (self.let_go_at, self.tell_at) = (None, None);
                if self.is_calm {
                    self.want_to_stay(now);
                }
            }
            Action::Failed(_) if self.is_calm => self.want_to_stay(now),
            _ => {}
        }
    }

    fn on_done(&mut self, now: Now, done: Done) {
        if let Some((other, _)) = membership::answer(&mut self.group, now, done) {
            unreachable!("no member asks for that: {other:?}");
        }
    }

    fn millis(&mut self, most: u64) -> Duration {
        Duration::from_millis(self.random.bits() % (most + 1))
    }
}

fn group(client: &Client, is_cooperative: bool, random: &mut Random) -> ClassicGroup {
    let mut config = ClassicGroupConfig::new(FICKLE_GROUP.into());
    config.session_timeout = Duration::from_secs(6);
    config.heartbeat_interval = Duration::from_millis(200);
    config.rebalance_timeout = Duration::from_secs(3);
    config.request_timeout = client.limits.request_timeout;
    config.api_timeout = Duration::from_secs(20);
    config.backoff = client.limits.backoff;
    let assignors: Vec<Arc<dyn Assignor>> = match is_cooperative {
        true => vec![Arc::new(Cooperative)],
        false => vec![Arc::new(RangeAssignor)],
    };
    ClassicGroup::new(config, assignors, Jitter::seeded(random.bits()))
}

/// Round robin in two steps: what another member still has is withheld until that one has let go of it (KIP-429).
struct Cooperative;

impl Assignor for Cooperative {
    fn name(&self) -> &str {
        "cooperative-roundrobin"
    }

    fn protocol(&self) -> RebalanceProtocol {
        RebalanceProtocol::Cooperative
    }

    fn assign(&self, members: &[Member], topics: &TopicSnapshot) -> BTreeMap<Str, Assignment> {
        let mut all = RoundRobinAssignor.assign(members, topics);
        for (member_id, assignment) in &mut all {
            assignment.partitions.retain(|partition| {
                let others = members.iter().filter(|member| member.member_id != *member_id);
                !others.into_iter().any(|other| other.subscription.owned_partitions.contains(partition))
            });
        }
        all
    }
}
