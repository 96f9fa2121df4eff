//! A killer of nodes that are only counted: it kills in turn, and says when a run proves nothing.

use super::*;
use std::cell::Cell;

#[derive(Default)]
struct Counted {
    killed: Vec<usize>,
    is_down: bool,
    /// From this kill on, replicas stay behind.
    last_in_sync: Option<usize>,
    never_starts: bool,
}

impl Nodes for Counted {
    fn count(&self) -> usize {
        3
    }

    fn kill(&mut self, node: usize) -> Result<(), String> {
        assert!(self.are_in_sync(), "the next only when all are in sync");
        self.killed.push(node);
        self.is_down = true;
        Ok(())
    }

    fn start(&mut self, _node: usize) -> Result<(), String> {
        self.is_down = self.never_starts;
        if self.never_starts { Err("it ended while starting".into()) } else { Ok(()) }
    }

    fn leaders(&mut self) -> Vec<usize> {
        vec![1, 2, 2]
    }

    fn are_in_sync(&mut self) -> bool {
        !self.is_down && self.last_in_sync.is_none_or(|last| self.killed.len() <= last)
    }
}

const TIMES: Times = Times {
    refill_limit: Duration::from_secs(60),
    down: Duration::ZERO,
    calm: Duration::ZERO,
    tick: Duration::ZERO,
};

/// Each look at the clock takes a second.
fn run_at_once(nodes: &mut Counted, kills: usize) -> Outages {
    let seconds = Cell::new(0);
    let clock = || Duration::from_secs(seconds.replace(seconds.get() + 1));
    run(nodes, &plan(kills), &TIMES, &clock)
}

fn plan(kills: usize) -> Plan {
    Plan { duration: Duration::ZERO, kills, ..Plan::short() }
}

#[test]
fn nodes_are_killed_in_turn_as_often_as_planned() {
    let mut nodes = Counted::default();
    let outages = run_at_once(&mut nodes, 5);
    assert_eq!(nodes.killed, [1, 2, 3, 1, 2]);
    assert_eq!(outages.inconclusive, None);
    assert_eq!(outages.kills.iter().map(|kill| kill.led).collect::<Vec<_>>(), [1, 2, 0, 1, 2]);
}

#[test]
fn a_run_whose_replicas_stay_behind_is_inconclusive() {
    let mut nodes = Counted { last_in_sync: Some(2), ..Counted::default() };
    let outages = run_at_once(&mut nodes, 8);
    assert_eq!(outages.kills.len(), 2);
    let reason = "not every replica was in sync within 60s after node 3 was killed and started again";
    assert_eq!(outages.inconclusive.as_deref(), Some(reason));
}

#[test]
fn a_node_that_does_not_start_makes_a_run_inconclusive() {
    let mut nodes = Counted { never_starts: true, ..Counted::default() };
    let outages = run_at_once(&mut nodes, 1);
    assert_eq!(outages.inconclusive.as_deref(), Some("it ended while starting"));
    assert!(outages.kills.is_empty());
}
