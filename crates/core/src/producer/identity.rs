//! The producer's id and epoch.
//!
//! | state | event | next state |
//! |---|---|---|
//! | Unused | (not idempotent) | Unused |
//! | Wanted | a batch is to be sent | Asking |
//! | Asking | an id came | Known |
//! | Asking | an error that may pass | Wanted, after a backoff |
//! | Asking | an error that will not pass | Refused |
//! | Known | a sequence is lost | Leaving |
//! | Leaving | nothing that was sent is unresolved | Known, in the next epoch |
//! | Leaving | likewise, and there is no next epoch | Wanted |
//! | any | the client is closed | Refused |
//!
//! The next epoch is taken without asking, as in Java since KIP-360: to a producer without transactions a broker gives
//! another id. What was given up may still lie in a broker, and only a later epoch of the same id keeps it from being
//! written behind what is sent next.

use std::time::Duration;

use ottla_protocol::api::ApiKey;
use ottla_protocol::error_code::ErrorCode;

use super::{Action, Content, ProduceError, Producer};
use crate::coverage;
use crate::request::{RequestError, Token};
use crate::state_table::StateTable;
use crate::time::{Instant, Now};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Identity {
    Unused,
    Wanted { not_before: Instant, attempts: u32, previous: Known },
    Asking { token: Token, attempts: u32, previous: Known },
    Known(Known),
    Leaving(Known),
    Refused(ProduceError),
}

/// A state without what belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Unused,
    Wanted,
    Asking,
    Known,
    Leaving,
    Refused,
}

/// Every legal edge.
pub(super) static EDGES: StateTable<Phase> = {
    use Phase::*;
    StateTable::new(
        "producer identity",
        &[
            (Unused, &[Refused]),
            (Wanted, &[Asking, Refused]),
            (Asking, &[Wanted, Known, Refused]),
            (Known, &[Leaving, Refused]),
            (Leaving, &[Known, Wanted, Refused]),
            (Refused, &[Refused]),
        ],
    )
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) producer_id: i64,
    pub(super) producer_epoch: i16,
}

impl Known {
    const NONE: Known = Known { producer_id: -1, producer_epoch: -1 };
}

impl Identity {
    pub(super) fn new(idempotent: bool) -> Self {
        if idempotent {
            Self::Wanted { not_before: Instant::ZERO, attempts: 0, previous: Known::NONE }
        } else {
            Self::Unused
        }
    }

    fn phase(&self) -> Phase {
        match self {
            Self::Unused => Phase::Unused,
            Self::Wanted { .. } => Phase::Wanted,
            Self::Asking { .. } => Phase::Asking,
            Self::Known(_) => Phase::Known,
            Self::Leaving(_) => Phase::Leaving,
            Self::Refused(_) => Phase::Refused,
        }
    }

    /// Takes an edge of the table; one that it lacks ends the producer rather than its order.
    fn go(&mut self, next: Identity) {
        let is_legal = EDGES.take(self.phase(), next.phase());
        *self = if is_legal { next } else { Self::Refused(ProduceError::invariant()) };
    }
}

impl<T: Clone> Producer<T> {
    /// The answer to [`Action::InitProducerId`]: id and epoch.
    pub fn on_init_producer_id(
        &mut self,
        now: Now,
        token: Token,
        result: Result<Result<(i64, i16), ErrorCode>, RequestError>,
    ) {
        let Identity::Asking { token: asked, attempts, previous } = self.identity else { return };
        if token != asked {
            return;
        }
        let error = match result {
            Ok(Ok((producer_id, producer_epoch))) => {
                self.identity.go(Identity::Known(Known { producer_id, producer_epoch }));
                return self.restart_sequences();
            }
            Ok(Err(code)) => {
                coverage::told(ApiKey::INIT_PRODUCER_ID, code);
                ProduceError::broker(code)
            }
            Err(error) => ProduceError::no_identity(error),
        };
        if error.is_retriable() {
            let delay: Duration = self.config.backoff.delay(attempts, &mut self.jitter);
            let not_before = now.instant + delay;
            let attempts = attempts.saturating_add(1);
            self.identity.go(Identity::Wanted { not_before, attempts, previous });
        } else {
            self.identity.go(Identity::Refused(error));
        }
    }

    /// Nothing can be sent any more: what waits fails, what is under way ends by itself.
    pub fn on_client_closed(&mut self) {
        self.identity.go(Identity::Refused(ProduceError::no_identity(RequestError::Closed)));
    }

    /// A sequence is lost: batches that were never sent wait until the rest is resolved and the epoch is bumped.
    pub(super) fn lose_sequence(&mut self) {
        if let Identity::Known(known) = self.identity {
            self.identity.go(Identity::Leaving(known));
        }
    }

    pub(super) fn advance_identity(&mut self) {
        match &self.identity {
            Identity::Leaving(known) if !self.has_unresolved_sequences() => {
                let previous = *known;
                match previous.producer_epoch.checked_add(1) {
                    Some(producer_epoch) => {
                        self.identity.go(Identity::Known(Known { producer_epoch, ..previous }));
                        self.restart_sequences();
                    }
                    None => {
                        self.identity.go(Identity::Wanted {
                            not_before: Instant::ZERO,
                            attempts: 0,
                            previous,
                        });
                    }
                }
            }
            Identity::Refused(error) => {
                let error = error.clone();
                self.fail_queued(&error);
            }
            _ => {}
        }
    }

    /// Asks for an id if one is wanted and may be asked for.
    pub(super) fn ask_for_identity(&mut self, now: Instant) {
        let Identity::Wanted { not_before, attempts, previous } = self.identity else { return };
        if now < not_before || self.filled.is_empty() {
            return;
        }
        let token = self.take_token();
        self.identity.go(Identity::Asking { token, attempts, previous });
        let Known { producer_id, producer_epoch } = previous;
        self.actions.push_back(Action::InitProducerId { token, producer_id, producer_epoch });
    }

    /// Whether batches that carry a sequence are under way or wait for another attempt.
    fn has_unresolved_sequences(&self) -> bool {
        let queued = |queue: &super::Queue<T>| queue.batches.iter().any(|batch| batch.sequence.is_some());
        !self.under_way.is_empty() || self.filled.iter().any(|index| queued(&self.queues[index.0]))
    }

    fn restart_sequences(&mut self) {
        for queue in &mut self.queues {
            queue.next_sequence = 0;
            queue.is_introduced = false;
        }
    }

    fn fail_queued(&mut self, error: &ProduceError) {
        for (_, batch) in self.take_queued() {
            debug_assert!(!matches!(batch.content, Content::Away));
            let error = match batch.perhaps_written {
                true => ProduceError::timed_out(true, Some(error.clone())),
                false => error.clone(),
            };
            self.complete(batch, Err(error));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::EDGES;

    #[test]
    fn the_edges_are_these() {
        let expected = [
            ".....x Unused",
            "..x..x Wanted",
            ".x.x.x Asking",
            "....xx Known",
            ".x.x.x Leaving",
            ".....x Refused",
        ];
        assert_eq!(EDGES.picture(), expected);
    }
}
