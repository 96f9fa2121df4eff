//! Batches of which the broker refuses some records.

use super::broker::{Broker, record_error};
use super::*;

fn roomy() -> ProducerConfig {
    ProducerConfig { batch_size: 1000, ..config() }
}

/// An answer for partition 0 that refuses these records.
fn refusal(code: ErrorCode, records: &[(i32, Option<&str>)]) -> Vec<PartitionProduceResponse> {
    let mut answer = PartitionProduceResponse::default();
    answer.error_code = code.0;
    answer.error_message = Some("as a whole".into());
    answer.record_errors = records.iter().map(|(index, message)| record_error(*index, *message)).collect();
    vec![answer]
}

/// First record, how many, and the offset or the error, in order of the records.
type Row = (u32, u32, Result<i64, (ProduceErrorKind, Option<String>)>);

fn rows(world: &World) -> Vec<Row> {
    let row = |(_, records, outcome): &(u32, RecordRange, Result<Delivered, ProduceError>)| {
        let outcome = match outcome {
            Ok(delivered) => Ok(delivered.base_offset),
            Err(error) => Err((error.kind(), error.message().map(str::to_owned))),
        };
        (records.first, records.count, outcome)
    };
    let mut rows: Vec<Row> = world.outcomes.iter().map(row).collect();
    rows.sort_by_key(|(first, ..)| *first);
    rows
}

fn refused(code: ErrorCode, message: &str) -> Result<i64, (ProduceErrorKind, Option<String>)> {
    Err((ProduceErrorKind::Refused(code), Some(message.to_owned())))
}

#[test]
fn the_named_records_fail_with_their_text_and_the_others_go_again_in_the_next_epoch() {
    let mut world = World::introduced(roomy());
    for _ in 0..6 {
        world.append(0, 0, 10).expect("room");
    }
    let sent = world.run(0).remove(0);
    let records = [(4, None), (1, Some("no key")), (2, Some("no key"))];
    world.answer_with(1, &sent, refusal(ErrorCode::INVALID_TIMESTAMP, &records));
    let order = world.deliver(1..5);
    assert_eq!(order, [(0, 0, 1, 1), (0, 1, 1, 1), (0, 2, 1, 1)]);
    let invalid = |message| refused(ErrorCode::INVALID_RECORD, message);
    assert_eq!(
        rows(&world),
        [
            (0, 1, Ok(100)),
            (1, 2, invalid("no key")),
            (3, 1, Ok(100)),
            (4, 1, invalid("as a whole")),
            (5, 1, Ok(100))
        ]
    );
    assert_eq!(world.producer.memory(), 0);
}

#[test]
fn a_record_that_is_named_alone_has_the_answers_code() {
    let mut world = World::new(roomy());
    for _ in 0..2 {
        world.append(0, 0, 10).expect("room");
    }
    let sent = world.run(0).remove(0);
    world.answer_with(1, &sent, refusal(ErrorCode::INVALID_TIMESTAMP, &[(0, Some("too old"))]));
    let rest = world.run(1).remove(0);
    world.answer(1, &rest, ErrorCode::NONE);
    world.run(1);
    assert_eq!(rows(&world), [(0, 1, refused(ErrorCode::INVALID_TIMESTAMP, "too old")), (1, 1, Ok(100))]);
}

#[test]
fn records_that_the_batch_does_not_have_are_passed_over() {
    let mut world = World::new(roomy());
    for _ in 0..2 {
        world.append(0, 0, 10).expect("room");
    }
    let sent = world.run(0).remove(0);
    let records = [(-1, None), (2, None), (i32::MAX, None), (i32::MIN, None)];
    world.answer_with(1, &sent, refusal(ErrorCode::INVALID_RECORD, &records));
    world.run(1);
    assert_eq!(rows(&world), [(0, 2, refused(ErrorCode::INVALID_RECORD, "as a whole"))]);
    assert_eq!(world.producer.memory(), 0);
}

