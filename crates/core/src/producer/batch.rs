//! A batch of one partition, from its first record to its outcome.

use bytes::Bytes;
use ottla_protocol::records::BatchBuilder;

use super::ProduceError;
use crate::time::Instant;

#[derive(Debug)]
pub(super) struct Batch<T> {
    /// Ascends over the producer's life.
    pub(super) number: u64,
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
    pub(super) fn new(number: u64, created: Instant, tag: T) -> Self {
        Self {
            number,
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
}
