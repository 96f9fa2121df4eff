//! Which broker is asked for metadata, and when the bootstrap servers are asked again because those that are known lead
//! nowhere (KIP-899, KIP-1102).
//!
//! | state | event | next state | output |
//! |---|---|---|---|
//! | Known | somebody is to be asked | Known | one that is connected, or one at random that was not asked yet |
//! | Known | all known brokers have failed, or none is known | Bootstrap | the bootstrap servers, in turn |
//! | Known | nobody has answered for `metadata.recovery.rebootstrap.trigger.ms` | Lost | the same |
//! | Known, Bootstrap | a broker answers REBOOTSTRAP_REQUIRED | Lost | the same |
//! | Bootstrap | all of them have failed | Known | the known ones once more |
//! | Bootstrap, Lost | one answers | Known | |
//!
//! Java forgets the known brokers when it goes back to the bootstrap servers. Here they stay until there are others:
//! connections to them may still work.
//!
//! Not here: when somebody is asked.

use std::collections::BTreeSet;
use std::time::Duration;

use ottla_protocol::types::NodeId;

use crate::random::Jitter;
use crate::state_table::StateTable;
use crate::time::Instant;

/// What is done when no known broker answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetadataRecovery {
    /// The known brokers are tried for ever: `metadata.recovery.strategy=none`.
    None,
    /// The bootstrap servers are asked again: `rebootstrap`.
    Rebootstrap {
        /// `metadata.recovery.rebootstrap.trigger.ms`: without an answer for so long they alone are asked.
        trigger: Duration,
    },
}

impl Default for MetadataRecovery {
    /// Java's: the bootstrap servers, after 5 min.
    fn default() -> Self {
        Self::Rebootstrap { trigger: Duration::from_secs(300) }
    }
}

/// Who is to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whom {
    /// A broker of the cluster.
    Node(NodeId),
    /// A bootstrap server, by its place in the list.
    Bootstrap(usize),
}

/// The machine.
#[derive(Debug)]
pub struct Recovery {
    strategy: MetadataRecovery,
    jitter: Jitter,
    /// How many bootstrap servers there are.
    bootstrap_servers: usize,
    phase: Phase,
    /// Brokers that did not answer in this round.
    tried: BTreeSet<NodeId>,
    /// Bootstrap servers asked in this round.
    asked: usize,
    /// Whose turn it is among them, counted on without end.
    turn: usize,
    /// The first failure since the last answer.
    failing_since: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Known,
    Bootstrap,
    Lost,
}

/// Every legal edge.
pub(crate) static EDGES: StateTable<Phase> = {
    use Phase::*;
    StateTable::new(
        "metadata recovery",
        &[(Known, &[Bootstrap, Lost]), (Bootstrap, &[Known, Lost]), (Lost, &[Known])],
    )
};

impl Recovery {
    /// For a client with so many bootstrap servers, of which there is at least one.
    pub fn new(strategy: MetadataRecovery, bootstrap_servers: usize, jitter: Jitter) -> Self {
        Self {
            strategy,
            jitter,
            bootstrap_servers,
            phase: Phase::Known,
            tried: BTreeSet::new(),
            asked: 0,
            turn: 0,
            failing_since: None,
        }
    }

    /// Who is to be asked now. `known` are the brokers of the cluster; `is_connected` says of which a connection
    /// stands.
    pub fn whom(&mut self, now: Instant, known: &[NodeId], is_connected: impl Fn(NodeId) -> bool) -> Whom {
        let (may_go_back, trigger) = match self.strategy {
            MetadataRecovery::None => (known.is_empty(), None),
            MetadataRecovery::Rebootstrap { trigger } => (true, Some(trigger)),
        };
        let too_long = |trigger| self.failing_since.is_some_and(|since| since + trigger <= now);
        if self.phase == Phase::Known && trigger.is_some_and(too_long) {
            self.go(Phase::Lost);
        }
        if self.phase == Phase::Bootstrap && self.asked >= self.bootstrap_servers && !known.is_empty() {
            self.go(Phase::Known);
            self.tried.clear();
        }
        if self.phase == Phase::Known {
            let mut untried: Vec<NodeId> =
                known.iter().copied().filter(|node| !self.tried.contains(node)).collect();
            if untried.is_empty() && !may_go_back {
                self.tried.clear();
                untried = known.to_vec();
            }
            let connected = untried.iter().find(|node| is_connected(**node)).copied();
            if let Some(node) = connected.or_else(|| untried.get(self.jitter.below(untried.len())).copied()) {
                self.tried.insert(node);
                return Whom::Node(node);
            }
            self.go(Phase::Bootstrap);
            self.asked = 0;
        }
        let turn = self.turn % self.bootstrap_servers.max(1);
        self.turn = turn + 1;
        self.asked += 1;
        Whom::Bootstrap(turn)
    }

    /// Whoever was asked has answered.
    pub fn on_answer(&mut self) {
        self.tried.clear();
        self.failing_since = None;
        if self.phase != Phase::Known {
            self.go(Phase::Known);
        }
    }

    /// Whoever was asked has not answered, or what it answered is of no use.
    pub fn on_failure(&mut self, now: Instant) {
        self.failing_since.get_or_insert(now);
    }

