//! How the rules read an [`Outcome`]: look-ups that several of them need. Judges nothing.

use std::collections::BTreeMap;
use std::fmt;

use ottla_testbroker::faults::FaultAction;
use ottla_testbroker::journal::JournalEvent;

use crate::sim::history::{ClientEvent, Event, Outcome, Place, RecordId, Stored};

/// What the workload did or was told, with its index in the history.
pub(super) fn client_events(outcome: &Outcome) -> impl Iterator<Item = (usize, &ClientEvent)> {
    outcome.history.iter().enumerate().filter_map(|(at, happened)| match &happened.event {
        Event::Client(event) => Some((at, event)),
        Event::Cluster(_) => None,
    })
}

/// What the cluster saw and did, with its index in the history.
pub(super) fn cluster_events(outcome: &Outcome) -> impl Iterator<Item = (usize, &JournalEvent)> {
    outcome.history.iter().enumerate().filter_map(|(at, happened)| match &happened.event {
        Event::Cluster(entry) => Some((at, &entry.event)),
        Event::Client(_) => None,
    })
}

/// Every value that a config of topics was given, by topic, each with its index in the history.
pub(super) fn config_changes<'a>(
    outcome: &'a Outcome,
    wanted: &str,
) -> BTreeMap<&'a str, Vec<(usize, &'a str)>> {
    let mut changes: BTreeMap<&str, Vec<(usize, &str)>> = BTreeMap::new();
    for (at, event) in cluster_events(outcome) {
        if let JournalEvent::FaultFired { what, .. } = event
            && let FaultAction::SetTopicConfig { topic, name, value } = &what.action
            && name == wanted
        {
            changes.entry(topic).or_default().push((at, value));
        }
    }
    changes
}

/// The logs, by place and by record.
pub(super) struct Logs<'a> {
    by_place: BTreeMap<&'a Place, &'a [Stored]>,
    by_record: BTreeMap<RecordId, Vec<(&'a Place, i64)>>,
}

impl<'a> Logs<'a> {
    pub(super) fn of(outcome: &'a Outcome) -> Self {
        let mut logs = Self { by_place: BTreeMap::new(), by_record: BTreeMap::new() };
        for (place, stored) in &outcome.logs {
            logs.by_place.insert(place, stored);
            for Stored { offset, id } in stored {
                logs.by_record.entry(*id).or_default().push((place, *offset));
            }
        }
        logs
    }

    /// A partition's records, in the order of offsets.
    pub(super) fn at(&self, place: &Place) -> &'a [Stored] {
        self.by_place.get(place).copied().unwrap_or_default()
    }

    /// Which record is at an offset.
    pub(super) fn record(&self, place: &Place, offset: i64) -> Option<RecordId> {
        let log = self.at(place);
        let at = log.binary_search_by_key(&offset, |stored| stored.offset).ok()?;
        Some(log[at].id)
    }

    /// Everywhere that a record is.
    pub(super) fn places(&self, id: RecordId) -> &[(&'a Place, i64)] {
        self.by_record.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Every record with everywhere that it is.
    pub(super) fn records(&self) -> impl Iterator<Item = (RecordId, &[(&'a Place, i64)])> {
        self.by_record.iter().map(|(id, places)| (*id, places.as_slice()))
    }
}

/// A place as reports show it: `topic-3`.
pub(super) struct Shown<'a>(pub(super) &'a Place);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0.topic, self.0.partition)
    }
}

/// Where a record is, as reports show it: `t-0@7, t-1@2`, or `nowhere`.
pub(super) fn whereabouts(places: &[(&Place, i64)]) -> String {
    let shown: Vec<_> = places.iter().map(|(place, offset)| format!("{}@{offset}", Shown(place))).collect();
    if shown.is_empty() { "nowhere".to_owned() } else { shown.join(", ") }
}

/// The place of a partition.
pub(super) fn place(topic: &str, partition: i32) -> Place {
    Place { topic: topic.to_owned(), partition }
}
