//! Whatever brokers refuse, split and lose: no record is lost or written twice, each has one outcome and that is true,
//! those of a partition stay in order, and memory comes back.

use std::collections::BTreeMap;

use super::broker::Broker;
use super::*;

/// A record by the tag of its batch and its index in it.
type Record = (u32, u32);

struct Walk {
    world: World,
    broker: Broker,
    dice: Jitter,
    ms: u64,
    /// Requests without an answer, oldest first.
    open: Vec<Sent>,
    /// What was appended: the partition and the value.
    appended: BTreeMap<Record, (i32, Vec<u8>)>,
    next: usize,
}

impl Walk {
    fn new(seed: u64) -> Self {
        let mut dice = Jitter::seeded(seed);
        let config = ProducerConfig {
            batch_size: 300 + dice.below(2000),
            linger: Duration::from_millis(dice.below(3) as u64),
            buffer_memory: 20_000,
            max_request_size: 10_000,
            max_in_flight: 1 + dice.below(5),
            delivery_timeout: Duration::from_millis(500 + dice.below(5_000) as u64),
            ..config()
        };
        let leader: fn(i32) -> NodeId =
            if dice.below(2) == 0 { |_| NodeId(1) } else { |index| NodeId(1 + index % 2) };
        let world = World::led_by(config, leader);
        let broker = Broker::new(200 + dice.below(3000));
        Self { world, broker, dice, ms: 0, open: Vec::new(), appended: BTreeMap::new(), next: 0 }
    }

    fn step(&mut self) {
        match self.dice.below(20) {
            0..=8 => self.append(),
            9..=13 => self.serve(),
            14 => self.refuse(),
            15 => self.disconnect(),
            16 => self.broker.limit = 150 + self.dice.below(2000),
            17 => _ = self.world.producer.flush(),
            _ => self.ms += self.dice.below(200) as u64,
        }
        self.poll();
    }

    fn poll(&mut self) {
        self.open.extend(self.world.run(self.ms));
        assert_eq!(self.world.held(), self.world.producer.memory());
        let counted = self.world.producer.metrics();
        assert_eq!(counted.records_queued, self.appended.len() as u64);
        assert_eq!(counted.requests_in_flight, self.open.len());
    }

    fn append(&mut self) {
        let partition = self.dice.below(2);
        let what = if self.dice.below(15) == 0 { "bad" } else { "good" };
        let value = format!("{what}{:0width$}", self.next, width = 5 + self.dice.below(150)).into_bytes();
        if let Ok(record) = self.world.append_value(self.ms, partition, &value) {
            assert!(self.appended.insert(record, (partition as i32, value)).is_none());
            self.next += 1;
        }
    }

    /// The oldest request to a node, as each node takes them in order.
    fn take(&mut self) -> Option<Sent> {
        let node = NodeId(1 + self.dice.below(2) as i32);
        let at = self.open.iter().position(|sent| sent.node == node)?;
        Some(self.open.remove(at))
    }

    fn serve(&mut self) {
        if let Some(sent) = self.take() {
            self.broker.serve(self.ms, &mut self.world, &sent);
        }
    }

    /// An answer of a broker that has not looked at the records.
    fn refuse(&mut self) {
        const CODES: [ErrorCode; 4] = [
            ErrorCode::NOT_ENOUGH_REPLICAS,
            ErrorCode::NOT_LEADER_OR_FOLLOWER,
            ErrorCode::TOPIC_AUTHORIZATION_FAILED,
            ErrorCode::UNKNOWN_PRODUCER_ID,
        ];
        let code = CODES[self.dice.below(CODES.len())];
        let log_start_offset = self.dice.below(2) as i64 - 1;
        let Some(sent) = self.take() else { return };
        let answer = |&(partition, ..): &(i32, i32, i16, i32)| {
            let mut answer = PartitionProduceResponse::default();
            (answer.index, answer.error_code) = (partition, code.0);
            answer.log_start_offset = log_start_offset;
            answer
        };
        let answers = sent.batches.iter().map(answer).collect();
        self.world.answer_with(self.ms, &sent, answers);
    }

