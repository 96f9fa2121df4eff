//! Rules of the member's machine: the test plays coordinator, application and clock.

mod offset_tests;
mod random_walk;

use ottla_protocol::consumer_protocol;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::heartbeat_response::HeartbeatResponse;
use ottla_protocol::messages::join_group_request::JoinGroupRequest;
use ottla_protocol::messages::join_group_response::{JoinGroupResponse, JoinGroupResponseMember};
use ottla_protocol::messages::leave_group_response::LeaveGroupResponse;
use ottla_protocol::messages::sync_group_response::SyncGroupResponse;

use super::*;
use crate::assignors::{Assignment, RangeAssignor};

const COORDINATOR: NodeId = NodeId(1);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn partitions(list: &[i32]) -> Vec<TopicPartition> {
    list.iter().map(|&partition| TopicPartition::new("t", partition)).collect()
}

/// A member, and the present.
struct Hand {
    group: ClassicGroup,
    now: Now,
}

impl Hand {
    fn new(config: ClassicGroupConfig) -> Self {
        Self::with(config, Arc::new(RangeAssignor))
    }

    fn with(config: ClassicGroupConfig, assignor: Arc<dyn Assignor>) -> Self {
        let group = ClassicGroup::new(config, vec![assignor], Jitter::seeded(1));
        Self { group, now: Now::default() }
    }

    /// A stable follower with partitions 0 and 1 of topic `t`, in generation 1, as member `m`.
    fn stable() -> Self {
        let mut hand = Self::new(ClassicGroupConfig::new("g".into()));
        hand.become_stable(&[0, 1]);
        hand
    }

    fn become_stable(&mut self, assigned: &[i32]) {
        self.group.subscribe(self.now, vec!["t".into()]);
        self.find();
        let (token, _) = self.join();
        self.answer(token, joined("m", "another", 1));
        let token = self.sync().0;
        self.answer(token, synced(assigned));
        assert!(matches!(self.next(), Some(Action::Assigned { .. })));
        assert_eq!(self.next(), None);
    }

    fn next(&mut self) -> Option<Action> {
        self.group.poll_action(self.now)
    }

    /// Lets time pass; asserts that the machine had not asked to be woken before.
    fn pass(&mut self, duration: Duration) {
        self.now.instant = self.now.instant + duration;
        self.group.handle_timeout(self.now);
    }

    /// Lets time pass until the machine wants to be woken.
    fn wake(&mut self) -> Duration {
        let next = self.group.next_timeout().expect("it wants to be woken");
        let waited = next.since(self.now.instant);
        self.pass(waited);
        waited
    }

    fn find(&mut self) {
        let Some(Action::FindCoordinator { token }) = self.next() else { panic!("no lookup") };
        assert_eq!(self.next(), None);
        self.group.on_coordinator(self.now, token, Ok(COORDINATOR));
    }

    fn send(&mut self) -> (Token, GroupRequest) {
        match self.next() {
            Some(Action::Send { token, node_id: COORDINATOR, request, .. }) => (token, request),
            other => panic!("not a request: {other:?}"),
        }
    }

    fn join(&mut self) -> (Token, JoinGroupRequest) {
        match self.send() {
            (token, GroupRequest::JoinGroup(request)) => (token, request),
            other => panic!("not a JoinGroup: {other:?}"),
        }
    }

    fn sync(&mut self) -> (Token, Vec<SyncGroupRequestAssignment>) {
        match self.send() {
            (token, GroupRequest::SyncGroup(request)) => (token, request.assignments),
            other => panic!("not a SyncGroup: {other:?}"),
        }
    }

    fn heartbeat(&mut self) -> Token {
        match self.send() {
            (token, GroupRequest::Heartbeat(_)) => token,
            other => panic!("not a Heartbeat: {other:?}"),
        }
    }

    fn answer(&mut self, token: Token, response: GroupResponse) {
        self.group.on_response(self.now, token, Ok(response));
    }

    fn disconnect(&mut self, token: Token) {
        let error = RequestError::Disconnected { sent: true, reason: "reset".into() };
        self.group.on_response(self.now, token, Err(error));
    }

    /// Waits for the next heartbeat and answers it.
    fn beat(&mut self, code: ErrorCode) {
        self.wake();
        let token = self.heartbeat();
        self.answer(token, beaten(code));
    }

