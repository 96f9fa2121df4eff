//! A member's commits of a partition do not go back within a generation: it reads forwards, its commits go out one
//! after another, and an earlier offset in force would have the next owner read again what was done.

use std::collections::BTreeMap;

use ottla_testbroker::journal::JournalEvent;

use super::Checker;
use super::reading::cluster_events;
use crate::sim::history::Outcome;

pub(super) const CHECKER: Checker = Checker { name: "commits-do-not-go-back", check };

fn check(outcome: &Outcome) -> Result<(), String> {
    let mut newest = BTreeMap::new();
    for (_, event) in cluster_events(outcome) {
        let JournalEvent::OffsetCommitted { group, member_id, generation_id, topic, partition, offset } =
            event
        else {
            continue;
        };
        let before = newest.insert((group, topic, partition), (member_id, generation_id, offset));
        let same =
            before.filter(|(member, generation, _)| (*member, *generation) == (member_id, generation_id));
        if let Some((_, _, before)) = same.filter(|(_, _, before)| *before > offset) {
            return Err(format!(
                "{member_id} of {group} committed {topic}-{partition}@{offset} after @{before} in generation \
                 {generation_id}"
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
    fn another_member_or_generation_may_start_earlier() {
        let world = idempotent().committed("c", 1, 5).committed("c", 1, 5).committed("c", 1, 7);
        world.clone().committed("c", 2, 6).accepted_by(CHECKER);
        world.committed("d", 1, 6).accepted_by(CHECKER);
    }

    #[test]
    fn a_commit_that_goes_back_is_found() {
        let world = idempotent().committed("c", 1, 5).committed("c", 1, 4);
        world.refused_by(CHECKER, "c-id of g committed t-0@4 after @5 in generation 1");
    }
}
