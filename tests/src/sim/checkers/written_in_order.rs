//! An idempotent producer's records are in each partition in the order in which they were sent: with at most five
//! requests in flight Kafka keeps that order over retries, by sequences (KIP-98).

use std::collections::BTreeMap;

use super::Checker;
use super::reading::{Shown, client_events};
use crate::sim::history::{ClientEvent, Outcome};

pub(super) const CHECKER: Checker = Checker { name: "written-in-order", check };

fn check(outcome: &Outcome) -> Result<(), String> {
    if !outcome.idempotent {
        return Ok(());
    }
    let mut sent = BTreeMap::new();
    for (at, event) in client_events(outcome) {
        if let ClientEvent::Sent { producer, id, .. } = event {
            sent.insert(*id, (producer, at));
        }
    }
    for (place, stored) in &outcome.logs {
        // By producer: when the last of its records in this log was sent.
        let mut newest = BTreeMap::new();
        for stored in stored {
            let Some((producer, at)) = sent.get(&stored.id) else { continue };
            match newest.insert(producer, (at, stored)) {
                Some((before, ahead)) if before > at => {
                    let (place, behind, ahead) = (Shown(place), stored, ahead);
                    return Err(format!(
                        "{producer} sent record {} before {}; in {place} they are at {} and {}",
                        behind.id.0, ahead.id.0, behind.offset, ahead.offset
                    ));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::CHECKER;
    use crate::sim::checkers::by_hand::{idempotent, not_idempotent};

    #[test]
    fn records_are_in_the_order_in_which_they_were_sent() {
        idempotent().sent(1).sent(2).sent(3).log(&[(0, 1), (4, 3)]).accepted_by(CHECKER);
        not_idempotent().sent(1).sent(2).log(&[(0, 2), (1, 1)]).accepted_by(CHECKER);
    }

    #[test]
    fn records_that_have_changed_places_are_found() {
        let world = idempotent().sent(1).acknowledged(1, 1).sent(2).failed(2, true);
        world
            .log(&[(0, 2), (1, 1)])
            .refused_by(CHECKER, "sent record 1 before 2; in t-0 they are at 1 and 0");
    }
}
