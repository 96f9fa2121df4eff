//! The rules of the producer, as arithmetic on time.

mod tally_tests;

use std::time::Duration;

use ottla_protocol::compression::{Compression, CompressionLevel, Compressor};
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::message::Message;
use ottla_protocol::messages::metadata_response::{
    MetadataResponse, MetadataResponsePartition, MetadataResponseTopic,
};
use ottla_protocol::messages::produce_response::{
    PartitionProduceResponse, ProduceResponse, TopicProduceResponse,
};
use ottla_protocol::records::{NO_HEADERS, RecordSet};

use super::*;
use crate::backoff::Backoff;
use crate::connection::Answer;
use crate::metadata::{Metadata, MetadataConfig};
use crate::request::RequestError;

const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));

fn config() -> ProducerConfig {
    ProducerConfig {
        acks: Acks::All,
        enable_idempotence: true,
        batch_size: 400,
        linger: Duration::ZERO,
        buffer_memory: 10_000,
        max_request_size: 5_000,
        max_in_flight: 2,
        compression: Compression::None,
        compression_level: CompressionLevel::DEFAULT,
        delivery_timeout: Duration::from_secs(10),
        backoff: BACKOFF,
    }
}

fn at(ms: u64) -> Now {
    Now { instant: Instant::from_start(Duration::from_millis(ms)), unix_ms: ms as i64 }
}

/// One topic whose partitions are led by nodes 1, 2, 1, 2, …
fn snapshot(partitions: i32) -> ClusterSnapshot {
    snapshot_led_by(partitions, |index| NodeId(1 + index % 2))
}

fn snapshot_led_by(partitions: i32, leader: fn(i32) -> NodeId) -> ClusterSnapshot {
    let mut topic = MetadataResponseTopic::default();
    topic.name = Some("t".into());
    for index in 0..partitions {
        let mut partition = MetadataResponsePartition::default();
        partition.partition_index = index;
        partition.leader_id = leader(index);
        topic.partitions.push(partition);
    }
    let mut response = MetadataResponse::default();
    response.topics.push(topic);
    let config = MetadataConfig {
        max_age: Duration::from_secs(300),
        backoff: BACKOFF,
        allow_auto_topic_creation: false,
    };
    let mut metadata = Metadata::new(config, Jitter::seeded(1), Instant::ZERO);
    let body = response.to_bytes(12).expect("it can be written");
    metadata.poll_request(Instant::ZERO);
    metadata.on_answer(Instant::ZERO, &Answer { version: 12, body }).expect("it can be read");
    (**metadata.snapshot()).clone()
}

/// The producer, and what a test needs to drive it.
struct World {
    producer: Producer<u32>,
    partitions: Vec<PartitionIndex>,
    tags: u32,
    completed: Vec<(u32, Result<i64, ProduceErrorKind>)>,
    refreshes: usize,
}

/// A request that went out.
struct Sent {
    token: Token,
    node: NodeId,
    /// Per batch: partition, base sequence, producer epoch, records.
    batches: Vec<(i32, i32, i16, i32)>,
}

impl World {
    fn new(config: ProducerConfig) -> Self {
        let snapshot = snapshot(2);
        let mut producer = Producer::new(config, Jitter::seeded(1));
        let partitions = (0..2).map(|p| producer.partition(&"t".into(), p, &snapshot)).collect();
        Self { producer, partitions, tags: 0, completed: Vec::new(), refreshes: 0 }
    }

    /// One whose leaders have acknowledged batch 1 of partition 0 and batch 2 of partition 1, a record each.
    fn introduced(config: ProducerConfig) -> Self {
        let mut world = Self::new(config);
        for partition in 0..2 {
            world.append(0, partition, 10).expect("room");
            world.producer.flush();
            let sent = world.run(0).remove(0);
            world.answer(0, &sent, ErrorCode::NONE);
        }
        world.run(0);
        world.completed.clear();
        world
    }

