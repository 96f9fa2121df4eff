//! Groups: who reads what, and what happens when members come, go, hang or die.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ottla_client::{
    Client, Consumer, ConsumerError, GroupErrorKind, Message, RebalanceListener, Record, TopicPartition,
};
use ottla_protocol::api::ApiKey;
use ottla_protocol::error_code::ErrorCode;
use ottla_testbroker::journal::{JournalEntry, JournalEvent};
use tokio::time::{Instant, sleep, timeout};

use crate::world::{World, member, read, read_values, reads_nothing, soon, text, tp};

/// Sends a record to each of these partitions of `t`, with `value` as its value.
async fn send_to_all(client: &Client, partitions: i32, value: &str) {
    let producer = client.producer().build().expect("a producer");
    for partition in 0..partitions {
        producer.send(Record::to("t").partition(partition).value(value)).await.expect("delivered");
    }
}

/// Polls all members until they share `partitions` partitions evenly.
async fn settle(members: &[&Consumer], partitions: usize) {
    let shared = || members.iter().all(|member| member.assignment().len() == partitions / members.len());
    let poll = async {
        while !shared() {
            for member in members {
                match timeout(Duration::from_millis(50), member.next_batch()).await {
                    Err(_) => {}
                    Ok(batch) => panic!("nothing was to be read yet: {batch:?}"),
                }
            }
        }
    };
    soon(poll).await;
}

/// Polls a member in the background, for the others to be able to rebalance, and keeps what it reads.
fn keep_polling(member: &Arc<Consumer>) -> (Arc<Mutex<Vec<String>>>, tokio::task::JoinHandle<()>) {
    let (member, values) = (Arc::clone(member), Arc::<Mutex<Vec<String>>>::default());
    let kept = Arc::clone(&values);
    let task = tokio::spawn(async move {
        while let Some(batch) = member.next_batch().await.expect("a batch") {
            kept.lock().expect("no panic").extend(batch.iter().map(|record| text(record.value())));
        }
    });
    (values, task)
}

fn places(messages: &[Message]) -> BTreeSet<(i32, i64)> {
    messages.iter().map(|message| (message.partition(), message.offset())).collect()
}

#[tokio::test(start_paused = true)]
async fn two_members_share_the_partitions_and_read_each_record_once() {
    let world = World::new(4);
    let client = world.client().await;
    let (first, second) =
        (member(&client).build().expect("a consumer"), member(&client).build().expect("a consumer"));
    settle(&[&first, &second], 4).await;
    send_to_all(&client, 4, "v").await;
    let (one, two) = (read(&first, 2).await, read(&second, 2).await);
    assert_eq!((one.len(), two.len()), (2, 2));
    let all: BTreeSet<_> = places(&one).union(&places(&two)).copied().collect();
    assert_eq!(all, (0..4).map(|partition| (partition, 0)).collect());
}

#[tokio::test(start_paused = true)]
async fn members_of_one_client_do_not_hold_each_other_up_in_a_rebalance() {
    let world = World::new(2);
    let client = world.client().await;
    let first = member(&client).build().expect("a consumer");
    settle(&[&first], 2).await;
    let before = Instant::now();
    let second = member(&client).build().expect("a consumer");
    settle(&[&first, &second], 2).await;
    // A heartbeat tells the first member, which joins again.
    assert!(before.elapsed() < Duration::from_secs(10), "{:?}", before.elapsed());
}

