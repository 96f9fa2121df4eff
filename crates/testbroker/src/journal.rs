//! The journal: what a cluster saw and did, in order. Off by default; `ClusterBuilder::journal` turns it on.
//!
//! Same seed and same input, same journal, to the byte of its JSON.

mod event;
#[cfg(feature = "json")]
mod json;
mod summary;

use ottla_protocol::records::BatchHeader;
use ottla_protocol::types::{GroupId, NodeId, Uuid};

use crate::cluster::Cluster;
use crate::connection::{CloseReason, ConnectionId, RequestId};
use crate::now::Instant;
use crate::partition_state::PartitionState;
use crate::replica::{Appended, Truncated};

pub use event::{BatchProducer, JournalEvent, JournalMember, RequestPlace};
pub(crate) use summary::summary_rows;
pub use summary::{CommittedPartition, FetchedPartition, ProducedHeader, ProducedPartition, RequestSummary};

/// The most entries that a journal keeps; what comes later is counted only. A test that fills it looks at too much.
pub const MAX_JOURNAL_ENTRIES: usize = 200_000;

/// An entry of a journal.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct JournalEntry {
    /// Which entry it is, from 0.
    pub serial: u64,
    /// When, by the clock that the cluster is handed.
    pub at: Instant,
    /// What happened.
    pub event: JournalEvent,
}

/// What a cluster saw and did.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    entries: Vec<JournalEntry>,
    left_out: u64,
}

impl Journal {
    /// The entries, in order.
    pub fn entries(&self) -> &[JournalEntry] {
        &self.entries
    }

    /// How many entries there was no room for.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    fn push(&mut self, at: Instant, event: JournalEvent) {
        if self.entries.len() >= MAX_JOURNAL_ENTRIES {
            self.left_out += 1;
            return;
        }
        self.entries.push(JournalEntry { serial: self.entries.len() as u64, at, event });
    }
}

impl Cluster {
    /// What the cluster saw and did; `None` unless it was built to keep a journal.
    pub fn journal(&self) -> Option<&Journal> {
        self.journal.as_ref()
    }

    /// Notes what `event` makes, if there is a journal.
    pub(crate) fn note(&mut self, event: impl FnOnce(&Self) -> JournalEvent) {
        if self.journal.is_none() {
            return;
        }
        let (at, event) = (self.now.instant, event(self));
        if let Some(journal) = &mut self.journal {
            journal.push(at, event);
        }
    }

    pub(crate) fn note_disconnected(&mut self, connection: ConnectionId, reason: Option<&CloseReason>) {
        self.note(|_| JournalEvent::ClientDisconnected { connection, reason: reason.cloned() });
    }
}

impl Cluster {
    pub(crate) fn note_produced(
        &mut self,
        (topic_id, partition): (Uuid, i32),
        leader_epoch: i32,
        header: &BatchHeader,
        appended: Appended,
    ) {
        let producer = BatchProducer::of(header);
        let base_offset = appended.base_offset;
        self.note(|cluster| {
            let topic = cluster.topic_name(topic_id);
            if !appended.is_new {
                return JournalEvent::DuplicateRecognised {
                    topic_id,
                    topic,
                    partition,
                    base_offset,
                    producer,
                };
            }
            let last_offset = base_offset.saturating_add(i64::from(header.last_offset_delta));
            JournalEvent::BatchAppended {
                topic_id,
                topic,
                partition,
                base_offset,
                last_offset,
                leader_epoch,
                producer,
            }
        });
    }

    /// Notes what the controller decides on a partition, before it is in force.
    pub(crate) fn note_decision(&mut self, (topic_id, partition): (Uuid, i32), next: &PartitionState) {
        self.note(|cluster| {
            let topic = cluster.topics.with_id(topic_id);
            let found = topic.and_then(|topic| topic.partition(partition)).map(|found| found.state());
            let topic = topic.map(|topic| topic.name.to_string()).unwrap_or_default();
            let isr = next.isr.clone();
            if found
                .is_some_and(|found| found.leader_epoch == next.leader_epoch && found.leader == next.leader)
            {
                return JournalEvent::IsrChanged { topic_id, topic, partition, isr };
            }
            let (leader, leader_epoch) = (next.leader, next.leader_epoch);
            JournalEvent::LeaderElected { topic_id, topic, partition, leader, leader_epoch, isr }
        });
    }

    pub(crate) fn note_truncated(&mut self, (topic_id, partition): (Uuid, i32), node: NodeId, at: Truncated) {
        let Truncated { from, to } = at;
        self.note(|cluster| {
            let topic = cluster.topic_name(topic_id);
            JournalEvent::LogTruncated { node, topic_id, topic, partition, from, to }
        });
    }

    /// Notes the high watermarks of a partition's leader, and of those that still take themselves for it, where they
    /// have moved. Called before those who wait for them are answered.
    pub(crate) fn note_high_watermark(&mut self, id: (Uuid, i32)) {
        if self.journal.is_none() {
            return;
        }
        let news = self.topics.partition_mut(id).map(|partition| partition.high_watermark_news());
        for (node, offset) in news.into_iter().flatten() {
            let (topic_id, partition) = id;
            self.note(|cluster| {
                let topic = cluster.topic_name(topic_id);
                JournalEvent::HighWatermarkMoved { topic_id, topic, partition, node, offset }
            });
        }
    }

    fn topic_name(&self, id: Uuid) -> String {
        self.topics.with_id(id).map(|topic| topic.name.to_string()).unwrap_or_default()
    }

    /// Notes a group that is in another state or generation than before.
    pub(crate) fn note_group(&mut self, id: &GroupId) {
        if self.journal.is_none() {
            return;
        }
        let Some(changed) = self.groups.find_mut(id).and_then(|group| group.news(id)) else { return };
        self.note(|_| changed);
    }
}

impl From<RequestId> for RequestPlace {
    fn from(id: RequestId) -> Self {
        Self { connection: id.connection, request: id.sequence }
    }
}

impl BatchProducer {
    pub(crate) fn of(header: &BatchHeader) -> Option<Self> {
        (header.producer_id >= 0).then_some(Self {
            producer_id: header.producer_id,
            producer_epoch: header.producer_epoch,
            base_sequence: header.base_sequence,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_journal_keeps_what_it_has_and_counts_the_rest() {
        let mut journal = Journal::default();
        for micros in 0..MAX_JOURNAL_ENTRIES as u64 + 3 {
            journal.push(Instant::from_micros(micros), JournalEvent::NodeUp { node: NodeId(1) });
        }
        let last = journal.entries().last().expect("it is full");
        assert_eq!((journal.entries().len(), journal.left_out()), (MAX_JOURNAL_ENTRIES, 3));
        assert_eq!((last.serial, last.at.as_micros()), (199_999, 199_999));
    }
}
