//! In the end every group has been handed every acknowledged record of what it reads: a group goes on where it
//! committed, and commits nothing that was not handed out, so a record may come twice but never not at all.
//!
//! A world ends when that is so, or long after its faults have stopped.

use std::collections::{BTreeMap, BTreeSet};

use super::Checker;
use super::reading::{Shown, client_events};
use crate::sim::history::{ClientEvent, Outcome};

pub(super) const CHECKER: Checker = Checker { name: "handed-out-at-least-once", check };

fn check(outcome: &Outcome) -> Result<(), String> {
    let mut topics: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut handed_out = BTreeSet::new();
    let mut acknowledged = Vec::new();
    let mut is_calm = false;
    for (_, event) in client_events(outcome) {
        match event {
            ClientEvent::Assigned { group, place, .. } => {
                topics.entry(group).or_default().insert(&place.topic);
            }
            ClientEvent::HandedOut { group, id, .. } => _ = handed_out.insert((group.as_str(), *id)),
            ClientEvent::Acknowledged { id, place, .. } => acknowledged.push((*id, place)),
            ClientEvent::FaultsStopped => is_calm = true,
            _ => {}
        }
    }
    if !is_calm {
        return Ok(());
    }
    for (group, topics) in topics {
        let of_topics = acknowledged.iter().filter(|(_, place)| topics.contains(place.topic.as_str()));
        for (id, place) in of_topics {
            if !handed_out.contains(&(group, *id)) {
                return Err(format!("group {group} never got record {} of {}", id.0, Shown(place)));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::CHECKER;
    use crate::sim::checkers::by_hand::{ByHand, idempotent};

    fn reading() -> ByHand {
        idempotent().assigned("c").sent(1).acknowledged(1, 0).sent(2).acknowledged(2, 1).handed_out("c", 0, 1)
    }

    #[test]
    fn a_group_gets_everything_by_any_of_its_consumers() {
        reading().assigned("d").handed_out("d", 1, 2).calm().accepted_by(CHECKER);
        reading().sent(3).failed(3, true).handed_out("c", 1, 2).calm().accepted_by(CHECKER);
        reading().accepted_by(CHECKER);
    }

    #[test]
    fn a_record_that_a_group_never_got_is_found() {
        reading().calm().refused_by(CHECKER, "group g never got record 2 of t-0");
    }
}
