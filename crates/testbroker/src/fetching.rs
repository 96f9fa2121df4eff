//! Fetches that wait for more bytes: by request, by partition and by deadline.

use std::collections::{BTreeMap, BTreeSet};

use ottla_protocol::messages::fetch_request::FetchRequest;
use ottla_protocol::types::Uuid;

use crate::cluster::Call;
use crate::connection::RequestId;
use crate::fetch_session::FetchContext;
use crate::now::Instant;
use crate::timers::Timers;

/// A Fetch that was not answered at once. One per connection at most, so their number needs no bound of its own.
#[derive(Debug)]
pub(crate) struct WaitingFetch {
    pub(crate) call: Call,
    /// With all partitions of its session.
    pub(crate) request: FetchRequest,
    pub(crate) context: FetchContext,
    /// The partitions whose appends may end the wait.
    pub(crate) watched: Vec<(Uuid, i32)>,
}

#[derive(Debug)]
pub(crate) struct WaitingFetches {
    by_request: BTreeMap<RequestId, WaitingFetch>,
    by_partition: BTreeMap<(Uuid, i32), BTreeSet<RequestId>>,
    timers: Timers<RequestId>,
}

impl WaitingFetches {
    pub(crate) fn new() -> Self {
        Self { by_request: BTreeMap::new(), by_partition: BTreeMap::new(), timers: Timers::new() }
    }

    pub(crate) fn insert(&mut self, fetch: WaitingFetch, deadline: Instant) {
        let id = fetch.call.id;
        for partition in &fetch.watched {
            self.by_partition.entry(*partition).or_default().insert(id);
        }
        self.timers.set(&id, Some(deadline));
        self.by_request.insert(id, fetch);
    }

    pub(crate) fn find(&self, id: RequestId) -> Option<&WaitingFetch> {
        self.by_request.get(&id)
    }

    pub(crate) fn remove(&mut self, id: RequestId) -> Option<WaitingFetch> {
        let fetch = self.by_request.remove(&id)?;
        self.timers.set(&id, None);
        for partition in &fetch.watched {
            if let Some(requests) = self.by_partition.get_mut(partition) {
                requests.remove(&id);
                if requests.is_empty() {
                    self.by_partition.remove(partition);
                }
            }
        }
        Some(fetch)
    }

    /// The fetches that an append to this partition may satisfy.
    pub(crate) fn watching(&self, topic: Uuid, partition: i32) -> Vec<RequestId> {
        self.by_partition.get(&(topic, partition)).into_iter().flatten().copied().collect()
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<RequestId> {
        self.timers.pop_due(now)
    }
}
