//! Every election begins a higher leader epoch, and nothing is appended in an epoch that nobody was elected for: by
//! the epoch replicas and clients tell a leader from one that was deposed (KIP-101, KIP-320).

use std::collections::BTreeMap;

use ottla_testbroker::journal::JournalEvent;

use super::Checker;
use super::reading::cluster_events;
use crate::sim::history::Outcome;

pub(super) const CHECKER: Checker = Checker { name: "leader-epochs-rise", check };

fn check(outcome: &Outcome) -> Result<(), String> {
    let mut newest = BTreeMap::new();
    for (_, event) in cluster_events(outcome) {
        match event {
            JournalEvent::LeaderElected { topic_id, topic, partition, leader, leader_epoch, .. } => {
                let before = newest.insert((*topic_id, *partition), *leader_epoch);
                if let Some(before) = before.filter(|before| before >= leader_epoch) {
                    let leader = leader.0;
                    return Err(format!(
                        "{topic}-{partition} elects {leader} in epoch {leader_epoch} after epoch {before}"
                    ));
                }
            }
            JournalEvent::BatchAppended { topic_id, topic, partition, leader_epoch, base_offset, .. } => {
                // The first leader is in place before the journal knows of an election.
                let elected = newest.get(&(*topic_id, *partition)).copied().unwrap_or(0);
                if *leader_epoch > elected {
                    return Err(format!(
                        "{topic}-{partition}@{base_offset} is of epoch {leader_epoch}, elected was {elected}"
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
    use crate::sim::checkers::by_hand::idempotent;

    #[test]
    fn epochs_rise_and_a_deposed_leader_may_append_in_its_own() {
        let world = idempotent().appended(0, (0, 0), (0, 0)).elected(2, 1).elected(2, 2);
        world.appended(0, (1, 1), (0, 1)).appended(2, (1, 1), (0, 1)).accepted_by(CHECKER);
    }

    #[test]
    fn an_epoch_that_falls_or_has_two_leaders_or_none_is_found() {
        let world = idempotent().elected(1, 3);
        world.clone().elected(2, 3).refused_by(CHECKER, "t-0 elects 2 in epoch 3 after epoch 3");
        world.clone().elected(2, 2).refused_by(CHECKER, "t-0 elects 2 in epoch 2 after epoch 3");
        world.appended(4, (0, 0), (0, 0)).refused_by(CHECKER, "t-0@0 is of epoch 4, elected was 3");
    }
}