#[tokio::test(start_paused = true)]
async fn when_a_member_leaves_the_other_goes_on_where_it_committed() {
    let world = World::new(2);
    let (client, (other, _network)) = (world.client().await, world.remote_client().await);
    let (first, second) =
        (member(&client).build().expect("a consumer"), member(&other).build().expect("a consumer"));
    settle(&[&first, &second], 2).await;
    send_to_all(&client, 2, "1").await;
    read(&first, 1).await;
    read(&second, 1).await;
    let before = Instant::now();
    second.close().await.expect("closed");
    send_to_all(&client, 2, "2").await;
    assert_eq!(read_values(&first, 2).await, ["2", "2"]);
    assert!(before.elapsed() < Duration::from_secs(5), "{:?}", before.elapsed());
    assert_eq!(first.assignment(), [tp(0), tp(1)]);
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_dropped_leaves_and_what_it_did_not_finish_is_read_again() {
    let world = World::new(2);
    let client = world.client().await;
    let (first, second) =
        (member(&client).build().expect("a consumer"), member(&client).build().expect("a consumer"));
    settle(&[&first, &second], 2).await;
    send_to_all(&client, 2, "v").await;
    read(&first, 1).await;
    let lost = read(&second, 1).await;
    first.commit().await.expect("committed");
    let before = Instant::now();
    drop(second);
    let again = read(&first, 1).await;
    assert_eq!(places(&again), places(&lost));
    assert!(before.elapsed() < Duration::from_secs(5), "{:?}", before.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_member_that_falls_silent_is_replaced_when_its_session_is_over() {
    let world = World::new(2);
    let client = world.client().await;
    let (other, network) = world.remote_client().await;
    let session = Duration::from_secs(10);
    let first = member(&client).session_timeout(session).build().expect("a consumer");
    let second = member(&other).session_timeout(session).build().expect("a consumer");
    settle(&[&first, &second], 2).await;
    send_to_all(&client, 2, "v").await;
    read(&second, 1).await;
    network.silence(true);
    let before = Instant::now();
    read(&first, 2).await;
    assert!((7..=16).contains(&before.elapsed().as_secs()), "{:?}", before.elapsed());
    assert_eq!(first.assignment().len(), 2);
    // When it is back, it is told, and gets its share again.
    network.silence(false);
    first.commit().await.expect("committed");
    let back = async {
        while first.assignment().len() != 1 || second.assignment().len() != 1 {
            _ = timeout(Duration::from_millis(50), first.next_batch()).await;
            _ = timeout(Duration::from_millis(50), second.next_batch()).await;
        }
    };
    soon(back).await;
    send_to_all(&client, 2, "2").await;
    assert_eq!(read_values(&second, 1).await, ["2"]);
}

#[tokio::test(start_paused = true)]
async fn a_member_that_does_not_poll_for_too_long_loses_its_partitions_until_it_does() {
    let world = World::new(2);
    let client = world.client().await;
    let interval = Duration::from_secs(30);
    let first = Arc::new(member(&client).max_poll_interval(interval).build().expect("a consumer"));
    let second = member(&client).max_poll_interval(interval).build().expect("a consumer");
    settle(&[&first, &second], 2).await;
    send_to_all(&client, 2, "v").await;
    read(&second, 1).await;
    let (values, polling) = keep_polling(&first);
    sleep(interval - Duration::from_secs(5)).await;
    assert_eq!(values.lock().expect("no panic").len(), 1, "the interval is not over");
    sleep(Duration::from_secs(15)).await;
    assert_eq!(values.lock().expect("no panic").len(), 2, "the other reads what was not committed");
    assert_eq!((first.assignment().len(), second.assignment().len()), (2, 0));
    let error = second.commit().await.expect_err("what it read is another's now");
    let ConsumerError::Group(error) = error else { panic!("{error}") };
    assert_eq!(error.kind(), GroupErrorKind::NotMember);
    reads_nothing(&second, Duration::from_secs(10)).await;
    assert_eq!((first.assignment().len(), second.assignment().len()), (1, 1));
    polling.abort();
}

#[tokio::test(start_paused = true)]
async fn heartbeats_do_not_depend_on_the_application() {
    let world = World::new(2);
    let client = world.client().await;
    let session = Duration::from_secs(10);
    let first = Arc::new(member(&client).session_timeout(session).build().expect("a consumer"));
    let second = member(&client).session_timeout(session).build().expect("a consumer");
    settle(&[&first, &second], 2).await;
    let (_values, polling) = keep_polling(&first);
    sleep(Duration::from_secs(120)).await;
    assert_eq!((first.assignment().len(), second.assignment().len()), (1, 1));
    polling.abort();
}

#[tokio::test(start_paused = true)]
async fn records_that_are_being_worked_on_are_committed_before_they_go_to_others() {
    let world = World::new(2);
    let (client, (other, _network)) = (world.client().await, world.remote_client().await);
    let first = Arc::new(member(&client).build().expect("a consumer"));
    settle(&[&first], 2).await;
    send_to_all(&client, 2, "1").await;
    let (values, polling) = keep_polling(&first);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(values.lock().expect("no panic").len(), 2);
    // Long before the interval of automatic commits is over, another member comes.
    let second = member(&other).build().expect("a consumer");
    reads_nothing(&second, Duration::from_secs(20)).await;
    assert_eq!(second.assignment().len(), 1);
    send_to_all(&client, 2, "2").await;
    assert_eq!(read_values(&second, 1).await, ["2"]);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(*values.lock().expect("no panic"), ["1", "1", "2"]);
    polling.abort();
}

#[derive(Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn note(&self, what: &str, partitions: &[TopicPartition]) {
        let partitions: Vec<_> = partitions.iter().map(|tp| tp.partition).collect();
        self.0.lock().expect("no panic").push(format!("{what} {partitions:?}"));
    }
}

impl RebalanceListener for Told {
    fn on_assigned(&mut self, partitions: &[TopicPartition]) {
        self.note("assigned", partitions);
    }

    fn on_revoked(&mut self, partitions: &[TopicPartition]) {
        self.note("revoked", partitions);
    }

    fn on_lost(&mut self, partitions: &[TopicPartition]) {
        self.note("lost", partitions);
    }
}

#[tokio::test(start_paused = true)]
async fn a_listener_is_told_of_every_change() {
    let world = World::new(2);
    let client = world.client().await;
    let told = Arc::default();
    let first = member(&client).max_poll_interval(Duration::from_secs(20));
    let first = first.rebalance_listener(Told(Arc::clone(&told))).build().expect("a consumer");
    settle(&[&first], 2).await;
    let second = member(&client).build().expect("a consumer");
    settle(&[&first, &second], 2).await;
    let kept = first.assignment()[0].partition;
    sleep(Duration::from_secs(40)).await;
    reads_nothing(&first, Duration::from_secs(1)).await;
    let told: Vec<String> = told.lock().expect("no panic").clone();
    let expected = [
        "assigned [0, 1]".into(),
        "revoked [0, 1]".into(),
        format!("assigned [{kept}]"),
        format!("lost [{kept}]"),
    ];
    assert_eq!(told[..4], expected);
}

/// A member that is told of everything, with two partitions; and what it was told.
async fn listening(world: &World, client: &Client) -> (Consumer, Arc<Mutex<Vec<String>>>) {
    let told = Arc::default();
    let listener = Told(Arc::clone(&told));
    let reader = member(client).rebalance_listener(listener).build().expect("a consumer");
    settle(&[&reader], 2).await;
    send_to_all(&world.client().await, 2, "v").await;
    read(&reader, 2).await;
    assert_eq!(*told.lock().expect("no panic"), ["assigned [0, 1]"]);
    (reader, told)
}

fn requests(world: &World, wanted: ApiKey) -> usize {
    let is_it = |entry: &&JournalEntry| matches!(entry.event, JournalEvent::RequestReceived { api, .. } if api == wanted);
    world.broker.with_cluster(|cluster, _| {
        cluster.journal().map_or(0, |journal| journal.entries().iter().filter(is_it).count())
    })
}

#[tokio::test(start_paused = true)]
async fn a_member_that_lost_its_membership_joins_again_only_after_its_application_was_told() {
    let world = World::with(2, |broker| broker.cluster(|cluster| cluster.journal(true)));
    let client = world.client().await;
    let (reader, told) = listening(&world, &client).await;
    let joins = requests(&world, ApiKey::JOIN_GROUP);
    world
        .broker
        .faults()
        .on(ApiKey::HEARTBEAT)
        .times(1)
        .error(ErrorCode::ILLEGAL_GENERATION)
        .expect("a rule");
    // The application works on what it has, and is in no hurry.
    sleep(Duration::from_secs(30)).await;
    assert_eq!(requests(&world, ApiKey::JOIN_GROUP), joins);
    assert!(reader.assignment().is_empty());
    let commit = reader.commit().await.expect_err("what it worked on may be another's");
    assert!(matches!(commit, ConsumerError::Group(error) if error.kind() == GroupErrorKind::NotMember));
    // What it did not commit is read again.
    read(&reader, 2).await;
    assert_eq!(requests(&world, ApiKey::JOIN_GROUP), joins + 1);
    let expected = ["assigned [0, 1]", "lost [0, 1]", "assigned [0, 1]"];
    assert_eq!(*told.lock().expect("no panic"), expected);
}

#[tokio::test(start_paused = true)]
async fn what_is_lost_while_it_is_committed_for_others_is_told_as_lost_alone() {
    let world = World::new(2);
    let client = world.client().await;
    let (reader, told) = listening(&world, &client).await;
    world
        .broker
        .faults()
        .on(ApiKey::HEARTBEAT)
        .times(1)
        .error(ErrorCode::REBALANCE_IN_PROGRESS)
        .expect("a rule");
    world
        .broker
        .faults()
        .on(ApiKey::OFFSET_COMMIT)
        .times(1)
        .error(ErrorCode::ILLEGAL_GENERATION)
        .expect("a rule");
    let again = async {
        // Until the rebalance, there is nothing to read.
        while told.lock().expect("no panic").len() < 3 {
            _ = timeout(Duration::from_millis(50), reader.next_batch()).await;
        }
    };
    sleep(Duration::from_secs(4)).await;
    soon(again).await;
    let expected = ["assigned [0, 1]", "lost [0, 1]", "assigned [0, 1]"];
    assert_eq!(*told.lock().expect("no panic"), expected);
}

#[tokio::test(start_paused = true)]
async fn an_assignment_that_the_application_did_not_hear_of_is_not_told_to_be_lost() {
    let world = World::new(2);
    let client = world.client().await;
    let told = Arc::default();
    let listener = Told(Arc::clone(&told));
    let reader = member(&client).rebalance_listener(listener).build().expect("a consumer");
    // It joins by itself, and is expelled before anybody asks it for a batch.
    sleep(Duration::from_secs(10)).await;
    assert_eq!(reader.assignment().len(), 2);
    world
        .broker
        .faults()
        .on(ApiKey::HEARTBEAT)
        .times(1)
        .error(ErrorCode::ILLEGAL_GENERATION)
        .expect("a rule");
    sleep(Duration::from_secs(20)).await;
    assert_eq!(reader.assignment().len(), 2, "nobody was to be waited for");
    reads_nothing(&reader, Duration::from_secs(1)).await;
    assert_eq!(*told.lock().expect("no panic"), ["assigned [0, 1]"]);
}

#[tokio::test(start_paused = true)]
async fn a_listener_is_told_before_the_consumer_is_closed() {
    let world = World::new(2);
    let client = world.client().await;
    let (reader, told) = listening(&world, &client).await;
    soon(reader.close()).await.expect("closed");
    assert_eq!(*told.lock().expect("no panic"), ["assigned [0, 1]", "revoked [0, 1]"]);
    // It was committed before.
    let other = member(&client).build().expect("a consumer");
    reads_nothing(&other, Duration::from_secs(10)).await;
}

#[tokio::test(start_paused = true)]
async fn a_listener_is_told_of_a_loss_even_if_the_application_closes_instead_of_asking() {
    let world = World::new(2);
    let client = world.client().await;
    let (reader, told) = listening(&world, &client).await;
    world.broker.faults().on(ApiKey::HEARTBEAT).times(1).error(ErrorCode::UNKNOWN_MEMBER_ID).expect("a rule");
    sleep(Duration::from_secs(5)).await;
    _ = soon(reader.close()).await;
    assert_eq!(*told.lock().expect("no panic"), ["assigned [0, 1]", "lost [0, 1]"]);
}

#[tokio::test(start_paused = true)]
async fn a_listener_is_told_when_the_consumer_is_dropped() {
    let world = World::new(2);
    let client = world.client().await;
    let (reader, told) = listening(&world, &client).await;
    drop(reader);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(*told.lock().expect("no panic"), ["assigned [0, 1]", "revoked [0, 1]"]);
}

#[tokio::test(start_paused = true)]
async fn closing_does_not_wait_for_a_request_for_a_batch_that_nobody_polls() {
    let world = World::new(2);
    let client = world.client().await;
    let (reader, told) = listening(&world, &client).await;
    let mut asking = Box::pin(reader.next_batch());
    assert!(timeout(Duration::from_secs(1), &mut asking).await.is_err(), "there is nothing to read");
    let before = Instant::now();
    reader.close().await.expect("closed");
    assert!(before.elapsed() < Duration::from_secs(1), "{:?}", before.elapsed());
    assert_eq!(*told.lock().expect("no panic"), ["assigned [0, 1]", "revoked [0, 1]"]);
    assert!(asking.await.expect("no error").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_static_member_that_restarts_keeps_its_partitions_without_a_rebalance() {
    let world = World::new(2);
    let client = world.client().await;
    let session = Duration::from_secs(60);
    let build = |name: &str| {
        member(&client).group_instance_id(name).session_timeout(session).build().expect("a consumer")
    };
    let (first, second) = (build("a"), build("b"));
    settle(&[&first, &second], 2).await;
    let (before, others) = (second.assignment(), first.assignment());
    second.close().await.expect("closed");
    reads_nothing(&first, Duration::from_secs(20)).await;
    let second = build("b");
    reads_nothing(&second, Duration::from_secs(5)).await;
    assert_eq!((second.assignment(), first.assignment()), (before, others));
}

#[tokio::test(start_paused = true)]
async fn a_member_whose_place_is_taken_is_told_and_stops() {
    let world = World::new(2);
    let client = world.client().await;
    let first = member(&client).group_instance_id("a").build().expect("a consumer");
    reads_nothing(&first, Duration::from_secs(5)).await;
    let second = member(&client).group_instance_id("a").build().expect("a consumer");
    reads_nothing(&second, Duration::from_secs(5)).await;
    let error = soon(first.next_batch()).await.expect_err("its place is taken");
    let ConsumerError::Group(group_error) = &error else { panic!("{error}") };
    assert_eq!(group_error.kind(), GroupErrorKind::FencedInstance);
    assert!(error.is_fatal());
    assert!(soon(first.next_batch()).await.expect("no second error").is_none());
    assert_eq!(second.assignment().len(), 2);
    soon(first.close()).await.expect("closed");
}

#[tokio::test(start_paused = true)]
async fn new_partitions_of_a_topic_are_found_and_read() {
    let world = World::with(1, |broker| broker.cluster(|cluster| cluster.num_partitions(3)));
    let client = world.builder().metadata_max_age(Duration::from_secs(10)).connect().await.expect("a client");
    let reader = client.consumer("g").subscribe(["t", "later"]).build().expect("a consumer");
    reads_nothing(&reader, Duration::from_millis(200)).await;
    // Asking for it made it.
    let joined = async {
        while reader.assignment().len() < 4 {
            _ = timeout(Duration::from_millis(100), reader.next_batch()).await;
        }
    };
    soon(joined).await;
}

#[tokio::test(start_paused = true)]
async fn a_session_timeout_that_the_broker_refuses_is_a_fatal_error_that_says_so() {
    let world = World::new(1);
    let client = world.client().await;
    let hasty =
        member(&client).session_timeout(Duration::from_secs(2)).heartbeat_interval(Duration::from_secs(1));
    let reader = hasty.build().expect("a consumer");
    let error = soon(reader.next_batch()).await.expect_err("refused");
    assert!(error.is_fatal() && error.to_string().contains("session.timeout.ms"), "{error}");
    soon(reader.close()).await.expect("closed");
}

#[tokio::test(start_paused = true)]
async fn twenty_members_come_and_go_and_every_record_is_read_once() {
    let world = World::new(20);
    let client = world.client().await;
    let mut members = Vec::new();
    for _ in 0..20 {
        let reader = Arc::new(member(&client).build().expect("a consumer"));
        members.push((keep_polling(&reader), reader));
        sleep(Duration::from_millis(700)).await;
    }
    for (round, (_, reader)) in members.iter().enumerate() {
        send_to_all(&client, 20, &format!("{round}")).await;
        sleep(Duration::from_secs(2)).await;
        if round % 2 == 0 {
            soon(reader.close()).await.expect("closed");
        }
    }
    sleep(Duration::from_secs(20)).await;
    let read: usize = members.iter().map(|((values, _), _)| values.lock().expect("no panic").len()).sum();
    assert_eq!(read, 400);
}
