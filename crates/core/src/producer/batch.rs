//! A batch of one partition, from its first record to its outcome.

use bytes::Bytes;
use ottla_protocol::records::BatchBuilder;
use ottla_protocol::types::NodeId;

use super::{PartitionIndex, ProduceError, RecordRange};
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
    /// Smaller batches, which are open, carry its records on.
    Split,
}

/// Every legal edge.
pub(super) static EDGES: StateTable<BatchState> = {
    use BatchState::*;
    StateTable::new(
        "batch",
        &[
            (Open, &[UnderWay, Failed, Split]),
            (UnderWay, &[Requeued, Delivered, Failed, Split]),
            (Requeued, &[UnderWay, Failed, Split]),
            (Delivered, &[]),
            (Failed, &[]),
            (Split, &[]),
        ],
    )
};

#[derive(Debug)]
pub(super) struct Batch<T> {
    pub(super) state: BatchState,
    /// Ascends over the producer's life. Parts of one batch share it.
    pub(super) number: u64,
    pub(super) partition: PartitionIndex,
    /// What it is a part of, if it is one.
    pub(super) part: Option<Part>,
    pub(super) created: Instant,
    pub(super) tag: T,
    pub(super) content: Content,
    /// Records in it.
    pub(super) count: u32,
    /// Its share of the buffer memory.
    pub(super) size: usize,
    /// Its size before compression, once it is sealed.
    pub(super) raw_size: usize,
    /// It takes no more records.
    pub(super) closed: bool,
    /// The sequence that it was sent with.
    pub(super) sequence: Option<i32>,
    /// How often it was sent.
    pub(super) attempts: u32,
    /// How often it was sent again after it had reached a broker, or may have.
    pub(super) retries: u32,
    /// Who led its partition when it was last sent, and in which epoch.
    pub(super) sent_to: Option<(NodeId, i32)>,
    /// Why the last attempt failed.
    pub(super) last_error: Option<ProduceError>,
    /// Whether an attempt ended without an answer.
    pub(super) perhaps_written: bool,
    /// Not to be sent before.
    pub(super) not_before: Instant,
}

/// Where a part's records were in the batch that was split first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// The index of its first record.
    pub(super) first: u32,
    /// How many records there were.
    pub(super) of: u32,
}

#[derive(Debug)]
pub(super) enum Content {
    Open(Box<BatchBuilder>),
    Sealed(Bytes),
    /// The driver has it.
    Away,
}

impl<T> Batch<T> {
    pub(super) fn new(
        number: u64,
        partition: PartitionIndex,
        created: Instant,
        tag: T,
        builder: Box<BatchBuilder>,
    ) -> Self {
        Self {
            state: BatchState::Open,
            number,
            partition,
            part: None,
            created,
            tag,
            content: Content::Open(builder),
            count: 0,
            size: 0,
            raw_size: 0,
            closed: false,
            sequence: None,
            attempts: 0,
            retries: 0,
            sent_to: None,
            last_error: None,
            perhaps_written: false,
            not_before: created,
        }
    }

    /// The index of its first record among those that its tag stands for.
    pub(super) fn first(&self) -> u32 {
        self.part.map_or(0, |part| part.first)
    }

    /// What orders it among the batches of its partition.
    pub(super) fn place(&self) -> (u64, u32) {
        (self.number, self.first())
    }

    /// Its records among those that its tag stands for.
    pub(super) fn records(&self) -> RecordRange {
        let Part { first, of } = self.part.unwrap_or(Part { first: 0, of: self.count });
        RecordRange { first, count: self.count, of }
    }

    /// Its size before compression.
    pub(super) fn raw_size(&self) -> usize {
        match self.content {
            Content::Open(_) => self.size,
            Content::Sealed(_) | Content::Away => self.raw_size,
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
        let expected = [
            ".x..xx Open",
            "..xxxx UnderWay",
            ".x..xx Requeued",
            "...... Delivered",
            "...... Failed",
            "...... Split",
        ];
        assert_eq!(EDGES.picture(), expected);
    }
}
