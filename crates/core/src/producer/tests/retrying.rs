//! What becomes of a batch that fails, and of those that were sent after it.

use super::*;

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
    let order = world.deliver([300, 600, 900]);
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
        let order = world.deliver([900, 1500]);
        assert_eq!(order, [(0, 2, 0, 1), (0, 3, 0, 1)]);
        world.run(1500);
        assert_eq!(world.completed, [(3, Ok(100)), (4, Ok(100)), (5, Ok(100))]);
    }
}

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

/// Those behind it wait for the new epoch as well: with the old sequences they could not go before it.
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
        let order = world.deliver([300, 600]);
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
        (Acks::Leader, ErrorCode::UNKNOWN_SERVER_ERROR, ProduceErrorKind::PerhapsWritten),
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

#[derive(Debug, PartialEq)]
enum Fate {
    Again { sequence: i32, epoch: i16 },
    GivenUp(ProduceErrorKind),
}

/// The table of `response.rs`. The batch with sequence 1 is answered; one more was sent before it.
#[test]
fn what_an_error_about_the_producer_means() {
    const REORDERED: ErrorCode = ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER;
    const UNKNOWN: ErrorCode = ErrorCode::UNKNOWN_PRODUCER_ID;
    const OLD: ErrorCode = ErrorCode::INVALID_PRODUCER_EPOCH;
    const FENCED: ErrorCode = ErrorCode::PRODUCER_FENCED;
    let kept = || Fate::Again { sequence: 2, epoch: 0 };
    let next_epoch = || Fate::Again { sequence: 0, epoch: 1 };
    let perhaps = || Fate::GivenUp(ProduceErrorKind::PerhapsWritten);
    let refused = |code| Fate::GivenUp(ProduceErrorKind::Refused(code));
    for (code, log_start_offset, is_first, may_be_written, expected) in [
        (REORDERED, 0, false, false, kept()),
        (REORDERED, 0, true, false, next_epoch()),
        (REORDERED, 0, true, true, perhaps()),
        (OLD, 0, false, false, kept()),
        (OLD, 0, true, false, next_epoch()),
        (OLD, 0, true, true, perhaps()),
        (UNKNOWN, -1, true, false, kept()),
        (UNKNOWN, -1, true, true, kept()),
        (UNKNOWN, 0, false, false, kept()),
        (UNKNOWN, 0, true, false, next_epoch()),
        (UNKNOWN, 1000, true, false, next_epoch()),
        (UNKNOWN, 1000, true, true, perhaps()),
        (FENCED, 0, true, false, refused(FENCED)),
        (FENCED, 0, true, true, perhaps()),
    ] {
        let mut world = World::introduced(config());
        world.append(0, 0, 10).expect("room");
        let before = world.run(0).remove(0);
        world.append(0, 0, 10).expect("room");
        let mut sent = world.run(0).remove(0);
        if is_first {
            world.answer(0, &before, ErrorCode::NONE);
        }
        if may_be_written {
            world.lose(0, &sent);
            sent = world.run(500).remove(0);
        }
        world.completed.clear();
        let mut answer = PartitionProduceResponse::default();
        (answer.error_code, answer.log_start_offset) = (code.0, log_start_offset);
        world.answer_with(500, &sent, vec![answer]);
        if !is_first {
            world.answer(500, &before, ErrorCode::NONE);
        }
        let again = world.run(1500).pop();
        let fate = match (again, world.completed.last()) {
            (Some(sent), _) => Fate::Again { sequence: sent.batches[0].1, epoch: sent.batches[0].2 },
            (None, Some((4, Err(kind)))) => Fate::GivenUp(*kind),
            (None, other) => panic!("{code}: {other:?}"),
        };
        assert_eq!(fate, expected, "{code}, {log_start_offset}, {is_first}, {may_be_written}");
    }
}

#[test]
fn without_a_sequence_an_error_about_the_producer_is_a_refusal() {
    for code in [ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, ErrorCode::INVALID_PRODUCER_EPOCH] {
        let mut world = World::new(ProducerConfig { enable_idempotence: false, ..config() });
        world.append(0, 0, 10).expect("room");
        let sent = world.run(0).remove(0);
        world.answer(0, &sent, code);
        world.run(0);
        assert_eq!(world.completed, [(1, Err(ProduceErrorKind::Refused(code)))]);
    }
}
