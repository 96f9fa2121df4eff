//! How the parts of a world write its history.

use std::cell::RefCell;
use std::collections::BTreeSet;

use ottla_core::time::Instant;

use crate::sim::history::{ClientEvent, History, RecordId};

/// The history, and where its writer stands.
#[derive(Debug)]
pub(super) struct Notes<'a> {
    pub(super) history: &'a History,
    pub(super) tally: &'a RefCell<Tally>,
    pub(super) at: Instant,
    /// How many entries the cluster's journal has.
    pub(super) journal_len: u64,
    /// Whether faults have stopped.
    pub(super) is_calm: bool,
}

/// How far the workload is.
#[derive(Debug, Default)]
pub(super) struct Tally {
    read: BTreeSet<RecordId>,
    /// Acknowledged and not handed out.
    pub(super) unread: BTreeSet<RecordId>,
}

impl Notes<'_> {
    pub(super) fn note(&self, event: ClientEvent) {
        let mut tally = self.tally.borrow_mut();
        match &event {
            ClientEvent::Acknowledged { id, .. } if !tally.read.contains(id) => {
                tally.unread.insert(*id);
            }
            ClientEvent::HandedOut { id, .. } => {
                tally.read.insert(*id);
                tally.unread.remove(id);
            }
            _ => {}
        }
        self.history.note(self.at.since_start(), self.journal_len, event);
    }
}
