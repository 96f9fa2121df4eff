//! Batches that their broker finds too large go again in parts (KIP-126).
//!
//! A batch of several records that is answered with MESSAGE_TOO_LARGE (over the topic's `max.message.bytes`) or
//! RECORD_LIST_TOO_LARGE (over its `segment.bytes`) is cut into parts. They take its place in the queue, go at once,
//! and keep its sequences and the start of its delivery time: the broker has written nothing of it.
//!
//! What an earlier attempt may have written is cut too, and its parts may be written as well: a new topic's leader often
//! answers the first attempt so that nobody can tell. Had the broker written the batch, which has another last sequence
//! than the first part, it would find that part out of order, and the parts would be given up as perhaps written.
//! Without idempotence they may be written twice, like anything that is sent again.
//!
//! The broker does not say what would fit. A part takes at most half of what the refused batch took before compression,
//! but one record at least: so many rounds as there are halvings, whatever the codec saves. The half becomes the limit
//! of the batches of all partitions of the topic. Batches that were filled before are cut to it before they are sent,
//! but for those that may be written: whole, they are known again.
//! With each batch that is acknowledged and was more than half full a partition's limit grows by a 128th, up to
//! `batch.size`: where records compress better later on, or the topic is altered, batches become large again, and
//! where not, about one in ninety is refused.
//!
//! Java takes RECORD_LIST_TOO_LARGE for final, cuts to `batch.size` first and then by halves, and remembers only a
//! worse compression ratio.
//!
//! Not here: which answers lead here; see `response.rs`.

use bytes::Bytes;
use ottla_protocol::compression::Compressor;
use ottla_protocol::records::{self, Record, SealOptions, increment_sequence};

use super::batch::{Batch, BatchState, Content, Part};
use super::{PartitionIndex, ProduceError, Producer};

/// What part of itself a limit grows by.
const GROWTH: usize = 128;

impl<T: Clone> Producer<T> {
    /// The broker finds the batch, which was under way, too large.
    pub(super) fn split(&mut self, index: PartitionIndex, batch: Batch<T>, error: ProduceError) {
        let limit = batch.raw_size / 2;
        self.lower_limit(index, limit);
        match cut(&batch, limit, |_| true) {
            Ok(mut parts) => {
                for part in &mut parts {
                    part.last_error = Some(error.clone());
                }
                self.tally.on_split();
                self.replace(index, batch, parts);
                self.await_the_rest(index);
            }
            Err(unreadable) => self.give_up(index, batch, unreadable),
        }
    }

    /// Cuts the queue's first batch if the limit has become smaller than it.
    pub(super) fn cut_to_limit(&mut self, index: PartitionIndex) {
        let queue = &mut self.queues[index.0];
        let limit = queue.batch_limit;
        let is_large =
            |batch: &Batch<T>| batch.count > 1 && !batch.perhaps_written && batch.raw_size() > limit;
        if limit >= self.config.batch_size || !queue.batches.front().is_some_and(is_large) {
            return;
        }
        let Some(mut batch) = queue.batches.pop_front() else { return };
        if let Content::Open(builder) = &mut batch.content {
            batch.raw_size = builder.size();
            let sealed = builder.seal(&SealOptions::default(), &mut Compressor::new());
            batch.content = Content::Sealed(sealed.unwrap_or_default());
        }
        match cut(&batch, limit, |_| true) {
            Ok(mut parts) => {
                for part in &mut parts {
                    part.last_error.clone_from(&batch.last_error);
                }
                self.replace(index, batch, parts);
            }
            Err(unreadable) => self.give_up_waiting(batch, unreadable),
        }
    }

    /// The parts take over from the batch; without any, all of it is resolved.
    pub(super) fn replace(&mut self, index: PartitionIndex, mut batch: Batch<T>, parts: Vec<Batch<T>>) {
        batch.go(if parts.is_empty() { BatchState::Failed } else { BatchState::Split });
        self.outstanding.remove(&batch.place());
        self.memory = self.memory.saturating_sub(batch.size);
        for part in parts {
            self.outstanding.insert(part.place());
            self.memory += part.size;
            self.queues[index.0].requeue(part);
        }
    }

