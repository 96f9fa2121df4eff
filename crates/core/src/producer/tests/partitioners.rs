//! The rules of built-in partitioners, as arithmetic on queues.

use super::*;

const BATCH_SIZE: usize = 400;
const PARTITIONS: i32 = 4;

fn rules(rule: BuiltInPartitioner) -> PartitionerConfig {
    PartitionerConfig {
        rule,
        ignore_keys: false,
        adaptive: true,
        availability_timeout: None,
        batch_size: BATCH_SIZE,
    }
}

/// A topic, its partitioner and the producer that it is for.
struct Spread {
    producer: Producer<()>,
    partitions: Vec<PartitionIndex>,
    partitioner: TopicPartitioner,
}

impl Spread {
    fn new(config: PartitionerConfig, seed: u64) -> Self {
        Self::with(config, seed, |config| config)
    }

    fn with(rules: PartitionerConfig, seed: u64, change: fn(ProducerConfig) -> ProducerConfig) -> Self {
        let config = ProducerConfig { batch_size: BATCH_SIZE, buffer_memory: 1 << 30, ..config() };
        let mut spread = Self {
            producer: Producer::new(change(config), Jitter::seeded(1)),
            partitions: Vec::new(),
            partitioner: TopicPartitioner::new(rules, Jitter::seeded(seed)),
        };
        spread.learn(&snapshot(PARTITIONS));
        spread
    }

    fn learn(&mut self, snapshot: &ClusterSnapshot) {
        self.producer.on_snapshot(snapshot);
        let count = snapshot.topic("t").map_or(0, |topic| topic.partitions.len() as i32);
        self.partitions = (0..count).map(|p| self.producer.partition(&"t".into(), p, snapshot)).collect();
        self.partitioner.on_partitions(&self.partitions, &self.producer, false);
    }

    fn pick(&mut self, ms: u64, key: Option<&[u8]>, value: &[u8]) -> Choice {
        let unplaced = Unplaced::new(key, Some(value), &[]);
        self.partitioner.pick(at(ms).instant, &unplaced, &self.partitions, &mut self.producer)
    }

    /// Appends a record where the partitioner wants it.
    fn send(&mut self, ms: u64, key: Option<&[u8]>, value_len: usize) -> u32 {
        let value = vec![b'x'; value_len];
        let choice = self.pick(ms, key, &value);
        self.append(ms, choice.partition, key, &value);
        self.partitioner.taken(choice);
        choice.partition
    }

    fn append(&mut self, ms: u64, partition: u32, key: Option<&[u8]>, value: &[u8]) {
        let timestamp = at(ms).unix_ms;
        let record = RecordParts { timestamp, key, value: Some(value), headers: NO_HEADERS };
        let index = self.partitions[partition as usize];
        self.producer.append(at(ms), index, record, || ()).map(|_| ()).expect("room");
    }

    /// Queues batches that each are full.
    fn queue(&mut self, partition: u32, batches: usize) {
        for _ in 0..batches {
            self.append(0, partition, None, &[b'x'; BATCH_SIZE]);
        }
    }

    /// Sizes of queued batches.
    fn queued(&self, partition: usize) -> Vec<usize> {
        self.producer.queues[self.partitions[partition].0].batches.iter().map(|batch| batch.size).collect()
    }

    /// Sends what is due, and returns it by leader.
    fn run(&mut self, ms: u64) -> Vec<(Token, NodeId, Vec<i32>)> {
        let mut sent = Vec::new();
        while let Some(action) = self.producer.poll_action(at(ms).instant) {
            match action {
                Action::InitProducerId { token, .. } => {
                    self.producer.on_init_producer_id(at(ms), token, Ok(Ok((7, 0))));
                }
                Action::Send { token, node, batches } => {
                    let sealed = batches.iter().map(|_| Ok(Bytes::from_static(b"sealed"))).collect();
                    self.producer.on_sealed(token, sealed);
                    sent.push((token, node, batches.iter().map(|batch| batch.partition).collect()));
                }
                _ => {}
            }
        }
        sent
    }

    fn answer(&mut self, ms: u64, (token, _, partitions): &(Token, NodeId, Vec<i32>)) {
        let mut topic = TopicProduceResponse::default();
        topic.name = "t".into();
        for &partition in partitions {
            let mut answer = PartitionProduceResponse::default();
            answer.index = partition;
            topic.partition_responses.push(answer);
        }
        let mut response = ProduceResponse::default();
        response.responses.push(topic);
        self.producer.on_produced(at(ms), *token, Ok(&response));
    }

