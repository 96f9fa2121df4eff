//! Batches that their broker finds too large.

use ottla_protocol::records::Header;

use super::broker::Broker;
use super::*;

/// Batches of up to this many bytes, and room for all that a test appends.
fn roomy(batch_size: usize) -> ProducerConfig {
    ProducerConfig { batch_size, buffer_memory: 1 << 20, max_request_size: 1 << 20, ..config() }
}

/// Serves what is due until nothing is, all in one moment.
fn drain(world: &mut World, broker: &mut Broker, ms: u64) {
    for _ in 0..1000 {
        let sent = world.run(ms);
        if sent.is_empty() {
            return;
        }
        for sent in sent {
            broker.serve(ms, world, &sent);
        }
        assert_eq!(world.held(), world.producer.memory());
    }
    panic!("it does not come to rest");
}

/// A value of `size` bytes that tells its number, so that order can be seen.
fn value(number: usize, size: usize) -> Vec<u8> {
    format!("{number:0size$}").into_bytes()
}

fn fill(world: &mut World, ms: u64, numbers: std::ops::Range<usize>, size: usize) {
    for number in numbers {
        world.append_value(ms, 0, &value(number, size)).expect("room");
    }
}

fn first_rows(sent: &[Sent]) -> Vec<(i32, i32, i16, i32)> {
    sent.iter().map(|sent| sent.batches[0]).collect()
}

#[test]
fn a_batch_that_is_too_large_goes_again_at_once_in_parts_with_its_sequences() {
    for code in [ErrorCode::MESSAGE_TOO_LARGE, ErrorCode::RECORD_LIST_TOO_LARGE] {
        let mut world = World::introduced(roomy(1000));
        fill(&mut world, 1, 0..6, 100);
        let sent = world.run(1);
        assert_eq!(first_rows(&sent), [(0, 1, 0, 6)]);
        world.answer(1, &sent[0], code);
        let parts = world.run(1);
        assert_eq!(first_rows(&parts), [(0, 1, 0, 2), (0, 3, 0, 2)], "{code}: two requests may be under way");
        world.answer(2, &parts[0], ErrorCode::NONE);
        let last = world.run(2);
        assert_eq!(first_rows(&last), [(0, 5, 0, 2)]);
        world.answer(3, &last[0], ErrorCode::NONE);
        world.answer(3, &parts[1], ErrorCode::NONE);
        world.run(3);
        let ranges: Vec<_> = world.outcomes.iter().map(|(tag, records, _)| (*tag, *records)).collect();
        let range = |first| (3, RecordRange { first, count: 2, of: 6 });
        assert_eq!(ranges, [range(0), range(4), range(2)]);
        assert_eq!(world.producer.memory(), 0);
    }
}

