//! A record that was given up as certainly not written is not in the log. Applications send such records again, which
//! must not make duplicates; what only may be there is told apart from it.

use super::Checker;
use super::reading::{Logs, client_events, whereabouts};
use crate::sim::history::{ClientEvent, Outcome};

pub(super) const CHECKER: Checker = Checker { name: "failed-is-not-written", check };

fn check(outcome: &Outcome) -> Result<(), String> {
    let logs = Logs::of(outcome);
    for (_, event) in client_events(outcome) {
        let ClientEvent::Failed { producer, id, perhaps_written: false, error, .. } = event else { continue };
        let places = logs.places(*id);
        if !places.is_empty() {
            let found = whereabouts(places);
            return Err(format!(
                "{producer} was told that record {} is not written ({error}); it is {found}",
                id.0
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::CHECKER;
    use crate::sim::checkers::by_hand::{idempotent, not_idempotent};

    #[test]
    fn what_may_be_written_may_be_there() {
        idempotent().sent(1).failed(1, true).log(&[(0, 1)]).accepted_by(CHECKER);
        idempotent().sent(1).failed(1, true).log(&[]).accepted_by(CHECKER);
        idempotent().sent(1).failed(1, false).log(&[(0, 2)]).accepted_by(CHECKER);
    }

    #[test]
    fn what_was_told_not_to_be_written_and_is_there_is_found() {
        for world in [idempotent(), not_idempotent()] {
            world.sent(1).failed(1, false).log(&[(3, 1)]).refused_by(CHECKER, "it is t-0@3");
        }
    }
}
