//! A consumer is told of a partition in turn: that it has it, then once that it has it no longer, as revoked or as lost.
//! Applications open something for a partition that they are assigned, and close it when it goes: closing what was
//! never opened, or twice, is as wrong as never closing it.
//!
//! What a consumer still has when it is closed it may be told to give up afterwards, or not: it may be gone.

use std::collections::BTreeSet;

use super::Checker;
use super::reading::{Shown, client_events};
use crate::sim::history::{ClientEvent, Outcome};

pub(super) const CHECKER: Checker = Checker { name: "told-in-turn", check };

fn check(outcome: &Outcome) -> Result<(), String> {
    let mut held = BTreeSet::new();
    for (_, event) in client_events(outcome) {
        let wrong = match event {
            ClientEvent::Assigned { consumer, place, .. } => (!held.insert((consumer, place)))
                .then(|| format!("{consumer} was told again that it has {}", Shown(place))),
            ClientEvent::Revoked { consumer, place, lost, .. } => {
                let how = if *lost { "lost" } else { "revoked" };
                (!held.remove(&(consumer, place))).then(|| {
                    format!("{consumer} was told that {} is {how}, which it did not have", Shown(place))
                })
            }
            _ => None,
        };
        if let Some(wrong) = wrong {
            return Err(wrong);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::CHECKER;
    use crate::sim::checkers::by_hand::idempotent;

    #[test]
    fn partitions_come_and_go_and_come_again() {
        let world = idempotent().assigned("c").revoked("c", false).assigned("d").assigned("c");
        world.clone().closed("c").accepted_by(CHECKER);
        world.closed("c").revoked("c", true).accepted_by(CHECKER);
    }

    #[test]
    fn what_is_told_twice_or_out_of_turn_is_found() {
        let again = idempotent().assigned("c").assigned("c");
        again.refused_by(CHECKER, "c was told again that it has t-0");
        let both = idempotent().assigned("c").revoked("c", false).revoked("c", true);
        both.refused_by(CHECKER, "c was told that t-0 is lost, which it did not have");
        let never = idempotent().assigned("d").revoked("c", false);
        never.refused_by(CHECKER, "c was told that t-0 is revoked, which it did not have");
    }
}
