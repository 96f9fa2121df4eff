//! What a consumer keeps track of: positions, fetches, resets, commits. Membership of groups is in
//! [`groups`](crate::groups).

mod offset;
mod topic_partition;

pub use offset::{LeaderEpoch, Offset, OffsetAndMetadata};
pub use topic_partition::TopicPartition;
