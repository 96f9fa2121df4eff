//! An acknowledged record is in the log, at the partition and offset that were told. With `acks=all` an acknowledgement
//! is the promise that every replica in sync has the record, which Kafka keeps while one of them lives.

use super::Checker;
use super::reading::{Logs, Shown, client_events, whereabouts};
use crate::sim::history::{ClientEvent, Outcome};

pub(super) const CHECKER: Checker = Checker { name: "acknowledged-is-kept", check };

fn check(outcome: &Outcome) -> Result<(), String> {
    let logs = Logs::of(outcome);
    for (_, event) in client_events(outcome) {
        let ClientEvent::Acknowledged { producer, id, place, offset } = event else { continue };
        let places = logs.places(*id);
        // A broker that remembers only that it has a batch does not say where: the offset is -1 then.
        let is_there = places.iter().any(|(at, found)| *at == place && (found == offset || *offset < 0));
        if !is_there {
            let (told, found) = (Shown(place), whereabouts(places));
            return Err(format!(
                "{producer} was told that record {} is at {told}@{offset}; it is {found}",
                id.0
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::CHECKER;
    use crate::sim::checkers::by_hand::idempotent;

    #[test]
    fn a_record_is_where_its_producer_was_told() {
        idempotent().sent(1).acknowledged(1, 0).log(&[(0, 1)]).accepted_by(CHECKER);
        idempotent().sent(1).acknowledged(1, -1).log(&[(5, 1)]).accepted_by(CHECKER);
    }

    #[test]
    fn a_record_that_is_gone_or_elsewhere_is_found() {
        idempotent().sent(1).acknowledged(1, 0).log(&[]).refused_by(CHECKER, "it is nowhere");
        idempotent().sent(1).acknowledged(1, 0).log(&[(1, 1)]).refused_by(CHECKER, "it is t-0@1");
        idempotent().sent(1).acknowledged(1, -1).log(&[(0, 2)]).refused_by(CHECKER, "it is nowhere");
    }
}