    fn append(&mut self, ms: u64, partition: usize, bytes: usize) -> Result<u32, Refusal> {
        let value = vec![b'x'; bytes];
        let record = RecordParts { timestamp: 1, key: None, value: Some(&value[..]), headers: NO_HEADERS };
        let tags = &mut self.tags;
        let tag = || {
            *tags += 1;
            *tags
        };
        self.producer.append(at(ms), self.partitions[partition], record, tag).map(|(tag, _, _)| *tag)
    }

    /// Performs everything that is due; gives ids at once, and returns the requests.
    fn run(&mut self, ms: u64) -> Vec<Sent> {
        let mut sent = Vec::new();
        while let Some(action) = self.producer.poll_action(at(ms).instant) {
            match action {
                Action::InitProducerId { token, producer_epoch, .. } => {
                    let id = Ok(Ok((7, producer_epoch + 1)));
                    self.producer.on_init_producer_id(at(ms), token, id);
                }
                Action::Send { token, node, batches } => sent.push(self.seal(token, node, batches)),
                Action::Complete { tag, outcome } => {
                    self.completed.push((tag, outcome.map(|d| d.base_offset).map_err(|e| e.kind())));
                }
                Action::RefreshMetadata => self.refreshes += 1,
                Action::MemoryFreed => {}
            }
        }
        sent
    }

    fn seal(&mut self, token: Token, node: NodeId, batches: Vec<Unsealed>) -> Sent {
        let mut sent = Sent { token, node, batches: Vec::new() };
        let mut sealed = Vec::new();
        for batch in batches {
            let bytes = match batch.content {
                UnsealedContent::Open(mut builder, options) => {
                    builder.seal(&options, &mut Compressor::new()).expect("sealed")
                }
                UnsealedContent::Sealed(bytes) => bytes,
            };
            let parsed = RecordSet::new(bytes.clone()).next().expect("one").expect("whole");
            let header = parsed.header().expect("magic 2");
            sent.batches.push((
                batch.partition,
                header.base_sequence,
                header.producer_epoch,
                header.record_count,
            ));
            sealed.push(Ok(bytes));
        }
        self.producer.on_sealed(token, sealed);
        sent
    }

    fn answer(&mut self, ms: u64, sent: &Sent, code: ErrorCode) {
        let mut topic = TopicProduceResponse::default();
        topic.name = "t".into();
        for &(partition, ..) in &sent.batches {
            let mut answer = PartitionProduceResponse::default();
            answer.index = partition;
            answer.error_code = code.0;
            answer.base_offset = 100;
            topic.partition_responses.push(answer);
        }
        let mut response = ProduceResponse::default();
        response.responses.push(topic);
        self.producer.on_produced(at(ms), sent.token, Ok(&response));
    }
}

/// A broker that has nothing of a producer in a partition takes any sequence, so that a batch which follows a failed
/// one would be written before it.
#[test]
fn a_partition_has_one_batch_under_way_until_its_leader_knows_the_producer() {
    let mut world = World::new(config());
    world.append(0, 0, 10).expect("room");
    let first = world.run(0).remove(0);
    world.append(0, 0, 10).expect("room");
    assert!(world.run(0).is_empty());
    assert_ne!(world.producer.next_timeout(), Some(at(0).instant), "there is nothing to do");
    world.append(0, 1, 10).expect("room");
    assert_eq!(world.run(0)[0].batches, [(1, 0, 0, 1)], "other partitions do not wait");
    world.answer(1, &first, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);

    let again = world.run(300).remove(0);
    assert_eq!(again.batches, [(0, 0, 0, 1)]);
    assert!(world.run(300).is_empty());
    world.answer(301, &again, ErrorCode::NONE);
    assert_eq!(world.run(301)[0].batches, [(0, 1, 0, 1)]);
    world.append(302, 0, 10).expect("room");
    assert_eq!(world.run(302)[0].batches, [(0, 2, 0, 1)], "a second one under way");
}

