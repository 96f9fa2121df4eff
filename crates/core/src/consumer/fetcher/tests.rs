//! Rules of the fetcher: the test plays brokers, driver and application.

mod leaders;
mod random_walk;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::fetch_response::{FetchResponse, FetchableTopicResponse, PartitionData};
use ottla_protocol::records::BatchHeader;

use super::*;
use crate::consumer::{ConsumerErrorKind, OffsetResetPolicy};
use crate::request::RequestError;

/// Leaders by partition index, of every topic; topic ids if so.
#[derive(Default)]
struct Cluster {
    leaders: BTreeMap<i32, i32>,
    topic_id: Uuid,
    nodes: Vec<i32>,
}

impl Leaders for Cluster {
    fn leader(&self, partition: &TopicPartition) -> Option<(NodeId, Option<LeaderEpoch>)> {
        let node_id = self.leaders.get(&partition.partition)?;
        Some((NodeId(*node_id), Some(LeaderEpoch(7))))
    }

    fn topic_id(&self, _: &TopicName) -> Uuid {
        self.topic_id
    }

    fn has_node(&self, node_id: NodeId) -> bool {
        self.nodes.contains(&node_id.0)
    }
}

struct Hand {
    fetcher: Fetcher,
    positions: Positions,
    cluster: Cluster,
    now: Now,
}

/// A request, flattened: partitions with offsets.
struct Sent {
    token: Token,
    node_id: i32,
    partitions: Vec<(i32, i64)>,
    request: FetchRequest,
    versions: VersionRange,
}

impl Sent {
    fn new(token: Token, node_id: NodeId, request: FetchRequest, versions: VersionRange) -> Self {
        let topics = request.topics.iter();
        let partitions = topics
            .flat_map(|topic| topic.partitions.iter().map(|of| (of.partition, of.fetch_offset)))
            .collect();
        Self { token, node_id: node_id.0, partitions, request, versions }
    }
}

fn t(partition: i32) -> TopicPartition {
    TopicPartition::new("t", partition)
}

fn at(offset: i64) -> Position {
    Position { offset: Offset(offset), leader_epoch: None }
}

/// A batch of `size` bytes with offsets `base` to `last`.
fn batch(base: i64, last: i64, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size.max(BatchHeader::SIZE)];
    let length = bytes.len() as i32 - 12;
    bytes[..8].copy_from_slice(&base.to_be_bytes());
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    bytes[12..16].copy_from_slice(&5i32.to_be_bytes());
    bytes[16] = 2;
    bytes[23..27].copy_from_slice(&((last - base) as i32).to_be_bytes());
    bytes
}

fn data(partition_index: i32, records: Vec<u8>) -> PartitionData {
    let mut data = PartitionData::default();
    data.partition_index = partition_index;
    data.high_watermark = 100;
    data.last_stable_offset = 90;
    data.log_start_offset = 1;
    data.records = Some(records.into());
    data
}

fn refusal(partition_index: i32, code: ErrorCode) -> PartitionData {
    let mut data = PartitionData::default();
    data.partition_index = partition_index;
    data.error_code = code.0;
    data
}

impl Hand {
    /// Partitions 0, 1, … of topic `t` at offset 10, led by these nodes.
    fn new(config: FetchConfig, leaders: &[i32]) -> Self {
        let mut positions = Positions::default();
        let assigned: Vec<_> = (0..leaders.len() as i32).map(t).collect();
        positions.assign(&assigned);
        for partition in &assigned {
            positions.seek(partition, at(10));
        }
        let cluster = Cluster {
            leaders: (0..).zip(leaders.iter().copied()).collect(),
            nodes: (1..9).collect(),
            ..Cluster::default()
        };
        let fetcher = Fetcher::new(config, Jitter::seeded(1));
        Self { fetcher, positions, cluster, now: Now::default() }
    }

    fn next(&mut self) -> Option<FetchAction> {
        self.fetcher.poll_action(self.now, &mut self.positions, &self.cluster)
    }

