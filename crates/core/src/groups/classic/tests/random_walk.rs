//! Any order of events leaves the machine in order.

use super::*;
use crate::consumer::Offset;

const CODES: [ErrorCode; 12] = [
    ErrorCode::NONE,
    ErrorCode::REBALANCE_IN_PROGRESS,
    ErrorCode::ILLEGAL_GENERATION,
    ErrorCode::UNKNOWN_MEMBER_ID,
    ErrorCode::NOT_COORDINATOR,
    ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
    ErrorCode::FENCED_INSTANCE_ID,
    ErrorCode::GROUP_AUTHORIZATION_FAILED,
    ErrorCode::MEMBER_ID_REQUIRED,
    ErrorCode::UNKNOWN_SERVER_ERROR,
    ErrorCode::NONE,
    ErrorCode::NONE,
];

/// A broker and an application that do anything at any time.
struct Walk {
    hand: Hand,
    dice: Jitter,
    open: Vec<(Token, Option<GroupRequest>)>,
    operations_open: usize,
    /// Partitions that are revoked or lost, and that the application has not let go of.
    is_awaited: bool,
    left: bool,
}

impl Walk {
    fn drain(&mut self) {
        for step in 0.. {
            assert!(step < 1000, "it never comes to rest in {:?}", self.hand.group.state());
            match self.hand.next() {
                None => break,
                Some(Action::FindCoordinator { token }) => self.open.push((token, None)),
                Some(Action::Send { token, request, .. }) => {
                    let joins = matches!(request, GroupRequest::JoinGroup(_));
                    assert!(!(joins && self.is_awaited), "it joins before the application has let go");
                    self.open.push((token, Some(request)));
                }
                Some(Action::Revoke { .. } | Action::Lost { .. }) => self.is_awaited = true,
                Some(Action::Committed { .. } | Action::OffsetsFetched { .. }) => self.operations_open -= 1,
                Some(Action::Left) => self.left = true,
                Some(_) => assert!(!self.left, "something happens after the end"),
            }
        }
    }

    fn answer(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let (token, request) = self.open.swap_remove(self.dice.below(self.open.len()));
        let code = CODES[self.dice.below(CODES.len())];
        let now = self.hand.now;
        let Some(request) = request else {
            let result = match self.dice.below(4) {
                0 => Err(LookupError::Code(code)),
                _ => Ok(COORDINATOR),
            };
            return self.hand.group.on_coordinator(now, token, result);
        };
        if self.dice.below(6) == 0 {
            return self.hand.disconnect(token);
        }
        let response = match request {
            GroupRequest::JoinGroup(_) if code == ErrorCode::NONE && self.dice.below(2) == 0 => {
                elected(&[("m", &["t", "u"]), ("n", &["t"])], false)
            }
            GroupRequest::JoinGroup(_) if code == ErrorCode::NONE => joined("m", "n", 3),
            GroupRequest::JoinGroup(_) => return self.hand.refuse_join(token, code, "m"),
            GroupRequest::SyncGroup(_) if code == ErrorCode::NONE => {
                synced(if self.dice.below(2) == 0 { &[0, 1] } else { &[1, 2] })
            }
            GroupRequest::SyncGroup(_) => sync_refused(code),
            GroupRequest::Heartbeat(_) => beaten(code),
            GroupRequest::LeaveGroup(_) => GroupResponse::LeaveGroup(LeaveGroupResponse::default()),
            GroupRequest::OffsetCommit(_) => offset_tests::committed(&[("t", 0, code)]),
            GroupRequest::OffsetFetch(_) => beaten(code),
        };
        self.hand.answer(token, response);
    }

    fn step(&mut self) {
        let now = self.hand.now;
        let group = &mut self.hand.group;
        match self.dice.below(24) {
            0 => group.subscribe(now, vec!["t".into()]),
            1 => group.subscribe(now, vec!["t".into(), "u".into()]),
            2 if self.dice.below(4) == 0 => group.subscribe(now, vec![]),
            3 => group.on_poll_overdue(now),
            4 | 5 => group.on_poll(now),
            6 | 7 => {
                group.on_revoked(now);
                self.is_awaited = false;
            }
            8 | 9 => {
                let mut topics = TopicSnapshot::default();
                topics.insert("t".into(), self.dice.below(3) as i32);
                group.on_topics(now, &topics);
            }
            10 => {
                let offset = OffsetAndMetadata::new(Offset(1));
                group.commit(now, [(TopicPartition::new("t", 0), offset)].into());
                self.operations_open += 1;
            }
            11 => {
                group.fetch_offsets(now, partitions(&[0]).into_iter().collect());
                self.operations_open += 1;
            }
            12 if self.dice.below(50) == 0 => group.leave(now),
            13..=15 => {
                if group.next_timeout().is_some() {
                    self.hand.wake();
                }
            }
            16 => self.hand.pass(Duration::from_millis(1 << self.dice.below(17))),
            _ => self.answer(),
        }
    }
}

#[test]
fn any_order_of_events_leaves_the_machine_in_order() {
    let mut seen = BTreeSet::new();
    for seed in 0..200 {
        let assignor: Arc<dyn Assignor> =
            if seed % 2 == 0 { Arc::new(RangeAssignor) } else { Arc::new(Cooperative) };
        let hand = Hand::with(ClassicGroupConfig::new("g".into()), assignor);
        let mut walk = Walk {
            hand,
            dice: Jitter::seeded(seed),
            open: Vec::new(),
            operations_open: 0,
            is_awaited: false,
            left: false,
        };
        for _ in 0..1000 {
            walk.step();
            seen.insert(walk.hand.group.state());
            walk.drain();
            seen.insert(walk.hand.group.state());
            let group = &walk.hand.group;
            // At rest, nothing is due: whoever waits for `next_timeout` does not spin.
            assert!(
                group.next_timeout().is_none_or(|at| at > walk.hand.now.instant),
                "seed {seed}: due and idle in {:?}",
                group.state()
            );
            assert!(
                group.assignment().is_empty() || group.generation_id().is_some(),
                "seed {seed}: partitions without a generation in {:?}",
                group.state()
            );
        }
        walk.hand.group.leave(walk.hand.now);
        walk.drain();
        for _ in 0..100 {
            if walk.left {
                break;
            }
            walk.hand.wake();
            walk.drain();
        }
        assert!(walk.left && walk.operations_open == 0, "seed {seed}: no end, or an operation without one");
    }
    assert_eq!(seen.len(), 11, "the walks only came to {seen:?}");
}
