//! Produce requests with acks -1 that wait until what they appended is committed: Kafka's `DelayedProduce`.

use std::collections::{BTreeMap, BTreeSet};

use ottla_protocol::messages::produce_response::ProduceResponse;
use ottla_protocol::types::Uuid;

use crate::cluster::Call;
use crate::connection::RequestId;
use crate::now::Instant;
use crate::timers::Timers;

/// A Produce that was not answered at once. One per connection at most, so their number needs no bound of its own.
#[derive(Debug)]
pub(crate) struct WaitingProduce {
    pub(crate) call: Call,
    /// The answer if everything is committed.
    pub(crate) response: ProduceResponse,
    pub(crate) uncommitted: Vec<Uncommitted>,
}

/// A batch that was appended and is not committed yet.
#[derive(Clone, Debug)]
pub(crate) struct Uncommitted {
    pub(crate) partition: (Uuid, i32),
    /// Under which it was appended.
    pub(crate) leader_epoch: i32,
    /// Behind its last record.
    pub(crate) end_offset: i64,
    /// Its place in the answer: topic and partition.
    pub(crate) row: (usize, usize),
}

#[derive(Debug)]
pub(crate) struct WaitingProduces {
    by_request: BTreeMap<RequestId, WaitingProduce>,
    by_partition: BTreeMap<(Uuid, i32), BTreeSet<RequestId>>,
    timers: Timers<RequestId>,
}

impl WaitingProduces {
    pub(crate) fn new() -> Self {
        Self { by_request: BTreeMap::new(), by_partition: BTreeMap::new(), timers: Timers::new() }
    }

    pub(crate) fn insert(&mut self, produce: WaitingProduce, deadline: Instant) {
        let id = produce.call.id;
        for batch in &produce.uncommitted {
            self.by_partition.entry(batch.partition).or_default().insert(id);
        }
        self.timers.set(&id, Some(deadline));
        self.by_request.insert(id, produce);
    }

    pub(crate) fn find(&self, id: RequestId) -> Option<&WaitingProduce> {
        self.by_request.get(&id)
    }

    pub(crate) fn remove(&mut self, id: RequestId) -> Option<WaitingProduce> {
        let produce = self.by_request.remove(&id)?;
        self.timers.set(&id, None);
        for batch in &produce.uncommitted {
            if let Some(requests) = self.by_partition.get_mut(&batch.partition) {
                requests.remove(&id);
                if requests.is_empty() {
                    self.by_partition.remove(&batch.partition);
                }
            }
        }
        Some(produce)
    }

    /// The requests that wait for this partition.
    pub(crate) fn watching(&self, partition: (Uuid, i32)) -> Vec<RequestId> {
        self.by_partition.get(&partition).into_iter().flatten().copied().collect()
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<RequestId> {
        self.timers.pop_due(now)
    }
}