    /// Partitions are lost, and the application lets go of them.
    fn lost(&mut self, lost: &[i32]) {
        assert_eq!(self.next(), Some(Action::Lost { partitions: partitions(lost) }));
        assert_eq!(self.next(), None, "it may not have let go");
        self.group.on_revoked(self.now);
    }

    fn refuse_join(&mut self, token: Token, code: ErrorCode, member_id: &str) {
        let mut response = JoinGroupResponse::default();
        response.error_code = code.0;
        response.member_id = member_id.into();
        self.answer(token, GroupResponse::JoinGroup(response));
    }
}

fn joined(member_id: &str, leader: &str, generation_id: i32) -> GroupResponse {
    let mut response = JoinGroupResponse::default();
    response.member_id = member_id.into();
    response.leader = leader.into();
    response.generation_id = generation_id;
    response.protocol_name = Some("range".into());
    GroupResponse::JoinGroup(response)
}

/// Elected, with these members and their topics.
fn elected(members: &[(&str, &[&str])], skip_assignment: bool) -> GroupResponse {
    let GroupResponse::JoinGroup(mut response) = joined("m", "m", 1) else { unreachable!() };
    response.skip_assignment = skip_assignment;
    for (member_id, topics) in members {
        let mut subscription =
            ottla_protocol::messages::consumer_protocol_subscription::ConsumerProtocolSubscription::default();
        subscription.topics = topics.iter().map(|&topic| topic.into()).collect();
        let mut member = JoinGroupResponseMember::default();
        member.member_id = (*member_id).into();
        member.metadata = consumer_protocol::encode_subscription(&subscription, 3).expect("it is valid");
        response.members.push(member);
    }
    GroupResponse::JoinGroup(response)
}

fn synced(assigned: &[i32]) -> GroupResponse {
    let mut topic = ottla_protocol::messages::consumer_protocol_assignment::TopicPartition::default();
    topic.topic = "t".into();
    topic.partitions = assigned.into();
    let mut blob =
        ottla_protocol::messages::consumer_protocol_assignment::ConsumerProtocolAssignment::default();
    blob.assigned_partitions = vec![topic];
    let mut response = SyncGroupResponse::default();
    response.assignment = consumer_protocol::encode_assignment(&blob, 1).expect("it is valid");
    GroupResponse::SyncGroup(response)
}

fn sync_refused(code: ErrorCode) -> GroupResponse {
    let mut response = SyncGroupResponse::default();
    response.error_code = code.0;
    GroupResponse::SyncGroup(response)
}

fn beaten(code: ErrorCode) -> GroupResponse {
    let mut response = HeartbeatResponse::default();
    response.error_code = code.0;
    GroupResponse::Heartbeat(response)
}

#[test]
fn a_member_without_an_id_gets_one_and_joins_with_it_at_once() {
    let mut hand = Hand::new(ClassicGroupConfig::new("g".into()));
    hand.group.subscribe(hand.now, vec!["b".into(), "a".into(), "b".into()]);
    hand.find();
    let (token, request) = hand.join();
    assert_eq!(request.member_id, "");
    assert_eq!((request.session_timeout_ms, request.rebalance_timeout_ms), (45_000, 300_000));
    assert_eq!(request.protocols[0].name, "range");
    let read = consumer_protocol::decode_subscription(&request.protocols[0].metadata).expect("it is valid");
    assert_eq!(read.topics, ["a", "b"]);
    assert_eq!(hand.next(), None);

    hand.refuse_join(token, ErrorCode::MEMBER_ID_REQUIRED, "m");
    let (token, request) = hand.join();
    assert_eq!(request.member_id, "m");
    hand.answer(token, joined("m", "another", 7));
    let (token, assignments) = hand.sync();
    assert!(assignments.is_empty());
    hand.answer(token, synced(&[0, 1]));
    let (all, added) = (partitions(&[0, 1]), partitions(&[0, 1]));
    let generation_id = GenerationId(7);
    assert_eq!(hand.next(), Some(Action::Assigned { partitions: all, added, generation_id }));
    assert_eq!(hand.next(), None);
    assert_eq!(hand.group.state(), ClassicState::Stable);
    assert!(!hand.group.is_leader());
}

