//! A client does not go back to a leader that it knows to be deposed: the partition's leader epoch of what it has heard
//! only rises, whatever Metadata answers and hints come late (KIP-320, KIP-951).
//!
//! What a client knows is seen by where it sends, if that arrives at once: the nodes must be leaders in epochs that do
//! not fall. A node that a rule made a broker name explains every epoch up to the one that was told.

use std::collections::{BTreeMap, BTreeSet};

use ottla_protocol::types::NodeId;
use ottla_testbroker::faults::FaultAction;
use ottla_testbroker::journal::{JournalEvent, RequestPlace, RequestSummary};

use super::Checker;
use super::reading::{Shown, place};
use crate::sim::history::{ClientEvent, Event, Outcome, Place};

pub(super) const CHECKER: Checker = Checker { name: "leaders-do-not-go-back", check };

#[derive(Default)]
struct Seen<'a> {
    /// Who led in which epoch.
    leaders: BTreeMap<Place, BTreeMap<i32, NodeId>>,
    /// Up to which epoch a client may take a node for the leader because a rule said so.
    misled: BTreeMap<(&'a str, Place, NodeId), i32>,
    /// The least epoch that explains where a client has sent.
    known: BTreeMap<(&'a str, Place), i32>,
    /// Who was asked by whom about what, until that is answered.
    asked: BTreeMap<RequestPlace, (NodeId, &'a str, Vec<Place>)>,
    /// Producers that were there before.
    producers: BTreeSet<&'a str>,
}

fn check(outcome: &Outcome) -> Result<(), String> {
    if !outcome.idempotent || !outcome.is_prompt {
        // Other producers do not wait for an old leader's answers, and what is under way to it arrives when it may.
        return Ok(());
    }
    let mut seen = Seen::default();
    for happened in &outcome.history {
        match &happened.event {
            Event::Client(ClientEvent::Sent { producer, .. }) => seen.on_sent(producer),
            Event::Client(_) => {}
            Event::Cluster(entry) => seen.on_journal(&entry.event, outcome)?,
        }
    }
    Ok(())
}

impl<'a> Seen<'a> {
    /// An application may have closed its client: the next one knows nothing.
    fn on_sent(&mut self, producer: &'a str) {
        if let Some((client_id, _)) = producer.split_once('/').filter(|_| self.producers.insert(producer)) {
            self.known.retain(|(of, _), _| *of != client_id);
        }
    }

    fn on_journal(&mut self, event: &'a JournalEvent, outcome: &Outcome) -> Result<(), String> {
        match event {
            JournalEvent::LeaderElected { topic, partition, leader, leader_epoch, .. } => {
                self.leaders.entry(place(topic, *partition)).or_default().insert(*leader_epoch, *leader);
            }
            JournalEvent::RequestReceived {
                request,
                node,
                client_id,
                summary: RequestSummary::Produce { partitions, .. },
                ..
            } => {
                let places = partitions.iter().map(|asked| place(&asked.topic, asked.partition));
                let places: Vec<_> =
                    places.filter(|place| !outcome.losses.topics.contains(&place.topic)).collect();
                for place in &places {
                    self.sends(client_id, place, *node)?;
                }
                self.asked.insert(*request, (*node, client_id, places));
            }
            JournalEvent::FaultFired { request: Some(request), what, .. } => {
                if let (FaultAction::Misdirect { node, epochs_back }, Some((_, client_id, places))) =
                    (&what.action, self.asked.get(request))
                {
                    for place in places {
                        let newest = self.leaders.get(place).and_then(|leaders| leaders.keys().next_back());
                        let told = newest.copied().unwrap_or(0) - i32::try_from(*epochs_back).unwrap_or(0);
                        let known = self.misled.entry((client_id, place.clone(), *node)).or_insert(told);
                        *known = told.max(*known);
                    }
                }
            }
            JournalEvent::ResponseSent { request, errors, .. } => {
                let Some((node, _, places)) = self.asked.remove(request) else { return Ok(()) };
                for place in places.into_iter().filter(|_| errors.is_empty()) {
                    // Before any election only the first leader takes anything.
                    self.leaders.entry(place).or_insert_with(|| BTreeMap::from([(0, node)]));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn sends(&mut self, client_id: &'a str, place: &Place, node: NodeId) -> Result<(), String> {
        // The first leader is in place before the journal knows of an election: it shows when it appends.
        let Some(leaders) = self.leaders.get(place).filter(|leaders| leaders.contains_key(&0)) else {
            return Ok(());
        };
        let known = self.known.entry((client_id, place.clone())).or_insert(0);
        if self.misled.get(&(client_id, place.clone(), node)).is_some_and(|told| told >= known) {
            return Ok(());
        }
        match leaders.range(*known..).find(|(_, leader)| **leader == node) {
            Some((epoch, _)) => {
                *known = *epoch;
                Ok(())
            }
            None => Err(format!(
                "{client_id} knows of epoch {known} of {} and sends to node {}, which does not lead it since",
                Shown(place),
                node.0
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::CHECKER;
    use crate::sim::checkers::by_hand::{ByHand, idempotent, not_idempotent};

    /// Node 1 leads in epochs 0 and 2, node 2 in 1 and 3.
    fn moving() -> ByHand {
        idempotent().produces(1).answered().elected(2, 1).elected(1, 2).elected(2, 3)
    }

    #[test]
    fn epochs_of_leaders_rise() {
        moving().produces(1).produces(2).produces(1).produces(2).produces(2).accepted_by(CHECKER);
        moving().produces(2).produces(1).produces(1).accepted_by(CHECKER);
        // Nobody knows who led first.
        idempotent().elected(2, 1).produces(2).produces(1).accepted_by(CHECKER);
        let late = not_idempotent().produces(1).answered().elected(2, 1).produces(2).produces(1);
        late.accepted_by(CHECKER);
        let late = idempotent().produces(1).answered().elected(2, 1).produces(2).produces(1);
        late.with_late_arrivals().accepted_by(CHECKER);
    }

    #[test]
    fn a_leader_of_an_older_epoch_is_found() {
        let world = moving().produces(1).produces(2).produces(1).produces(2);
        world.produces(1).refused_by(CHECKER, "p knows of epoch 3 of t-0 and sends to node 1");
        moving().produces(2).produces(3).refused_by(CHECKER, "sends to node 3");
    }
}
