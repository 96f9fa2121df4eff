//! Where nothing goes wrong a rebalance does not wait for long: members hear of it by their next heartbeat, let go, and
//! join. One that does not keeps the whole group from working until it is expelled.
//!
//! Not counted: a group's first rebalance, which waits for more members (KIP-134), and one with a member that is gone
//! without having left, which is waited for until its session is over.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ottla_testbroker::journal::JournalEvent;

use super::Checker;
use crate::sim::history::{ClientEvent, Event, Outcome};

pub(super) const CHECKER: Checker = Checker { name: "rebalances-in-time", check };

/// The longest heartbeat interval of any world, the longest work on a batch, and as much again for the last commit.
const LIMIT: Duration = Duration::from_secs(5);

/// A group, as it was journalled last.
#[derive(Default)]
struct Group<'a> {
    state: &'static str,
    /// Since when members are waited for, if that counts.
    since: Option<Duration>,
    members: Vec<&'a str>,
}

fn check(outcome: &Outcome) -> Result<(), String> {
    if !outcome.is_calm {
        return Ok(());
    }
    let mut groups: BTreeMap<&str, Group<'_>> = BTreeMap::new();
    let mut closed: BTreeSet<&str> = BTreeSet::new();
    for happened in &outcome.history {
        let over = groups.iter_mut().find(|(_, group)| {
            let is_long = group.since.is_some_and(|since| happened.at > since + LIMIT);
            is_long && !group.members.iter().any(|member| closed.contains(member))
        });
        if let Some((name, group)) = over {
            let members = group.members.join(", ");
            return Err(format!("{name} has waited for longer than {LIMIT:?} for some of {members}"));
        }
        match &happened.event {
            Event::Client(ClientEvent::ConsumerClosed { consumer, .. }) => _ = closed.insert(consumer),
            Event::Client(_) => {}
            Event::Cluster(entry) => {
                let JournalEvent::GroupChanged { group, state, members, .. } = &entry.event else { continue };
                let group = groups.entry(group).or_default();
                group.members = members.iter().map(|member| member.client_id.as_str()).collect();
                group.since = match (*state, group.state) {
                    ("PreparingRebalance", "PreparingRebalance") => group.since,
                    ("PreparingRebalance", "Stable" | "CompletingRebalance") => Some(happened.at),
                    _ => None,
                };
                group.state = state;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::CHECKER;
    use crate::sim::checkers::by_hand::{ByHand, idempotent};

    const BOTH: &[(&str, &[i32])] = &[("c", &[]), ("d", &[])];

    fn rebalancing() -> ByHand {
        idempotent().without_faults().generation(1, &[("c", &[0])]).preparing(1, BOTH)
    }

    #[test]
    fn a_rebalance_that_is_soon_through_is_no_offence() {
        let long = Duration::from_secs(60);
        let through = rebalancing().after(Duration::from_secs(4)).preparing(1, BOTH).generation(2, BOTH);
        through.after(long).calm().accepted_by(CHECKER);
        // Its first one waits for members.
        idempotent().without_faults().preparing(0, BOTH).after(long).calm().accepted_by(CHECKER);
        // Nobody hears of a member that is gone.
        rebalancing().closed("c").after(long).calm().accepted_by(CHECKER);
    }

    #[test]
    fn a_rebalance_that_waits_for_a_member_that_does_not_hear_of_it_is_found() {
        let because = "g has waited for longer than 5s for some of c, d";
        rebalancing().after(Duration::from_secs(6)).calm().refused_by(CHECKER, because);
        rebalancing().after(Duration::from_secs(6)).generation(2, BOTH).refused_by(CHECKER, because);
    }
}
