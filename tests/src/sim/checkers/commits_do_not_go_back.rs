//! A member's commits of a partition do not go back within a generation: it reads forwards, its commits go out one
//! after another, and an earlier offset in force would have the next owner read again what was done.
//!
//! The rule is about what members ask for by one connection. A request whose answer got lost may come into force late,
//! behind its own repetition and the commits after it, and one that an old connection still carries may arrive behind
//! those of a new one; no client of Kafka can help that. And who lost a partition and has it anew, which
//! a coordinator allows within one generation, goes on at what is committed.

use std::collections::BTreeMap;

use ottla_testbroker::ConnectionId;
use ottla_testbroker::journal::{JournalEvent, RequestSummary};

use super::Checker;
use crate::sim::history::{ClientEvent, Event, Outcome};

pub(super) const CHECKER: Checker = Checker { name: "commits-do-not-go-back", check };

/// The client and its connection, its group, member id and generation; topic and partition.
type Key<'a> = (&'a String, ConnectionId, &'a String, &'a String, &'a i32, &'a String, i32);

fn check(outcome: &Outcome) -> Result<(), String> {
    let mut newest: BTreeMap<Key<'_>, i64> = BTreeMap::new();
    for happened in &outcome.history {
        let entry = match &happened.event {
            Event::Cluster(entry) => &entry.event,
            Event::Client(ClientEvent::Assigned { consumer, place, .. }) => {
                newest.retain(|(client, .., topic, partition), _| {
                    *client != consumer || (*topic, *partition) != (&place.topic, place.partition)
                });
                continue;
            }
            Event::Client(_) => continue,
        };
        let JournalEvent::RequestReceived {
            request,
            client_id,
            summary: RequestSummary::OffsetCommit { group, member_id, generation_id, partitions, .. },
            ..
        } = entry
        else {
            continue;
        };
        for row in partitions {
            let connection = request.connection;
            let key = (client_id, connection, group, member_id, generation_id, &row.topic, row.partition);
            let before = newest.insert(key, row.offset);
            if let Some(before) = before.filter(|before| *before > row.offset) {
                return Err(format!(
                    "{member_id} of {group} commits {}-{}@{} after @{before} in generation {generation_id}",
                    row.topic, row.partition, row.offset
                ));
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
    fn another_member_or_generation_may_start_earlier() {
        let world = idempotent().commits("c", 1, 5).commits("c", 1, 5).commits("c", 1, 7);
        world.clone().commits("c", 2, 6).accepted_by(CHECKER);
        world.commits("d", 1, 6).accepted_by(CHECKER);
    }

    #[test]
    fn who_has_a_partition_anew_may_start_earlier() {
        let world = idempotent().assigned("c").commits("c", 1, 5);
        world.clone().revoked("c", true).assigned("c").commits("c", 1, 3).accepted_by(CHECKER);
        world.assigned("d").commits("c", 1, 3).refused_by(CHECKER, "@3 after @5");
    }

    #[test]
    fn a_late_commit_may_come_into_force_behind_its_repetition() {
        let world = idempotent().commits("c", 1, 5).commits("c", 1, 5).committed("c", 1, 5);
        world.commits("c", 1, 6).committed("c", 1, 6).committed("c", 1, 5).accepted_by(CHECKER);
    }

    #[test]
    fn a_commit_that_goes_back_is_found() {
        let world = idempotent().commits("c", 1, 5).commits("c", 1, 4);
        world.refused_by(CHECKER, "c-id of g commits t-0@4 after @5 in generation 1");
    }
}
