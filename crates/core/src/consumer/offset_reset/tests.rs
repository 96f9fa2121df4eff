//! Rules of resets.

use ottla_protocol::messages::list_offsets_response::ListOffsetsTopicResponse;
use ottla_protocol::types::{TopicName, Uuid};

use super::*;

struct One(Option<(NodeId, Option<LeaderEpoch>)>);

impl Leaders for One {
    fn leader(&self, _: &TopicPartition) -> Option<(NodeId, Option<LeaderEpoch>)> {
        self.0
    }

    fn topic_id(&self, _: &TopicName) -> Uuid {
        Uuid::ZERO
    }

    fn has_node(&self, _: NodeId) -> bool {
        true
    }
}

const LED: One = One(Some((NodeId(1), Some(LeaderEpoch(4)))));

struct Hand {
    reset: OffsetReset,
    positions: Positions,
    now: Now,
}

fn t(partition: i32) -> TopicPartition {
    TopicPartition::new("t", partition)
}

impl Hand {
    fn new(targets: &[ResetTarget]) -> Self {
        let config = FetchConfig {
            isolation_level: crate::consumer::IsolationLevel::ReadCommitted,
            ..FetchConfig::default()
        };
        let mut positions = Positions::default();
        for (partition, target) in (0..).zip(targets) {
            let assigned: Vec<_> = (0..=partition).map(t).collect();
            positions.assign(&assigned);
            positions.seek_to(&t(partition), *target);
        }
        Self { reset: OffsetReset::new(config, Jitter::seeded(1)), positions, now: Now::default() }
    }

    fn next(&mut self) -> Option<ResetAction> {
        self.reset.poll_action(self.now, &mut self.positions, &LED)
    }

    fn send(&mut self) -> (Token, Vec<(i32, i64)>) {
        match self.next() {
            Some(ResetAction::Send { token, request, .. }) => {
                assert_eq!((request.isolation_level, request.replica_id), (1, NodeId(-1)));
                assert_eq!(request.topics[0].partitions[0].current_leader_epoch, 4);
                let asked = request.topics[0].partitions.iter();
                (token, asked.map(|of| (of.partition_index, of.timestamp)).collect())
            }
            other => panic!("not a request: {other:?}"),
        }
    }

    fn answer(&mut self, token: Token, answers: &[(i32, ErrorCode, i64)]) {
        let mut topic = ListOffsetsTopicResponse::default();
        topic.name = "t".into();
        for (partition_index, code, offset) in answers {
            let mut entry = ListOffsetsPartitionResponse::default();
            entry.partition_index = *partition_index;
            entry.error_code = code.0;
            entry.offset = *offset;
            entry.leader_epoch = 3;
            topic.partitions.push(entry);
        }
        let mut response = ListOffsetsResponse::default();
        response.topics = vec![topic];
        self.reset.on_response(self.now, token, Ok(&response), &mut self.positions);
    }

    fn wake(&mut self) {
        self.now.instant = self.reset.next_timeout(&self.positions).expect("it waits");
    }

    fn offset(&self, partition: i32) -> Option<i64> {
        self.positions.position(&t(partition)).map(|position| position.offset.0)
    }
}

#[test]
fn positions_come_from_the_leader() {
    let mut hand = Hand::new(&[ResetTarget::Earliest, ResetTarget::Latest, ResetTarget::Timestamp(1234)]);
    let (token, asked) = hand.send();
    assert_eq!(asked, [(0, -2), (1, -1), (2, 1234)]);
    assert_eq!(hand.next(), None);
    let none = ErrorCode::NONE;
    hand.answer(token, &[(0, none, 10), (1, none, 20), (2, none, 15), (7, none, 1)]);
    assert_eq!([0, 1, 2].map(|at| hand.offset(at)), [Some(10), Some(20), Some(15)]);
    assert_eq!(hand.positions.position(&t(0)).and_then(|of| of.leader_epoch), Some(LeaderEpoch(3)));
    assert!(hand.positions.poll_started().is_some_and(|started| !started.is_committed));
    assert_eq!((hand.next(), hand.reset.next_timeout(&hand.positions)), (None, None));
}