    /// A node's connection ends: it has taken some of what was under way, and nobody hears of any.
    fn disconnect(&mut self) {
        let node = NodeId(1 + self.dice.below(2) as i32);
        let (lost, open): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.open).into_iter().partition(|sent| sent.node == node);
        self.open = open;
        let written = self.dice.below(lost.len() + 1);
        for sent in &lost[..written] {
            self.broker.write(sent);
        }
        for sent in &lost {
            self.world.lose(self.ms, sent);
        }
    }

    /// Nothing fails any more; time passes until everything is resolved.
    fn finish(&mut self) {
        let mark = self.world.producer.flush();
        for _ in 0..2_000 {
            self.poll();
            for sent in std::mem::take(&mut self.open) {
                self.broker.serve(self.ms, &mut self.world, &sent);
            }
            self.poll();
            if self.open.is_empty() && self.world.producer.memory() == 0 {
                break;
            }
            self.ms += 10;
        }
        assert_eq!(self.world.producer.memory(), 0);
        assert!(self.world.producer.is_flushed(mark));
    }

    fn check(&self) {
        let mut outcomes: BTreeMap<Record, Result<i64, ProduceError>> = BTreeMap::new();
        for (tag, records, outcome) in &self.world.outcomes {
            let of = self.appended.range((*tag, 0)..(*tag + 1, 0)).count();
            assert_eq!(records.of as usize, of);
            for (delta, index) in (0..).zip(records.first..records.first + records.count) {
                let outcome = outcome.clone().map(|delivered| delivered.base_offset + delta);
                let twice = outcomes.insert((*tag, index), outcome);
                assert!(twice.is_none(), "two outcomes");
            }
        }
        assert!(outcomes.keys().eq(self.appended.keys()), "each record has an outcome");
        let delivered = outcomes.values().filter(|outcome| outcome.is_ok()).count();
        let counted = self.world.producer.metrics();
        assert_eq!(counted.records_acknowledged, delivered as u64);
        assert_eq!(counted.records_failed, (outcomes.len() - delivered) as u64);
        for (record, (partition, value)) in &self.appended {
            let log = self.broker.logs.get(partition).map_or(&[][..], |log| &log.values);
            let copies: Vec<_> = log.iter().enumerate().filter(|(_, written)| *written == value).collect();
            assert!(copies.len() <= 1, "written twice");
            match &outcomes[record] {
                Ok(offset) => assert_eq!(copies.first().map(|(at, _)| *at as i64), Some(*offset)),
                Err(error) if error.is_perhaps_written() => {}
                Err(error) => assert!(copies.is_empty(), "written all the same: {error}"),
            }
            assert!(!value.starts_with(b"bad") || outcomes[record].is_err());
        }
        for log in self.broker.logs.values() {
            let numbers: Vec<&[u8]> = log.values.iter().map(|value| number_in(value)).collect();
            assert!(numbers.is_sorted_by_key(|number| (number.len(), *number)), "out of order");
        }
    }
}

/// The digits without their leading zeros.
fn number_in(value: &[u8]) -> &[u8] {
    let digits = &value[b"good".len()..];
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    &digits[zeros..]
}

#[test]
fn no_record_is_lost_doubled_or_told_two_things() {
    let (mut split, mut refused, mut delivered) = (0, 0, 0);
    for seed in 0..400 {
        let mut walk = Walk::new(seed);
        for _ in 0..300 {
            walk.step();
        }
        walk.finish();
        walk.check();
        split += walk.broker.too_large;
        for (_, _, outcome) in &walk.world.outcomes {
            match outcome {
                Ok(_) => delivered += 1,
                Err(error) => refused += usize::from(error.code() == Some(ErrorCode::INVALID_RECORD)),
            }
        }
    }
    assert!(split > 500 && refused > 500 && delivered > 5000, "{split} {refused} {delivered}");
}
