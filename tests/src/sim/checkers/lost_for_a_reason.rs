//! Where nothing goes wrong nobody loses what it has: heartbeats keep a membership, and members that work fast enough
//! are not expelled. Who is loses work, and has the others rebalance.

use super::Checker;
use super::reading::{Shown, client_events};
use crate::sim::history::{ClientEvent, Outcome};

pub(super) const CHECKER: Checker = Checker { name: "lost-for-a-reason", check };

fn check(outcome: &Outcome) -> Result<(), String> {
    if !outcome.is_calm {
        return Ok(());
    }
    for (_, event) in client_events(outcome) {
        if let ClientEvent::Revoked { consumer, place, lost: true, .. } = event {
            return Err(format!("{consumer} lost {}, and nothing went wrong", Shown(place)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::CHECKER;
    use crate::sim::checkers::by_hand::idempotent;

    #[test]
    fn where_something_goes_wrong_partitions_may_be_lost() {
        idempotent().assigned("c").revoked("c", true).accepted_by(CHECKER);
        idempotent().without_faults().assigned("c").revoked("c", false).accepted_by(CHECKER);
    }

    #[test]
    fn a_loss_without_a_reason_is_found() {
        let lost = idempotent().without_faults().assigned("c").revoked("c", true);
        lost.refused_by(CHECKER, "c lost t-0, and nothing went wrong");
    }
}
