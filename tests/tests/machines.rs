//! Worlds of the machines alone, by their seeds.

use ottla_testbroker::journal::JournalEvent;
use ottla_tests::sim::checkers::CHECKERS;
use ottla_tests::sim::history::{ClientEvent, Event, Outcome};
use ottla_tests::sim::machines;

/// Seeds that every run of the tests takes; `OTTLA_MACHINES_SEEDS` names others, as `1000..2000`.
const SEEDS: std::ops::Range<u64> = 0..100;
/// Faults that fire in each world at least.
const FAULTS: usize = 5;

fn seeds() -> std::ops::Range<u64> {
    let Ok(seeds) = std::env::var("OTTLA_MACHINES_SEEDS") else { return SEEDS };
    let (from, to) = seeds.split_once("..").expect("OTTLA_MACHINES_SEEDS is a range");
    from.parse().expect("its start is a number")..to.parse().expect("its end is a number")
}

fn faults(outcome: &Outcome) -> usize {
    let is_fault = |event: &Event| match event {
        Event::Cluster(entry) => matches!(entry.event, JournalEvent::FaultFired { .. }),
        Event::Client(_) => false,
    };
    outcome.history.iter().filter(|happened| is_fault(&happened.event)).count()
}

fn sent(outcome: &Outcome) -> usize {
    let is_sent = |event: &Event| matches!(event, Event::Client(ClientEvent::Sent { .. }));
    outcome.history.iter().filter(|happened| is_sent(&happened.event)).count()
}

#[test]
fn no_rule_is_broken_in_any_world() {
    let mut broken = Vec::new();
    for seed in seeds() {
        let outcome =
            match std::panic::catch_unwind(|| machines::report(seed, &machines::faults(seed)).outcome) {
                Ok(outcome) => outcome,
                Err(_) => {
                    broken.push(format!("seed {seed}: panicked"));
                    continue;
                }
            };
        assert_eq!(sent(&outcome), 500, "seed {seed}: records sent");
        assert!(faults(&outcome) >= FAULTS, "seed {seed}: only {} faults fired", faults(&outcome));
        for checker in CHECKERS {
            if let Err(how) = (checker.check)(&outcome) {
                broken.push(format!("seed {seed}: {}: {how}", checker.name));
            }
        }
    }
    assert!(broken.is_empty(), "{} broken:\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn the_same_seed_gives_the_same_world() {
    for seed in 0..5 {
        let report = || machines::report(seed, &machines::faults(seed));
        let (first, second) = (report(), report());
        assert_eq!(first.outcome.history, second.outcome.history, "seed {seed}");
        assert_eq!(first.outcome.logs, second.outcome.logs, "seed {seed}");
    }
}
