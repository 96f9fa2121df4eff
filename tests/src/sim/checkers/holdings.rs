//! Which consumer had which partition from when to when, as the consumers themselves were told. Judges nothing.

use super::reading::client_events;
use crate::sim::history::{ClientEvent, Outcome, Place};

/// From a consumer's being told that it has a partition to its being told otherwise.
#[derive(Clone, Debug)]
pub(super) struct Holding<'a> {
    pub(super) consumer: &'a str,
    pub(super) group: &'a str,
    pub(super) place: &'a Place,
    /// The index in the history at which it began.
    pub(super) from: usize,
    /// The index at which it ended.
    pub(super) until: Option<usize>,
    /// It ended because the consumer had not been a member any more.
    pub(super) is_lost: bool,
}

impl Holding<'_> {
    /// Whether it lasted at an index of the history.
    pub(super) fn lasts_at(&self, at: usize) -> bool {
        self.from < at && self.until.is_none_or(|until| at < until)
    }
}

/// All holdings, in the order of their beginnings. A consumer that is told once more that it has what it has begins
/// nothing.
pub(super) fn holdings(outcome: &Outcome) -> Vec<Holding<'_>> {
    let mut all: Vec<Holding<'_>> = Vec::new();
    for (at, event) in client_events(outcome) {
        match event {
            ClientEvent::Assigned { consumer, group, place } => {
                let has = |held: &Holding<'_>| held.until.is_none() && held.is_of(consumer, group, place);
                if !all.iter().any(has) {
                    let (until, is_lost) = (None, false);
                    all.push(Holding { consumer, group, place, from: at, until, is_lost });
                }
            }
            ClientEvent::Revoked { consumer, group, place, lost } => {
                for held in all.iter_mut().filter(|held| held.until.is_none()) {
                    if held.is_of(consumer, group, place) {
                        (held.until, held.is_lost) = (Some(at), *lost);
                    }
                }
            }
            ClientEvent::ConsumerClosed { consumer, group } => {
                for held in all.iter_mut().filter(|held| held.until.is_none()) {
                    if (held.consumer, held.group) == (consumer.as_str(), group.as_str()) {
                        held.until = Some(at);
                    }
                }
            }
            _ => {}
        }
    }
    all
}

impl Holding<'_> {
    fn is_of(&self, consumer: &str, group: &str, place: &Place) -> bool {
        (self.consumer, self.group, self.place) == (consumer, group, place)
    }
}
