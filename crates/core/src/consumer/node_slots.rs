//! One request a broker at a time, and a pause after one that failed.

use std::collections::BTreeMap;

use ottla_protocol::types::NodeId;

use crate::backoff::Backoff;
use crate::random::Jitter;
use crate::request::Token;
use crate::retry::Retry;
use crate::time::{Instant, Now};

/// By broker: the request that is under way, with what `T` remembers of it. As many entries as the cluster has had
/// brokers.
#[derive(Debug)]
pub(super) struct NodeSlots<T> {
    slots: BTreeMap<NodeId, Slot<T>>,
    last_token: u64,
}

#[derive(Debug)]
struct Slot<T> {
    in_flight: Option<(Token, T)>,
    retry: Retry,
    /// The last request, for turns among brokers.
    turn: u64,
}

impl<T> NodeSlots<T> {
    pub(super) fn new() -> Self {
        Self { slots: BTreeMap::new(), last_token: 0 }
    }

    /// Ends pauses that are over.
    pub(super) fn pass(&mut self, now: Now) {
        for slot in self.slots.values_mut() {
            slot.retry.pass(now);
        }
    }

    /// Whether a request may go to the broker.
    pub(super) fn is_free(&self, node_id: NodeId) -> bool {
        self.slots.get(&node_id).is_none_or(|slot| slot.in_flight.is_none() && slot.retry.at().is_none())
    }

    /// Grows with every request to the broker: who was asked longest ago has the least.
    pub(super) fn turn(&self, node_id: NodeId) -> u64 {
        self.slots.get(&node_id).map_or(0, |slot| slot.turn)
    }

    /// A request goes to the broker.
    pub(super) fn put(&mut self, node_id: NodeId, request: T) -> Token {
        self.last_token += 1;
        let token = Token(self.last_token);
        let fresh = || Slot { in_flight: None, retry: Retry::default(), turn: 0 };
        let slot = self.slots.entry(node_id).or_insert_with(fresh);
        slot.in_flight = Some((token, request));
        slot.turn = self.last_token;
        token
    }

    /// The request that is answered, if it is under way.
    pub(super) fn take(&mut self, token: Token) -> Option<(NodeId, T)> {
        let mut slots = self.slots.iter_mut();
        let (node_id, slot) =
            slots.find(|(_, slot)| slot.in_flight.as_ref().is_some_and(|(of, _)| *of == token))?;
        slot.in_flight.take().map(|(_, request)| (*node_id, request))
    }

    /// The broker gave no usable answer.
    pub(super) fn fail(&mut self, now: Now, node_id: NodeId, backoff: &Backoff, jitter: &mut Jitter) {
        if let Some(slot) = self.slots.get_mut(&node_id) {
            slot.retry.fail(now, backoff, jitter);
        }
    }

    /// It did.
    pub(super) fn succeed(&mut self, node_id: NodeId) {
        if let Some(slot) = self.slots.get_mut(&node_id) {
            slot.retry.reset();
        }
    }

    /// When the next pause is over.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.slots.values().filter_map(|slot| slot.retry.at()).min()
    }
}