#[test]
fn a_leader_asks_for_partitions_and_assigns_to_all_members() {
    let mut hand = Hand::new(ClassicGroupConfig::new("g".into()));
    hand.group.subscribe(hand.now, vec!["t".into()]);
    hand.find();
    let (token, _) = hand.join();
    hand.answer(token, elected(&[("m", &["t"]), ("n", &["t", "u"])], false));
    assert_eq!(hand.next(), Some(Action::NeedTopics { topics: vec!["t".into(), "u".into()] }));
    assert_eq!(hand.next(), None);
    // Metadata may take its time: the membership is kept up meanwhile.
    hand.beat(ErrorCode::NONE);

    let mut topics = TopicSnapshot::default();
    topics.insert("t".into(), 3);
    hand.group.on_topics(hand.now, &topics);
    let (token, assignments) = hand.sync();
    let read = |at: usize| read_partitions(&assignments[at].assignment);
    assert_eq!((assignments[0].member_id.as_str(), read(0)), ("m", vec![0, 1]));
    assert_eq!((assignments[1].member_id.as_str(), read(1)), ("n", vec![2]));
    hand.answer(token, synced(&[0, 1]));
    assert!(matches!(hand.next(), Some(Action::Assigned { .. })));
    assert!(hand.group.is_leader());

    // The same picture is no news, and racks are none to a member without one; another number is.
    topics.insert_with_racks("t".into(), vec![vec!["r".into()]; 3]);
    topics.insert("of nobody".into(), 3);
    hand.group.on_topics(hand.now, &topics);
    assert_eq!(hand.next(), None);
    topics.insert("t".into(), 4);
    hand.group.on_topics(hand.now, &topics);
    assert_eq!(hand.next(), Some(Action::Revoke { partitions: partitions(&[0, 1]) }));
}

#[test]
fn partitions_that_change_while_the_leader_syncs_are_assigned_after_it() {
    let mut hand = Hand::new(ClassicGroupConfig::new("g".into()));
    hand.group.subscribe(hand.now, vec!["t".into()]);
    hand.find();
    let (token, _) = hand.join();
    hand.answer(token, elected(&[("m", &["t"])], false));
    assert!(matches!(hand.next(), Some(Action::NeedTopics { .. })));
    // For a moment a broker did not know the topic.
    hand.group.on_topics(hand.now, &TopicSnapshot::default());
    let (token, _) = hand.sync();
    let mut topics = TopicSnapshot::default();
    topics.insert("t".into(), 2);
    hand.group.on_topics(hand.now, &topics);
    assert_eq!(hand.next(), None);
    hand.answer(token, synced(&[]));
    assert!(matches!(hand.next(), Some(Action::Assigned { .. })));
    let (token, request) = hand.join();
    assert_eq!(request.reason.as_deref(), Some("the topics' partitions changed"));
    hand.answer(token, elected(&[("m", &["t"])], false));
    assert!(matches!(hand.next(), Some(Action::NeedTopics { .. })));
    hand.group.on_topics(hand.now, &topics);
    assert_eq!(read_partitions(&hand.sync().1[0].assignment), [0, 1]);
}

fn read_partitions(blob: &bytes::Bytes) -> Vec<i32> {
    let assignment = consumer_protocol::decode_assignment(blob).expect("it is valid");
    assignment.assigned_partitions.iter().flat_map(|topic| topic.partitions.to_vec()).collect()
}

#[test]
fn a_static_leader_that_came_back_leaves_the_assignment_as_it_was() {
    let mut hand = Hand::new(ClassicGroupConfig::new("g".into()));
    hand.group.subscribe(hand.now, vec!["t".into()]);
    hand.find();
    let (token, _) = hand.join();
    hand.answer(token, elected(&[("m", &["t"])], true));
    assert!(matches!(hand.next(), Some(Action::NeedTopics { .. })));
    hand.group.on_topics(hand.now, &TopicSnapshot::default());
    assert!(hand.sync().1.is_empty());
}

