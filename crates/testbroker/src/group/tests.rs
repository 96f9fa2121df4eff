//! Rules of the classic group, under hand-made time.

use std::time::Duration;

use bytes::Bytes;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::join_group_response::JoinGroupResponse;
use ottla_protocol::messages::sync_group_response::SyncGroupResponse;

use super::{Group, GroupState, Identity, Joining, Leaving, MemberId, Protocol, Reply, Syncing};
use crate::config::{ClusterBuilder, Settings};
use crate::connection::{ConnectionId, RequestId};
use crate::now::Instant;
use crate::random::Random;

const SESSION: Duration = Duration::from_secs(10);
const REBALANCE: Duration = Duration::from_secs(60);

struct World {
    group: Group,
    now: Instant,
    settings: Settings,
    random: Random,
    requests: u64,
    replies: Vec<Reply>,
}

/// How a member joins.
#[derive(Clone, Default)]
struct As {
    id: MemberId,
    instance_id: Option<&'static str>,
    protocols: Vec<(&'static str, &'static str)>,
    requires_member_id: bool,
    can_skip: bool,
}

fn dynamic(id: &MemberId) -> As {
    As { id: id.clone(), protocols: vec![("range", "m")], ..As::default() }
}

fn static_member(instance_id: &'static str) -> As {
    As { instance_id: Some(instance_id), ..dynamic(&MemberId::default()) }
}

fn identity(id: &MemberId) -> Identity {
    Identity { member_id: id.clone(), instance_id: None }
}

impl World {
    fn new() -> Self {
        Self::with(ClusterBuilder::new())
    }

    fn with(builder: ClusterBuilder) -> Self {
        Self {
            group: Group::new(),
            now: Instant::from_micros(0),
            settings: builder.settings,
            random: Random::new(1),
            requests: 0,
            replies: Vec::new(),
        }
    }

    fn next_request(&mut self) -> RequestId {
        self.requests += 1;
        RequestId { connection: ConnectionId(self.requests), sequence: 0 }
    }

    fn join(&mut self, who: As) -> RequestId {
        let request = self.next_request();
        let protocols = who.protocols.iter().map(|(name, metadata)| Protocol {
            name: (*name).into(),
            metadata: Bytes::from_static(metadata.as_bytes()),
        });
        let joining = Joining {
            request,
            identity: Identity { member_id: who.id, instance_id: who.instance_id.map(Into::into) },
            client_id: "c".into(),
            client_host: "/h".into(),
            session_timeout: SESSION,
            rebalance_timeout: REBALANCE,
            protocol_type: "consumer".into(),
            protocols: protocols.collect(),
            requires_member_id: who.requires_member_id,
            can_skip_assignment: who.can_skip,
        };
        self.group.join(self.now, &self.settings, &mut self.random, joining);
        self.replies.extend(self.group.take_replies());
        request
    }

