//! Which broker coordinates the group: known, asked for, or to be asked for after a backoff.

use ottla_protocol::api::ApiKey;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::types::{GroupId, NodeId};

use super::error::GroupError;
use crate::backoff::Backoff;
use crate::coverage;
use crate::random::Jitter;
use crate::request::{RequestError, Token};
use crate::retry::Retry;
use crate::state_table::StateTable;
use crate::time::{Instant, Now};

/// Why a coordinator was not found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LookupError {
    /// The broker that was asked answered with a code.
    Code(ErrorCode),
    /// There was no usable answer.
    Request(RequestError),
}

/// The lookup. One request at a time.
#[derive(Debug, Default)]
pub(super) struct CoordinatorLookup {
    state: State,
    retry: Retry,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Unknown,
    Looking(Token),
    Known(NodeId),
}

/// A state without what belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Unknown,
    Looking,
    Known,
}

/// Every legal edge.
pub(super) static EDGES: StateTable<Phase> = {
    use Phase::*;
    StateTable::new(
        "group coordinator",
        &[(Unknown, &[Looking]), (Looking, &[Unknown, Known]), (Known, &[Unknown])],
    )
};

impl State {
    fn phase(&self) -> Phase {
        match self {
            Self::Unknown => Phase::Unknown,
            Self::Looking(_) => Phase::Looking,
            Self::Known(_) => Phase::Known,
        }
    }
}

impl CoordinatorLookup {
    pub(super) fn node(&self) -> Option<NodeId> {
        match self.state {
            State::Known(node_id) => Some(node_id),
            _ => None,
        }
    }

    /// Whether the last attempts to find it failed.
    pub(super) fn has_failed(&self) -> bool {
        self.retry.at().is_some()
    }

    /// Whether a request is to be sent now.
    pub(super) fn is_due(&self, now: Now) -> bool {
        self.state == State::Unknown && self.retry.is_due(now)
    }

    /// A request is sent.
    pub(super) fn on_sent(&mut self, token: Token) {
        self.go(State::Looking(token));
    }

    /// The coordinator turned out to be another one, or out of reach.
    pub(super) fn forget(&mut self) {
        if matches!(self.state, State::Known(_)) {
            self.go(State::Unknown);
        }
    }

    /// An answer. `Err` is final; what may pass is tried again.
    pub(super) fn on_answer(
        &mut self,
        now: Now,
        token: Token,
        result: Result<NodeId, LookupError>,
        group_id: &GroupId,
        (backoff, jitter): (&Backoff, &mut Jitter),
    ) -> Result<(), GroupError> {
        if self.state != State::Looking(token) {
            return Ok(());
        }
        let passing = match &result {
            Ok(node_id) => {
                self.go(State::Known(*node_id));
                self.retry.reset();
                return Ok(());
            }
            Err(LookupError::Code(code)) => {
                coverage::told(ApiKey::FIND_COORDINATOR, *code);
                code.is_retriable()
            }
            Err(LookupError::Request(error)) => error.is_retriable(),
        };
        self.go(State::Unknown);
        self.retry.fail(now, backoff, jitter);
        match result {
            Err(LookupError::Code(code)) if !passing => {
                Err(GroupError::from_code(code, group_id, ApiKey::FIND_COORDINATOR))
            }
            Err(LookupError::Request(error)) if !passing => {
                Err(GroupError::from_request(error, group_id, ApiKey::FIND_COORDINATOR))
            }
            _ => Ok(()),
        }
    }

    /// When a request becomes due.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        if self.state == State::Unknown { Some(self.retry.at().unwrap_or_default()) } else { None }
    }

    /// Takes an edge of the table. After one that it lacks the coordinator is looked up.
    fn go(&mut self, next: State) {
        let is_legal = EDGES.take(self.state.phase(), next.phase());
        self.state = if is_legal { next } else { State::Unknown };
    }
}

#[cfg(test)]
mod tests {
    use super::EDGES;

    #[test]
    fn the_edges_are_these() {
        assert_eq!(EDGES.picture(), [".x. Unknown", "x.x Looking", "x.. Known"]);
    }
}
