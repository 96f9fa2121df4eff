//! Rules of commits and lookups.

use ottla_protocol::messages::offset_commit_request::OffsetCommitRequest;
use ottla_protocol::messages::offset_commit_response::{
    OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use ottla_protocol::messages::offset_fetch_response::{
    OffsetFetchResponse, OffsetFetchResponseGroup, OffsetFetchResponsePartition,
    OffsetFetchResponsePartitions, OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};

use super::*;
use crate::consumer::{LeaderEpoch, Offset};

pub(super) fn committed(answers: &[(&str, i32, ErrorCode)]) -> GroupResponse {
    let mut response = OffsetCommitResponse::default();
    for (topic, partition_index, code) in answers {
        let mut partition = OffsetCommitResponsePartition::default();
        partition.partition_index = *partition_index;
        partition.error_code = code.0;
        let mut entry = OffsetCommitResponseTopic::default();
        entry.name = (*topic).into();
        entry.partitions = vec![partition];
        response.topics.push(entry);
    }
    GroupResponse::OffsetCommit(response)
}

fn offsets(list: &[(i32, i64)]) -> BTreeMap<TopicPartition, OffsetAndMetadata> {
    let each = list.iter();
    each.map(|&(partition, offset)| {
        (TopicPartition::new("t", partition), OffsetAndMetadata::new(Offset(offset)))
    })
    .collect()
}

fn take_commit(hand: &mut Hand) -> (Token, OffsetCommitRequest) {
    match hand.send() {
        (token, GroupRequest::OffsetCommit(request)) => (token, request),
        other => panic!("not a commit: {other:?}"),
    }
}

fn failure(hand: &mut Hand) -> GroupErrorKind {
    match hand.next() {
        Some(Action::Committed { result: Err(error), .. }) => error.kind(),
        other => panic!("not a failed commit: {other:?}"),
    }
}

#[test]
fn commits_go_one_after_another_and_only_what_is_left_is_tried_again() {
    let mut hand = Hand::stable();
    let first = hand.group.commit(hand.now, offsets(&[(0, 5), (1, 6)]));
    let second = hand.group.commit(hand.now, offsets(&[(0, 7)]));
    let (token, request) = take_commit(&mut hand);
    assert_eq!(request.topics.len(), 1);
    assert_eq!(request.topics[0].partitions.len(), 2);
    assert_eq!(hand.next(), None);
    let answers =
        [("t", 0, ErrorCode::OFFSET_METADATA_TOO_LARGE), ("t", 1, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS)];
    hand.answer(token, committed(&answers));
    assert_eq!(hand.next(), None);
    hand.wake();
    let (token, request) = take_commit(&mut hand);
    assert_eq!(request.topics[0].partitions.len(), 1);
    hand.answer(token, committed(&[("t", 1, ErrorCode::NONE)]));
    let Some(Action::Committed { token, result: Ok(done) }) = hand.next() else { panic!("not done") };
    assert_eq!(token, first);
    let results: Vec<_> = done.partitions.into_values().collect();
    assert_eq!(results, [Err(ErrorCode::OFFSET_METADATA_TOO_LARGE), Ok(())]);
    let (token, request) = take_commit(&mut hand);
    assert_eq!(request.topics[0].partitions[0].committed_offset, 7);
    hand.answer(token, committed(&[("t", 0, ErrorCode::NONE)]));
    assert!(matches!(hand.next(), Some(Action::Committed { token, .. }) if token == second));
}

#[test]
fn a_commit_is_never_made_in_another_generation_than_its_own() {
    let mut hand = Hand::stable();
    hand.group.commit(hand.now, offsets(&[(0, 5)]));
    let (token, _) = take_commit(&mut hand);
    hand.answer(token, committed(&[("t", 0, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS)]));
    hand.beat_rebalance();
    let (token, _) = hand.join();
    hand.answer(token, joined("m", "n", 2));
    hand.pass(seconds(1));
    assert!(matches!(hand.next(), Some(Action::Committed { result: Err(_), .. })));
}

#[test]
fn a_commit_that_finds_the_generation_over_fails_and_the_member_reacts() {
    let mut hand = Hand::stable();
    hand.group.commit(hand.now, offsets(&[(0, 5)]));
    let (token, _) = take_commit(&mut hand);
    hand.answer(token, committed(&[("t", 0, ErrorCode::REBALANCE_IN_PROGRESS)]));
    assert_eq!(failure(&mut hand), GroupErrorKind::RebalanceInProgress);
    assert!(matches!(hand.next(), Some(Action::Revoke { .. })));

    let mut hand = Hand::stable();
    hand.group.commit(hand.now, offsets(&[(0, 5)]));
    let (token, _) = take_commit(&mut hand);
    hand.answer(token, committed(&[("t", 0, ErrorCode::UNKNOWN_MEMBER_ID)]));
    assert_eq!(failure(&mut hand), GroupErrorKind::NotMember);
    assert!(matches!(hand.next(), Some(Action::Lost { .. })));
    // Until it is a member again there is nothing to commit in.
    hand.group.commit(hand.now, offsets(&[(0, 5)]));
    assert_eq!(failure(&mut hand), GroupErrorKind::NotMember);
}

#[test]
fn a_consumer_without_subscription_commits_outside_of_the_group() {
    let mut config = ClassicGroupConfig::new("g".into());
    config.group_instance_id = Some("i".into());
    let mut hand = Hand::new(config);
    hand.group.commit(hand.now, offsets(&[(0, 5)]));
    hand.find();
    let (token, request) = take_commit(&mut hand);
    assert_eq!((request.generation_id_or_member_epoch, request.member_id.as_str()), (-1, ""));
    assert_eq!(request.group_instance_id, None);
    hand.answer(token, committed(&[("t", 0, ErrorCode::UNKNOWN_MEMBER_ID)]));
    assert_eq!(failure(&mut hand), GroupErrorKind::NotMember);
    assert_eq!((hand.next(), hand.group.next_timeout()), (None, None));
}

#[test]
fn an_operation_ends_when_its_time_is_over_and_says_what_was_in_its_way() {
    let mut hand = Hand::new(ClassicGroupConfig::new("g".into()));
    hand.group.commit(hand.now, offsets(&[(0, 5)]));
    hand.find();
    let (token, _) = take_commit(&mut hand);
    hand.answer(token, committed(&[("t", 0, ErrorCode::NOT_COORDINATOR)]));
    let Some(Action::FindCoordinator { .. }) = hand.next() else { panic!("no lookup") };
    assert!(hand.wake() > seconds(59));
    let Some(Action::Committed { result: Err(error), .. }) = hand.next() else { panic!("not over") };
    assert_eq!((error.kind(), error.code()), (GroupErrorKind::Timeout, Some(ErrorCode::NOT_COORDINATOR)));
    assert!(error.is_retriable());
}

#[test]
fn operations_beyond_the_bound_are_refused() {
    let mut hand = Hand::new(ClassicGroupConfig::new("g".into()));
    for _ in 0..100 {
        hand.group.fetch_offsets(hand.now, partitions(&[0]).into_iter().collect());
    }
    hand.group.commit(hand.now, offsets(&[(0, 5)]));
    assert_eq!(failure(&mut hand), GroupErrorKind::TooManyOperations);
}

#[test]
fn offsets_are_looked_up_in_both_shapes_of_the_answer() {
    for by_group in [true, false] {
        let mut hand = Hand::new(ClassicGroupConfig::new("g".into()));
        let id = hand.group.fetch_offsets(hand.now, partitions(&[0, 1, 2, 3]).into_iter().collect());
        hand.find();
        let (token, GroupRequest::OffsetFetch(request)) = hand.send() else { panic!("no lookup") };
        assert!(request.require_stable);
        let topics = request.groups[0].topics.as_ref().expect("topics are named");
        assert_eq!(topics[0].partition_indexes[..], [0, 1, 2, 3]);
        let first = [(0, 5, 3, 0), (1, -1, -1, 0), (2, -1, -1, 29), (3, -1, -1, 88), (9, 1, 1, 0)];
        hand.answer(token, fetched(by_group, &first));
        // UNSTABLE_OFFSET_COMMIT is waited for.
        assert_eq!(hand.next(), None);
        hand.wake();
        let (token, _) = hand.send();
        hand.answer(token, fetched(by_group, &[(3, 8, -1, 0)]));
        let Some(Action::OffsetsFetched { token, result: Ok(found) }) = hand.next() else {
            panic!("not found")
        };
        assert_eq!(token, id);
        let at = |offset, leader_epoch| {
            let metadata = "x".into();
            Ok(Some(OffsetAndMetadata { offset: Offset(offset), leader_epoch, metadata }))
        };
        let found: Vec<_> = found.partitions.into_values().collect();
        let refused = Err(ErrorCode::TOPIC_AUTHORIZATION_FAILED);
        assert_eq!(found, [at(5, Some(LeaderEpoch(3))), Ok(None), refused, at(8, None)]);
    }
}

/// Answers for topic `t`: partition, offset, leader epoch, code.
fn fetched(by_group: bool, answers: &[(i32, i64, i32, i16)]) -> GroupResponse {
    let mut response = OffsetFetchResponse::default();
    let mut new = OffsetFetchResponseTopics::default();
    let mut old = OffsetFetchResponseTopic::default();
    (new.name, old.name) = ("t".into(), "t".into());
    for &(partition_index, committed_offset, committed_leader_epoch, error_code) in answers {
        let mut p = OffsetFetchResponsePartitions::default();
        (p.partition_index, p.committed_offset) = (partition_index, committed_offset);
        (p.committed_leader_epoch, p.error_code) = (committed_leader_epoch, error_code);
        p.metadata = Some("x".into());
        new.partitions.push(p);
        let mut p = OffsetFetchResponsePartition::default();
        (p.partition_index, p.committed_offset) = (partition_index, committed_offset);
        (p.committed_leader_epoch, p.error_code) = (committed_leader_epoch, error_code);
        p.metadata = Some("x".into());
        old.partitions.push(p);
    }
    if by_group {
        let mut group = OffsetFetchResponseGroup::default();
        group.topics = vec![new];
        response.groups = vec![group];
    } else {
        response.topics = vec![old];
    }
    GroupResponse::OffsetFetch(response)
}

impl Hand {
    /// Into the next rebalance, up to the JoinGroup request; commits that wait are left alone.
    fn beat_rebalance(&mut self) {
        self.group.on_membership_code(self.now, ErrorCode::REBALANCE_IN_PROGRESS, ApiKey::HEARTBEAT);
        assert!(matches!(self.next(), Some(Action::Revoke { .. })));
        self.group.on_revoked(self.now);
    }
}
