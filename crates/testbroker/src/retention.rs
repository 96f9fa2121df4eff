//! Records that are deleted for their age or because a log has become too large (`retention.ms`, `retention.bytes`).
//!
//! Kafka deletes whole segments every five minutes. Here the unit is the batch, as soon as it may go, so that small logs
//! in tests show it. Only what is committed goes; of size alone the newest batch stays.

use std::time::Duration;

use ottla_protocol::types::{NodeId, Uuid};

use crate::cluster::Cluster;
use crate::now::Instant;
use crate::timers::Timers;

/// When partitions have records that become too old.
#[derive(Debug)]
pub(crate) struct Retention {
    timers: Timers<(Uuid, i32)>,
}

impl Retention {
    pub(crate) fn new() -> Self {
        Self { timers: Timers::new() }
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }
}

impl Cluster {
    /// The one place that hears of every batch that a producer appended.
    pub(crate) fn on_append(&mut self, id: (Uuid, i32)) {
        self.account(id);
        self.touched.insert(id);
        self.replication.dirty.insert(id);
    }

    pub(crate) fn handle_retention_timeouts(&mut self) {
        while let Some(id) = self.retention.timers.pop_due(self.now.instant) {
            self.retain(id);
        }
    }

    /// Deletes what a partition's leader need not keep; its followers do so when they hear where its log starts.
    pub(crate) fn retain(&mut self, id: (Uuid, i32)) {
        let Some(topic) = self.topics.with_id(id.0) else { return };
        let (retention_bytes, retention_ms) = (topic.config.retention_bytes, topic.config.retention_ms);
        if retention_bytes.is_none() && retention_ms.is_none() {
            return;
        }
        let Some(partition) = topic.partition(id.1) else { return };
        let node = partition.state().leader;
        let Some(replica) = partition.replica(node).filter(|replica| replica.leading.is_some()) else {
            return;
        };
        let (log, committed) = (&replica.log, replica.high_watermark());
        let now_ms = self.now.unix_ms;
        if !topic.config.delete {
            return;
        }
        let by_size = retention_bytes.map(|bytes| log.start_after_size(bytes, committed));
        let by_time = retention_ms.map(|ms| log.start_after_time(now_ms.saturating_sub(ms), committed));
        let start = by_size.max(by_time).unwrap_or(0);
        if start > log.start_offset() {
            self.delete_records(id, node, start);
        }
        let partition = self.topics.partition(id);
        let oldest = partition.and_then(|partition| partition.replica(node)?.log.oldest());
        // What is old but not committed is looked at again when it is.
        let oldest = oldest.filter(|batch| batch.last_offset < committed && self.is_up(node));
        let due = retention_ms.zip(oldest).map(|(ms, oldest)| {
            // A batch goes when it is older than allowed: one millisecond after that.
            let left = oldest.max_timestamp.saturating_add(ms).saturating_add(1).saturating_sub(now_ms);
            self.now.instant + Duration::from_millis(u64::try_from(left).unwrap_or(0).max(1))
        });
        self.retention.timers.set(&id, due);
    }

    /// Makes `start` the first offset of the log of `node`; its followers hear of it.
    pub(crate) fn delete_records(&mut self, id: (Uuid, i32), node: NodeId, start: i64) {
        if let Some(partition) = self.topics.partition_mut(id) {
            partition.advance_start(node, start);
        }
        self.account(id);
        self.touched.insert(id);
        self.replication.dirty.insert(id);
    }
}
