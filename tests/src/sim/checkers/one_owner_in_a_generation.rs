//! The assignment of a generation gives a partition to one member at most: that is what a group is for, and every
//! assignor's first duty.

use std::collections::BTreeMap;

use ottla_testbroker::journal::JournalEvent;

use super::Checker;
use super::reading::{Shown, cluster_events, place};
use crate::sim::history::Outcome;

pub(super) const CHECKER: Checker = Checker { name: "one-owner-in-a-generation", check };

fn check(outcome: &Outcome) -> Result<(), String> {
    for (_, event) in cluster_events(outcome) {
        let JournalEvent::GroupChanged { group, generation_id, members, .. } = event else { continue };
        let mut owners = BTreeMap::new();
        for member in members {
            for (topic, partitions) in &member.assignment {
                for partition in partitions {
                    let place = place(topic, *partition);
                    let Some(other) = owners.insert(place.clone(), &member.member_id) else { continue };
                    let (owner, place) = (&member.member_id, Shown(&place));
                    return Err(format!(
                        "generation {generation_id} of {group} gives {place} to {other} and {owner}"
                    ));
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::CHECKER;
    use crate::sim::checkers::by_hand::idempotent;

    #[test]
    fn partitions_go_to_one_member_each_and_may_move_with_a_generation() {
        let world = idempotent().generation(1, &[("c", &[0, 1])]);
        world.generation(2, &[("c", &[1]), ("d", &[0])]).accepted_by(CHECKER);
    }

    #[test]
    fn a_partition_of_two_members_is_found() {
        let because = "generation 3 of g gives t-0 to c-id and d-id";
        idempotent().generation(3, &[("c", &[0]), ("d", &[1, 0])]).refused_by(CHECKER, because);
        idempotent().generation(3, &[("c", &[0, 0])]).refused_by(CHECKER, "to c-id and c-id");
    }
}
