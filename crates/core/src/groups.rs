//! Membership of groups, from the member's side.
//!
//! [`ClassicGroup`] is a member of a classic consumer group: it joins, syncs, keeps its membership by heartbeats, gives
//! partitions up and gets them, commits and fetches offsets. [`Holdings`] is what its application is told of that. Which member gets what is decided in
//! [`assignors`](crate::assignors); what is read from the partitions is the matter of [`consumer`](crate::consumer).

mod classic;
mod coordinator;
mod error;
mod holdings;
mod request;
mod wire;

pub use classic::{Action, ClassicGroup, ClassicGroupConfig, ClassicState, CommittedOffsets, FetchedOffsets};
pub use coordinator::LookupError;
pub use error::{GroupError, GroupErrorKind};
pub use holdings::{Holdings, Notice};
pub use request::{GroupRequest, GroupResponse, MAX_VERSIONS};
pub use wire::{FindGroupCoordinator, read_coordinator};

/// The table of the coordinator's lookup, with how often its edges were taken.
#[cfg(feature = "__coverage")]
pub(crate) fn coordinator_edges() -> Vec<crate::coverage::Edge> {
    coordinator::EDGES.edges()
}

/// The table of the classic group's member, with how often its edges were taken.
#[cfg(feature = "__coverage")]
pub(crate) fn classic_edges() -> Vec<crate::coverage::Edge> {
    classic::EDGES.edges()
}
