//! What a consumer keeps track of: positions, fetches, resets, and what may be committed.
//!
//! | machine | decides |
//! |---|---|
//! | [`Positions`] | what is known of every assigned partition: where to read on, what is paused, how far it reaches |
//! | [`Fetcher`] | whom to ask for what and when, within a budget of memory; what an answer means |
//! | [`OffsetReset`] | where to read from when nothing is committed or it is gone: `auto.offset.reset` |
//! | [`Consumed`] | what the application got and gave back, and so what may be committed, and when |
//!
//! [`Fetcher`] and [`OffsetReset`] work on the driver's [`Positions`], which it hands to their methods, with a picture
//! of the cluster ([`Leaders`]). Not here: membership of groups and the commits themselves
//! ([`groups`](crate::groups)), record batches (the driver walks them with `ottla_protocol::records`), and callbacks.

mod consumed;
mod error;
mod fetch_config;
mod fetcher;
mod leaders;
mod node_slots;
mod offset;
mod offset_reset;
mod positions;
mod topic_partition;

pub use consumed::Consumed;
pub use error::{ConsumerError, ConsumerErrorKind};
pub use fetch_config::{FetchConfig, IsolationLevel};
pub use fetcher::{AbortedTransaction, Delivery, FetchAction, Fetcher};
pub use leaders::Leaders;
pub use offset::{LeaderEpoch, Offset, OffsetAndMetadata};
pub use offset_reset::{OffsetReset, OffsetResetPolicy, ResetAction, ResetTarget};
pub use positions::{CommittedLookup, FetchEpoch, Position, PositionState, Positions, Started};
pub use topic_partition::TopicPartition;

/// The table of positions, with how often its edges were taken.
#[cfg(feature = "__coverage")]
pub(crate) fn position_edges() -> Vec<crate::coverage::Edge> {
    positions::EDGES.edges()
}

/// The table of seeks, with how often its edges were taken.
#[cfg(feature = "__coverage")]
pub(crate) fn seek_edges() -> Vec<crate::coverage::Edge> {
    positions::SEEKS.edges()
}