#[test]
fn a_member_whose_subscription_cannot_be_read_gets_nothing() {
    let mut hand = Hand::new(ClassicGroupConfig::new("g".into()));
    hand.group.subscribe(hand.now, vec!["t".into()]);
    hand.find();
    let (token, _) = hand.join();
    let GroupResponse::JoinGroup(mut response) = elected(&[("m", &["t"]), ("n", &["t"])], false) else {
        unreachable!()
    };
    response.members[1].metadata = bytes::Bytes::from_static(b"\0");
    hand.answer(token, GroupResponse::JoinGroup(response));
    hand.next();
    let mut topics = TopicSnapshot::default();
    topics.insert("t".into(), 2);
    hand.group.on_topics(hand.now, &topics);
    let (_, assignments) = hand.sync();
    assert_eq!(read_partitions(&assignments[0].assignment), [0, 1]);
    assert_eq!(read_partitions(&assignments[1].assignment), [0; 0]);
}

#[test]
fn heartbeats_keep_their_interval_and_never_overlap() {
    let mut hand = Hand::stable();
    for _ in 0..3 {
        assert_eq!(hand.wake(), seconds(3));
        let token = hand.heartbeat();
        hand.pass(seconds(2));
        assert_eq!(hand.next(), None);
        hand.answer(token, beaten(ErrorCode::NONE));
        assert_eq!(hand.next(), None);
        assert_eq!(hand.wake(), seconds(1));
        let token = hand.heartbeat();
        hand.answer(token, beaten(ErrorCode::NONE));
    }
}

