//! What an application is still working on is not committed: whoever dies over it must read it again. A batch counts as
//! done when the application asks for the next one, which it does behind [`ClientEvent::GivenBack`]; then its offset may
//! be committed, by the application or by itself.
//!
//! The rule is about what a member asks for in its group's newest generation, by its newest connection: what comes later
//! was asked for before, and the same records may have been handed out once more since.

use std::collections::BTreeMap;

use ottla_testbroker::ConnectionId;
use ottla_testbroker::journal::{JournalEvent, RequestSummary};

use super::Checker;
use super::reading::Shown;
use crate::sim::history::{ClientEvent, Event, Outcome, Place};

pub(super) const CHECKER: Checker = Checker { name: "committed-was-given-back", check };

#[derive(Default)]
struct Seen<'a> {
    /// By consumer: the first offset of each partition that it works on.
    working: BTreeMap<&'a str, BTreeMap<&'a Place, i64>>,
    /// By client: the newest connection that it asked its coordinator by.
    newest: BTreeMap<&'a str, ConnectionId>,
    generations: BTreeMap<&'a str, i32>,
}

fn check(outcome: &Outcome) -> Result<(), String> {
    let mut seen = Seen::default();
    for happened in &outcome.history {
        match &happened.event {
            Event::Client(ClientEvent::HandedOut { consumer, place, offset, .. }) => {
                seen.working.entry(consumer).or_default().entry(place).or_insert(*offset);
            }
            Event::Client(
                ClientEvent::GivenBack { consumer, .. } | ClientEvent::ConsumerClosed { consumer, .. },
            ) => _ = seen.working.remove(consumer.as_str()),
            Event::Client(ClientEvent::Revoked { consumer, place, .. }) => {
                if let Some(working) = seen.working.get_mut(consumer.as_str()) {
                    working.remove(place);
                }
            }
            Event::Client(_) => {}
            Event::Cluster(entry) => seen.on_journal(&entry.event)?,
        }
    }
    Ok(())
}

impl<'a> Seen<'a> {
    fn on_journal(&mut self, event: &'a JournalEvent) -> Result<(), String> {
        let (request, client_id, summary) = match event {
            JournalEvent::GroupChanged { group, generation_id, .. } => {
                self.generations.insert(group, *generation_id);
                return Ok(());
            }
            JournalEvent::RequestReceived { request, client_id, summary, .. } => {
                (request, client_id, summary)
            }
            _ => return Ok(()),
        };
        if !matches!(summary, RequestSummary::Member { .. } | RequestSummary::OffsetCommit { .. }) {
            return Ok(());
        }
        let newest = self.newest.entry(client_id).or_insert(request.connection);
        let is_late = request.connection < *newest;
        *newest = request.connection.max(*newest);
        let RequestSummary::OffsetCommit { group, generation_id, partitions, .. } = summary else {
            return Ok(());
        };
        if is_late || self.generations.get(group.as_str()) != Some(generation_id) {
            return Ok(());
        }
        for (place, first) in self.working.get(client_id.as_str()).into_iter().flatten() {
            let is_it = |row: &&_| {
                let row: &ottla_testbroker::journal::CommittedPartition = row;
                (row.topic.as_str(), row.partition) == (place.topic.as_str(), place.partition)
            };
            if let Some(row) = partitions.iter().find(is_it).filter(|row| row.offset > *first) {
                let (place, offset) = (Shown(place), row.offset);
                return Err(format!("{client_id} commits {place}@{offset} while it works on @{first}"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::CHECKER;
    use crate::sim::checkers::by_hand::{ByHand, idempotent};

    fn handed_out() -> ByHand {
        idempotent().generation(1, &[("c", &[0])]).assigned("c").handed_out("c", 4, 1).handed_out("c", 5, 2)
    }

    #[test]
    fn what_is_done_may_be_committed() {
        handed_out().given_back("c").commits("c", 1, 6).accepted_by(CHECKER);
        handed_out().commits("c", 1, 4).accepted_by(CHECKER);
        handed_out().given_back("c").handed_out("c", 6, 3).commits("c", 1, 6).accepted_by(CHECKER);
        handed_out().closed("c").commits("c", 1, 6).accepted_by(CHECKER);
        handed_out().revoked("c", true).commits("c", 1, 6).accepted_by(CHECKER);
    }

    #[test]
    fn what_a_generation_before_asked_for_says_nothing() {
        handed_out().generation(2, &[("c", &[0])]).commits("c", 1, 6).accepted_by(CHECKER);
    }

    #[test]
    fn what_is_committed_while_it_is_worked_on_is_found() {
        let because = "c commits t-0@6 while it works on @4";
        handed_out().commits("c", 1, 6).refused_by(CHECKER, because);
        handed_out().commits("c", 1, 5).refused_by(CHECKER, "c commits t-0@5 while it works on @4");
    }
}
