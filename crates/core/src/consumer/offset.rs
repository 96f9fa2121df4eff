//! Offsets, leader epochs, and what a group commits.

use std::fmt;

use ottla_protocol::types::Str;

/// The place of a record in its partition, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(pub i64);

impl Offset {
    /// What brokers say where there is no offset; `None` in our own types.
    pub(crate) fn from_wire(offset: i64) -> Option<Self> {
        (offset >= 0).then_some(Self(offset))
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How many leaders a partition has had (KIP-101): grows with every election, and fences what is older (KIP-320).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaderEpoch(pub i32);

impl LeaderEpoch {
    /// `None` for what brokers send where they know none.
    pub(crate) fn from_wire(leader_epoch: i32) -> Option<Self> {
        (leader_epoch >= 0).then_some(Self(leader_epoch))
    }

    /// What goes on the wire.
    pub(crate) fn to_wire(leader_epoch: Option<Self>) -> i32 {
        leader_epoch.map_or(-1, |leader_epoch| leader_epoch.0)
    }
}

/// A committed position: the offset of the next record to read, and what the application stored with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetAndMetadata {
    /// The offset of the next record to read.
    pub offset: Offset,
    /// The leader epoch of the last record that was read, where it is known.
    pub leader_epoch: Option<LeaderEpoch>,
    /// The application's own text; usually empty. Brokers refuse more than `offset.metadata.max.bytes` (4096).
    pub metadata: Str,
}

impl OffsetAndMetadata {
    /// `offset` alone.
    pub fn new(offset: Offset) -> Self {
        Self { offset, leader_epoch: None, metadata: Str::default() }
    }
}