    fn send(&mut self) -> Sent {
        match self.next() {
            Some(FetchAction::Send { token, node_id, request, versions, .. }) => {
                Sent::new(token, node_id, request, versions)
            }
            other => panic!("not a request: {other:?}"),
        }
    }

    fn deliver(&mut self) -> Delivery {
        match self.next() {
            Some(FetchAction::Deliver(delivery)) => delivery,
            other => panic!("not a delivery: {other:?}"),
        }
    }

    fn fail(&mut self) -> ConsumerError {
        match self.next() {
            Some(FetchAction::Failed(error)) => error,
            other => panic!("not a failure: {other:?}"),
        }
    }

    fn answer(&mut self, token: Token, partitions: Vec<PartitionData>) {
        let mut topic = FetchableTopicResponse::default();
        topic.topic = "t".into();
        topic.partitions = partitions;
        let mut response = FetchResponse::default();
        response.responses = vec![topic];
        self.fetcher.on_response(self.now, token, Ok(response), &mut self.positions);
    }

    fn wake(&mut self) {
        let next = self.fetcher.next_timeout(&self.positions).expect("it waits");
        assert!(next > self.now.instant);
        self.now.instant = next;
    }

    /// The application takes all of it and lets it go.
    fn consume(&mut self, delivery: &Delivery) {
        self.positions.on_taken(&delivery.partition, delivery.fetch_epoch, delivery.size());
        self.fetcher.unpin(delivery.size());
    }
}

#[test]
fn every_leader_is_asked_for_its_partitions_one_request_at_a_time() {
    let mut hand = Hand::new(FetchConfig::default(), &[1, 2, 1]);
    let first = hand.send();
    let second = hand.send();
    assert_eq!((first.node_id, first.partitions), (1, vec![(0, 10), (2, 10)]));
    assert_eq!((second.node_id, second.partitions), (2, vec![(1, 10)]));
    let request = &first.request;
    assert_eq!((request.session_id, request.session_epoch, request.replica_id), (0, -1, NodeId(-1)));
    assert_eq!((request.min_bytes, request.max_wait_ms), (1, 500));
    let entry = &request.topics[0].partitions[0];
    assert_eq!((entry.current_leader_epoch, entry.partition_max_bytes), (7, 1 << 20));
    assert_eq!((hand.next(), hand.fetcher.next_timeout(&hand.positions)), (None, None));
    hand.answer(second.token, vec![data(1, vec![])]);
    assert_eq!(hand.send().node_id, 2);
    assert_eq!(hand.next(), None);
}

#[test]
fn a_request_can_be_written_in_every_version_that_it_is_for() {
    for (topic_id, max) in [(Uuid::ZERO, 12), (Uuid([1; 16]), FetchRequest::VERSIONS.max)] {
        let config = FetchConfig { rack_id: Some("r".into()), ..FetchConfig::default() };
        let mut hand = Hand::new(config, &[1]);
        hand.cluster.topic_id = topic_id;
        let sent = hand.send();
        assert_eq!(sent.versions, VersionRange::new(4, max));
        for version in 4..=max {
            let bytes = sent.request.to_bytes(version).expect("it can be written");
            FetchRequest::decode(&bytes, version).expect("it can be read");
        }
    }
}

#[test]
fn an_answer_by_topic_id_is_understood() {
    let mut hand = Hand::new(FetchConfig::default(), &[1]);
    hand.cluster.topic_id = Uuid([1; 16]);
    let sent = hand.send();
    let mut topic = FetchableTopicResponse::default();
    topic.topic_id = Uuid([1; 16]);
    topic.partitions = vec![data(0, batch(10, 12, 100))];
    let mut stranger = FetchableTopicResponse::default();
    stranger.topic_id = Uuid([2; 16]);
    stranger.partitions = vec![data(0, batch(10, 12, 100))];
    let mut response = FetchResponse::default();
    response.responses = vec![stranger, topic];
    hand.fetcher.on_response(hand.now, sent.token, Ok(response), &mut hand.positions);
    assert_eq!(hand.deliver().partition, t(0));
    assert!(matches!(hand.next(), Some(FetchAction::Send { .. })));
}