#[test]
fn a_batch_of_refused_records_only_is_gone() {
    let mut world = World::new(roomy());
    for _ in 0..2 {
        world.append(0, 0, 10).expect("room");
    }
    let mark = world.producer.flush();
    let sent = world.run(0).remove(0);
    world.answer_with(
        1,
        &sent,
        refusal(ErrorCode::INVALID_RECORD, &[(0, Some("a")), (1, Some("b")), (1, Some("c"))]),
    );
    assert!(world.run(1).is_empty());
    let invalid = |message| refused(ErrorCode::INVALID_RECORD, message);
    assert_eq!(rows(&world), [(0, 1, invalid("a")), (1, 1, invalid("c"))]);
    assert!(world.producer.is_flushed(mark));
    assert_eq!(world.producer.memory(), 0);
    assert_eq!(world.producer.next_timeout(), None);
}

#[test]
fn what_may_be_written_is_given_up_as_a_whole() {
    let mut world = World::new(roomy());
    for _ in 0..2 {
        world.append(0, 0, 10).expect("room");
    }
    let sent = world.run(0).remove(0);
    world.lose(1, &sent);
    let again = world.run(1000).remove(0);
    world.answer_with(1000, &again, refusal(ErrorCode::INVALID_RECORD, &[(0, Some("a"))]));
    world.run(1000);
    let expected = Err((ProduceErrorKind::PerhapsWritten, Some("as a whole".to_owned())));
    assert_eq!(rows(&world), [(0, 2, expected)]);
}

#[test]
fn others_whose_time_is_over_are_certainly_not_written() {
    let mut world = World::new(roomy());
    for _ in 0..2 {
        world.append(0, 0, 10).expect("room");
    }
    let sent = world.run(0).remove(0);
    world.answer_with(10_000, &sent, refusal(ErrorCode::INVALID_RECORD, &[(0, Some("a"))]));
    assert!(world.run(10_000).is_empty());
    let late = Err((ProduceErrorKind::TimedOut, Some("as a whole".to_owned())));
    assert_eq!(rows(&world), [(0, 1, refused(ErrorCode::INVALID_RECORD, "a")), (1, 1, late)]);
}

#[test]
fn order_is_kept_around_records_that_are_refused() {
    let mut world = World::introduced(roomy());
    let mut broker = Broker::new(1000);
    for value in ["1", "bad", "2"] {
        world.append_value(0, 0, value.as_bytes()).expect("room");
    }
    let first = world.run(0).remove(0);
    world.append_value(0, 0, b"3").expect("room");
    let second = world.run(0).remove(0);
    world.append_value(0, 0, b"4").expect("room");
    broker.serve(1, &mut world, &first);
    world.answer(2, &second, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    for ms in (2..2000).step_by(50) {
        for sent in world.run(ms) {
            broker.serve(ms, &mut world, &sent);
        }
    }
    assert_eq!(broker.logs[&0].values, ["1", "2", "3", "4"].map(|value| value.as_bytes().to_vec()));
}

/// What was sent before keeps its sequence, what was sent after loses it: else neither could go on.
#[test]
fn the_rest_of_a_batch_may_wait_between_others() {
    for answers in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [2, 0, 1]] {
        let mut world = World::introduced(ProducerConfig { max_in_flight: 3, ..roomy() });
        let mut sent = Vec::new();
        for count in [1, 2, 1] {
            for _ in 0..count {
                world.append(0, 0, 10).expect("room");
            }
            sent.extend(world.run(0));
        }
        for which in answers {
            match which {
                0 => world.answer(1, &sent[0], ErrorCode::NOT_ENOUGH_REPLICAS),
                1 => world.answer_with(1, &sent[1], refusal(ErrorCode::INVALID_RECORD, &[(0, None)])),
                _ => world.answer(1, &sent[2], ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER),
            }
        }
        let order = world.deliver((1..3000).step_by(100));
        assert_eq!(order, [(0, 1, 0, 1), (0, 0, 1, 1), (0, 1, 1, 1)], "{answers:?}");
    }
}
