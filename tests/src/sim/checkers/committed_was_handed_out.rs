//! A group commits an offset only after it was handed every record before it. Whoever owns the partition next starts
//! there: what was committed too early, no one will read.

use std::collections::{BTreeMap, BTreeSet};

use ottla_testbroker::journal::JournalEvent;

use super::Checker;
use super::reading::{Logs, Shown, place};
use crate::sim::history::{ClientEvent, Event, Outcome, Place};

pub(super) const CHECKER: Checker = Checker { name: "committed-was-handed-out", check };

fn check(outcome: &Outcome) -> Result<(), String> {
    let logs = Logs::of(outcome);
    let mut groups: BTreeMap<(&str, Place), Progress> = BTreeMap::new();
    for happened in &outcome.history {
        match &happened.event {
            Event::Client(ClientEvent::HandedOut { group, place, offset, .. }) => {
                groups.entry((group, place.clone())).or_default().handed_out.insert(*offset);
            }
            Event::Cluster(entry) => {
                let JournalEvent::OffsetCommitted { group, topic, partition, offset, member_id, .. } =
                    &entry.event
                else {
                    continue;
                };
                let place = place(topic, *partition);
                let progress = groups.entry((group, place.clone())).or_default();
                for stored in logs.at(&place).iter().skip(progress.checked) {
                    if stored.offset >= *offset {
                        break;
                    }
                    if !progress.handed_out.contains(&stored.offset) {
                        let (place, record) = (Shown(&place), stored.id.0);
                        return Err(format!(
                            "{member_id} of {group} committed {place}@{offset}; record {record} at @{} was not \
                             handed out",
                            stored.offset
                        ));
                    }
                    progress.checked += 1;
                }
            }
            Event::Client(_) => {}
        }
    }
    Ok(())
}

/// A group's progress in a partition.
#[derive(Default)]
struct Progress {
    handed_out: BTreeSet<i64>,
    /// So many records from the log's beginning are known to have been handed out.
    checked: usize,
}

#[cfg(test)]
mod tests {
    use super::CHECKER;
    use crate::sim::checkers::by_hand::{ByHand, idempotent};

    fn reading() -> ByHand {
        idempotent().log(&[(0, 1), (1, 2), (5, 3)]).handed_out("c", 0, 1)
    }

    #[test]
    fn a_group_commits_up_to_what_it_got() {
        let read = reading().committed("c", 1, 0).committed("c", 1, 1).handed_out("d", 1, 2);
        read.clone().committed("d", 2, 5).committed("d", 2, 1).accepted_by(CHECKER);
        read.handed_out("c", 5, 3).committed("c", 1, 6).accepted_by(CHECKER);
    }

    #[test]
    fn a_commit_past_what_was_handed_out_is_found() {
        let because = "c-id of g committed t-0@2; record 2 at @1 was not handed out";
        reading().committed("c", 1, 2).refused_by(CHECKER, because);
        reading().committed("c", 1, 2).handed_out("c", 1, 2).refused_by(CHECKER, because);
        reading().committed("c", 1, 1).committed("c", 1, 6).refused_by(CHECKER, "record 2 at @1");
    }
}