    /// How often a partition comes first, over many seeds.
    fn first_picks(mut self, rules: PartitionerConfig, ms: u64) -> [u32; PARTITIONS as usize] {
        let mut picked = [0; PARTITIONS as usize];
        for seed in 0..10_000 {
            self.partitioner = TopicPartitioner::new(rules, Jitter::seeded(seed));
            self.partitioner.on_partitions(&self.partitions, &self.producer, false);
            picked[self.pick(ms, None, b"x").partition as usize] += 1;
        }
        picked
    }
}

fn check_near(found: [u32; PARTITIONS as usize], expected: [u32; PARTITIONS as usize]) {
    for (found, wanted) in found.into_iter().zip(expected) {
        // Five standard deviations of 10,000 picks are at most 250.
        assert!(found.abs_diff(wanted) <= if wanted == 0 { 0 } else { 250 }, "{found} instead of {wanted}");
    }
}

#[test]
fn null_empty_and_other_keys_go_where_each_rule_says() {
    use BuiltInPartitioner::*;
    // CRC-32's check value; FNV-1a as Go's hash/fnv has it, without the sign; murmur2 as Java's own tests have it.
    let (crc, fnv, murmur2) = (0xcbf4_3926, 0x0d33_c4e1, (-790_332_482_i32 as u32) & 0x7fff_ffff);
    // Of nothing: murmur2's finish of its seed; the absolute value of FNV's basis.
    let (crc_of_nothing, fnv_of_nothing, murmur2_of_nothing) = (0, 0x7ee3_623b, 275_646_681);
    for (rule, key, of_null, of_empty, of_key) in [
        (Murmur2Random, "foobar", None, Some(murmur2_of_nothing), Some(murmur2)),
        (Murmur2, "foobar", Some(murmur2_of_nothing), Some(murmur2_of_nothing), Some(murmur2)),
        (ConsistentRandom, "123456789", None, None, Some(crc)),
        (Consistent, "123456789", Some(crc_of_nothing), Some(crc_of_nothing), Some(crc)),
        (Fnv1aRandom, "kafka", None, Some(fnv_of_nothing), Some(fnv)),
        (Fnv1a, "kafka", Some(fnv_of_nothing), Some(fnv_of_nothing), Some(fnv)),
        (Random, "any", None, None, None),
        (RoundRobin, "any", None, None, None),
    ] {
        for (key, hash) in [(None, of_null), (Some(&b""[..]), of_empty), (Some(key.as_bytes()), of_key)] {
            for count in [1, 7, 12, 1000] {
                let expected = hash.map(|hash: u32| hash % count);
                assert_eq!(rule.partition_of_key(key, count), expected, "{rule:?} of {key:?}");
            }
            assert_eq!(rule.partition_of_key(key, 0).unwrap_or(0), 0);
        }
    }
}

/// The vectors of librdkafka's own test, which come from Go.
#[test]
fn fnv1a_is_that_of_librdkafka_and_sarama() {
    for (key, hash) in [
        ("kafka", 0x0d33_c4e1),
        ("giberish123456789", 0x77a5_8295),
        ("1234", 0x023b_dd03),
        ("234", 0x2dea_3cd2),
        ("34", 0x740f_a83e),
        ("4", 0x310c_a263),
        ("PreAmbleWillBeRemoved,ThePrePartThatIs", 0x65cb_d69c),
        ("reAmbleWillBeRemoved,ThePrePartThatIs", 0x6e49_c79a),
        ("eAmbleWillBeRemoved,ThePrePartThatIs", 0x69ee_d356),
        ("AmbleWillBeRemoved,ThePrePartThatIs", 0x6abc_c023),
        ("", 0x7ee3_623b),
    ] {
        assert_eq!(BuiltInPartitioner::Fnv1a.partition_of_key(Some(key.as_bytes()), u32::MAX), Some(hash));
    }
}

#[test]
fn names_of_other_clients_are_read() {
    use BuiltInPartitioner::*;
    for rule in BuiltInPartitioner::ALL {
        assert_eq!(rule.name().parse(), Ok(rule));
    }
    for (name, rule) in [
        ("", Murmur2Random),
        ("null", Murmur2Random),
        ("murmur2_random", Murmur2Random),
        ("org.apache.kafka.clients.producer.internals.DefaultPartitioner", Murmur2Random),
        ("org.apache.kafka.clients.producer.RoundRobinPartitioner", RoundRobin),
        ("RoundRobinPartitioner", RoundRobin),
        ("consistent_random", ConsistentRandom),
        ("fnv1a", Fnv1a),
    ] {
        assert_eq!(name.parse(), Ok(rule), "{name}");
    }
    let error = "com.example.Mine".parse::<BuiltInPartitioner>().expect_err("no such class");
    assert_eq!(
        error.to_string(),
        "unknown partitioner, not one of murmur2_random, murmur2, consistent_random, consistent, fnv1a_random, \
         fnv1a, random, RoundRobinPartitioner, DefaultPartitioner: com.example.Mine"
    );
}

