//! Whatever brokers, application and rebalances do, every partition is read without a gap or a repetition, and
//! memory stays within its budget.

use super::*;

/// Where every partition ends.
const LOG_END: i64 = 1000;

const BATCH_MAX: usize = 361;

struct Walk {
    hand: Hand,
    dice: Jitter,
    open: Vec<Sent>,
    /// Deliveries that the application has not taken.
    buffered: VecDeque<Delivery>,
    /// By partition: the fetch epoch, and where the next delivery must start.
    expected: BTreeMap<TopicPartition, (FetchEpoch, Offset)>,
    delivered: usize,
}

impl Walk {
    fn drain(&mut self) {
        for step in 0.. {
            assert!(step < 1000, "it never comes to rest");
            match self.hand.next() {
                None => break,
                Some(FetchAction::Deliver(delivery)) => self.check(delivery),
                Some(FetchAction::Send { token, node_id, request, versions, .. }) => {
                    let sent = Sent::new(token, node_id, request, versions);
                    assert!(
                        self.open.iter().all(|open| open.node_id != sent.node_id),
                        "two requests at once"
                    );
                    self.open.push(sent);
                }
                Some(_) => {}
            }
        }
    }

    fn check(&mut self, delivery: Delivery) {
        assert!(self.hand.positions.is_current(&delivery.partition, delivery.fetch_epoch));
        let expected = self.expected.get(&delivery.partition);
        if let Some((_, next)) = expected.filter(|(epoch, _)| *epoch == delivery.fetch_epoch) {
            assert_eq!(*next, delivery.fetch_offset, "a gap or a repetition");
        }
        let next = (delivery.fetch_epoch, delivery.next_offset);
        self.expected.insert(delivery.partition.clone(), next);
        self.delivered += 1;
        self.buffered.push_back(delivery);
    }

    /// What a broker has for a request: whole batches, then a cut one, but one at least.
    fn answer(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let sent = self.open.swap_remove(self.dice.below(self.open.len()));
        if self.dice.below(8) == 0 {
            let error = Err(RequestError::Timeout);
            return self.hand.fetcher.on_response(self.hand.now, sent.token, error, &mut self.hand.positions);
        }
        let mut left = sent.request.max_bytes as usize;
        let mut first = true;
        let mut answers = Vec::new();
        for (partition, mut offset) in sent.partitions {
            if self.dice.below(10) == 0 {
                answers.push(refusal(partition, ErrorCode::NOT_LEADER_OR_FOLLOWER));
                continue;
            }
            let mut records = Vec::new();
            while offset < LOG_END && self.dice.below(6) > 0 {
                let last = offset + self.dice.below(5) as i64;
                // The position may lie within the batch.
                let base = offset - self.dice.below(2) as i64;
                let whole = batch(base, last, BATCH_MAX - self.dice.below(300));
                if whole.len() > left && !first {
                    if !records.is_empty() {
                        records.extend(&whole[..left]);
                    }
                    left = 0;
                    break;
                }
                left = left.saturating_sub(whole.len());
                first = false;
                records.extend(whole);
                offset = last + 1;
            }
            answers.push(data(partition, records));
        }
        self.hand.answer(sent.token, answers);
    }

    fn take(&mut self) {
        if let Some(delivery) = self.buffered.pop_front() {
            self.hand.consume(&delivery);
        }
    }

    fn wake(&mut self) {
        if let Some(next) = self.hand.fetcher.next_timeout(&self.hand.positions) {
            self.hand.now.instant = self.hand.now.instant.max(next);
        }
    }

    fn step(&mut self) {
        let partition = t(self.dice.below(6) as i32);
        let positions = &mut self.hand.positions;
        match self.dice.below(40) {
            0 => drop(positions.seek(&partition, at(self.dice.below(500) as i64))),
            1 => drop(positions.pause(&partition)),
            2..=4 => drop(positions.resume(&partition)),
            5 if self.dice.below(3) == 0 => {
                positions.revoke(std::slice::from_ref(&partition));
                let all: Vec<_> = (0..6).map(t).collect();
                positions.assign(&all);
                positions.seek(&partition, at(10));
            }
            6 => drop(self.hand.cluster.leaders.insert(partition.partition, 1 + self.dice.below(4) as i32)),
            7..=15 => self.take(),
            16..=20 => self.wake(),
            _ => self.answer(),
        }
    }

    fn is_at_the_end(&self) -> bool {
        self.expected.len() == 6 && self.expected.values().all(|(_, next)| next.0 >= LOG_END)
    }
}

#[test]
fn every_partition_is_read_without_gaps_within_the_memory() {
    let mut delivered = 0;
    for seed in 0..100 {
        let config = FetchConfig { memory: 4000, max_partition_bytes: 800, ..FetchConfig::default() };
        let mut walk = Walk {
            hand: Hand::new(config, &[1, 1, 2, 2, 3, 3]),
            dice: Jitter::seeded(seed),
            open: Vec::new(),
            buffered: VecDeque::new(),
            expected: BTreeMap::new(),
            delivered: 0,
        };
        for _ in 0..500 {
            walk.step();
            walk.drain();
            let fetcher = &walk.hand.fetcher;
            // Every broker may exceed what it was allowed by one batch.
            assert!(
                fetcher.pinned() + fetcher.reserved <= 4000 + 4 * BATCH_MAX,
                "seed {seed}: over the budget"
            );
            let next = fetcher.next_timeout(&walk.hand.positions);
            assert!(next.is_none_or(|next| next > walk.hand.now.instant), "seed {seed}: due and idle");
        }
        // In peace, everything is read to its end and all memory comes back.
        for partition in (0..6).map(t) {
            walk.hand.positions.resume(&partition);
        }
        for _ in 0..20_000 {
            if walk.is_at_the_end() && walk.buffered.is_empty() {
                break;
            }
            walk.answer();
            walk.take();
            walk.wake();
            walk.drain();
        }
        assert!(walk.is_at_the_end(), "seed {seed}: the end is not reached: {:?}", walk.expected);
        assert_eq!(walk.hand.fetcher.pinned(), 0, "seed {seed}: memory is lost");
        delivered += walk.delivered;
    }
    assert!(delivered > 10_000, "only {delivered}");
}
