//! What an application may want to know of rebalances.

use ottla_core::consumer::TopicPartition;

/// Is told of rebalances, from within [`Consumer::next_batch`](super::Consumer::next_batch); of the last one, when the
/// consumer is closed or dropped, from a task of its own. Calls should be short: the group waits for them, since a member
/// joins again only after it has let go.
///
/// Of a partition it is told in turn: that it is assigned, then that it is revoked or lost, never both. It is not told
/// to give up what it was not told to have.
pub trait RebalanceListener: Send {
    /// The consumer reads these partitions from now on, beside those it already had.
    fn on_assigned(&mut self, partitions: &[TopicPartition]) {
        _ = partitions;
    }

    /// These partitions go to other members. With `enable.auto.commit`, what was handed out of them is committed
    /// already.
    fn on_revoked(&mut self, partitions: &[TopicPartition]) {
        _ = partitions;
    }

    /// These partitions may belong to others already: their offsets can no longer be committed.
    fn on_lost(&mut self, partitions: &[TopicPartition]) {
        _ = partitions;
    }
}

/// Listens to nothing.
pub(super) struct Deaf;

impl RebalanceListener for Deaf {}