#[test]
fn records_without_a_key_fill_a_batch_before_they_go_elsewhere() {
    // Times far apart make records longer.
    for (value_len, apart_ms) in [(0, 0), (1, 0), (10, 0), (60, 0), (150, 0), (10, 1 << 50), (60, 1 << 50)] {
        let mut spread = Spread::new(rules(BuiltInPartitioner::default()), 3);
        let sent: Vec<u32> = (0..500).map(|n| spread.send(n % 2 * apart_ms, None, value_len)).collect();
        assert!(sent.iter().any(|partition| *partition != sent[0]));
        let last = sent[sent.len() - 1] as usize;
        for partition in 0..PARTITIONS as usize {
            let mut sizes = spread.queued(partition);
            if partition == last {
                sizes.pop();
            }
            for size in sizes {
                // The next record was counted with 12 bytes more than its value.
                assert!(size + value_len + 12 > BATCH_SIZE && size <= BATCH_SIZE, "{size}, {value_len}");
            }
        }
    }
}

#[test]
fn a_batch_that_is_left_because_it_is_full_leaves_without_linger() {
    let linger = |config: ProducerConfig| ProducerConfig { linger: Duration::from_secs(5), ..config };
    let mut spread = Spread::with(rules(BuiltInPartitioner::default()), 3, linger);
    let first = spread.send(0, None, 100);
    while spread.queued(first as usize)[0] < 300 {
        assert!(!spread.pick(0, None, &[b'x'; 100]).news);
        spread.send(0, None, 100);
    }
    assert!(spread.run(0).is_empty(), "it lingers");
    assert!(spread.pick(0, None, &[b'x'; 100]).news, "it is due");
    let sent = spread.run(0);
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].2, [first as i32]);
}

#[test]
fn a_slow_producer_stays_for_a_batchs_worth_of_bytes() {
    for seed in 0..3 {
        let mut spread = Spread::new(rules(BuiltInPartitioner::default()), seed);
        let mut sent = Vec::new();
        for ms in 0..50 {
            sent.push(spread.send(ms, None, 88));
            // Each record is its own batch, and acknowledged at once.
            for request in spread.run(ms) {
                spread.answer(ms, &request);
            }
        }
        let runs: Vec<usize> = sent.chunk_by(|a, b| a == b).map(<[u32]>::len).collect();
        // 100 bytes each. Another pick may be the same partition.
        assert!(runs[..runs.len() - 1].iter().all(|run| run % 4 == 0), "{runs:?}");
        assert!(runs.contains(&4), "{runs:?}");
    }
}

#[test]
fn records_with_keys_do_not_hold_the_others_for_ever() {
    let linger = |config: ProducerConfig| ProducerConfig { linger: Duration::from_millis(1), ..config };
    let mut spread = Spread::with(rules(BuiltInPartitioner::default()), 3, linger);
    let mut run = vec![spread.send(0, None, 28)];
    for round in 1..100 {
        // What is open is sent, and another record opens a batch again: there is room all the time.
        for request in spread.run(round * 10) {
            spread.answer(round * 10, &request);
        }
        for partition in 0..PARTITIONS as u32 {
            spread.append(round * 10, partition, Some(b"k"), b"x");
        }
        run.push(spread.send(round * 10, None, 28));
    }
    let runs: Vec<usize> = run.chunk_by(|a, b| a == b).map(<[u32]>::len).collect();
    assert!(runs.len() > 2, "{runs:?}");
    assert!(
        runs[..runs.len() - 1].iter().all(|run| run % 20 == 0),
        "twice the batch size, 40 bytes each: {runs:?}"
    );
}

#[test]
fn the_longer_a_queue_the_seldomer_its_partition_is_picked() {
    let config = rules(BuiltInPartitioner::default());
    let queued = || {
        let mut spread = Spread::new(config, 0);
        for (partition, batches) in [(1, 3), (2, 1), (3, 2)] {
            spread.queue(partition, batches);
        }
        spread
    };
    check_near(queued().first_picks(config, 0), [4000, 1000, 3000, 2000]);
    let uniform = PartitionerConfig { adaptive: false, ..config };
    check_near(queued().first_picks(uniform, 0), [2500, 2500, 2500, 2500]);
}