#[test]
fn the_next_fetch_starts_behind_the_last_whole_batch() {
    let mut hand = Hand::new(FetchConfig::default(), &[1]);
    let sent = hand.send();
    // The first batch starts before the position, the last one is cut.
    let mut records = batch(8, 11, 100);
    records.extend(batch(12, 20, 200));
    records.extend(&batch(21, 30, 300)[..299]);
    let mut answer = data(0, records);
    let mut aborted = ottla_protocol::messages::fetch_response::AbortedTransaction::default();
    aborted.producer_id = ProducerId(3);
    aborted.first_offset = 15;
    answer.aborted_transactions = Some(vec![aborted]);
    hand.answer(sent.token, vec![answer]);
    let delivery = hand.deliver();
    assert_eq!((delivery.fetch_offset, delivery.next_offset), (Offset(10), Offset(21)));
    assert_eq!((delivery.high_watermark, delivery.last_stable_offset), (Some(Offset(100)), Some(Offset(90))));
    let first_offset = Offset(15);
    let aborted = AbortedTransaction { producer_id: ProducerId(3), first_offset };
    assert_eq!(delivery.aborted_transactions, [aborted]);
    assert_eq!(delivery.size(), 599);
    let position = Position { offset: Offset(21), leader_epoch: Some(LeaderEpoch(5)) };
    assert_eq!(hand.positions.position(&t(0)), Some(position));
    assert_eq!(hand.send().partitions, [(0, 21)]);
    let lag = |level| hand.positions.lag(&t(0), Offset(12), level);
    assert_eq!(lag(crate::consumer::IsolationLevel::ReadUncommitted), Some(88));
    assert_eq!(lag(crate::consumer::IsolationLevel::ReadCommitted), Some(78));
}

#[test]
fn old_message_sets_end_at_the_offset_in_front() {
    let mut hand = Hand::new(FetchConfig::default(), &[1]);
    let sent = hand.send();
    let mut records = batch(15, 15, 100);
    records[16] = 1;
    hand.answer(sent.token, vec![data(0, records)]);
    assert_eq!(hand.deliver().next_offset, Offset(16));
}

#[test]
fn what_was_asked_before_a_seek_a_pause_or_a_rebalance_is_dropped() {
    let changes: [fn(&mut Positions); 4] = [
        |positions| assert!(positions.seek(&t(0), at(50))),
        |positions| assert!(positions.seek(&t(0), at(10))),
        |positions| assert!(positions.pause(&t(0))),
        |positions| {
            positions.revoke(&[t(0)]);
            positions.assign(&[t(0)]);
        },
    ];
    for change in changes {
        let mut hand = Hand::new(FetchConfig::default(), &[1]);
        let sent = hand.send();
        change(&mut hand.positions);
        let before = hand.positions.position(&t(0));
        hand.answer(sent.token, vec![data(0, batch(10, 12, 100))]);
        assert!(!matches!(hand.next(), Some(FetchAction::Deliver(_))));
        assert_eq!(hand.positions.position(&t(0)), before);
        assert_eq!(hand.fetcher.pinned(), 0);
    }
}

#[test]
fn what_was_delivered_before_a_pause_stays_valid_and_a_resume_reads_on() {
    let mut hand = Hand::new(FetchConfig::default(), &[1]);
    let sent = hand.send();
    hand.answer(sent.token, vec![data(0, batch(10, 12, 100))]);
    let delivery = hand.deliver();
    hand.positions.pause(&t(0));
    let sent = hand.send_if_any();
    assert!(sent.is_none());
    assert!(hand.positions.is_current(&t(0), delivery.fetch_epoch));
    hand.positions.resume(&t(0));
    assert_eq!(hand.send().partitions, [(0, 13)]);
    hand.positions.seek(&t(0), at(10));
    assert!(!hand.positions.is_current(&t(0), delivery.fetch_epoch));
}

impl Hand {
    fn send_if_any(&mut self) -> Option<FetchAction> {
        self.next().filter(|action| matches!(action, FetchAction::Send { .. }))
    }
}

