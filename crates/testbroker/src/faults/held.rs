//! Requests and answers that wait because a rule delays them, and connections that are not read because a rule throttles
//! them. A connection has one of each at most, so their number needs no bound of its own.

use std::collections::BTreeMap;

use bytes::Bytes;
use ottla_protocol::api::ApiKey;
use ottla_protocol::error_codes::FoundErrorCode;
use ottla_protocol::frame::FrameBuf;

use crate::cluster::Call;
use crate::connection::{ConnectionId, RequestId};
use crate::now::Instant;
use crate::timers::Timers;

/// What is held up.
#[derive(Debug)]
pub(crate) enum Held {
    Request(Call, ApiKey, Bytes),
    Response(Reply),
    /// The end of its connection.
    End,
}

/// An answer that is ready to be sent.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) api: ApiKey,
    pub(crate) version: i16,
    pub(crate) frame: FrameBuf,
    /// For the journal.
    pub(crate) errors: Vec<FoundErrorCode>,
}

/// Everything that is held up, by its request.
#[derive(Debug)]
pub(crate) struct HeldUp {
    by_request: BTreeMap<RequestId, Held>,
    timers: Timers<RequestId>,
    /// Until when connections are not read.
    pauses: Timers<ConnectionId>,
}

impl Default for HeldUp {
    fn default() -> Self {
        Self { by_request: BTreeMap::new(), timers: Timers::new(), pauses: Timers::new() }
    }
}

impl HeldUp {
    pub(crate) fn insert(&mut self, request: RequestId, held: Held, until: Instant) {
        self.timers.set(&request, Some(until));
        self.by_request.insert(request, held);
    }

    pub(crate) fn remove(&mut self, request: RequestId) {
        self.timers.set(&request, None);
        self.by_request.remove(&request);
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        [self.timers.next(), self.pauses.next()].into_iter().flatten().min()
    }

    /// A connection is not read before `until`.
    pub(crate) fn pause(&mut self, connection: ConnectionId, until: Instant) {
        self.pauses.set(&connection, Some(until));
    }

    pub(crate) fn is_paused(&self, connection: ConnectionId) -> bool {
        self.pauses.is_set(&connection)
    }

    pub(crate) fn forget(&mut self, connection: ConnectionId) {
        self.pauses.set(&connection, None);
    }

    /// A connection that is read again.
    pub(crate) fn pop_resumed(&mut self, now: Instant) -> Option<ConnectionId> {
        self.pauses.pop_due(now)
    }

    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<(RequestId, Held)> {
        let request = self.timers.pop_due(now)?;
        Some((request, self.by_request.remove(&request)?))
    }
}
