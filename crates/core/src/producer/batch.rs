//! A batch of one partition, from its first record to its outcome.

use bytes::Bytes;
use ottla_protocol::records::BatchBuilder;

use super::{PartitionIndex, ProduceError};
use crate::state_table::StateTable;
use crate::time::Instant;

/// Where a batch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BatchState {
    /// It has not been sent.
    Open,
    UnderWay,
    /// An attempt failed; there is to be another.
    Requeued,
    Delivered,
    Failed,
}

/// Every legal edge.
pub(super) static EDGES: StateTable<BatchState> = {
    use BatchState::*;
    StateTable::new(
        "batch",
        &[
            (Open, &[UnderWay, Failed]),
            (UnderWay, &[Requeued, Delivered, Failed]),
            (Requeued, &[UnderWay, Failed]),
            (Delivered, &[]),
            (Failed, &[]),
        ],
    )
};

#[derive(Debug)]
pub(super) struct Batch<T> {
    pub(super) state: BatchState,
    /// Ascends over the producer's life.
    pub(super) number: u64,
    pub(super) partition: PartitionIndex,
    pub(super) created: Instant,
    pub(super) tag: T,
    pub(super) content: Content,
    /// Records in it.
    pub(super) count: u32,
    /// Its share of the buffer memory.
    pub(super) size: usize,
    /// It takes no more records.
    pub(super) closed: bool,
    /// The sequence that it was sent with.
    pub(super) sequence: Option<i32>,
    /// How often it was sent.
    pub(super) attempts: u32,
    /// Why the last attempt failed.
    pub(super) last_error: Option<ProduceError>,
    /// Whether an attempt ended without an answer.
    pub(super) perhaps_written: bool,
    /// Not to be sent before.
    pub(super) not_before: Instant,
}

#[derive(Debug)]
pub(super) enum Content {
    Open(Box<BatchBuilder>),
    Sealed(Bytes),
    /// The driver has it.
    Away,
}

impl<T> Batch<T> {
    pub(super) fn new(number: u64, partition: PartitionIndex, created: Instant, tag: T) -> Self {
        Self {
            state: BatchState::Open,
            number,
            partition,
            created,
            tag,
            content: Content::Open(Box::default()),
            count: 0,
            size: 0,
            closed: false,
            sequence: None,
            attempts: 0,
            last_error: None,
            perhaps_written: false,
            not_before: created,
        }
    }

    /// Takes an edge of the table; says whether it is one.
    pub(super) fn go(&mut self, next: BatchState) -> bool {
        let is_legal = EDGES.take(self.state, next);
        if is_legal {
            self.state = next;
        }
        is_legal
    }
}

#[cfg(test)]
mod tests {
    use super::EDGES;

    #[test]
    fn the_edges_are_these() {
        let expected = [".x..x Open", "..xxx UnderWay", ".x..x Requeued", "..... Delivered", "..... Failed"];
        assert_eq!(EDGES.picture(), expected);
    }
}
