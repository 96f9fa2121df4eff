//! A member of a classic group.

use std::time::Duration;

use bytes::Bytes;
use ottla_protocol::types::Str;

use crate::connection::RequestId;
use crate::now::Instant;

/// The id that the coordinator gave a member.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MemberId(pub(crate) Str);

impl MemberId {
    /// Whether this is what a client sends that has no id yet.
    pub(crate) fn is_unknown(&self) -> bool {
        self.0.is_empty()
    }
}

/// An assignor by name, and what the member tells it: opaque to the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Protocol {
    pub(crate) name: Str,
    pub(crate) metadata: Bytes,
}

#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// `group.instance.id`: it is a static member (KIP-345).
    pub(crate) instance_id: Option<Str>,
    pub(crate) client_id: Str,
    pub(crate) client_host: Str,
    pub(crate) session_timeout: Duration,
    pub(crate) rebalance_timeout: Duration,
    /// The most wanted first.
    pub(crate) protocols: Vec<Protocol>,
    pub(crate) assignment: Bytes,
    pub(crate) awaiting_join: Option<RequestId>,
    pub(crate) awaiting_sync: Option<RequestId>,
    /// It has not got an answer to its first JoinGroup, so it cannot send heartbeats.
    pub(crate) is_new: bool,
    /// It has joined the generation but not asked for its assignment.
    pub(crate) is_sync_pending: bool,
    /// When it is expelled; `None` while it waits for an answer.
    pub(crate) session_deadline: Option<Instant>,
}

impl Member {
    /// What it told about a protocol.
    pub(crate) fn metadata(&self, protocol: &str) -> Bytes {
        let found = self.protocols.iter().find(|supported| supported.name.as_str() == protocol);
        found.map(|supported| supported.metadata.clone()).unwrap_or_default()
    }

    /// The protocol among `candidates` that it likes best.
    pub(crate) fn vote<'a>(&self, candidates: &[&'a Str]) -> Option<&'a Str> {
        self.protocols.iter().find_map(|own| candidates.iter().find(|name| ***name == own.name).copied())
    }

    pub(crate) fn supports(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|supported| supported.name.as_str() == protocol)
    }

    /// It was heard of.
    pub(crate) fn touch(&mut self, now: Instant) {
        self.session_deadline = Some(now + self.session_timeout);
    }

    /// A member that waits for an answer cannot send heartbeats; a new one may never come back for it.
    pub(crate) fn is_excused(&self) -> bool {
        !self.is_new && (self.awaiting_join.is_some() || self.awaiting_sync.is_some())
    }
}
