//! Commits: what a group remembers is what its members were done with, never more.

use std::collections::BTreeMap;
use std::time::Duration;

use ottla_client::{Client, Consumer, Offset, OffsetAndMetadata, Record};
use tokio::time::sleep;

use crate::world::{NODE_1, World, member, read, read_values, reads_nothing, soon, tp};

/// Sends the numbers in this range as values to partition 0 of `t`, each in a batch of its own.
async fn send(client: &Client, numbers: std::ops::Range<i32>) {
    let producer = client.producer().build().expect("a producer");
    for number in numbers {
        producer.send(Record::to("t").partition(0).value(&number.to_string())).await.expect("delivered");
    }
}

/// The next batch, which holds one record.
async fn one(consumer: &Consumer) -> i64 {
    let batch = soon(consumer.next_batch()).await.expect("a batch").expect("open");
    assert_eq!(batch.len(), 1);
    let record = batch.iter().next().expect("a record");
    record.offset()
}

/// Where the next member of the group starts.
async fn next_start(world: &World) -> i64 {
    let client = world.client().await;
    let reader = member(&client).enable_auto_commit(false).build().expect("a consumer");
    let start = one(&reader).await;
    soon(reader.close()).await.expect("closed");
    start
}

#[tokio::test(start_paused = true)]
async fn a_commit_survives_a_restart_of_the_consumer() {
    let world = World::new(1);
    let client = world.client().await;
    send(&client, 0..10).await;
    let reader = member(&client).enable_auto_commit(false).build().expect("a consumer");
    for expected in 0..4 {
        assert_eq!(one(&reader).await, expected);
    }
    reader.commit().await.expect("committed");
    assert_eq!(one(&reader).await, 4);
    soon(reader.close()).await.expect("closed");
    drop(client);
    assert_eq!(next_start(&world).await, 4);
}

#[tokio::test(start_paused = true)]
async fn without_a_commit_everything_is_read_again() {
    let world = World::new(1);
    let client = world.client().await;
    send(&client, 0..3).await;
    let reader = member(&client).enable_auto_commit(false).build().expect("a consumer");
    read(&reader, 3).await;
    sleep(Duration::from_secs(60)).await;
    soon(reader.close()).await.expect("closed");
    assert_eq!(next_start(&world).await, 0);
}

#[tokio::test(start_paused = true)]
async fn automatic_commits_hold_what_was_done_with_and_no_more() {
    let world = World::new(1);
    let client = world.client().await;
    let (other, network) = world.remote_client().await;
    send(&client, 0..10).await;
    let reader = member(&other).session_timeout(Duration::from_secs(10)).build().expect("a consumer");
    for expected in 0..4 {
        assert_eq!(one(&reader).await, expected);
    }
    // The fourth record is still being worked on when the interval ends, and then the member dies.
    sleep(Duration::from_secs(6)).await;
    network.silence(true);
    assert_eq!(next_start(&world).await, 3);
}

#[tokio::test(start_paused = true)]
async fn closing_commits_what_was_handed_out() {
    let world = World::new(1);
    let client = world.client().await;
    send(&client, 0..10).await;
    let reader = member(&client).build().expect("a consumer");
    for expected in 0..4 {
        assert_eq!(one(&reader).await, expected);
    }
    soon(reader.close()).await.expect("closed");
    assert_eq!(next_start(&world).await, 4);
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_is_under_way_does_not_count_for_what_came_after_it() {
    let world = World::new(1);
    let client = world.client().await;
    send(&client, 0..4).await;
    let (other, network) = world.remote_client().await;
    let reader = member(&other).auto_commit_interval(Duration::from_secs(1)).build().expect("a consumer");
    assert_eq!(one(&reader).await, 0);
    assert_eq!(one(&reader).await, 1);
    network.delay(Duration::from_millis(300));
    sleep(Duration::from_millis(1100)).await;
    // The commit of offset 1 has no answer yet.
    assert_eq!(one(&reader).await, 2);
    assert_eq!(one(&reader).await, 3);
    reads_nothing(&reader, Duration::from_millis(10)).await;
    sleep(Duration::from_millis(700)).await;
    soon(reader.close()).await.expect("closed");
    assert_eq!(next_offset(&world).await, Some(4));
}

#[tokio::test(start_paused = true)]
async fn committing_an_offset_of_ones_own_does_not_count_for_all_that_was_handed_out() {
    let world = World::new(1);
    let client = world.client().await;
    send(&client, 0..10).await;
    let reader = member(&client).enable_auto_commit(false).build().expect("a consumer");
    for expected in 0..4 {
        assert_eq!(one(&reader).await, expected);
    }
    reader.commit().await.expect("committed");
    let offsets = BTreeMap::from([(tp(0), OffsetAndMetadata::new(Offset(2)))]);
    reader.commit_offsets(offsets).await.expect("committed");
    assert_eq!(next_offset(&world).await, Some(2));
    reader.commit().await.expect("committed");
    assert_eq!(next_offset(&world).await, Some(4));
}

/// What the group has committed for partition 0 of `t`, seen by a consumer that is no member.
async fn next_offset(world: &World) -> Option<i64> {
    let client = world.client().await;
    let onlooker =
        client.consumer("g").assign([tp(0)]).enable_auto_commit(false).build().expect("a consumer");
    soon(async {
        while onlooker.position(&tp(0)).is_none() {
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    let position = onlooker.position(&tp(0)).map(|offset| offset.0);
    soon(onlooker.close()).await.expect("closed");
    position
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_was_assigned_by_hand_is_committed_in_the_group_too() {
    let world = World::new(1);
    let client = world.client().await;
    send(&client, 0..5).await;
    let reader = client.consumer("g").assign([tp(0)]).build().expect("a consumer");
    assert!(reader.seek(&tp(0), Offset(1)));
    assert_eq!(one(&reader).await, 1);
    assert_eq!(one(&reader).await, 2);
    soon(reader.close()).await.expect("closed");
    assert_eq!(next_offset(&world).await, Some(3));
}

#[tokio::test(start_paused = true)]
async fn a_commit_is_tried_again_until_the_coordinator_is_back() {
    let world = World::new(1);
    let client = world.client().await;
    send(&client, 0..5).await;
    let reader = member(&client).enable_auto_commit(false).build().expect("a consumer");
    assert_eq!(one(&reader).await, 0);
    world.network.take_down(NODE_1);
    let (committed, ()) = tokio::join!(soon(reader.commit()), async {
        sleep(Duration::from_secs(20)).await;
        world.network.bring_up(NODE_1);
    });
    committed.expect("committed");
    assert_eq!(one(&reader).await, 1);
    soon(reader.close()).await.expect("closed");
    assert_eq!(next_start(&world).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_starts_at_the_end_stays_there() {
    let world = World::new(1);
    let client = world.client().await;
    send(&client, 0..5).await;
    let latest = || client.consumer("g").subscribe(["t"]).build().expect("a consumer");
    let reader = latest();
    reads_nothing(&reader, Duration::from_secs(10)).await;
    soon(reader.close()).await.expect("closed");
    send(&client, 5..6).await;
    assert_eq!(read_values(&latest(), 1).await, ["5"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_committed_is_not_read_twice_when_the_group_changes_hands() {
    let world = World::new(1);
    let client = world.client().await;
    send(&client, 0..20).await;
    let mut seen = Vec::new();
    for _ in 0..5 {
        let reader = member(&client).build().expect("a consumer");
        for _ in 0..4 {
            seen.push(one(&reader).await);
        }
        soon(reader.close()).await.expect("closed");
    }
    assert_eq!(seen, (0..20).collect::<Vec<_>>());
}
