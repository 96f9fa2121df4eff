//! `retries`: how often a batch is sent again.

use super::*;

fn check(retries: u32, code: ErrorCode, expected: &[(u32, Result<i64, ProduceErrorKind>)]) {
    let mut world = World::introduced(ProducerConfig { retries, ..config() });
    world.append(0, 0, 10).expect("room");
    for attempt in 0..=retries {
        assert!(world.completed.is_empty(), "{attempt}");
        let ms = 2_000 * u64::from(attempt);
        let sent = world.run(ms).remove(0);
        world.answer(ms, &sent, code);
    }
    assert!(world.run(9_999).is_empty());
    assert_eq!(world.completed, expected);
}

#[test]
fn a_batch_is_sent_again_that_often_and_then_ends_with_the_last_error() {
    let refused = ErrorCode::NOT_ENOUGH_REPLICAS;
    for retries in 0..4 {
        check(retries, refused, &[(3, Err(ProduceErrorKind::Refused(refused)))]);
    }
}

#[test]
fn a_batch_whose_last_attempt_may_be_written_ends_so() {
    let code = ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND;
    check(0, code, &[(3, Err(ProduceErrorKind::PerhapsWritten))]);
    check(2, code, &[(3, Err(ProduceErrorKind::PerhapsWritten))]);
}

#[test]
fn attempts_that_reached_no_broker_do_not_count() {
    let mut world = World::introduced(ProducerConfig { retries: 1, ..config() });
    world.append(0, 0, 10).expect("room");
    for attempt in 0..5 {
        let sent = world.run(2_000 * attempt).remove(0);
        world.producer.on_produced(at(2_000 * attempt), sent.token, Err(RequestError::UnknownNode));
    }
    assert!(world.completed.is_empty());
    world.run(10_000);
    assert_eq!(world.completed, [(3, Err(ProduceErrorKind::TimedOut))]);
}

#[test]
fn an_attempt_without_an_answer_counts() {
    let mut world = World::introduced(ProducerConfig { retries: 1, ..config() });
    world.append(0, 0, 10).expect("room");
    for attempt in 0..2 {
        let sent = world.run(2_000 * attempt).remove(0);
        world.producer.on_produced(at(2_000 * attempt), sent.token, Err(RequestError::Timeout));
    }
    world.run(2_000);
    assert_eq!(world.completed, [(3, Err(ProduceErrorKind::PerhapsWritten))]);
}
