//! What an application may want to know of rebalances.

use ottla_core::consumer::TopicPartition;

/// Is told of rebalances, from within [`Consumer::next_batch`](super::Consumer::next_batch). Calls should be short: the
/// group waits for them.
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
