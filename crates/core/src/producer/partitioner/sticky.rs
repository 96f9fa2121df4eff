//! Records without a key: one partition until a batch is full, then another (KIP-480, KIP-794).
//!
//! | the next record | goes |
//! |---|---|
//! | with it, less than a batch went to the partition | there |
//! | the partition's open batch has room for it | there, as a batch in part would be the slower way |
//! | with it, twice as much went there | elsewhere: records with keys may keep batches from ever ending |
//! | else | elsewhere; a batch that is left because it is full leaves without linger |
//!
//! Java looks after a record whether its batch is full, which it is only by chance, and so mostly turns at twice the size
//! and in the middle of a batch; here the look is before.

use std::time::Duration;

use super::super::load::Load;
use super::super::{PartitionIndex, Producer};
use super::frequency;
use crate::random::Jitter;
use crate::time::Instant;

#[derive(Clone, Debug)]
pub(super) struct Sticky {
    /// Bytes for a partition before there is another: the batch size.
    pub(super) stick_for: usize,
    /// Whether the odds depend on queues.
    pub(super) adaptive: bool,
    /// How long a broker may owe an answer.
    pub(super) availability_timeout: Option<Duration>,
    current: Option<u32>,
    /// What went to the current one.
    bytes: usize,
    loads: Vec<Load>,
}

impl Sticky {
    pub(super) fn new(stick_for: usize, adaptive: bool, availability_timeout: Option<Duration>) -> Self {
        Self { stick_for, adaptive, availability_timeout, current: None, bytes: 0, loads: Vec::new() }
    }

    /// The partition for a record of this size, and whether a full batch was left behind for it, which is due.
    pub(super) fn pick<T>(
        &mut self,
        now: Instant,
        size: usize,
        partitions: &[PartitionIndex],
        machine: &mut Producer<T>,
        jitter: &mut Jitter,
    ) -> (u32, bool) {
        let current = self.current.and_then(|current| Some((current, *partitions.get(current as usize)?)));
        let Some((current, index)) = current else {
            return (self.turn(now, partitions, machine, jitter), false);
        };
        if self.bytes + size <= self.stick_for {
            return (current, false);
        }
        let has_room = machine.has_room(index, size);
        if has_room && self.bytes < self.stick_for * 2 {
            return (current, false);
        }
        let leaves_full = !has_room && machine.close_newest(index);
        (self.turn(now, partitions, machine, jitter), leaves_full)
    }

    /// A record of this size went to the current partition.
    #[inline]
    pub(super) fn taken(&mut self, size: usize) {
        self.bytes += size;
    }

    /// The current partition is no longer one, or lost its leader, or another topic has its name: the next record picks
    /// anew.
    pub(super) fn let_go(&mut self) {
        self.current = None;
    }

    pub(super) fn current(&self) -> Option<u32> {
        self.current
    }

    #[cold]
    fn turn<T>(
        &mut self,
        now: Instant,
        partitions: &[PartitionIndex],
        machine: &Producer<T>,
        jitter: &mut Jitter,
    ) -> u32 {
        let patience = self.availability_timeout.filter(|_| self.adaptive);
        machine.loads(now, partitions, patience, &mut self.loads);
        if self.loads.is_empty() && patience.is_some() {
            machine.loads(now, partitions, None, &mut self.loads);
        }
        if !self.adaptive {
            self.loads.iter_mut().for_each(|load| load.queued = 0);
        }
        let picked = frequency::pick(&self.loads, jitter);
        // None has a leader: the batch waits for one wherever it is.
        let picked = picked.unwrap_or_else(|| jitter.below(partitions.len()) as u32);
        self.current = Some(picked);
        self.bytes = 0;
        picked
    }
}
