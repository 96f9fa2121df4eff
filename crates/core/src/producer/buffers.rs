//! Buffers of batches that are done with, for batches to come.
//!
//! The system hands out the pages of a large new buffer one by one, cleared: a tenth of all that producing costs. So
//! buffers are used again. With what batches take, spare ones stay within `buffer.memory`; and a batch gets none that
//! is much larger than its partition's batches are, or many small batches would hold many large buffers.

use bytes::Bytes;
use ottla_protocol::records::BatchBuilder;

/// By how much a buffer may be larger than it is expected to be used.
const WASTE: usize = 2;
/// What is not worth to be measured, in bytes.
const SMALL: usize = 1024;
/// How many buffers are kept at most: those of all requests under way to a few brokers.
const MOST: usize = 64;

#[derive(Debug)]
pub(super) struct Buffers {
    // As batches have them: no box is made anew.
    #[allow(clippy::vec_box)]
    spare: Vec<Box<BatchBuilder>>,
    /// What the spare ones take.
    bytes: usize,
    /// What spare ones and batches may take together.
    limit: usize,
}

impl Buffers {
    pub(super) fn new(limit: usize) -> Self {
        Self { spare: Vec::new(), bytes: 0, limit }
    }

    /// An empty batch that is expected to take so many bytes, beside batches that take `in_use`.
    pub(super) fn take(&mut self, expected: usize, in_use: usize) -> Box<BatchBuilder> {
        let most = expected.max(SMALL) * WASTE;
        let fitting = self.spare.iter().rposition(|spare| spare.buffer_capacity() <= most);
        let taken = fitting.map(|at| self.spare.swap_remove(at));
        self.bytes -= taken.as_ref().map_or(0, |taken| taken.buffer_capacity());
        while self.bytes + in_use + expected > self.limit {
            let Some(dropped) = self.spare.pop() else { break };
            self.bytes -= dropped.buffer_capacity();
        }
        taken.unwrap_or_else(|| Box::new(BatchBuilder::with_capacity(expected)))
    }

    /// Takes back what was sealed into other bytes.
    pub(super) fn give_back(&mut self, mut builder: Box<BatchBuilder>, in_use: usize) {
        builder.reset();
        let capacity = builder.buffer_capacity();
        if capacity > 0 && self.spare.len() < MOST && self.bytes + in_use + capacity <= self.limit {
            self.bytes += capacity;
            self.spare.push(builder);
        }
    }

    /// Takes back the bytes of a batch, unless somebody else holds them.
    pub(super) fn give_back_bytes(&mut self, bytes: Bytes, in_use: usize) {
        let mut builder = Box::new(BatchBuilder::new());
        if self.spare.len() < MOST && builder.recycle(bytes) {
            self.give_back(builder, in_use);
        }
    }
}

#[cfg(test)]
mod tests {
    use ottla_protocol::records::NO_HEADERS;

    use super::*;

    fn used(size: usize) -> Box<BatchBuilder> {
        let mut builder = Box::new(BatchBuilder::with_capacity(size));
        builder.append(0, None, Some(b"value"), NO_HEADERS).expect("room");
        builder
    }

    #[test]
    fn a_buffer_is_used_again_by_batches_of_its_size() {
        let mut buffers = Buffers::new(100_000);
        buffers.give_back(used(10_000), 0);
        assert_eq!(buffers.take(100, 0).buffer_capacity(), 0, "far too large");
        let taken = buffers.take(9_000, 0);
        assert!(taken.is_empty() && taken.buffer_capacity() >= 10_000);
        assert_eq!((buffers.bytes, buffers.spare.len()), (0, 0));
    }

    #[test]
    fn spare_buffers_and_batches_stay_within_the_limit() {
        let mut buffers = Buffers::new(35_000);
        for _ in 0..5 {
            buffers.give_back(used(10_000), 0);
        }
        assert_eq!(buffers.spare.len(), 3);
        buffers.give_back(used(4_000), 2_000);
        assert_eq!(buffers.spare.len(), 3, "batches take the rest");
        buffers.take(100, 20_000);
        assert_eq!(buffers.spare.len(), 1);
        buffers.take(100, 35_000);
        assert_eq!((buffers.bytes, buffers.spare.len()), (0, 0));
    }

    #[test]
    fn bytes_that_somebody_holds_do_not_come_back() {
        let mut buffers = Buffers::new(100_000);
        let held = Bytes::from(vec![0; 500]);
        buffers.give_back_bytes(held.clone(), 0);
        assert_eq!(buffers.spare.len(), 0);
        buffers.give_back_bytes(held, 0);
        assert_eq!(buffers.spare.len(), 1);
    }
}