#[test]
fn a_record_goes_out_at_once_and_later_ones_gather_while_slots_are_full() {
    let mut world = World::introduced(config());
    for _ in 0..2 {
        world.append(0, 0, 10).expect("room");
        assert_eq!(world.run(0).len(), 1);
    }
    for _ in 0..3 {
        world.append(1, 0, 10).expect("room");
        assert!(world.run(1).is_empty(), "both slots of the node are used");
    }
}

#[test]
fn sequences_follow_the_records_of_each_partition() {
    let mut world = World::new(config());
    world.append(0, 0, 10).expect("room");
    world.append(0, 0, 10).expect("room");
    world.append(0, 1, 10).expect("room");
    let first = world.run(0);
    assert_eq!(
        first.iter().map(|s| (s.node.0, s.batches[0])).collect::<Vec<_>>(),
        [(1, (0, 0, 0, 2)), (2, (1, 0, 0, 1))]
    );
    world.answer(1, &first[0], ErrorCode::NONE);
    world.append(1, 0, 10).expect("room");
    assert_eq!(world.run(1)[0].batches, [(0, 2, 0, 1)]);
}

#[test]
fn linger_holds_a_batch_back_until_it_is_full_due_or_flushed() {
    let linger = Duration::from_millis(5);
    let mut world = World::introduced(ProducerConfig { linger, ..config() });
    world.append(0, 0, 10).expect("room");
    assert!(world.run(0).is_empty());
    assert_eq!(world.producer.next_timeout(), Some(at(5).instant));
    assert_eq!(world.run(5).len(), 1);
    world.append(6, 0, 10).expect("room");
    let mark = world.producer.flush();
    let sent = world.run(6);
    assert_eq!(sent.len(), 1);
    assert!(!world.producer.is_flushed(mark));
}

#[test]
fn a_flushed_batch_takes_no_more_records() {
    let mut world = World::new(ProducerConfig { linger: Duration::from_secs(1), ..config() });
    assert_eq!(world.append(0, 0, 10), Ok(1));
    assert_eq!(world.append(0, 0, 10), Ok(1));
    let mark = world.producer.flush();
    assert_eq!(world.append(0, 0, 10), Ok(2));
    let sent = world.run(0).remove(0);
    world.answer(1, &sent, ErrorCode::NONE);
    world.run(1);
    assert!(world.producer.is_flushed(mark));
}

