//! A consumer is told that it has a partition only after its last owner has let go of it: a member of a classic group
//! gives up what it has before it joins the next generation.
//!
//! A member that the coordinator has expelled does not know yet, and goes on until it is told: its fence is the commit,
//! which is refused. So a last owner that is not in the new owner's generation, or that then finds its partitions
//! lost, is no offence.

use ottla_testbroker::journal::{JournalEvent, JournalMember};

use super::Checker;
use super::holdings::{Holding, holdings};
use super::reading::{Shown, cluster_events};
use crate::sim::history::Outcome;

pub(super) const CHECKER: Checker = Checker { name: "one-owner", check };

fn check(outcome: &Outcome) -> Result<(), String> {
    let all = holdings(outcome);
    for new in &all {
        let is_shared = |held: &&Holding<'_>| {
            (held.group, held.place) == (new.group, new.place)
                && held.consumer != new.consumer
                && held.lasts_at(new.from)
                && !held.is_lost
        };
        for last in all.iter().filter(is_shared) {
            let Some(members) = members_at(outcome, new) else { continue };
            if members.iter().any(|member| member.client_id == last.consumer) {
                let (place, last, new) = (Shown(new.place), last.consumer, new.consumer);
                return Err(format!("{new} was told that it has {place}, which {last} has not let go of"));
            }
        }
    }
    Ok(())
}

/// The members of the generation that gave a consumer a partition: the newest one before it was told.
fn members_at<'a>(outcome: &'a Outcome, holding: &Holding<'_>) -> Option<&'a [JournalMember]> {
    let before = cluster_events(outcome).take_while(|(at, _)| *at < holding.from);
    let gave = |member: &JournalMember| {
        let rows = member.assignment.iter();
        member.client_id == holding.consumer
            && rows
                .filter(|(topic, _)| *topic == holding.place.topic)
                .any(|(_, partitions)| partitions.contains(&holding.place.partition))
    };
    let generations = before.filter_map(|(_, event)| match event {
        JournalEvent::GroupChanged { group, members, .. }
            if group == holding.group && members.iter().any(gave) =>
        {
            Some(members.as_slice())
        }
        _ => None,
    });
    generations.last()
}

#[cfg(test)]
mod tests {
    use super::CHECKER;
    use crate::sim::checkers::by_hand::{ByHand, idempotent};

    fn owned_by_c() -> ByHand {
        idempotent().generation(1, &[("c", &[0])]).assigned("c")
    }

    const BOTH: &[(&str, &[i32])] = &[("c", &[1]), ("d", &[0])];

    #[test]
    fn a_partition_moves_once_its_owner_has_let_go() {
        owned_by_c().revoked("c", false).generation(2, BOTH).assigned("d").accepted_by(CHECKER);
        owned_by_c().closed("c").generation(2, &[("d", &[0])]).assigned("d").accepted_by(CHECKER);
    }

    #[test]
    fn an_expelled_owner_may_not_know_yet() {
        let expelled = owned_by_c().generation(2, &[("d", &[0])]).assigned("d");
        expelled.clone().accepted_by(CHECKER);
        expelled.closed("c").accepted_by(CHECKER);
        // It is a member again, and its application is told at the next poll.
        owned_by_c().generation(2, BOTH).assigned("d").revoked("c", true).accepted_by(CHECKER);
    }

    #[test]
    fn two_members_of_a_generation_with_one_partition_are_found() {
        let both = owned_by_c().generation(2, BOTH).assigned("d");
        let because = "d was told that it has t-0, which c has not let go of";
        both.clone().refused_by(CHECKER, because);
        both.revoked("c", false).refused_by(CHECKER, because);
    }
}
