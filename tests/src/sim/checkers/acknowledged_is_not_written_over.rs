//! Nothing is appended at an offset whose record was acknowledged before: a leader is elected among the replicas in
//! sync, and these have all that was acknowledged. It finds a loss where it happens, before the end of the world.
//! What a deposed leader still appends to a log of its own does not count: that log will be cut.

use std::collections::BTreeMap;

use ottla_testbroker::journal::JournalEvent;

use super::Checker;
use super::reading::{Shown, place};
use crate::sim::history::{ClientEvent, Event, Outcome, Place};

pub(super) const CHECKER: Checker = Checker { name: "acknowledged-is-not-written-over", check };

fn check(outcome: &Outcome) -> Result<(), String> {
    let mut leader_epochs = BTreeMap::new();
    let mut newest: BTreeMap<Place, i64> = BTreeMap::new();
    for happened in &outcome.history {
        match &happened.event {
            Event::Client(ClientEvent::Acknowledged { place, offset, .. }) => {
                let newest = newest.entry(place.clone()).or_insert(-1);
                *newest = (*newest).max(*offset);
            }
            Event::Client(_) => {}
            Event::Cluster(entry) => match &entry.event {
                JournalEvent::LeaderElected { topic, partition, leader_epoch, .. } => {
                    leader_epochs.insert(place(topic, *partition), *leader_epoch);
                }
                JournalEvent::BatchAppended { topic, partition, leader_epoch, base_offset, .. } => {
                    let place = place(topic, *partition);
                    let is_deposed = leader_epochs.get(&place).is_some_and(|elected| elected > leader_epoch);
                    let acknowledged = newest.get(&place).copied().unwrap_or(-1);
                    if *base_offset <= acknowledged && !is_deposed {
                        return Err(format!(
                            "the leader of epoch {leader_epoch} appends {}@{base_offset}, where @{acknowledged} \
                             is acknowledged",
                            Shown(&place)
                        ));
                    }
                }
                _ => {}
            },
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::CHECKER;
    use crate::sim::checkers::by_hand::idempotent;

    #[test]
    fn what_was_not_acknowledged_may_be_written_over() {
        let world = idempotent().appended(0, (0, 0), (0, 0)).acknowledged(1, 0).appended(0, (1, 1), (0, 1));
        world.clone().elected(2, 1).appended(1, (1, 1), (0, 1)).accepted_by(CHECKER);
        let led = world.elected(2, 1).appended(1, (1, 1), (0, 1)).acknowledged(2, 1);
        led.appended(0, (1, 1), (0, 1)).accepted_by(CHECKER);
    }

    #[test]
    fn an_acknowledged_record_that_is_written_over_is_found() {
        let world = idempotent().appended(0, (0, 0), (0, 0)).acknowledged(1, 0).elected(2, 1);
        let because = "the leader of epoch 1 appends t-0@0, where @0 is acknowledged";
        world.appended(1, (0, 0), (0, 0)).refused_by(CHECKER, because);
    }
}
