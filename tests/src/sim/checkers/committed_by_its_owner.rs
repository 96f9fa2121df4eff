//! A member commits offsets only of partitions that its generation gave it. The coordinator checks who commits and in
//! which generation, not what: an offset of a partition that has moved on would undo its new owner's.

use std::collections::BTreeMap;

use ottla_testbroker::journal::{JournalEvent, JournalMember};

use super::Checker;
use super::reading::cluster_events;
use crate::sim::history::Outcome;

pub(super) const CHECKER: Checker = Checker { name: "committed-by-its-owner", check };

fn check(outcome: &Outcome) -> Result<(), String> {
    let mut generations: BTreeMap<(&str, i32), &[JournalMember]> = BTreeMap::new();
    for (_, event) in cluster_events(outcome) {
        match event {
            // Before it is stable a generation has no assignment.
            JournalEvent::GroupChanged { group, state: "Stable", generation_id, members, .. } => {
                generations.insert((group, *generation_id), members);
            }
            JournalEvent::OffsetCommitted { group, member_id, generation_id, topic, partition, offset } => {
                let Some(members) = generations.get(&(group.as_str(), *generation_id)) else { continue };
                let owns =
                    |(of, partitions): &(String, Vec<i32>)| of == topic && partitions.contains(partition);
                let owner = members.iter().find(|member| member.assignment.iter().any(owns));
                if owner.is_none_or(|owner| owner.member_id != *member_id) {
                    let owner = owner.map_or("nobody", |owner| &owner.member_id);
                    return Err(format!(
                        "{member_id} of {group} committed {topic}-{partition}@{offset}, which {owner} has in \
                         generation {generation_id}"
                    ));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::CHECKER;
    use crate::sim::checkers::by_hand::{ByHand, idempotent};

    fn moved() -> ByHand {
        let first = idempotent().generation(1, &[("c", &[0, 1]), ("d", &[])]).committed("c", 1, 5);
        first.generation(2, &[("c", &[1]), ("d", &[0])])
    }

    #[test]
    fn an_owner_commits() {
        moved().committed("d", 2, 6).accepted_by(CHECKER);
        // Who is in no group assigns itself.
        idempotent().committed("c", -1, 5).accepted_by(CHECKER);
    }

    #[test]
    fn a_commit_of_a_partition_that_is_anothers_is_found() {
        let because = "c-id of g committed t-0@6, which d-id has in generation 2";
        moved().committed("c", 2, 6).refused_by(CHECKER, because);
        let world = idempotent().generation(1, &[("c", &[1])]).committed("c", 1, 6);
        world.refused_by(CHECKER, "which nobody has in generation 1");
    }
}
