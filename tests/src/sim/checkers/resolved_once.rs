//! Every record that is sent is acknowledged or given up, once. Kafka bounds the wait by `delivery.timeout.ms`, and an
//! application that is told twice counts twice.
//!
//! A world ends when that is so, or long after its faults have stopped.

use std::collections::BTreeMap;

use super::Checker;
use super::reading::client_events;
use crate::sim::history::{ClientEvent, Outcome};

pub(super) const CHECKER: Checker = Checker { name: "resolved-once", check };

fn check(outcome: &Outcome) -> Result<(), String> {
    let mut resolutions = BTreeMap::new();
    let mut is_calm = false;
    for (_, event) in client_events(outcome) {
        match event {
            ClientEvent::Sent { producer, id, .. } => {
                let before = resolutions.insert(*id, 0);
                if before.is_some() {
                    return Err(format!("{producer} sent record {} twice: the workload is wrong", id.0));
                }
            }
            ClientEvent::Acknowledged { producer, id, .. } | ClientEvent::Failed { producer, id, .. } => {
                let Some(times) = resolutions.get_mut(id) else {
                    return Err(format!("{producer} was told of record {}, which it did not send", id.0));
                };
                *times += 1;
                if *times > 1 {
                    return Err(format!("{producer} was told {times} times what became of record {}", id.0));
                }
            }
            ClientEvent::FaultsStopped => is_calm = true,
            _ => {}
        }
    }
    match resolutions.iter().find(|(_, times)| is_calm && **times == 0) {
        Some((id, _)) => Err(format!("nobody was told what became of record {}", id.0)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECKER;
    use crate::sim::checkers::by_hand::idempotent;

    #[test]
    fn every_record_is_resolved_once() {
        let world = idempotent().sent(1).sent(2).failed(2, true).acknowledged(1, 0);
        world.clone().calm().accepted_by(CHECKER);
        world.sent(3).accepted_by(CHECKER);
    }

    #[test]
    fn a_record_that_is_resolved_twice_or_never_is_found() {
        let world = idempotent().sent(1).acknowledged(1, 0);
        world.clone().failed(1, true).refused_by(CHECKER, "told 2 times");
        world.clone().acknowledged(1, 0).refused_by(CHECKER, "told 2 times");
        world.clone().acknowledged(2, 0).refused_by(CHECKER, "did not send");
        world.clone().sent(2).calm().refused_by(CHECKER, "what became of record 2");
        world.sent(1).refused_by(CHECKER, "the workload is wrong");
    }
}
