//! The logs as the cluster's journal tells of them: batches that were appended, less those that a later leader wrote
//! over. Judges nothing.

use std::collections::BTreeMap;

use ottla_protocol::types::Uuid;
use ottla_testbroker::journal::{BatchProducer, JournalEvent};

/// A batch that was appended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Appended {
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) producer: Option<BatchProducer>,
}

/// The logs of all partitions, up to some point of the history.
#[derive(Default)]
pub(super) struct Appends {
    partitions: BTreeMap<(Uuid, i32), Partition>,
}

#[derive(Default)]
struct Partition {
    leader_epoch: i32,
    batches: Vec<Appended>,
}

impl Appends {
    /// Takes an event in; returns what was appended by it with what is in the log before it. What a deposed leader
    /// still appends to its own log is no part of the partition's.
    pub(super) fn take(&mut self, event: &JournalEvent) -> Option<(Appended, &[Appended])> {
        match event {
            JournalEvent::LeaderElected { topic_id, partition, leader_epoch, .. } => {
                self.partitions.entry((*topic_id, *partition)).or_default().leader_epoch = *leader_epoch;
                None
            }
            JournalEvent::BatchAppended {
                topic_id,
                partition,
                base_offset: first,
                last_offset: last,
                leader_epoch,
                producer,
                ..
            } => {
                let found = self.partitions.entry((*topic_id, *partition)).or_default();
                if *leader_epoch < found.leader_epoch {
                    return None;
                }
                let appended = Appended { first: *first, last: *last, producer: *producer };
                found.batches.retain(|batch| batch.first < appended.first);
                found.batches.push(appended);
                found.batches.split_last().map(|(newest, before)| (*newest, before))
            }
            _ => None,
        }
    }
}