#[test]
fn behind_the_last_timestamp_is_the_end() {
    let mut hand = Hand::new(&[ResetTarget::Timestamp(5)]);
    let (token, _) = hand.send();
    hand.answer(token, &[(0, ErrorCode::NONE, -1)]);
    assert_eq!(hand.send().1, [(0, -1)]);
}

#[test]
fn a_seek_goes_before_the_answer() {
    let mut hand = Hand::new(&[ResetTarget::Latest, ResetTarget::Latest]);
    let (token, _) = hand.send();
    hand.positions.seek(&t(0), Position { offset: Offset(3), leader_epoch: None });
    hand.positions.seek_to(&t(1), ResetTarget::Earliest);
    hand.answer(token, &[(0, ErrorCode::NONE, 20), (1, ErrorCode::NONE, 20)]);
    assert_eq!((hand.offset(0), hand.offset(1)), (Some(3), None));
    assert_eq!(hand.send().1, [(1, -2)]);
}

#[test]
fn what_may_pass_is_tried_again_after_a_pause_and_the_rest_is_told_as_well() {
    for (code, refreshes, told) in [
        (ErrorCode::NOT_LEADER_OR_FOLLOWER, true, false),
        (ErrorCode::OFFSET_NOT_AVAILABLE, false, false),
        (ErrorCode::TOPIC_AUTHORIZATION_FAILED, false, true),
        (ErrorCode(12345), false, true),
    ] {
        let mut hand = Hand::new(&[ResetTarget::Latest]);
        let (token, _) = hand.send();
        hand.answer(token, &[(0, code, -1)]);
        if refreshes {
            assert_eq!(hand.next(), Some(ResetAction::RefreshMetadata));
        }
        if told {
            let Some(ResetAction::Failed(error)) = hand.next() else { panic!("{code} is kept secret") };
            assert_eq!((error.code(), error.is_fatal()), (Some(code), false));
        }
        assert_eq!(hand.next(), None, "{code}");
        hand.wake();
        hand.send();
    }
}

#[test]
fn a_broker_that_does_not_answer_is_asked_again_after_a_pause() {
    let mut hand = Hand::new(&[ResetTarget::Latest]);
    let (token, _) = hand.send();
    hand.reset.on_response(hand.now, token, Err(RequestError::Timeout), &mut hand.positions);
    assert_eq!(hand.next(), Some(ResetAction::RefreshMetadata));
    assert_eq!(hand.next(), None);
    hand.wake();
    let (token, _) = hand.send();
    // Nor does an answer that lacks what was asked for lead in circles.
    hand.answer(token, &[]);
    assert_eq!(hand.next(), None);
    hand.wake();
    hand.send();
}

#[test]
fn a_partition_without_leader_waits_for_one() {
    let mut hand = Hand::new(&[ResetTarget::Latest]);
    let (now, leaders) = (hand.now, One(None));
    let refresh = hand.reset.poll_action(now, &mut hand.positions, &leaders);
    assert_eq!(refresh, Some(ResetAction::RefreshMetadata));
    assert_eq!(hand.reset.poll_action(now, &mut hand.positions, &leaders), None);
    hand.wake();
    hand.send();
}

#[test]
fn a_duration_counts_back_from_now() {
    let now = Now { unix_ms: 10_000, ..Now::default() };
    let back = |seconds| OffsetResetPolicy::ByDuration(Duration::from_secs(seconds)).target(now);
    assert_eq!(back(3), Some(ResetTarget::Timestamp(7_000)));
    assert_eq!(back(u64::MAX), Some(ResetTarget::Timestamp(0)));
    assert_eq!(OffsetResetPolicy::None.target(now), None);
}