#[test]
fn records_without_a_key_avoid_partitions_without_a_leader() {
    let some = snapshot_led_by(PARTITIONS, |index| NodeId(if index % 2 == 0 { -1 } else { 1 }));
    let none = snapshot_led_by(PARTITIONS, |_| NodeId(-1));
    for (adaptive, seed) in [(true, 1), (false, 2)] {
        let config = PartitionerConfig { adaptive, ..rules(BuiltInPartitioner::default()) };
        let mut spread = Spread::new(config, seed);
        spread.learn(&some);
        check_near(spread.first_picks(config, 0), [0, 5000, 0, 5000]);
        let mut spread = Spread::new(config, seed);
        spread.learn(&none);
        check_near(spread.first_picks(config, 0), [2500, 2500, 2500, 2500]);
    }
    for rule in [BuiltInPartitioner::RoundRobin, BuiltInPartitioner::Random] {
        let mut spread = Spread::new(rules(rule), 5);
        spread.learn(&some);
        let picked: BTreeSet<u32> = (0..100).map(|_| spread.send(0, Some(b"k"), 1)).collect();
        assert_eq!(picked, [1, 3].into());
        spread.learn(&none);
        let picked: BTreeSet<u32> = (0..100).map(|_| spread.send(0, Some(b"k"), 1)).collect();
        assert_eq!(picked.len(), 4);
    }
}

#[test]
fn keys_go_to_their_partition_with_or_without_a_leader() {
    let mut spread = Spread::new(rules(BuiltInPartitioner::default()), 1);
    let before: Vec<u32> = (0..100_u8).map(|key| spread.send(0, Some(&[key]), 1)).collect();
    spread.learn(&snapshot_led_by(PARTITIONS, |index| NodeId(index - 1)));
    let after: Vec<u32> = (0..100_u8).map(|key| spread.send(0, Some(&[key]), 1)).collect();
    assert_eq!(before, after);
}

#[test]
fn the_sticky_partition_is_left_when_it_loses_its_leader() {
    for seed in 0..20 {
        let mut spread = Spread::new(rules(BuiltInPartitioner::default()), seed);
        let first = spread.send(0, None, 1);
        spread.learn(&snapshot_led_by(PARTITIONS, |index| NodeId(if index < 2 { -1 } else { 1 })));
        let next = spread.send(0, None, 1);
        assert!(next >= 2);
        assert!(first < 2 || next == first, "no need to move: {first}, {next}");
    }
}

#[test]
fn no_pick_is_outside_whatever_becomes_of_the_topic() {
    for rule in BuiltInPartitioner::ALL {
        let mut spread = Spread::new(rules(rule), 9);
        let mut jitter = Jitter::seeded(9);
        for round in 0..300 {
            let count = 1 + jitter.below(6) as i32;
            spread.learn(&snapshot(count));
            for number in 0..1 + jitter.below(20) {
                let key = [round as u8, number as u8];
                let key = Some(&key[..jitter.below(3)]).filter(|_| jitter.below(3) > 0);
                let partition = spread.send(0, key, jitter.below(100));
                assert!((partition as i32) < count, "{rule:?}: {partition} of {count}");
            }
        }
        spread.learn(&snapshot(0));
        assert_eq!(spread.pick(0, None, b"x").partition, 0, "there is none to pick");
    }
}

#[test]
fn a_topic_made_anew_is_picked_from_anew() {
    let left = (0..20).filter(|seed| {
        let mut spread = Spread::new(rules(BuiltInPartitioner::default()), *seed);
        let first = spread.send(0, None, 1);
        spread.partitioner.on_partitions(&spread.partitions, &spread.producer, true);
        spread.send(0, None, 1) != first
    });
    assert!(left.count() > 10);
}

#[test]
fn brokers_that_owe_an_answer_for_too_long_are_avoided_until_they_give_one() {
    // Node 1 leads partitions 0 and 2, node 2 the others.
    let config = PartitionerConfig {
        adaptive: true,
        availability_timeout: Some(Duration::from_millis(100)),
        ..rules(BuiltInPartitioner::default())
    };
    let sent = || {
        let mut spread = Spread::new(config, 0);
        spread.append(0, 0, None, b"x");
        let request = spread.run(0).remove(0);
        (spread, request)
    };
    let (spread, _) = sent();
    check_near(spread.first_picks(config, 100), [2500, 2500, 2500, 2500]);
    let (spread, _) = sent();
    check_near(spread.first_picks(config, 101), [0, 5000, 0, 5000]);
    let (mut spread, request) = sent();
    spread.answer(101, &request);
    check_near(spread.first_picks(config, 102), [2500, 2500, 2500, 2500]);

    // Off, or all of them are stuck: then none is.
    let off = PartitionerConfig { availability_timeout: None, ..config };
    let (spread, _) = sent();
    check_near(spread.first_picks(off, 9000), [2500, 2500, 2500, 2500]);
    let uniform = PartitionerConfig { adaptive: false, ..config };
    let (spread, _) = sent();
    check_near(spread.first_picks(uniform, 9000), [2500, 2500, 2500, 2500]);
    let (mut spread, _) = sent();
    spread.append(0, 1, None, b"x");
    assert_eq!(spread.run(0).len(), 1);
    check_near(spread.first_picks(config, 9000), [2500, 2500, 2500, 2500]);
}

