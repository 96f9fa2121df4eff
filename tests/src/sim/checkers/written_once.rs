//! An idempotent producer's record is in the log at most once: the broker knows a retry by its sequence (KIP-98). And
//! whatever is in a log was sent by somebody.

use std::collections::BTreeSet;

use super::Checker;
use super::reading::{Logs, client_events, whereabouts};
use crate::sim::history::{ClientEvent, Outcome};

pub(super) const CHECKER: Checker = Checker { name: "written-once", check };

fn check(outcome: &Outcome) -> Result<(), String> {
    let mut sent = BTreeSet::new();
    for (_, event) in client_events(outcome) {
        if let ClientEvent::Sent { id, .. } = event {
            sent.insert(*id);
        }
    }
    for (id, places) in Logs::of(outcome).records() {
        if !sent.contains(&id) {
            return Err(format!("nobody sent record {}, which is {}", id.0, whereabouts(places)));
        }
        if outcome.idempotent && places.len() > 1 {
            return Err(format!("record {} is {}", id.0, whereabouts(places)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::CHECKER;
    use crate::sim::checkers::by_hand::{idempotent, not_idempotent};

    #[test]
    fn only_without_idempotence_a_record_may_be_there_twice() {
        idempotent().sent(1).sent(2).log(&[(0, 1), (1, 2)]).accepted_by(CHECKER);
        not_idempotent().sent(1).log(&[(0, 1), (1, 1)]).accepted_by(CHECKER);
        idempotent().sent(1).log(&[(0, 1), (1, 1)]).refused_by(CHECKER, "record 1 is t-0@0, t-0@1");
    }

    #[test]
    fn a_record_that_nobody_sent_is_found() {
        not_idempotent().sent(1).log(&[(0, 2)]).refused_by(CHECKER, "nobody sent record 2");
    }
}
