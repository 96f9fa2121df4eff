//! Purging the queue, and the end of a producer.

use super::*;

const PERHAPS_WRITTEN: ProduceErrorKind = ProduceErrorKind::PerhapsWritten;

/// In partition 0 a batch under way with two records, then two that wait; in partition 1 one that waits for a retry
/// after it had no answer.
fn busy() -> (World, Sent) {
    let mut world = World::introduced(ProducerConfig { max_in_flight: 1, ..config() });
    world.append(0, 0, 10).expect("room");
    world.append(0, 0, 10).expect("room");
    world.append(0, 1, 10).expect("room");
    let mut sent = world.run(0);
    world.producer.on_produced(at(0), sent.remove(1).token, Err(RequestError::Timeout));
    for _ in 0..2 {
        world.append(0, 0, 10).expect("room");
        world.producer.flush();
    }
    assert!(world.run(0).is_empty());
    (world, sent.remove(0))
}

#[test]
fn a_purge_gives_up_what_waits_and_leaves_what_is_under_way() {
    let (mut world, under_way) = busy();
    let before = world.producer.memory();
    assert_eq!(world.producer.purge(), 3);
    assert!(world.producer.memory() < before && world.producer.memory() > 0);
    world.run(0);
    let purged = Err(ProduceErrorKind::Purged);
    assert_eq!(world.completed, [(5, purged), (6, purged), (4, Err(PERHAPS_WRITTEN))]);
    assert_eq!(world.producer.purge(), 0);
    world.answer(1, &under_way, ErrorCode::NONE);
    world.run(1);
    assert_eq!(world.completed.last(), Some(&(3, Ok(100))));
    assert_eq!(world.producer.memory(), 0);
}

#[test]
fn a_purged_sequence_is_lost_and_those_behind_it_start_in_the_next_epoch() {
    let (mut world, under_way) = busy();
    world.producer.purge();
    world.append(1, 1, 10).expect("room");
    assert!(world.run(1).is_empty(), "the old epoch is not left yet");
    world.answer(2, &under_way, ErrorCode::NONE);
    assert_eq!(world.run(2)[0].batches, [(1, 0, 1, 1)]);
}

#[test]
fn a_purge_of_what_was_never_sent_costs_no_epoch() {
    let mut world = World::introduced(ProducerConfig { linger: Duration::from_secs(1), ..config() });
    world.append(0, 0, 10).expect("room");
    assert_eq!(world.producer.purge(), 1);
    world.run(0);
    assert_eq!(world.completed, [(3, Err(ProduceErrorKind::Purged))]);
    world.append(1, 0, 10).expect("room");
    world.producer.flush();
    assert_eq!(world.run(1)[0].batches, [(0, 1, 0, 1)]);
}

#[test]
fn what_a_broker_refused_is_purged_as_not_written() {
    let mut world = World::introduced(config());
    world.append(0, 0, 10).expect("room");
    let sent = world.run(0).remove(0);
    world.answer(0, &sent, ErrorCode::NOT_ENOUGH_REPLICAS);
    assert_eq!(world.producer.purge(), 1);
    world.run(0);
    assert_eq!(world.completed, [(3, Err(ProduceErrorKind::Purged))]);
}

#[test]
fn a_flush_is_over_once_its_records_are_purged() {
    let mut world = World::introduced(ProducerConfig { linger: Duration::from_secs(1), ..config() });
    world.append(0, 0, 10).expect("room");
    let mark = world.producer.flush();
    assert!(!world.producer.is_flushed(mark));
    world.producer.purge();
    assert!(world.producer.is_flushed(mark));
}

#[test]
fn at_its_end_a_producer_hands_back_everything_in_order() {
    let (mut world, under_way) = busy();
    assert!(!world.producer.is_sealing());
    let handed_back: Vec<_> = world
        .producer
        .hand_back()
        .into_iter()
        .map(|batch| {
            let is_sealed = matches!(batch.content, HandedBackContent::Sealed(_));
            (&*batch.topic == "t", batch.partition, batch.records, is_sealed, batch.error.kind())
        })
        .collect();
    let closed = ProduceErrorKind::Closed;
    assert_eq!(
        handed_back,
        [
            (true, 0, 2, true, PERHAPS_WRITTEN),
            (true, 0, 1, false, closed),
            (true, 0, 1, false, closed),
            (true, 1, 1, true, PERHAPS_WRITTEN),
        ]
    );
    assert_eq!(world.producer.memory(), 0);
    world.run(0);
    let told = [(3, Err(PERHAPS_WRITTEN)), (5, Err(closed)), (6, Err(closed)), (4, Err(PERHAPS_WRITTEN))];
    assert_eq!(world.completed, told);
    // An answer that comes all the same finds nothing.
    world.answer(1, &under_way, ErrorCode::NONE);
    assert!(world.run(60_000).is_empty());
    assert_eq!(world.completed.len(), told.len());
    assert!(world.producer.hand_back().is_empty());
    assert_eq!(world.producer.next_timeout(), None);
}

#[test]
fn while_batches_are_sealed_the_machine_says_so() {
    let mut world = World::introduced(config());
    world.append(0, 0, 10).expect("room");
    let Some(Action::Send { token, node, batches }) = world.producer.poll_action(at(0).instant) else {
        panic!("a request")
    };
    assert!(world.producer.is_sealing());
    let sent = world.seal(token, node, batches);
    assert!(!world.producer.is_sealing());
    assert_eq!(world.producer.hand_back().len(), 1);
    world.answer(0, &sent, ErrorCode::NONE);
}