    /// A broker answered REBOOTSTRAP_REQUIRED: the known ones are those of another cluster, or gone.
    pub fn on_rebootstrap_required(&mut self) {
        let heeds = matches!(self.strategy, MetadataRecovery::Rebootstrap { .. });
        if heeds && self.phase != Phase::Lost {
            self.go(Phase::Lost);
        }
    }

    /// Takes an edge of the table. After one that it lacks it asks the known brokers.
    fn go(&mut self, next: Phase) {
        self.phase = if EDGES.take(self.phase, next) { next } else { Phase::Known };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRIGGER: Duration = Duration::from_secs(300);

    fn at(seconds: u64) -> Instant {
        Instant::from_start(Duration::from_secs(seconds))
    }

    fn recovery(strategy: MetadataRecovery) -> Recovery {
        Recovery::new(strategy, 2, Jitter::seeded(1))
    }

    fn nodes<const N: usize>(ids: [i32; N]) -> [NodeId; N] {
        ids.map(NodeId)
    }

    /// Asks so often, with no answer.
    fn ask(recovery: &mut Recovery, now: u64, known: &[NodeId], times: usize) -> Vec<Whom> {
        let mut ask = || {
            let whom = recovery.whom(at(now), known, |_| false);
            recovery.on_failure(at(now));
            whom
        };
        (0..times).map(|_| ask()).collect()
    }

    #[test]
    fn a_broker_that_is_connected_is_asked_first() {
        let mut recovery = recovery(MetadataRecovery::default());
        for _ in 0..5 {
            let whom = recovery.whom(at(0), &nodes([1, 2, 3]), |node| node.0 == 2);
            assert_eq!(whom, Whom::Node(NodeId(2)));
            recovery.on_answer();
        }
        // It does not answer: then it is the others' turn.
        recovery.whom(at(0), &nodes([1, 2, 3]), |node| node.0 == 2);
        recovery.on_failure(at(0));
        assert_ne!(recovery.whom(at(0), &nodes([1, 2, 3]), |node| node.0 == 2), Whom::Node(NodeId(2)));
    }

    #[test]
    fn when_every_known_broker_has_failed_each_bootstrap_server_is_asked_and_then_they_are_again() {
        let mut recovery = recovery(MetadataRecovery::default());
        let known = nodes([1, 2, 3]);
        for _ in 0..3 {
            let mut asked = ask(&mut recovery, 0, &known, 3);
            asked.sort();
            assert_eq!(asked, known.map(Whom::Node));
            let mut asked = ask(&mut recovery, 0, &known, 2);
            asked.sort();
            assert_eq!(asked, [Whom::Bootstrap(0), Whom::Bootstrap(1)]);
        }
    }

    #[test]
    fn without_an_answer_for_too_long_only_the_bootstrap_servers_are_asked_until_one_answers() {
        let mut recovery = recovery(MetadataRecovery::Rebootstrap { trigger: TRIGGER });
        let known = nodes([1, 2, 3, 4]);
        ask(&mut recovery, 10, &known, 1);
        assert!(matches!(ask(&mut recovery, 309, &known, 1)[..], [Whom::Node(_)]));
        assert!(ask(&mut recovery, 310, &known, 20).iter().all(|whom| matches!(whom, Whom::Bootstrap(_))));
        recovery.on_answer();
        assert!(matches!(ask(&mut recovery, 900, &known, 1)[..], [Whom::Node(_)]));
    }

    #[test]
    fn time_in_which_nobody_was_asked_does_not_count() {
        let mut recovery = recovery(MetadataRecovery::Rebootstrap { trigger: TRIGGER });
        recovery.whom(at(0), &nodes([1]), |_| true);
        recovery.on_answer();
        assert!(matches!(ask(&mut recovery, 9000, &nodes([1]), 1)[..], [Whom::Node(_)]));
    }

    #[test]
    fn a_broker_can_send_the_client_back_to_the_bootstrap_servers() {
        let mut recovery = recovery(MetadataRecovery::default());
        recovery.whom(at(0), &nodes([1, 2]), |_| true);
        recovery.on_rebootstrap_required();
        recovery.on_rebootstrap_required();
        let asked = ask(&mut recovery, 0, &nodes([1, 2]), 3);
        assert_eq!(asked, [Whom::Bootstrap(0), Whom::Bootstrap(1), Whom::Bootstrap(0)]);
    }

    #[test]
    fn without_recovery_the_known_brokers_are_asked_for_ever() {
        let mut recovery = recovery(MetadataRecovery::None);
        recovery.on_rebootstrap_required();
        let asked = ask(&mut recovery, 9000, &nodes([1, 2]), 50);
        assert!(asked.iter().all(|whom| matches!(whom, Whom::Node(_))));
        assert!(asked.contains(&Whom::Node(NodeId(1))) && asked.contains(&Whom::Node(NodeId(2))));
        // Who knows nobody has no choice.
        assert_eq!(ask(&mut recovery, 9000, &[], 1), [Whom::Bootstrap(0)]);
    }

    #[test]
    fn the_edges_are_these() {
        assert_eq!(EDGES.picture(), [".xx Known", "x.x Bootstrap", "x.. Lost"]);
    }
}
