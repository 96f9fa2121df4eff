//! Which records share a batch, and when and with what sequences batches go.

use super::*;

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
