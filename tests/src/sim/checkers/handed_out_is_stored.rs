//! What is handed out is what the log has at that offset. Consumers read below the high watermark only, and what is
//! below it is in every replica in sync: it does not change any more.

use super::Checker;
use super::reading::{Logs, Shown, client_events};
use crate::sim::history::{ClientEvent, Outcome};

pub(super) const CHECKER: Checker = Checker { name: "handed-out-is-stored", check };

fn check(outcome: &Outcome) -> Result<(), String> {
    let logs = Logs::of(outcome);
    for (_, event) in client_events(outcome) {
        let ClientEvent::HandedOut { consumer, place, offset, id, .. } = event else { continue };
        let found = logs.record(place, *offset);
        if found != Some(*id) {
            let found = found.map_or("no record".to_owned(), |found| format!("record {}", found.0));
            let place = Shown(place);
            return Err(format!("{consumer} got record {} of {place}@{offset}, where {found} is", id.0));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::CHECKER;
    use crate::sim::checkers::by_hand::idempotent;

    #[test]
    fn a_consumer_gets_what_the_log_has() {
        idempotent().handed_out("c", 3, 1).log(&[(3, 1)]).accepted_by(CHECKER);
    }

    #[test]
    fn records_of_other_offsets_and_of_nowhere_are_found() {
        idempotent().handed_out("c", 4, 1).log(&[(3, 1)]).refused_by(CHECKER, "where no record is");
        idempotent().handed_out("c", 3, 1).log(&[(3, 2), (4, 1)]).refused_by(CHECKER, "where record 2 is");
        idempotent().handed_out("c", 0, 1).refused_by(CHECKER, "where no record is");
    }
}