    fn sync(
        &mut self,
        id: &MemberId,
        generation_id: i32,
        assignments: &[(&MemberId, &'static str)],
    ) -> RequestId {
        let request = self.next_request();
        let assignments = assignments.iter();
        let syncing = Syncing {
            request,
            identity: identity(id),
            generation_id,
            protocol_type: None,
            protocol_name: None,
            assignments: assignments
                .map(|(id, bytes)| ((*id).clone(), Bytes::from_static(bytes.as_bytes())))
                .collect(),
        };
        self.group.sync(self.now, syncing);
        self.replies.extend(self.group.take_replies());
        request
    }

    fn advance(&mut self, by: Duration) {
        self.now = self.now + by;
        self.group.handle_timeout(self.now);
        self.replies.extend(self.group.take_replies());
        assert!(self.group.next_timeout().is_none_or(|next| next > self.now), "nothing due is left");
    }

    fn joined(&mut self, request: RequestId) -> Option<JoinGroupResponse> {
        let at =
            self.replies.iter().position(|reply| matches!(reply, Reply::Join(id, _) if *id == request))?;
        match self.replies.remove(at) {
            Reply::Join(_, response) => Some(response),
            Reply::Sync(..) => None,
        }
    }

    fn synced(&mut self, request: RequestId) -> Option<SyncGroupResponse> {
        let at =
            self.replies.iter().position(|reply| matches!(reply, Reply::Sync(id, _) if *id == request))?;
        match self.replies.remove(at) {
            Reply::Sync(_, response) => Some(response),
            Reply::Join(..) => None,
        }
    }

    fn refused(&mut self, request: RequestId) -> ErrorCode {
        ErrorCode(self.joined(request).expect("answered").error_code)
    }

    fn heartbeat(&mut self, id: &MemberId, generation_id: i32) -> Result<(), ErrorCode> {
        self.group.heartbeat(self.now, &identity(id), generation_id)
    }

    /// A stable group with two members: the leader, the follower and the generation.
    fn stable_pair(&mut self) -> (MemberId, MemberId, i32) {
        let request = self.join(dynamic(&MemberId::default()));
        let leader = MemberId(self.joined(request).expect("alone").member_id);
        let second = self.join(dynamic(&MemberId::default()));
        assert!(self.joined(second).is_none(), "waits for the leader to join again");
        let first = self.join(dynamic(&leader));
        let answer = self.joined(first).expect("all are there");
        let follower = MemberId(self.joined(second).expect("all are there").member_id);
        assert_eq!((answer.leader.as_str(), answer.members.len()), (leader.0.as_str(), 2));
        let generation = answer.generation_id;
        let waiting = self.sync(&follower, generation, &[]);
        assert!(self.synced(waiting).is_none(), "waits for the leader's assignment");
        let own = self.sync(&leader, generation, &[(&leader, "p0"), (&follower, "p1")]);
        assert_eq!(self.synced(own).expect("stable").assignment, "p0");
        assert_eq!(self.synced(waiting).expect("stable").assignment, "p1");
        assert_eq!(self.group.state(), GroupState::Stable);
        (leader, follower, generation)
    }
}

#[test]
fn two_members_share_a_generation_and_the_leader_assigns() {
    let mut world = World::new();
    let (leader, follower, generation) = world.stable_pair();
    assert_eq!(generation, 2);
    assert_eq!(world.heartbeat(&leader, generation), Ok(()));
    assert_eq!(world.heartbeat(&follower, generation - 1), Err(ErrorCode::ILLEGAL_GENERATION));
    assert_eq!(world.heartbeat(&MemberId("who".into()), generation), Err(ErrorCode::UNKNOWN_MEMBER_ID));
}

#[test]
fn a_new_member_must_come_back_with_the_id_it_is_given() {
    let mut world = World::new();
    let new = As { requires_member_id: true, ..dynamic(&MemberId::default()) };
    let request = world.join(new.clone());
    let answer = world.joined(request).expect("at once");
    assert_eq!(answer.error_code, ErrorCode::MEMBER_ID_REQUIRED.0);
    let id = MemberId(answer.member_id);
    assert!(id.0.starts_with("c-"));
    let request = world.join(As { id: id.clone(), ..new.clone() });
    assert_eq!(world.joined(request).expect("alone").generation_id, 1);
    // An id that nobody was given, and one whose time is over.
    let request = world.join(As { id: MemberId("who".into()), ..new.clone() });
    assert_eq!(world.refused(request), ErrorCode::UNKNOWN_MEMBER_ID);
    let request = world.join(new.clone());
    let late = MemberId(world.joined(request).expect("at once").member_id);
    assert_eq!(world.heartbeat(&id, 1), Ok(()));
    world.advance(SESSION);
    let request = world.join(As { id: late, ..new });
    assert_eq!(world.refused(request), ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn a_silent_member_is_expelled_and_the_others_rebalance() {
    let mut world = World::new();
    let (leader, follower, generation) = world.stable_pair();
    world.advance(SESSION / 2);
    assert_eq!(world.heartbeat(&leader, generation), Ok(()));
    world.advance(SESSION / 2);
    assert_eq!(world.group.state(), GroupState::PreparingRebalance);
    assert_eq!(world.heartbeat(&leader, generation), Err(ErrorCode::REBALANCE_IN_PROGRESS));
    assert_eq!(world.heartbeat(&follower, generation), Err(ErrorCode::UNKNOWN_MEMBER_ID));
    let request = world.join(dynamic(&leader));
    let answer = world.joined(request).expect("alone again");
    assert_eq!((answer.generation_id, answer.members.len()), (generation + 1, 1));
}

#[test]
fn a_rebalance_goes_on_without_a_member_that_does_not_join() {
    let mut world = World::new();
    let (leader, follower, generation) = world.stable_pair();
    let waiting = world.join(dynamic(&leader));
    for _ in 0..7 {
        assert!(world.joined(waiting).is_none());
        // Heartbeats alone do not keep a place.
        assert_eq!(world.heartbeat(&follower, generation), Err(ErrorCode::REBALANCE_IN_PROGRESS));
        world.advance(SESSION - Duration::from_secs(1));
    }
    let answer = world.joined(waiting).expect("the rebalance timeout is over");
    assert_eq!(answer.members.len(), 1);
    assert_eq!(world.heartbeat(&follower, generation), Err(ErrorCode::UNKNOWN_MEMBER_ID));
}

#[test]
fn a_member_that_joined_and_never_syncs_is_expelled() {
    let mut world = World::new();
    let request = world.join(dynamic(&MemberId::default()));
    let answer = world.joined(request).expect("alone");
    let id = MemberId(answer.member_id);
    for _ in 0..6 {
        assert_eq!(world.heartbeat(&id, 1), Ok(()));
        world.advance(SESSION - Duration::from_millis(1));
    }
    assert_eq!(world.heartbeat(&id, 1), Ok(()));
    world.advance(Duration::from_secs(1));
    assert_eq!(world.heartbeat(&id, 1), Err(ErrorCode::UNKNOWN_MEMBER_ID));
    assert_eq!(world.group.state(), GroupState::Empty);
}

#[test]
fn leaving_starts_a_rebalance_and_the_last_one_empties_the_group() {
    let mut world = World::new();
    let (leader, follower, generation) = world.stable_pair();
    let leave = |world: &mut World, id: &MemberId| world.group.leave(world.now, &identity(id));
    assert_eq!(leave(&mut world, &leader), Ok(()));
    assert_eq!(leave(&mut world, &leader), Err(ErrorCode::UNKNOWN_MEMBER_ID));
    assert_eq!(world.heartbeat(&follower, generation), Err(ErrorCode::REBALANCE_IN_PROGRESS));
    let request = world.join(dynamic(&follower));
    let answer = world.joined(request).expect("alone");
    assert_eq!(answer.leader, follower.0, "the next one leads");
    assert_eq!(leave(&mut world, &follower), Ok(()));
    assert_eq!(world.group.state(), GroupState::Empty);
    assert_eq!(world.group.next_timeout(), None);
}

#[test]
fn a_join_while_others_wait_for_the_assignment_starts_over() {
    let mut world = World::new();
    let request = world.join(dynamic(&MemberId::default()));
    let first = MemberId(world.joined(request).expect("alone").member_id);
    let second = world.join(dynamic(&MemberId::default()));
    let request = world.join(dynamic(&first));
    let generation = world.joined(request).expect("all are there").generation_id;
    let second = MemberId(world.joined(second).expect("all are there").member_id);
    let waiting = world.sync(&second, generation, &[]);
    world.join(dynamic(&MemberId::default()));
    let answer = world.synced(waiting).expect("dismissed");
    assert_eq!(answer.error_code, ErrorCode::REBALANCE_IN_PROGRESS.0);
    let request = world.sync(&first, generation, &[]);
    assert_eq!(world.synced(request).expect("refused").error_code, ErrorCode::REBALANCE_IN_PROGRESS.0);
}

#[test]
fn a_member_that_asks_again_gets_the_same_answer() {
    let mut world = World::new();
    let (_, follower, generation) = world.stable_pair();
    let request = world.join(dynamic(&follower));
    let answer = world.joined(request).expect("nothing changed");
    assert_eq!((answer.generation_id, answer.members.len()), (generation, 0));
    let request = world.sync(&follower, generation, &[]);
    assert_eq!(world.synced(request).expect("stable").assignment, "p1");
    let changed = As { protocols: vec![("range", "other topics")], ..dynamic(&follower) };
    let request = world.join(changed);
    assert!(world.joined(request).is_none(), "a rebalance");
}

#[test]
fn the_protocol_is_one_that_all_support_and_most_want() {
    let mut world = World::new();
    let with = |id: &MemberId, protocols: &[(&'static str, &'static str)]| As {
        protocols: protocols.to_vec(),
        ..dynamic(id)
    };
    let request = world.join(with(&MemberId::default(), &[("a", ""), ("b", ""), ("c", "")]));
    let first = MemberId(world.joined(request).expect("alone").member_id);
    let second = world.join(with(&MemberId::default(), &[("c", ""), ("b", "")]));
    let third = world.join(with(&MemberId::default(), &[("c", ""), ("b", "")]));
    let none = world.join(with(&MemberId::default(), &[("d", "")]));
    assert_eq!(world.refused(none), ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    world.join(with(&first, &[("a", ""), ("b", ""), ("c", "")]));
    for request in [second, third] {
        let answer = world.joined(request).expect("all are there");
        assert_eq!(answer.protocol_name.as_deref(), Some("c"));
    }
}

#[test]
fn a_restarted_static_member_takes_over_without_a_rebalance() {
    let mut world = World::new();
    let request = world.join(static_member("i"));
    let old = MemberId(world.joined(request).expect("alone").member_id);
    let request = world.sync(&old, 1, &[(&old, "p0")]);
    assert!(world.synced(request).is_some());
    let request = world.join(As { can_skip: true, ..static_member("i") });
    let answer = world.joined(request).expect("at once");
    let new = MemberId(answer.member_id.clone());
    assert_eq!((answer.generation_id, answer.skip_assignment), (1, true));
    assert_eq!(answer.leader, new.0);
    assert_ne!(new, old);
    let fenced = Identity { member_id: old.clone(), instance_id: Some("i".into()) };
    assert_eq!(world.group.heartbeat(world.now, &fenced, 1), Err(ErrorCode::FENCED_INSTANCE_ID));
    let current = Identity { member_id: new.clone(), instance_id: Some("i".into()) };
    assert_eq!(world.group.heartbeat(world.now, &current, 1), Ok(()));
    let request = world.sync(&new, 1, &[]);
    assert_eq!(world.synced(request).expect("stable").assignment, "p0");
    // Before v9 it is shown its old id as the leader's, so that it does not assign.
    let request = world.join(static_member("i"));
    let answer = world.joined(request).expect("at once");
    assert_eq!((answer.leader, answer.skip_assignment), (new.0, false));
}

#[test]
fn a_static_member_keeps_its_place_through_a_rebalance_it_misses() {
    let mut world = World::new();
    let request = world.join(static_member("i"));
    let absent = MemberId(world.joined(request).expect("alone").member_id);
    let waiting = world.join(dynamic(&MemberId::default()));
    // Its session is longer than what is left of the rebalance.
    for _ in 0..7 {
        let id = Identity { member_id: absent.clone(), instance_id: Some("i".into()) };
        assert_eq!(world.group.heartbeat(world.now, &id, 1), Err(ErrorCode::REBALANCE_IN_PROGRESS));
        world.advance(SESSION - Duration::from_secs(1));
    }
    let answer = world.joined(waiting).expect("the rebalance timeout is over");
    assert_eq!(answer.members.len(), 2);
    assert_eq!(answer.leader, answer.member_id, "who is there leads");
}

#[test]
fn an_administrator_removes_a_static_member_by_its_instance() {
    let mut world = World::new();
    world.join(static_member("i"));
    let leaving = |name: &str| Leaving { member_id: MemberId::default(), instance_id: Some(name.into()) };
    assert_eq!(world.group.leave(world.now, &leaving("j")), Err(ErrorCode::UNKNOWN_MEMBER_ID));
    assert_eq!(world.group.leave(world.now, &leaving("i")), Ok(()));
    assert_eq!(world.group.members().count(), 0);
}

#[test]
fn a_new_group_waits_for_more_members_if_told_to() {
    let delay = Duration::from_secs(3);
    let mut world = World::with(ClusterBuilder::new().group_initial_rebalance_delay(delay));
    let first = world.join(dynamic(&MemberId::default()));
    world.advance(delay / 2);
    let second = world.join(dynamic(&MemberId::default()));
    world.advance(delay / 2);
    assert!(world.joined(first).is_none(), "a member came: the delay starts again");
    world.advance(delay);
    assert_eq!(world.joined(first).expect("over").generation_id, 1);
    assert_eq!(world.joined(second).expect("over").generation_id, 1);
}

#[test]
fn a_group_is_as_large_as_it_may_be() {
    let mut world = World::with(ClusterBuilder::new().group_max_size(1));
    let request = world.join(dynamic(&MemberId::default()));
    let id = MemberId(world.joined(request).expect("alone").member_id);
    let request = world.join(dynamic(&MemberId::default()));
    assert_eq!(world.refused(request), ErrorCode::GROUP_MAX_SIZE_REACHED);
    let request = world.join(dynamic(&id));
    assert_eq!(world.refused(request), ErrorCode::NONE);
}

#[test]
fn commits_need_a_member_of_the_generation_or_an_empty_group() {
    let mut world = World::new();
    let nobody = Identity::default();
    assert_eq!(world.group.check_commit(world.now, &nobody, -1), Ok(()), "a simple consumer");
    let (leader, follower, generation) = world.stable_pair();
    let mut check = |who: &Identity, generation_id, expected| {
        assert_eq!(world.group.check_commit(world.now, who, generation_id), expected);
    };
    check(&nobody, -1, Err(ErrorCode::UNKNOWN_MEMBER_ID));
    check(&identity(&leader), generation, Ok(()));
    check(&identity(&leader), generation - 1, Err(ErrorCode::ILLEGAL_GENERATION));
    check(&identity(&MemberId("who".into())), generation, Err(ErrorCode::UNKNOWN_MEMBER_ID));
    // Members may commit while a rebalance waits for them, but not between joining and their assignment.
    world.join(dynamic(&leader));
    assert_eq!(world.group.check_commit(world.now, &identity(&follower), generation), Ok(()));
    world.join(dynamic(&follower));
    let next = generation + 1;
    let result = world.group.check_commit(world.now, &identity(&follower), next);
    assert_eq!(result, Err(ErrorCode::REBALANCE_IN_PROGRESS));
}

#[test]
fn only_an_empty_group_can_be_deleted() {
    let mut world = World::new();
    let (leader, follower, _) = world.stable_pair();
    assert_eq!(world.group.delete(), Err(ErrorCode::NON_EMPTY_GROUP));
    for id in [leader, follower] {
        world.group.leave(world.now, &identity(&id)).expect("a member");
    }
    // The one that was left had a rebalance to join; nobody is left to.
    assert_eq!(world.group.delete(), Ok(()));
    let request = world.join(dynamic(&MemberId::default()));
    assert_eq!(world.refused(request), ErrorCode::COORDINATOR_NOT_AVAILABLE);
}