#[test]
fn a_broker_is_not_asked_while_much_of_a_partition_of_its_waits_for_the_application() {
    let config = FetchConfig { max_partition_bytes: 1000, ..FetchConfig::default() };
    let mut hand = Hand::new(config, &[1, 1]);
    let sent = hand.send();
    hand.answer(sent.token, vec![data(0, batch(10, 12, 501)), data(1, batch(10, 12, 500))]);
    let (much, _) = (hand.deliver(), hand.deliver());
    assert_eq!(hand.next(), None);
    hand.consume(&much);
    assert_eq!(hand.send().partitions, [(0, 13), (1, 13)]);
}

#[test]
fn who_brought_something_longest_ago_comes_first() {
    let mut hand = Hand::new(FetchConfig::default(), &[1, 1, 1]);
    let sent = hand.send();
    hand.answer(sent.token, vec![data(0, batch(10, 12, 100))]);
    hand.deliver();
    let sent = hand.send();
    assert_eq!(sent.partitions, [(1, 10), (2, 10), (0, 13)]);
    hand.answer(sent.token, vec![data(2, batch(10, 12, 100)), data(1, batch(10, 12, 100))]);
    hand.deliver();
    hand.deliver();
    assert_eq!(hand.send().partitions, [(0, 13), (2, 13), (1, 13)]);
}

#[test]
fn memory_is_shared_among_brokers_and_never_promised_twice() {
    let config = FetchConfig { memory: 3000, max_partition_bytes: 1000, ..FetchConfig::default() };
    let mut hand = Hand::new(config, &[1, 2, 3]);
    let sent = [hand.send(), hand.send(), hand.send()];
    assert_eq!(sent.each_ref().map(|of| of.request.max_bytes), [1000; 3]);
    // One is larger than what it was promised: all the same it is delivered, and counts.
    hand.answer(sent[0].token, vec![data(0, batch(10, 12, 1900))]);
    let large = hand.deliver();
    hand.answer(sent[1].token, vec![data(1, batch(10, 12, 200))]);
    hand.deliver();
    assert_eq!(hand.fetcher.pinned(), 2100);
    // Nothing is left while the third request may bring its share.
    assert_eq!(hand.next(), None);
    hand.answer(sent[2].token, vec![data(2, vec![])]);
    assert_eq!(hand.next(), None);
    hand.consume(&large);
    // Who waits longest goes first; there is room for two.
    assert_eq!(hand.send().node_id, 1);
    assert_eq!(hand.send().node_id, 2);
    assert_eq!(hand.next(), None);
}

#[test]
fn one_batch_larger_than_all_memory_is_admitted_alone() {
    let config = FetchConfig { memory: 100, ..FetchConfig::default() };
    let mut hand = Hand::new(config, &[1]);
    let sent = hand.send();
    assert_eq!(
        (sent.request.max_bytes, sent.request.topics[0].partitions[0].partition_max_bytes),
        (100, 100)
    );
    hand.answer(sent.token, vec![data(0, batch(10, 12, 5000))]);
    let delivery = hand.deliver();
    assert_eq!(hand.next(), None);
    hand.consume(&delivery);
    hand.send();
}

#[test]
fn a_position_outside_of_the_partition_is_reset_by_the_policy() {
    let config = FetchConfig { reset_policy: OffsetResetPolicy::Earliest, ..FetchConfig::default() };
    let mut hand = Hand::new(config, &[1]);
    let sent = hand.send();
    hand.answer(sent.token, vec![refusal(0, ErrorCode::OFFSET_OUT_OF_RANGE)]);
    assert_eq!(hand.next(), None);
    let reset = PositionState::NeedsReset(crate::consumer::ResetTarget::Earliest);
    assert_eq!(hand.positions.state(&t(0)), Some(reset));

    let config = FetchConfig { reset_policy: OffsetResetPolicy::None, ..FetchConfig::default() };
    let mut hand = Hand::new(config, &[1]);
    let sent = hand.send();
    hand.answer(sent.token, vec![refusal(0, ErrorCode::OFFSET_OUT_OF_RANGE)]);
    let error = hand.fail();
    assert_eq!((error.kind(), error.offset()), (ConsumerErrorKind::OffsetOutOfRange, Some(Offset(10))));
    assert!(error.is_fatal());
    assert_eq!((hand.next(), hand.fetcher.next_timeout(&hand.positions)), (None, None));
    hand.positions.seek(&t(0), at(1));
    assert_eq!(hand.send().partitions, [(0, 1)]);
}