    fn lower_limit(&mut self, index: PartitionIndex, limit: usize) {
        let of_topic = self.by_name.get(&self.queues[index.0].topic);
        for index in of_topic.into_iter().flat_map(|partitions| partitions.values()) {
            let queue = &mut self.queues[index.0];
            queue.batch_limit = queue.batch_limit.min(limit);
        }
    }

    /// A batch that took so many bytes before compression was acknowledged.
    pub(super) fn raise_limit(&mut self, index: PartitionIndex, raw_size: usize) {
        let limit = &mut self.queues[index.0].batch_limit;
        if *limit < self.config.batch_size && raw_size > *limit / 2 {
            *limit = (*limit + (*limit / GROWTH).max(1)).min(self.config.batch_size);
        }
    }
}

/// The records of a sealed batch whose index in it is to be kept, in parts of at most `limit` bytes before compression,
/// but of one record at least. A part's records follow on each other.
pub(super) fn cut<T: Clone>(
    batch: &Batch<T>,
    limit: usize,
    is_kept: impl Fn(u32) -> bool,
) -> Result<Vec<Batch<T>>, ProduceError> {
    let Content::Sealed(bytes) = &batch.content else { return Err(ProduceError::invariant()) };
    let mut parts: Vec<Batch<T>> = Vec::new();
    let mut goes_on = false;
    read(bytes, batch.raw_size, |index, record| {
        if !is_kept(index) {
            goes_on = false;
            return Ok(());
        }
        let has_room = parts.last().is_some_and(|part| part.size + size_in(part, &record) <= limit);
        if !(goes_on && has_room) {
            parts.push(part_of(batch, index));
        }
        goes_on = true;
        parts.last_mut().map_or(Ok(()), |part| add(part, &record))
    })?;
    Ok(parts)
}

/// An empty part whose first record will be the one with this index in the batch.
fn part_of<T: Clone>(batch: &Batch<T>, index: u32) -> Batch<T> {
    let mut part =
        Batch::new(batch.number, batch.partition, batch.created, batch.tag.clone(), Box::default());
    part.part = Some(Part { first: batch.first() + index, of: batch.records().of });
    part.closed = true;
    part.perhaps_written = batch.perhaps_written;
    part.sequence = batch.sequence.map(|sequence| increment_sequence(sequence, index as i32));
    part
}

fn size_in<T>(part: &Batch<T>, record: &Record<'_>) -> usize {
    match &part.content {
        Content::Open(builder) => {
            builder.record_size(record.timestamp, record.key, record.value, record.headers)
        }
        Content::Sealed(_) | Content::Away => usize::MAX,
    }
}

fn add<T>(part: &mut Batch<T>, record: &Record<'_>) -> Result<(), ProduceError> {
    if let Content::Open(builder) = &mut part.content {
        builder
            .append(record.timestamp, record.key, record.value, record.headers)
            .map_err(|_| ProduceError::invariant())?;
        part.count += 1;
        part.size = builder.size();
    }
    Ok(())
}

/// Walks over the records of a batch that this producer has sealed; they take at most `limit` bytes.
fn read(
    sealed: &Bytes,
    limit: usize,
    mut visit: impl FnMut(u32, Record<'_>) -> Result<(), ProduceError>,
) -> Result<(), ProduceError> {
    let batch = records::Batch::parse(sealed.clone()).map_err(|_| ProduceError::invariant())?;
    let records = batch.records(limit).map_err(|_| ProduceError::invariant())?;
    for (index, record) in (0..).zip(records.iter()) {
        visit(index, record.map_err(|_| ProduceError::invariant())?)?;
    }
    Ok(())
}