#[test]
fn before_a_rebalance_the_application_lets_go_while_heartbeats_go_on() {
    let mut hand = Hand::stable();
    hand.beat(ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(hand.next(), Some(Action::Revoke { partitions: partitions(&[0, 1]) }));
    assert_eq!(hand.next(), None);
    hand.beat(ErrorCode::REBALANCE_IN_PROGRESS);
    hand.beat(ErrorCode::NONE);
    assert_eq!(hand.group.state(), ClassicState::Revoking);
    assert_eq!(hand.group.assignment(), partitions(&[0, 1]));
    hand.group.on_revoked(hand.now);
    let (_, request) = hand.join();
    assert_eq!(request.member_id, "m");
    assert!(hand.group.assignment().is_empty());
}

#[test]
fn what_is_not_let_go_of_within_the_rebalance_timeout_is_lost() {
    let mut hand = Hand::stable();
    hand.beat(ErrorCode::REBALANCE_IN_PROGRESS);
    hand.next();
    let start = hand.now.instant;
    while hand.group.state() == ClassicState::Revoking {
        hand.wake();
        if hand.group.state() == ClassicState::Revoking {
            let token = hand.heartbeat();
            hand.answer(token, beaten(ErrorCode::REBALANCE_IN_PROGRESS));
        }
    }
    assert_eq!(hand.now.instant.since(start), seconds(300));
    assert!(matches!(hand.send(), (_, GroupRequest::LeaveGroup(_))));
    hand.lost(&[0, 1]);
    assert_eq!(hand.join().1.member_id, "");
}

#[test]
fn a_member_that_lost_its_partitions_joins_again_only_when_the_application_has_let_go() {
    for (code, member_id) in [(ErrorCode::ILLEGAL_GENERATION, "m"), (ErrorCode::UNKNOWN_MEMBER_ID, "")] {
        let mut hand = Hand::stable();
        hand.beat(code);
        assert_eq!(hand.next(), Some(Action::Lost { partitions: partitions(&[0, 1]) }));
        // However long it takes: no request, no deadline.
        assert_eq!((hand.next(), hand.group.next_timeout()), (None, None));
        hand.pass(seconds(1000));
        assert_eq!((hand.next(), hand.group.state()), (None, ClassicState::Losing));
        hand.group.on_revoked(hand.now);
        assert_eq!(hand.join().1.member_id, member_id);
        hand.group.on_revoked(hand.now);
        assert_eq!((hand.next(), hand.group.state()), (None, ClassicState::Joining));
    }
}

#[test]
fn what_is_lost_while_it_is_given_up_is_waited_for_all_the_same() {
    for code in [ErrorCode::ILLEGAL_GENERATION, ErrorCode::UNKNOWN_MEMBER_ID] {
        let mut hand = Hand::stable();
        hand.beat(ErrorCode::REBALANCE_IN_PROGRESS);
        assert_eq!(hand.next(), Some(Action::Revoke { partitions: partitions(&[0, 1]) }));
        hand.beat(code);
        // What comes before the driver knows of the loss is the answer to the Revoke: it is not over.
        hand.group.on_revoked(hand.now);
        hand.lost(&[0, 1]);
        hand.join();
    }
}

#[test]
fn a_commit_that_tells_of_the_loss_does_not_let_the_member_join_either() {
    let mut hand = Hand::stable();
    hand.beat(ErrorCode::REBALANCE_IN_PROGRESS);
    assert!(matches!(hand.next(), Some(Action::Revoke { .. })));
    let offset = OffsetAndMetadata::new(crate::consumer::Offset(5));
    hand.group.commit(hand.now, [(TopicPartition::new("t", 0), offset)].into());
    let (token, _) = hand.send();
    hand.answer(token, offset_tests::committed(&[("t", 0, ErrorCode::ILLEGAL_GENERATION)]));
    assert!(matches!(hand.next(), Some(Action::Committed { result: Err(_), .. })));
    hand.lost(&[0, 1]);
    hand.join();
}

#[test]
fn a_commit_that_waits_is_over_with_its_membership_even_if_the_same_generation_comes_back() {
    let mut hand = Hand::stable();
    let offset = OffsetAndMetadata::new(crate::consumer::Offset(5));
    hand.group.commit(hand.now, [(TopicPartition::new("t", 0), offset)].into());
    let (token, _) = hand.send();
    hand.answer(token, offset_tests::committed(&[("t", 0, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS)]));
    let second = OffsetAndMetadata::new(crate::consumer::Offset(6));
    hand.group.commit(hand.now, [(TopicPartition::new("t", 0), second)].into());
    hand.group.on_membership_code(hand.now, ErrorCode::ILLEGAL_GENERATION, ApiKey::HEARTBEAT);
    for _ in 0..2 {
        let Some(Action::Committed { result: Err(error), .. }) = hand.next() else { panic!("it waits on") };
        assert_eq!(error.kind(), GroupErrorKind::NotMember);
    }
    hand.lost(&[0, 1]);
    let (token, _) = hand.join();
    hand.answer(token, joined("m", "another", 1));
    let token = hand.sync().0;
    hand.answer(token, synced(&[0, 1]));
    assert!(matches!(hand.next(), Some(Action::Assigned { .. })));
    hand.pass(seconds(2));
    assert_eq!(hand.next(), None, "what was read before is not committed");
}

#[test]
fn who_leaves_or_unsubscribes_waits_for_nobody_and_who_comes_back_does() {
    let mut hand = Hand::stable();
    hand.beat(ErrorCode::ILLEGAL_GENERATION);
    assert!(matches!(hand.next(), Some(Action::Lost { .. })));
    hand.group.subscribe(hand.now, vec![]);
    assert!(matches!(hand.send(), (_, GroupRequest::LeaveGroup(_))));
    assert_eq!(hand.group.state(), ClassicState::Idle);
    hand.group.subscribe(hand.now, vec!["t".into()]);
    assert_eq!((hand.next(), hand.group.state()), (None, ClassicState::Losing));
    hand.group.leave(hand.now);
    assert_eq!((hand.next(), hand.next()), (Some(Action::Left), None));
}

#[test]
fn an_unknown_member_loses_everything_and_joins_as_a_new_one() {
    let mut hand = Hand::stable();
    hand.beat(ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(hand.group.generation_id(), None);
    hand.lost(&[0, 1]);
    assert_eq!(hand.join().1.member_id, "");
}

#[test]
fn a_member_of_an_earlier_generation_loses_everything_and_keeps_its_id() {
    let mut hand = Hand::stable();
    hand.beat(ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(hand.group.generation_id(), None);
    hand.lost(&[0, 1]);
    assert_eq!(hand.join().1.member_id, "m");
}

#[test]
fn what_only_a_person_can_mend_ends_the_membership() {
    for code in [
        ErrorCode::FENCED_INSTANCE_ID,
        ErrorCode::GROUP_AUTHORIZATION_FAILED,
        ErrorCode::INCONSISTENT_GROUP_PROTOCOL,
        ErrorCode::UNKNOWN_SERVER_ERROR,
        ErrorCode(12345),
    ] {
        let mut hand = Hand::stable();
        hand.beat(code);
        assert_eq!(hand.next(), Some(Action::Lost { partitions: partitions(&[0, 1]) }));
        let Some(Action::Failed(error)) = hand.next() else { panic!("{code} was taken lightly") };
        assert_eq!(error.code(), Some(code));
        assert!(error.is_fatal() && !error.is_retriable());
        assert_eq!((hand.next(), hand.group.next_timeout()), (None, None));
        // The same subscription tries again.
        hand.group.subscribe(hand.now, vec!["t".into()]);
        assert_eq!(hand.next(), None, "the application may not know yet");
        hand.group.on_revoked(hand.now);
        assert_eq!(hand.join().1.member_id, "");
    }
}

#[test]
fn a_group_that_chose_no_assignor_of_ours_is_refused() {
    let mut hand = Hand::new(ClassicGroupConfig::new("g".into()));
    hand.group.subscribe(hand.now, vec!["t".into()]);
    hand.find();
    let (token, _) = hand.join();
    let GroupResponse::JoinGroup(mut response) = joined("m", "n", 1) else { unreachable!() };
    response.protocol_name = Some("sticky".into());
    hand.answer(token, GroupResponse::JoinGroup(response));
    let Some(Action::Failed(error)) = hand.next() else { panic!("it was accepted") };
    assert_eq!(error.kind(), GroupErrorKind::InconsistentProtocol);
}

#[test]
fn when_the_coordinator_moves_the_membership_goes_on_at_the_new_one() {
    for code in [Some(ErrorCode::NOT_COORDINATOR), Some(ErrorCode::COORDINATOR_NOT_AVAILABLE), None] {
        let mut hand = Hand::stable();
        hand.wake();
        let token = hand.heartbeat();
        match code {
            Some(code) => hand.answer(token, beaten(code)),
            None => hand.disconnect(token),
        }
        hand.find();
        assert_eq!(hand.next(), None, "without a pause");
        assert!(hand.wake() < Duration::from_millis(121));
        let token = hand.heartbeat();
        hand.answer(token, beaten(ErrorCode::NONE));
        assert_eq!(hand.group.state(), ClassicState::Stable);
    }
}

#[test]
fn attempts_to_join_and_to_find_are_spaced() {
    let mut hand = Hand::new(ClassicGroupConfig::new("g".into()));
    hand.group.subscribe(hand.now, vec!["t".into()]);
    for floor in [80, 160, 320, 640, 800, 800] {
        let Some(Action::FindCoordinator { token }) = hand.next() else { panic!("no lookup") };
        let error = LookupError::Code(ErrorCode::COORDINATOR_NOT_AVAILABLE);
        hand.group.on_coordinator(hand.now, token, Err(error));
        assert_eq!(hand.next(), None);
        assert!(hand.wake() >= Duration::from_millis(floor));
    }
    hand.find();
    for floor in [80, 160, 320, 640, 800, 800] {
        let (token, _) = hand.join();
        hand.refuse_join(token, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, "");
        assert_eq!(hand.next(), None);
        assert!(hand.wake() >= Duration::from_millis(floor));
    }
}

#[test]
fn a_failed_sync_starts_over_with_a_join() {
    for code in [Some(ErrorCode::REBALANCE_IN_PROGRESS), Some(ErrorCode::NOT_COORDINATOR), None] {
        let mut hand = Hand::new(ClassicGroupConfig::new("g".into()));
        hand.group.subscribe(hand.now, vec!["t".into()]);
        hand.find();
        let (token, _) = hand.join();
        hand.answer(token, joined("m", "n", 1));
        let (token, _) = hand.sync();
        match code {
            Some(code) => hand.answer(token, sync_refused(code)),
            None => hand.disconnect(token),
        }
        if code != Some(ErrorCode::REBALANCE_IN_PROGRESS) {
            hand.find();
            hand.wake();
        }
        assert_eq!(hand.join().1.member_id, "m");
    }
}

#[test]
fn a_silent_coordinator_is_given_up_after_the_session_timeout() {
    let mut hand = Hand::stable();
    hand.wake();
    let token = hand.heartbeat();
    assert_eq!(hand.wake(), seconds(42));
    hand.find();
    let again = hand.heartbeat();
    // The answer to the first one no longer counts.
    hand.answer(token, beaten(ErrorCode::UNKNOWN_MEMBER_ID));
    assert_eq!(hand.group.state(), ClassicState::Stable);
    hand.answer(again, beaten(ErrorCode::NONE));
    assert_eq!(hand.next(), None);
}

#[test]
fn leaving_gives_up_commits_and_tells_the_coordinator() {
    let mut hand = Hand::stable();
    hand.group.leave(hand.now);
    assert_eq!(hand.next(), Some(Action::Revoke { partitions: partitions(&[0, 1]) }));
    let offset = OffsetAndMetadata::new(crate::consumer::Offset(5));
    hand.group.commit(hand.now, [(TopicPartition::new("t", 0), offset)].into());
    hand.group.on_revoked(hand.now);
    let (commit, GroupRequest::OffsetCommit(request)) = hand.send() else { panic!("no commit") };
    assert_eq!((request.member_id.as_str(), request.generation_id_or_member_epoch), ("m", 1));
    assert_eq!(hand.next(), None);
    hand.answer(commit, offset_tests::committed(&[("t", 0, ErrorCode::NONE)]));
    assert!(matches!(hand.next(), Some(Action::Committed { result: Ok(_), .. })));
    let (token, GroupRequest::LeaveGroup(request)) = hand.send() else { panic!("no farewell") };
    assert_eq!(request.members[0].member_id, "m");
    assert_eq!(hand.next(), None);
    hand.answer(token, GroupResponse::LeaveGroup(LeaveGroupResponse::default()));
    assert_eq!(hand.next(), Some(Action::Left));
    assert_eq!((hand.next(), hand.group.next_timeout()), (None, None));
}

#[test]
fn leaving_ends_in_time_whoever_is_silent() {
    let mut hand = Hand::stable();
    hand.group.leave(hand.now);
    hand.next();
    hand.group.on_revoked(hand.now);
    hand.send();
    assert_eq!(hand.wake(), seconds(30));
    assert_eq!(hand.next(), Some(Action::Left));

    let mut hand = Hand::new(ClassicGroupConfig::new("g".into()));
    hand.group.leave(hand.now);
    assert_eq!(hand.next(), Some(Action::Left));
}

#[test]
fn a_static_member_does_not_leave() {
    let mut config = ClassicGroupConfig::new("g".into());
    config.group_instance_id = Some("i".into());
    let mut hand = Hand::new(config);
    hand.become_stable(&[0]);
    hand.group.leave(hand.now);
    assert!(matches!(hand.next(), Some(Action::Revoke { .. })));
    hand.group.on_revoked(hand.now);
    assert_eq!(hand.next(), Some(Action::Left));
}

#[test]
fn an_application_that_does_not_poll_makes_room_until_it_does() {
    let mut hand = Hand::stable();
    hand.group.on_poll_overdue(hand.now);
    assert!(matches!(hand.send(), (_, GroupRequest::LeaveGroup(_))));
    assert_eq!(hand.next(), Some(Action::Lost { partitions: partitions(&[0, 1]) }));
    assert_eq!((hand.next(), hand.group.next_timeout()), (None, None));
    hand.group.on_poll(hand.now);
    assert_eq!((hand.next(), hand.group.state()), (None, ClassicState::Losing));
    hand.group.on_revoked(hand.now);
    assert_eq!(hand.join().1.member_id, "");
    hand.group.on_poll(hand.now);
    assert_eq!(hand.next(), None);
}

#[test]
fn a_new_subscription_rebalances_and_an_empty_one_leaves_until_the_next() {
    let mut hand = Hand::stable();
    hand.group.subscribe(hand.now, vec!["t".into()]);
    assert_eq!(hand.next(), None);
    hand.group.subscribe(hand.now, vec!["u".into()]);
    assert!(matches!(hand.next(), Some(Action::Revoke { .. })));
    hand.group.on_revoked(hand.now);
    let (token, _) = hand.join();
    hand.answer(token, joined("m", "n", 2));
    let (token, _) = hand.sync();
    // While the answer is under way: what is assigned then is not wanted any more.
    hand.group.subscribe(hand.now, vec!["v".into()]);
    hand.answer(token, synced(&[0]));
    let (token, request) = hand.join();
    let read = consumer_protocol::decode_subscription(&request.protocols[0].metadata).expect("it is valid");
    assert_eq!(read.topics, ["v"]);
    hand.group.subscribe(hand.now, vec![]);
    assert!(matches!(hand.send(), (_, GroupRequest::LeaveGroup(_))));
    hand.answer(token, joined("m", "n", 3));
    assert_eq!((hand.next(), hand.group.state()), (None, ClassicState::Idle));
    hand.group.subscribe(hand.now, vec!["t".into()]);
    assert_eq!(hand.join().1.member_id, "");
}

/// Assigns nothing: the tests answer for the coordinator.
struct Cooperative;

impl Assignor for Cooperative {
    fn name(&self) -> &str {
        "range"
    }

    fn protocol(&self) -> RebalanceProtocol {
        RebalanceProtocol::Cooperative
    }

    fn assign(&self, _: &[Member], _: &TopicSnapshot) -> BTreeMap<Str, Assignment> {
        BTreeMap::new()
    }
}

#[test]
fn a_cooperative_member_gives_up_only_what_is_withheld_and_joins_again() {
    let mut hand = Hand::with(ClassicGroupConfig::new("g".into()), Arc::new(Cooperative));
    hand.become_stable(&[0, 1]);
    hand.beat(ErrorCode::REBALANCE_IN_PROGRESS);
    let (token, request) = hand.join();
    let read = consumer_protocol::decode_subscription(&request.protocols[0].metadata).expect("it is valid");
    assert_eq!((read.owned_partitions[0].partitions.to_vec(), read.generation_id), (vec![0, 1], 1));
    hand.answer(token, joined("m", "n", 2));
    let (token, _) = hand.sync();
    hand.answer(token, synced(&[1, 2]));
    assert_eq!(hand.next(), Some(Action::Revoke { partitions: partitions(&[0]) }));
    assert_eq!(hand.next(), None);
    hand.group.on_revoked(hand.now);
    let (all, added, generation_id) = (partitions(&[1, 2]), partitions(&[2]), GenerationId(2));
    assert_eq!(hand.next(), Some(Action::Assigned { partitions: all, added, generation_id }));
    hand.join();
}

/// Without a step that the state has not.
#[test]
fn an_answer_that_comes_while_the_application_lets_go_gives_it_nothing() {
    for answers_join in [true, false] {
        let mut hand = Hand::with(ClassicGroupConfig::new("g".into()), Arc::new(Cooperative));
        hand.become_stable(&[0, 1]);
        hand.beat(ErrorCode::REBALANCE_IN_PROGRESS);
        let (token, _) = hand.join();
        let token = if answers_join {
            token
        } else {
            hand.answer(token, joined("m-1", "m-2", 6));
            hand.sync().0
        };
        hand.group.subscribe(hand.now, Vec::new());
        assert_eq!(hand.next(), Some(Action::Revoke { partitions: partitions(&[0, 1]) }));
        let answer = if answers_join { elected(&[("m-1", &["t"])], false) } else { synced(&[0, 1]) };
        hand.answer(token, answer);
        assert_eq!((hand.group.state(), hand.next()), (ClassicState::Revoking, None));
        hand.group.on_revoked(hand.now);
        assert!(matches!(hand.send().1, GroupRequest::LeaveGroup(_)));
        assert_eq!((hand.group.state(), hand.group.assignment()), (ClassicState::Idle, &[][..]));
    }
}

#[test]
fn a_lookup_that_is_refused_for_good_fails_the_group() {
    let mut hand = Hand::new(ClassicGroupConfig::new("g".into()));
    hand.group.subscribe(hand.now, vec!["t".into()]);
    let Some(Action::FindCoordinator { token }) = hand.next() else { panic!("no lookup") };
    let error = LookupError::Code(ErrorCode::GROUP_AUTHORIZATION_FAILED);
    hand.group.on_coordinator(hand.now, token, Err(error));
    let Some(Action::Failed(error)) = hand.next() else { panic!("it goes on") };
    assert_eq!(error.kind(), GroupErrorKind::AuthorizationFailed);
    assert_eq!(
        error.to_string(),
        "not authorized to use the group; grant READ on it: group g, FindCoordinator, \
         GROUP_AUTHORIZATION_FAILED (30)"
    );
}