#[test]
fn a_position_is_reset_when_what_was_delivered_before_it_is_taken() {
    let config = FetchConfig { reset_policy: OffsetResetPolicy::Earliest, ..FetchConfig::default() };
    let mut hand = Hand::new(config, &[1]);
    let sent = hand.send();
    hand.answer(sent.token, vec![data(0, batch(10, 12, 100))]);
    let delivery = hand.deliver();
    let sent = hand.send();
    assert_eq!(sent.partitions, [(0, 13)]);
    hand.answer(sent.token, vec![refusal(0, ErrorCode::OFFSET_OUT_OF_RANGE)]);
    assert_eq!(hand.next(), None);
    assert_eq!(hand.positions.position(&t(0)).map(|position| position.offset), Some(Offset(13)));
    hand.consume(&delivery);
    hand.wake();
    let sent = hand.send();
    hand.answer(sent.token, vec![refusal(0, ErrorCode::OFFSET_OUT_OF_RANGE)]);
    let reset = PositionState::NeedsReset(crate::consumer::ResetTarget::Earliest);
    assert_eq!(hand.positions.state(&t(0)), Some(reset));
}

#[test]
fn what_may_pass_is_tried_again_after_a_pause_and_the_rest_is_told_as_well() {
    for (code, refreshes, told) in [
        (ErrorCode::NOT_LEADER_OR_FOLLOWER, true, None),
        (ErrorCode::FENCED_LEADER_EPOCH, true, None),
        (ErrorCode::UNKNOWN_LEADER_EPOCH, true, None),
        (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, true, None),
        (ErrorCode::UNKNOWN_TOPIC_ID, true, None),
        (ErrorCode::KAFKA_STORAGE_ERROR, true, None),
        (ErrorCode::OFFSET_NOT_AVAILABLE, true, None),
        (ErrorCode::CORRUPT_MESSAGE, false, Some(ConsumerErrorKind::Corrupt)),
        (ErrorCode::TOPIC_AUTHORIZATION_FAILED, false, Some(ConsumerErrorKind::TopicAuthorizationFailed)),
        (ErrorCode::UNKNOWN_SERVER_ERROR, false, Some(ConsumerErrorKind::Broker)),
    ] {
        let mut hand = Hand::new(FetchConfig::default(), &[1, 1]);
        let sent = hand.send();
        hand.answer(sent.token, vec![refusal(0, code), data(1, vec![])]);
        if refreshes {
            assert_eq!(hand.next(), Some(FetchAction::RefreshMetadata), "{code}");
        }
        if let Some(kind) = told {
            let error = hand.fail();
            assert_eq!((error.kind(), error.partition()), (kind, Some(&t(0))));
            assert!(error.is_retriable());
        }
        // The other partition goes on.
        let sent = hand.send();
        assert_eq!(sent.partitions, [(1, 10)]);
        assert_eq!(hand.next(), None);
        hand.answer(sent.token, vec![data(1, vec![])]);
        assert_eq!(hand.send().partitions, [(1, 10)]);
        hand.wake();
        assert_eq!(hand.next(), None, "one request at a time");
    }
}

#[test]
fn a_broker_without_usable_answer_is_asked_again_after_a_pause() {
    let closed = RequestError::Closed;
    for (error, told) in [(RequestError::Timeout, false), (RequestError::UnknownNode, false), (closed, true)]
    {
        let mut hand = Hand::new(FetchConfig::default(), &[1, 2]);
        let (sent, _) = (hand.send(), hand.send());
        hand.fetcher.on_response(hand.now, sent.token, Err(error), &mut hand.positions);
        assert_eq!(hand.next(), Some(FetchAction::RefreshMetadata));
        if told {
            assert_eq!(hand.fail().node_id(), Some(NodeId(1)));
        }
        assert_eq!(hand.next(), None);
        // The answer that comes too late is nobody's.
        hand.answer(sent.token, vec![data(0, batch(10, 12, 100))]);
        assert_eq!(hand.next(), None);
        hand.wake();
        assert_eq!(hand.send().node_id, 1);
    }
}