#[test]
fn a_failed_batch_goes_again_before_those_that_followed_it() {
    let mut world = World::introduced(config());
    world.append(0, 0, 10).expect("room");
    let first = world.run(0).remove(0);
    world.append(0, 0, 10).expect("room");
    let second = world.run(0).remove(0);
    world.append(0, 0, 10).expect("room");
    world.answer(1, &first, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    assert!(world.run(1).is_empty(), "the second one is still under way");
    world.answer(2, &second, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_eq!(world.refreshes, 1);
    let mut order = Vec::new();
    for ms in [300, 600, 900] {
        for sent in world.run(ms) {
            order.push(sent.batches[0]);
            world.answer(ms, &sent, ErrorCode::NONE);
        }
    }
    // The second one was out of order only because the first was missing: it keeps its sequence.
    assert_eq!(order, [(0, 1, 0, 1), (0, 2, 0, 1), (0, 3, 0, 1)]);
    world.run(900);
    assert_eq!(world.completed, [(3, Ok(100)), (4, Ok(100)), (5, Ok(100))]);
}

/// What an earlier attempt did to it, the next one tells once the batch before it is through.
#[test]
fn out_of_order_behind_an_unresolved_batch_says_nothing_of_the_batch_itself() {
    for first_is_lost_last in [true, false] {
        let mut world = World::introduced(ProducerConfig { max_in_flight: 3, ..config() });
        let send = |world: &mut World| {
            world.append(0, 0, 10).expect("room");
            world.run(0).remove(0)
        };
        let (before, first, second) = (send(&mut world), send(&mut world), send(&mut world));
        let lost = || RequestError::Disconnected { sent: true, reason: "reset".into() };
        world.producer.on_produced(at(1), first.token, Err(lost()));
        world.producer.on_produced(at(1), second.token, Err(lost()));
        world.answer(1, &before, ErrorCode::NONE);

        let again = world.run(300);
        assert_eq!([again[0].batches[0].1, again[1].batches[0].1], [2, 3], "both, as the leader is known");
        if first_is_lost_last {
            world.answer(301, &again[1], ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
        }
        world.producer.on_produced(at(301), again[0].token, Err(lost()));
        if !first_is_lost_last {
            world.answer(301, &again[1], ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
        }
        let mut order = Vec::new();
        for ms in [900, 1500] {
            for sent in world.run(ms) {
                order.push(sent.batches[0]);
                world.answer(ms, &sent, ErrorCode::NONE);
            }
        }
        assert_eq!(order, [(0, 2, 0, 1), (0, 3, 0, 1)]);
        world.run(1500);
        assert_eq!(world.completed, [(3, Ok(100)), (4, Ok(100)), (5, Ok(100))]);
    }
}

/// Those behind it wait for the new epoch as well: with the old sequences they could not go before it.
/// Later batches that the new leader takes push this one out of the five that it knows again: repeated, it would be out
/// of order, get another sequence and be written a second time, behind them.
#[test]
fn nothing_goes_to_another_leader_while_the_old_one_owes_an_answer() {
    let mut world = World::introduced(config());
    world.append(0, 0, 10).expect("room");
    let owed = world.run(0).remove(0);
    assert_eq!(owed.node, NodeId(1));
    world.producer.on_snapshot(&snapshot_led_by(2, |_| NodeId(2)));
    world.append(1, 0, 10).expect("room");
    assert!(world.run(1).is_empty());
    assert_ne!(world.producer.next_timeout(), Some(at(1).instant), "there is nothing to do");
    let lost = RequestError::Disconnected { sent: true, reason: "reset".into() };
    world.producer.on_produced(at(2), owed.token, Err(lost));
    let again = world.run(1000).remove(0);
    assert_eq!((again.node, &again.batches[..]), (NodeId(2), &[(0, 1, 0, 1)][..]), "the oldest goes first");
    world.answer(1001, &again, ErrorCode::NONE);
    assert_eq!(world.run(1001)[0].batches, [(0, 2, 0, 1)]);
}

#[test]
fn batches_behind_one_that_lost_its_sequence_lose_theirs() {
    for first_fails_last in [true, false] {
        let mut world = World::introduced(config());
        world.append(0, 0, 10).expect("room");
        let first = world.run(0).remove(0);
        world.append(0, 0, 10).expect("room");
        let second = world.run(0).remove(0);
        let answers =
            [(first, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER), (second, ErrorCode::NOT_ENOUGH_REPLICAS)];
        let [one, other] = answers;
        let answers = if first_fails_last { [other, one] } else { [one, other] };
        for (sent, code) in answers {
            world.answer(1, &sent, code);
        }
        let mut order = Vec::new();
        for ms in [300, 600] {
            for sent in world.run(ms) {
                order.push(sent.batches[0]);
                world.answer(ms, &sent, ErrorCode::NONE);
            }
        }
        assert_eq!(order, [(0, 0, 1, 1), (0, 1, 1, 1)]);
        world.run(600);
        assert_eq!(world.completed, [(3, Ok(100)), (4, Ok(100))]);
    }
}

/// It may be written, and in a new epoch it would be written again.
#[test]
fn a_batch_behind_a_lost_sequence_that_had_no_answer_is_given_up() {
    let mut world = World::introduced(config());
    world.append(0, 0, 10).expect("room");
    let first = world.run(0).remove(0);
    world.append(0, 0, 10).expect("room");
    let second = world.run(0).remove(0);
    let lost = RequestError::Disconnected { sent: true, reason: "reset".into() };
    world.producer.on_produced(at(1), second.token, Err(lost));
    world.answer(1, &first, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_eq!(world.run(300)[0].batches, [(0, 0, 1, 1)]);
    assert_eq!(world.completed, [(4, Err(ProduceErrorKind::PerhapsWritten))]);
}

#[test]
fn a_refusal_that_will_not_pass_ends_the_batch_and_bumps_the_epoch() {
    let mut world = World::new(config());
    world.append(0, 0, 10).expect("room");
    let sent = world.run(0).remove(0);
    world.answer(1, &sent, ErrorCode::MESSAGE_TOO_LARGE);
    world.append(2, 0, 10).expect("room");
    assert_eq!(world.run(2)[0].batches, [(0, 0, 1, 1)]);
    assert_eq!(world.completed, [(1, Err(ProduceErrorKind::Refused(ErrorCode::MESSAGE_TOO_LARGE)))]);
}

#[test]
fn a_batch_without_an_answer_is_perhaps_written_when_its_time_is_over() {
    let mut world = World::new(config());
    world.append(0, 0, 10).expect("room");
    let sent = world.run(0).remove(0);
    let lost = RequestError::Disconnected { sent: true, reason: "reset".into() };
    world.producer.on_produced(at(100), sent.token, Err(lost));
    assert!(world.run(100).is_empty(), "it backs off");
    assert_eq!(world.run(10_000).len(), 0);
    assert_eq!(world.completed, [(1, Err(ProduceErrorKind::PerhapsWritten))]);
    assert_eq!(world.producer.memory(), 0);
}

/// What was given up may still lie in a broker: only a later epoch of the same id keeps it from coming behind.
#[test]
fn a_lost_sequence_takes_the_next_epoch_of_the_same_id_as_long_as_there_is_one() {
    for (epoch, expected) in [(0, None), (i16::MAX - 1, None), (i16::MAX, Some((7, i16::MAX)))] {
        let mut world = World::new(config());
        world.append(0, 0, 10).expect("room");
        let Some(Action::InitProducerId { token, .. }) = world.producer.poll_action(at(0).instant) else {
            panic!("it asks for its first id");
        };
        world.producer.on_init_producer_id(at(0), token, Ok(Ok((7, epoch))));
        let sent = world.run(0).remove(0);
        world.answer(1, &sent, ErrorCode::MESSAGE_TOO_LARGE);
        world.append(2, 0, 10).expect("room");
        let asked =
            std::iter::from_fn(|| world.producer.poll_action(at(2).instant)).find_map(
                |action| match action {
                    Action::InitProducerId { producer_id, producer_epoch, .. } => {
                        Some((producer_id, producer_epoch))
                    }
                    _ => None,
                },
            );
        assert_eq!(asked, expected, "after epoch {epoch}");
    }
}

/// A leader that waits for its followers may have appended what it then answers with an error.
#[test]
fn a_refusal_that_may_follow_an_append_leaves_the_batch_perhaps_written() {
    for (acks, code, expected) in [
        (Acks::All, ErrorCode::NOT_LEADER_OR_FOLLOWER, ProduceErrorKind::PerhapsWritten),
        (Acks::All, ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND, ProduceErrorKind::PerhapsWritten),
        (Acks::All, ErrorCode::REQUEST_TIMED_OUT, ProduceErrorKind::PerhapsWritten),
        (Acks::All, ErrorCode::NOT_ENOUGH_REPLICAS, ProduceErrorKind::TimedOut),
        (Acks::Leader, ErrorCode::NOT_LEADER_OR_FOLLOWER, ProduceErrorKind::TimedOut),
        (Acks::Leader, ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND, ProduceErrorKind::PerhapsWritten),
    ] {
        let mut world = World::new(ProducerConfig { acks, enable_idempotence: false, ..config() });
        world.append(0, 0, 10).expect("room");
        let sent = world.run(0).remove(0);
        world.answer(100, &sent, code);
        assert_eq!(world.run(10_000).len(), 0);
        assert_eq!(world.completed, [(1, Err(expected))], "{acks:?}, {code}");
    }
}

#[test]
fn a_refusal_of_what_an_earlier_attempt_may_have_written_leaves_it_perhaps_written() {
    let mut world = World::new(ProducerConfig { enable_idempotence: false, ..config() });
    world.append(0, 0, 10).expect("room");
    let sent = world.run(0).remove(0);
    let lost = RequestError::Disconnected { sent: true, reason: "reset".into() };
    world.producer.on_produced(at(100), sent.token, Err(lost));
    let again = world.run(2000).remove(0);
    world.producer.on_produced(at(2000), again.token, Err(RequestError::Closed));
    world.run(2000);
    assert_eq!(world.completed, [(1, Err(ProduceErrorKind::PerhapsWritten))]);
}

#[test]
fn a_batch_that_never_left_is_certainly_not_written() {
    let mut world = World::new(config());
    let nobody = snapshot(0);
    world.producer.on_snapshot(&nobody);
    world.append(0, 0, 10).expect("room");
    assert!(world.run(0).is_empty());
    assert!(world.refreshes > 0);
    world.run(10_000);
    assert_eq!(world.completed, [(1, Err(ProduceErrorKind::TimedOut))]);
}

#[test]
fn memory_is_bounded_and_comes_back() {
    let mut world = World::new(config());
    while world.append(0, 0, 300).is_ok() {}
    assert_eq!(world.append(0, 1, 300), Err(Refusal::BufferFull));
    assert!(world.producer.memory() <= 10_000 + 400);
    for ms in 0..100 {
        for sent in world.run(ms) {
            world.answer(ms, &sent, ErrorCode::NONE);
        }
    }
    assert_eq!(world.producer.memory(), 0);
    assert!(world.append(100, 1, 300).is_ok());
}

#[test]
fn a_record_over_the_request_limit_is_refused_with_both_sizes() {
    let mut world = World::new(config());
    let refused = world.append(0, 0, 6_000);
    assert!(matches!(refused, Err(Refusal::TooLarge { size, limit: 5_000 }) if size > 6_000));
}

#[test]
fn an_id_that_is_refused_for_good_fails_what_waits_for_it() {
    let mut world = World::new(config());
    world.append(0, 0, 10).expect("room");
    let Some(Action::InitProducerId { token, .. }) = world.producer.poll_action(at(0).instant) else {
        panic!("an id is asked for")
    };
    let code = ErrorCode::CLUSTER_AUTHORIZATION_FAILED;
    world.producer.on_init_producer_id(at(0), token, Ok(Err(code)));
    world.run(0);
    assert_eq!(world.completed, [(1, Err(ProduceErrorKind::Refused(code)))]);
}

#[test]
fn an_id_is_asked_for_again_after_a_backoff_if_the_error_may_pass() {
    let mut world = World::new(config());
    world.append(0, 0, 10).expect("room");
    let Some(Action::InitProducerId { token, .. }) = world.producer.poll_action(at(0).instant) else {
        panic!("an id is asked for")
    };
    world.producer.on_init_producer_id(at(0), token, Ok(Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS)));
    assert!(world.run(0).is_empty());
    let due = world.producer.next_timeout().expect("another attempt");
    assert!(due > at(0).instant);
    assert_eq!(world.run(1_000).len(), 1);
}

#[test]
fn a_producer_of_a_closed_client_fails_what_waits_whatever_its_identity() {
    let mut idempotent = World::introduced(config());
    let mut plain = World::new(ProducerConfig { enable_idempotence: false, ..config() });
    for world in [&mut idempotent, &mut plain] {
        let tag = world.append(0, 0, 10).expect("room");
        world.producer.on_client_closed();
        world.producer.on_client_closed();
        world.run(0);
        assert_eq!(world.completed, [(tag, Err(ProduceErrorKind::Unsendable))]);
    }
}
