//! A producer that is closed hands every record back that it gives up, once and in the order of sending, and tells its
//! delivery the same: an application that stores what was handed back as not written, to send it again some day, must
//! neither miss a record nor make a duplicate.

use std::collections::BTreeMap;

use super::Checker;
use super::reading::{Shown, client_events};
use crate::sim::history::{ClientEvent, Outcome, RecordId};

pub(super) const CHECKER: Checker = Checker { name: "handed-back-once", check };

/// What became of a record, as its delivery was told.
struct Told {
    acknowledged: bool,
    perhaps_written: bool,
    closed: bool,
}

fn check(outcome: &Outcome) -> Result<(), String> {
    let told = told(outcome);
    let mut sent = BTreeMap::new();
    let mut handed_back = BTreeMap::new();
    let mut last = BTreeMap::new();
    for (at, event) in client_events(outcome) {
        match event {
            ClientEvent::Sent { producer, id, .. } => _ = sent.insert(*id, (at, producer)),
            ClientEvent::HandedBack { producer, id, place, perhaps_written } => {
                let what = format!("{producer} has handed record {} back", id.0);
                let Some((sent_at, _)) = sent.get(id).filter(|(_, by)| *by == producer) else {
                    return Err(format!("{what}, which it did not send"));
                };
                if handed_back.insert(*id, ()).is_some() {
                    return Err(format!("{what} twice"));
                }
                match told.get(id) {
                    Some(told) if told.acknowledged => return Err(format!("{what}, and acknowledged it")),
                    Some(told) if told.perhaps_written != *perhaps_written => {
                        return Err(format!(
                            "{what} as perhaps written: {perhaps_written}, and told another"
                        ));
                    }
                    Some(_) => {}
                    None => return Err(format!("{what}, and nobody was told")),
                }
                if last.insert((producer, place), *sent_at).is_some_and(|before| before > *sent_at) {
                    return Err(format!("{what} behind one of {} that was sent later", Shown(place)));
                }
            }
            _ => {}
        }
    }
    let is_missing = |(id, told): &(&RecordId, &Told)| told.closed && !handed_back.contains_key(id);
    match told.iter().find(is_missing) {
        Some((id, _)) => {
            Err(format!("record {} was given up by closing its producer, and not handed back", id.0))
        }
        None => Ok(()),
    }
}

fn told(outcome: &Outcome) -> BTreeMap<RecordId, Told> {
    let told = client_events(outcome).filter_map(|(_, event)| match event {
        ClientEvent::Acknowledged { id, .. } => {
            Some((*id, Told { acknowledged: true, perhaps_written: false, closed: false }))
        }
        ClientEvent::Failed { id, perhaps_written, closed, .. } => {
            Some((*id, Told { acknowledged: false, perhaps_written: *perhaps_written, closed: *closed }))
        }
        _ => None,
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::CHECKER;
    use crate::sim::checkers::by_hand::{ByHand, idempotent};

    fn sent() -> ByHand {
        idempotent().sent(1).sent(2)
    }

    #[test]
    fn what_is_given_up_is_handed_back_as_it_was_told() {
        let world = sent().handed_back(1, true).handed_back(2, false);
        world.failed(1, true).closed_before(2).accepted_by(CHECKER);
        // What was given up before is not handed back.
        sent().failed(1, false).acknowledged(2, 0).accepted_by(CHECKER);
    }

    #[test]
    fn what_is_not_handed_back_or_twice_or_otherwise_is_found() {
        sent().closed_before(1).refused_by(CHECKER, "record 1 was given up by closing");
        let once = sent().handed_back(1, false);
        once.clone().handed_back(1, false).closed_before(1).refused_by(CHECKER, "record 1 back twice");
        once.clone().acknowledged(1, 0).refused_by(CHECKER, "and acknowledged it");
        once.clone().failed(1, true).refused_by(CHECKER, "perhaps written: false, and told another");
        once.clone().refused_by(CHECKER, "and nobody was told");
        sent().handed_back(3, false).refused_by(CHECKER, "which it did not send");
        let world = sent().handed_back(2, false).handed_back(1, false);
        world.closed_before(1).closed_before(2).refused_by(CHECKER, "behind one of t-0 that was sent later");
    }
}