#[test]
fn a_broker_that_answers_one_of_its_requests_makes_progress() {
    let config = PartitionerConfig {
        availability_timeout: Some(Duration::from_millis(100)),
        ..rules(BuiltInPartitioner::default())
    };
    let answered = || {
        let mut spread = Spread::new(config, 0);
        spread.append(0, 0, None, b"x");
        let first = spread.run(0).remove(0);
        spread.append(10, 2, None, b"x");
        let second = spread.run(10).remove(0);
        spread.answer(90, &first);
        (spread, second)
    };
    check_near(answered().0.first_picks(config, 190), [2500, 2500, 2500, 2500]);
    check_near(answered().0.first_picks(config, 191), [0, 5000, 0, 5000]);
    // Nothing is owed, and the next request begins anew.
    let (mut spread, second) = answered();
    spread.answer(200, &second);
    spread.append(1000, 0, None, b"x");
    assert_eq!(spread.run(1000).len(), 1);
    check_near(spread.first_picks(config, 1001), [2500, 2500, 2500, 2500]);
}

#[test]
fn what_failed_without_an_answer_is_still_owed_until_nothing_is_left() {
    let config = PartitionerConfig {
        availability_timeout: Some(Duration::from_millis(500)),
        ..rules(BuiltInPartitioner::default())
    };
    let failed = || {
        let mut spread = Spread::new(config, 0);
        spread.append(0, 0, None, b"x");
        let (token, ..) = spread.run(0).remove(0);
        spread.producer.on_produced(at(400), token, Err(RequestError::Timeout));
        spread
    };
    // Partition 0 has a batch in its queue.
    check_near(failed().first_picks(config, 501), [0, 5000, 0, 5000]);
    let mut spread = failed();
    // The delivery time is over: a broker for which nothing is left is tried again.
    spread.run(10_001);
    check_near(spread.first_picks(config, 10_001), [2500, 2500, 2500, 2500]);
}

#[test]
fn round_robin_is_even_and_what_was_refused_has_its_turn_again() {
    let mut spread = Spread::new(rules(BuiltInPartitioner::RoundRobin), 4);
    let mut picked = [0; PARTITIONS as usize];
    for number in 0..400 {
        let refused = spread.pick(0, None, b"x").partition;
        let key = Some(&b"key"[..]).filter(|_| number % 2 == 0);
        let partition = spread.send(0, key, 1);
        assert_eq!(partition, refused);
        picked[partition as usize] += 1;
    }
    assert_eq!(picked, [100; PARTITIONS as usize]);
}

#[test]
fn producers_begin_their_rounds_at_different_partitions() {
    let first = |seed| Spread::new(rules(BuiltInPartitioner::RoundRobin), seed).send(0, None, 1);
    assert_eq!((0..50).map(first).collect::<BTreeSet<u32>>().len(), PARTITIONS as usize);
}

#[test]
fn keys_that_are_ignored_stick_like_none() {
    for rule in BuiltInPartitioner::ALL.into_iter().filter(|rule| rule.partition_of_key(None, 4).is_none()) {
        let config = PartitionerConfig { ignore_keys: true, ..rules(rule) };
        let picks = |keys: bool| {
            let mut spread = Spread::new(config, 6);
            (0..100_u8).map(|key| spread.send(0, Some(&[key]).filter(|_| keys).map(|k| &k[..]), 9)).collect()
        };
        let (with, without): (Vec<u32>, Vec<u32>) = (picks(true), picks(false));
        // A key takes a byte, so the batches do not end at the same record.
        assert_eq!(with[..10], without[..10], "{rule:?}");
    }
}

#[test]
fn random_sends_records_with_a_key_anywhere() {
    let mut spread = Spread::new(rules(BuiltInPartitioner::Random), 7);
    let mut picked = [0; PARTITIONS as usize];
    for _ in 0..10_000 {
        picked[spread.pick(0, Some(b"k"), b"x").partition as usize] += 1;
    }
    check_near(picked, [2500; PARTITIONS as usize]);
}