#[test]
fn data_that_leads_nowhere_is_told_and_tried_again_after_a_pause() {
    let mut negative = batch(10, 12, 100);
    negative[8] = 0xff;
    let mut short = batch(10, 12, 61);
    short[11] = 20;
    let mut magic = batch(10, 12, 100);
    magic[16] = 9;
    let cut = batch(10, 12, 100)[..99].to_vec();
    for (records, kind) in [
        (batch(8, 9, 100), ConsumerErrorKind::Corrupt),
        (negative, ConsumerErrorKind::Corrupt),
        (short, ConsumerErrorKind::Corrupt),
        (magic, ConsumerErrorKind::Corrupt),
        (batch(i64::MAX, i64::MAX, 100), ConsumerErrorKind::Corrupt),
        (cut, ConsumerErrorKind::BatchTooLarge),
        (vec![0; 5], ConsumerErrorKind::BatchTooLarge),
    ] {
        let mut hand = Hand::new(FetchConfig::default(), &[1]);
        let sent = hand.send();
        hand.answer(sent.token, vec![data(0, records)]);
        assert_eq!(hand.fail().kind(), kind);
        assert_eq!(hand.next(), None);
        hand.wake();
        assert_eq!(hand.send().partitions, [(0, 10)]);
    }
}

#[test]
fn whole_batches_before_a_broken_one_are_delivered() {
    let mut hand = Hand::new(FetchConfig::default(), &[1]);
    let sent = hand.send();
    let mut records = batch(10, 12, 100);
    records.extend([0xff; 40]);
    hand.answer(sent.token, vec![data(0, records)]);
    assert_eq!(hand.deliver().next_offset, Offset(13));
}

#[test]
fn a_nearer_replica_is_read_from_until_its_lease_is_over_or_it_fails() {
    let config = FetchConfig { rack_id: Some("r".into()), ..FetchConfig::default() };
    let mut hand = Hand::new(config, &[1]);
    let mut hint = data(0, vec![]);
    hint.preferred_read_replica = NodeId(2);
    let sent = hand.send();
    assert_eq!(sent.request.rack_id, "r");
    hand.answer(sent.token, vec![hint.clone()]);
    let sent = hand.send();
    assert_eq!(sent.node_id, 2);
    // It lags behind: the leader knows better whether the offset is there.
    hand.answer(sent.token, vec![refusal(0, ErrorCode::OFFSET_OUT_OF_RANGE)]);
    let sent = hand.send();
    assert_eq!(sent.node_id, 1);
    hand.answer(sent.token, vec![hint.clone()]);
    hand.now.instant = hand.now.instant + Duration::from_secs(300);
    let sent = hand.send();
    assert_eq!(sent.node_id, 1);
    // A replica that nobody knows is looked for.
    hint.preferred_read_replica = NodeId(99);
    hand.answer(sent.token, vec![hint]);
    assert_eq!(hand.next(), Some(FetchAction::RefreshMetadata));
    assert_eq!(hand.next(), None);
    hand.wake();
    assert_eq!(hand.send().node_id, 1);
}

#[test]
fn a_partition_without_leader_waits_for_one() {
    let mut hand = Hand::new(FetchConfig::default(), &[1]);
    let leaders = std::mem::take(&mut hand.cluster.leaders);
    assert_eq!(hand.next(), Some(FetchAction::RefreshMetadata));
    assert_eq!(hand.next(), None);
    hand.wake();
    assert_eq!(hand.next(), Some(FetchAction::RefreshMetadata));
    hand.cluster.leaders = leaders;
    hand.wake();
    hand.send();
}
