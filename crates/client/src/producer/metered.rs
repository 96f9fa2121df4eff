//! What a producer tells of itself: its figures, and its CONNECT and DISCONNECT.

use std::sync::atomic::{AtomicBool, Ordering};

use ottla_core::events::{Payload, Role};
use ottla_core::metrics::ProducerMetrics;

use super::{Producer, Shared};
use crate::client::Source;

/// Whether the end was told.
#[derive(Debug, Default)]
pub(super) struct End(AtomicBool);

impl Producer {
    /// What this producer did so far. Takes its lock for a time in the number of its partitions and of batches that
    /// wait: for every second, not for every record.
    pub fn metrics(&self) -> ProducerMetrics {
        Source::metrics(&*self.shared)
    }
}

impl Shared {
    pub(super) fn tell_begin(&self) {
        self.client.shared.pool.tell(Role::Producer, || Payload::Opened);
    }

    /// Once, whoever comes first: `close`, or the driver when it has nothing more to do.
    pub(super) fn tell_end(&self) {
        if !self.end.0.swap(true, Ordering::AcqRel) {
            self.client.shared.pool.tell(Role::Producer, || Payload::Closed);
        }
    }
}

impl Source<ProducerMetrics> for Shared {
    fn metrics(&self) -> ProducerMetrics {
        let mut metrics = self.lock().machine.metrics();
        self.waits.fill(&mut metrics);
        metrics
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // A partitioner that panicked may have broken them.
        if self.state.is_poisoned() {
            return;
        }
        self.client.shared.parts.producers.end(self.number, || Source::metrics(self));
    }
}
