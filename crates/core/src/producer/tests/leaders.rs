//! What failed at one leader and goes to the next (KIP-951).

use super::*;

/// Partition 0 of `t` has a batch that node 1 refused, and the retry waits for its backoff.
fn refused() -> World {
    let mut world = World::introduced(config());
    world.append(0, 0, 10).expect("room");
    let sent = world.run(0).remove(0);
    assert_eq!(sent.node, NodeId(1));
    world.answer(10, &sent, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    assert!(world.run(10).is_empty() && world.refreshes == 1);
    assert!(world.producer.next_timeout() > Some(at(80).instant), "it waits for its backoff");
    world
}

#[test]
fn a_batch_that_failed_goes_to_a_new_leader_without_its_backoff() {
    for (leader_epoch, leader) in [(1, 2), (0, 2), (1, 1)] {
        let mut world = refused();
        let leader = if leader == 1 { |_| NodeId(1) } else { |_| NodeId(2) };
        world.producer.on_snapshot(&snapshot_in_epoch(leader_epoch, 2, leader));
        let again = world.run(11);
        assert_eq!(again.len(), 1, "{leader_epoch}");
        assert_eq!((again[0].node, &again[0].batches[..]), (leader(0), &[(0, 1, 0, 1)][..]));
    }
}

#[test]
fn a_picture_without_another_leader_leaves_the_backoff() {
    for picture in [snapshot(2), snapshot_in_epoch(1, 2, |_| NodeId(-1))] {
        let mut world = refused();
        world.producer.on_snapshot(&picture);
        assert!(world.run(11).is_empty());
    }
}

#[test]
fn the_backoff_is_back_when_the_new_leader_refuses_as_well() {
    let mut world = refused();
    world.producer.on_snapshot(&snapshot_in_epoch(1, 2, |_| NodeId(2)));
    let again = world.run(11).remove(0);
    world.answer(12, &again, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    assert!(world.run(13).is_empty());
    // The second failure's: 200 ms, a fifth more or less.
    assert!(world.producer.next_timeout() >= Some(at(12 + 160).instant));
    assert_eq!(world.refreshes, 2);
}

#[test]
fn what_fails_after_its_leader_has_changed_goes_on_at_once_and_asks_for_no_metadata() {
    let mut world = World::introduced(config());
    world.append(0, 0, 10).expect("room");
    let sent = world.run(0).remove(0);
    world.producer.on_snapshot(&snapshot_in_epoch(1, 2, |_| NodeId(2)));
    world.answer(10, &sent, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    assert_eq!(world.run(10)[0].node, NodeId(2));
    assert_eq!(world.refreshes, 0);
}

#[test]
fn without_an_answer_metadata_is_asked_for_although_the_leader_has_changed() {
    let mut world = World::introduced(config());
    world.append(0, 0, 10).expect("room");
    let sent = world.run(0).remove(0);
    world.producer.on_snapshot(&snapshot_in_epoch(1, 2, |_| NodeId(2)));
    world.producer.on_produced(at(10), sent.token, Err(RequestError::Timeout));
    assert_eq!(world.run(10)[0].node, NodeId(2));
    assert_eq!(world.refreshes, 1);
}

#[test]
fn batches_that_failed_together_go_to_the_new_leader_in_their_order() {
    let mut world = World::introduced(config());
    let mut sent = Vec::new();
    for _ in 0..2 {
        world.append(0, 0, 10).expect("room");
        sent.extend(world.run(0));
    }
    world.answer(10, &sent[0], ErrorCode::NOT_LEADER_OR_FOLLOWER);
    world.producer.on_snapshot(&snapshot_in_epoch(1, 2, |_| NodeId(2)));
    assert!(world.run(10).is_empty(), "the second one is still under way");
    world.answer(11, &sent[1], ErrorCode::NOT_LEADER_OR_FOLLOWER);
    let first = world.run(11).remove(0);
    assert_eq!((first.node, first.batches[0]), (NodeId(2), (0, 1, 0, 1)));
    assert!(world.run(11).is_empty(), "the new leader does not know the producer");
    world.answer(12, &first, ErrorCode::NONE);
    assert_eq!(world.run(12)[0].batches, [(0, 2, 0, 1)]);
}