#[test]
fn what_follows_in_flight_waits_for_the_parts_and_keeps_its_sequence() {
    let mut world = World::introduced(roomy(1000));
    fill(&mut world, 1, 0..2, 100);
    let first = world.run(1).remove(0);
    fill(&mut world, 1, 2..3, 100);
    let second = world.run(1).remove(0);
    world.answer(2, &first, ErrorCode::MESSAGE_TOO_LARGE);
    assert!(world.run(2).is_empty(), "the second one is under way");
    world.answer(3, &second, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    let order = world.deliver([3, 500, 1000]);
    assert_eq!(order, [(0, 1, 0, 1), (0, 2, 0, 1), (0, 3, 0, 1)]);
}

#[test]
fn as_many_rounds_are_needed_as_there_are_halvings() {
    for (limit, rounds) in [(5_000, 1), (2_600, 2), (1_300, 3), (700, 4), (200, 6)] {
        let mut world = World::new(roomy(10_000));
        let mut broker = Broker::new(limit);
        fill(&mut world, 0, 0..85, 100);
        let mut refused = 0;
        while broker.logs.is_empty() {
            let sent = world.run(0);
            assert_eq!(sent.len(), 1, "one under way until the leader knows the producer");
            broker.serve(0, &mut world, &sent[0]);
            refused = broker.too_large;
        }
        assert!((rounds - 1..=rounds + 1).contains(&refused), "{refused} refused for {limit}");
        drain(&mut world, &mut broker, 0);
        // Once it has grown a little the limit may be met again.
        assert!(broker.too_large <= refused + 1, "the other parts are cut before they are sent");
        let expected: Vec<_> = (0..85).map(|number| value(number, 100)).collect();
        assert_eq!(broker.logs[&0].values, expected);
        assert_eq!(world.producer.memory(), 0);
    }
}

#[test]
fn batches_that_wait_are_cut_before_they_are_sent() {
    let mut world = World::new(roomy(4_000));
    let mut broker = Broker::new(1_000);
    fill(&mut world, 0, 0..300, 100);
    assert!(world.producer.queues[0].batches.len() >= 9, "several full batches wait");
    drain(&mut world, &mut broker, 0);
    assert!(broker.too_large <= 4, "{} refused", broker.too_large);
    let expected: Vec<_> = (0..300).map(|number| value(number, 100)).collect();
    assert_eq!(broker.logs[&0].values, expected);
}

#[test]
fn later_batches_of_the_topic_stay_below_what_was_refused_and_grow_again() {
    let mut world = World::new(roomy(4_000));
    let mut broker = Broker::new(1_000);
    fill(&mut world, 0, 0..35, 100);
    drain(&mut world, &mut broker, 0);
    let before = broker.too_large;
    // The other partition of the topic has learned it as well.
    for number in 0..35 {
        world.append_value(0, 1, &value(number, 100)).expect("room");
    }
    drain(&mut world, &mut broker, 0);
    assert_eq!(broker.too_large, before);
    // The topic is altered.
    broker.limit = 10_000;
    for round in 0..1000 {
        fill(&mut world, round, 0..70, 100);
        drain(&mut world, &mut broker, round);
    }
    assert_eq!(world.producer.queues[0].batch_limit, 4_000);
    assert_eq!(broker.too_large, before);
}

#[test]
fn a_limit_that_stays_is_met_seldom() {
    let mut world = World::new(roomy(4_000));
    let mut broker = Broker::new(1_000);
    for round in 0..1000 {
        fill(&mut world, round, 0..9, 100);
        drain(&mut world, &mut broker, round);
    }
    assert!((1..=20).contains(&broker.too_large), "{} refused", broker.too_large);
}

#[test]
fn a_part_that_fails_for_good_takes_the_others_into_the_next_epoch() {
    let mut world = World::new(roomy(4_000));
    let mut broker = Broker::new(250);
    let sizes = [100, 300, 100, 100];
    for (number, size) in sizes.into_iter().enumerate() {
        world.append_value(0, 0, &value(number, size)).expect("room");
    }
    drain(&mut world, &mut broker, 0);
    for ms in (1..2000).step_by(50) {
        drain(&mut world, &mut broker, ms);
    }
    let mut outcomes: Vec<_> = world
        .outcomes
        .iter()
        .map(|(_, records, outcome)| {
            let outcome = outcome.as_ref().map(|delivered| delivered.base_offset);
            (records.first, outcome.map_err(ProduceError::kind))
        })
        .collect();
    let refused = Err(ProduceErrorKind::Refused(ErrorCode::MESSAGE_TOO_LARGE));
    outcomes.sort_by_key(|(first, _)| *first);
    assert_eq!(outcomes, [(0, Ok(0)), (1, refused), (2, Ok(1)), (3, Ok(2))]);
    let kept: Vec<_> = [0, 2, 3].into_iter().map(|number| value(number, 100)).collect();
    assert_eq!(broker.logs[&0].values, kept);
}

/// A new topic's leader often answers the first attempt so that nobody can tell whether it was written.
#[test]
fn what_may_be_written_is_split_and_its_parts_may_be_written() {
    let mut world = World::new(roomy(1000));
    let mut broker = Broker::new(300);
    fill(&mut world, 0, 0..4, 100);
    let sent = world.run(0).remove(0);
    world.answer(1, &sent, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    let again = world.run(1000).remove(0);
    broker.serve(1000, &mut world, &again);
    let part = world.run(1000).remove(0);
    assert_eq!(part.batches, [(0, 0, 0, 1)]);
    world.lose(1000, &part);
    world.run(10_000);
    let perhaps = Err(ProduceErrorKind::PerhapsWritten);
    assert_eq!(world.completed, [(1, perhaps); 4]);
    assert_eq!(world.producer.memory(), 0);
}

/// A broker that does not know the producer takes any sequence: it would write the next part behind a gap.
#[test]
fn parts_that_may_be_written_are_given_up_with_the_one_before_them() {
    let mut world = World::new(roomy(1000));
    let mut broker = Broker::new(180);
    for (number, size) in [(0, 300), (1, 100), (2, 100)] {
        world.append_value(0, 0, &value(number, size)).expect("room");
    }
    let sent = world.run(0).remove(0);
    world.lose(1, &sent);
    for ms in (1000..9000).step_by(100) {
        drain(&mut world, &mut broker, ms);
    }
    let perhaps = Err(ProduceErrorKind::PerhapsWritten);
    assert_eq!(world.completed, [(1, perhaps); 2], "the large record, and the two behind it");
    assert!(broker.logs.get(&0).is_none_or(|log| log.values.is_empty()));
    assert_eq!(world.producer.memory(), 0);
}

#[test]
fn parts_of_what_was_written_are_not_written_again() {
    let mut world = World::introduced(roomy(1000));
    let mut broker = Broker::new(1000);
    fill(&mut world, 0, 0..4, 100);
    let sent = world.run(0).remove(0);
    broker.write(&sent);
    world.lose(1, &sent);
    // The topic is altered.
    broker.limit = 300;
    for ms in (1000..3000).step_by(100) {
        drain(&mut world, &mut broker, ms);
    }
    assert_eq!(broker.too_large, 1);
    let perhaps = Err(ProduceErrorKind::PerhapsWritten);
    assert_eq!(world.completed, [(3, perhaps); 4]);
    assert_eq!(broker.logs[&0].values.len(), 4);
}

#[test]
fn what_may_be_written_goes_again_whole_where_a_smaller_limit_was_learned() {
    let mut world = World::introduced(roomy(1000));
    let mut broker = Broker::new(1000);
    fill(&mut world, 0, 0..4, 100);
    let sent = world.run(0).remove(0);
    broker.write(&sent);
    world.lose(1, &sent);
    for number in 0..2 {
        world.append_value(1, 1, &value(number, 100)).expect("room");
    }
    let other = world.run(1).remove(0);
    world.answer(1, &other, ErrorCode::MESSAGE_TOO_LARGE);
    for ms in (1000..3000).step_by(100) {
        drain(&mut world, &mut broker, ms);
    }
    let of_first: Vec<_> = world.outcomes.iter().filter(|(tag, ..)| *tag == 3).collect();
    let [(_, records, outcome)] = &of_first[..] else { panic!("one outcome, not {of_first:?}") };
    assert_eq!((records.count, outcome), (4, &Ok(Delivered::new(0, -1))));
    assert_eq!(broker.logs[&0].values.len(), 4);
}

#[test]
fn parts_behind_a_lost_sequence_lose_theirs() {
    let mut world = World::introduced(roomy(1000));
    fill(&mut world, 0, 0..1, 100);
    let first = world.run(0).remove(0);
    fill(&mut world, 0, 1..3, 100);
    let second = world.run(0).remove(0);
    world.answer(1, &first, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    world.answer(1, &second, ErrorCode::MESSAGE_TOO_LARGE);
    let order = world.deliver([1, 500, 1000]);
    assert_eq!(order, [(0, 0, 1, 1), (0, 1, 1, 1), (0, 2, 1, 1)]);
}

#[test]
fn only_the_batch_that_is_too_large_is_split() {
    let mut world = World::led_by(roomy(1000), |_| NodeId(1));
    for partition in 0..2 {
        for number in 0..2 {
            world.append_value(0, partition, &value(number, 100)).expect("room");
        }
    }
    let sent = world.run(0).remove(0);
    assert_eq!(sent.batches, [(0, 0, 0, 2), (1, 0, 0, 2)]);
    let answers = [(0, ErrorCode::MESSAGE_TOO_LARGE), (1, ErrorCode::NONE)].map(|(partition, code)| {
        let mut answer = PartitionProduceResponse::default();
        (answer.index, answer.error_code) = (partition, code.0);
        answer
    });
    world.answer_with(0, &sent, answers.into());
    assert_eq!(first_rows(&world.run(0)), [(0, 0, 0, 1)]);
    assert_eq!(world.completed, [(2, Ok(0))]);
}

#[test]
fn a_flush_waits_for_all_parts() {
    let mut world = World::new(ProducerConfig { linger: Duration::from_secs(5), ..roomy(1000) });
    fill(&mut world, 0, 0..2, 100);
    let mark = world.producer.flush();
    let sent = world.run(0).remove(0);
    world.answer(0, &sent, ErrorCode::MESSAGE_TOO_LARGE);
    for _ in 0..2 {
        assert!(!world.producer.is_flushed(mark));
        let part = world.run(0).remove(0);
        world.answer(0, &part, ErrorCode::NONE);
    }
    world.run(0);
    assert!(world.producer.is_flushed(mark));
}

#[test]
fn the_delivery_time_of_parts_began_with_their_first_record() {
    let mut world = World::new(roomy(1000));
    fill(&mut world, 0, 0..2, 100);
    let sent = world.run(0).remove(0);
    world.answer(9_000, &sent, ErrorCode::MESSAGE_TOO_LARGE);
    world.producer.on_snapshot(&snapshot(0));
    assert!(world.run(9_000).is_empty(), "there is no leader");
    world.run(10_000);
    assert_eq!(world.completed, [(1, Err(ProduceErrorKind::TimedOut)), (1, Err(ProduceErrorKind::TimedOut))]);
    let (_, _, outcome) = &world.outcomes[0];
    let text = outcome.as_ref().expect_err("timed out").to_string();
    assert!(text.contains("MESSAGE_TOO_LARGE"), "{text}");
    assert_eq!(world.producer.memory(), 0);
}

/// Timestamp, key, value, headers.
type Parts<'a> = (i64, Option<&'a [u8]>, Option<&'a [u8]>, &'a [Header<'a>]);

#[test]
fn records_in_parts_are_what_they_were() {
    let mut world = World::new(ProducerConfig { max_in_flight: 1, ..roomy(1000) });
    let headers = [Header::new("a", Some(b"1")), Header::new("a", None), Header::new("", Some(b""))];
    let records: [Parts<'_>; 4] = [
        (1_700_000_000_000, Some(b"key"), Some(b"value"), &headers),
        (-1, None, None, &[]),
        (5, Some(b""), Some(b""), &headers[1..]),
        (1_700_000_000_001, None, Some(b"value"), &[]),
    ];
    for (timestamp, key, value, headers) in records {
        let record = RecordParts { timestamp, key, value, headers: headers.iter().copied() };
        world.producer.append(at(0), world.partitions[0], record, || 1).expect("room");
    }
    let mut sent = world.run(0).remove(0);
    for _ in 0..10 {
        if sent.batches[0].3 == 1 {
            break;
        }
        world.answer(0, &sent, ErrorCode::MESSAGE_TOO_LARGE);
        sent = world.run(0).remove(0);
    }
    for (timestamp, key, value, headers) in records {
        let batch = RecordSet::new(sent.sealed[0].clone()).next().expect("one").expect("whole");
        let parsed = batch.records(1000).expect("records");
        let record = parsed.iter().next().expect("one").expect("whole");
        assert_eq!((record.timestamp, record.key, record.value), (timestamp, key, value));
        assert_eq!(record.headers.collect::<Vec<_>>(), headers);
        world.answer(0, &sent, ErrorCode::NONE);
        match world.run(0).pop() {
            Some(next) => sent = next,
            None => break,
        }
    }
    assert_eq!(world.completed.len(), 4);
}
