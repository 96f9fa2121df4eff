//! While a consumer has a partition it gets the partition's records in the order of offsets, each once and none left
//! out: order within a partition is what Kafka promises, and a position only moves over what was handed out.

use std::collections::BTreeMap;

use super::Checker;
use super::holdings::holdings;
use super::reading::{Logs, Shown, client_events};
use crate::sim::history::{ClientEvent, Outcome, Stored};

pub(super) const CHECKER: Checker = Checker { name: "handed-out-in-order", check };

fn check(outcome: &Outcome) -> Result<(), String> {
    let logs = Logs::of(outcome);
    let starts: BTreeMap<_, _> =
        holdings(outcome).iter().map(|held| (held.from, (held.consumer, held.group, held.place))).collect();
    // The offset that was handed out last, by who has what.
    let mut newest = BTreeMap::new();
    for (at, event) in client_events(outcome) {
        if let Some(started) = starts.get(&at) {
            newest.remove(started);
        }
        let ClientEvent::HandedOut { consumer, group, place, offset, .. } = event else { continue };
        let before = newest.insert((consumer.as_str(), group.as_str(), place), *offset);
        let Some(before) = before else { continue };
        if *offset <= before {
            return Err(format!("{consumer} got {}@{offset} after @{before}", Shown(place)));
        }
        let is_between = |stored: &&Stored| before < stored.offset && stored.offset < *offset;
        let log = logs.at(place);
        let behind = log.partition_point(|stored| stored.offset <= before);
        if let Some(left_out) = log.get(behind).filter(is_between) {
            let place = Shown(place);
            let left_out = left_out.offset;
            return Err(format!("{consumer} got {place}@{offset} after @{before}, but not @{left_out}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::CHECKER;
    use crate::sim::checkers::by_hand::{ByHand, idempotent};

    fn reading() -> ByHand {
        idempotent().log(&[(0, 1), (1, 2), (5, 3)]).assigned("c").handed_out("c", 0, 1)
    }

    #[test]
    fn records_come_in_order_and_offsets_without_records_are_passed_over() {
        reading().handed_out("c", 1, 2).handed_out("c", 5, 3).accepted_by(CHECKER);
    }

    #[test]
    fn a_new_assignment_may_start_earlier() {
        reading().revoked("c", true).assigned("c").handed_out("c", 0, 1).accepted_by(CHECKER);
        reading().assigned("d").handed_out("d", 0, 1).accepted_by(CHECKER);
    }

    #[test]
    fn repetitions_steps_back_and_gaps_are_found() {
        reading().handed_out("c", 0, 1).refused_by(CHECKER, "c got t-0@0 after @0");
        reading().handed_out("c", 1, 2).handed_out("c", 0, 1).refused_by(CHECKER, "c got t-0@0 after @1");
        reading().handed_out("c", 5, 3).refused_by(CHECKER, "but not @1");
    }
}
