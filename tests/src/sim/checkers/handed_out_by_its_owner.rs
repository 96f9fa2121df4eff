//! A consumer hands out records of a partition only between being told that it has it and being told that it has it no
//! longer. Applications drop what they know of a partition when it is revoked, and its next owner reads on from there.

use super::Checker;
use super::holdings::holdings;
use super::reading::{Shown, client_events};
use crate::sim::history::{ClientEvent, Outcome};

pub(super) const CHECKER: Checker = Checker { name: "handed-out-by-its-owner", check };

fn check(outcome: &Outcome) -> Result<(), String> {
    let holdings = holdings(outcome);
    for (at, event) in client_events(outcome) {
        let ClientEvent::HandedOut { consumer, group, place, offset, .. } = event else { continue };
        let may = holdings.iter().any(|held| {
            (held.consumer, held.group, held.place) == (consumer, group, place) && held.lasts_at(at)
        });
        if !may {
            let place = Shown(place);
            return Err(format!("{consumer} got {place}@{offset}, but does not have {place} then"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::CHECKER;
    use crate::sim::checkers::by_hand::idempotent;

    #[test]
    fn an_owner_hands_out() {
        idempotent().assigned("c").handed_out("c", 0, 1).revoked("c", false).accepted_by(CHECKER);
    }

    #[test]
    fn who_has_no_partition_and_hands_out_is_found() {
        let because = "c got t-0@0, but does not have t-0 then";
        idempotent().handed_out("c", 0, 1).assigned("c").refused_by(CHECKER, because);
        idempotent().assigned("d").handed_out("c", 0, 1).refused_by(CHECKER, because);
        for lost in [false, true] {
            let revoked = idempotent().assigned("c").revoked("c", lost);
            revoked.handed_out("c", 0, 1).refused_by(CHECKER, because);
        }
        idempotent().assigned("c").closed("c").handed_out("c", 0, 1).refused_by(CHECKER, because);
    }
}
