//! Records as the application gets them.

use std::fmt;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use ottla_core::consumer::TopicPartition;
use ottla_protocol::records::{BatchRecords, Cursor, Headers, Record, RecordSpan};

use super::Shared;

/// Records of one partition, in order: what one producer sent together. Cheap to clone; all clones share the memory,
/// which counts for the consumer's `fetch_memory` until the last is gone.
#[derive(Clone)]
pub struct Batch {
    inner: Arc<Inner>,
}

struct Inner {
    partition: TopicPartition,
    high_watermark: i64,
    records: BatchRecords,
    /// The first record that is handed out, and how many are.
    start: Cursor,
    len: usize,
    _memory: Vec<Arc<Pin>>,
}

/// Memory that counts for the consumer until it is dropped.
pub(super) struct Pin {
    shared: Weak<Shared>,
    bytes: usize,
}

impl Pin {
    pub(super) fn new(shared: &Arc<Shared>, bytes: usize) -> Arc<Self> {
        Arc::new(Self { shared: Arc::downgrade(shared), bytes })
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.release(self.bytes);
        }
    }
}

/// A record of a batch, borrowed from it.
#[derive(Clone, Copy)]
pub struct ConsumerRecord<'a> {
    partition: &'a TopicPartition,
    record: Record<'a>,
}

/// A record on its own: a batch and a place in it.
#[derive(Clone)]
pub struct Message {
    batch: Batch,
    span: RecordSpan,
}

impl Batch {
    pub(super) fn new(
        partition: TopicPartition,
        high_watermark: i64,
        records: BatchRecords,
        first_offset: i64,
        memory: Vec<Arc<Pin>>,
    ) -> Option<Self> {
        // A fetch answers with the whole batch that holds the offset asked for.
        let mut start = Cursor::new();
        let mut skipped = 0;
        loop {
            let before = start;
            match start.next(&records) {
                Some(Ok(record)) if record.offset < first_offset => skipped += 1,
                Some(_) => {
                    start = before;
                    break;
                }
                None => return None,
            }
        }
        let len = records.len().saturating_sub(skipped);
        let inner = Inner { partition, high_watermark, records, start, len, _memory: memory };
        Some(Self { inner: Arc::new(inner) })
    }

    /// The topic.
    pub fn topic(&self) -> &str {
        &self.inner.partition.topic
    }

    /// The partition's number.
    pub fn partition(&self) -> i32 {
        self.inner.partition.partition
    }

    /// Topic and number.
    pub fn topic_partition(&self) -> &TopicPartition {
        &self.inner.partition
    }

    /// The offset behind the last record of the partition that every in-sync replica has, when this was fetched; -1
    /// where the broker did not say.
    pub fn high_watermark(&self) -> i64 {
        self.inner.high_watermark
    }

    /// How many records there are; at least one.
    pub fn len(&self) -> usize {
        self.inner.len
    }

    /// Never: a batch has a record.
    pub fn is_empty(&self) -> bool {
        self.inner.len == 0
    }

    /// Bytes of memory that this batch keeps alive.
    pub fn pinned_bytes(&self) -> usize {
        self.inner._memory.iter().map(|pin| pin.bytes).sum()
    }

    /// The records, borrowed; this allocates nothing.
    #[inline]
    pub fn iter(&self) -> ConsumerRecords<'_> {
        ConsumerRecords { batch: &self.inner, cursor: self.inner.start }
    }

    /// The records, each on its own; they share this batch.
    pub fn messages(&self) -> impl Iterator<Item = Message> + '_ {
        let mut cursor = self.inner.start;
        std::iter::from_fn(move || {
            let span = cursor.next_span(&self.inner.records)?.ok()?;
            Some(Message { batch: self.clone(), span })
        })
    }
}

/// The records of a batch.
#[derive(Clone)]
pub struct ConsumerRecords<'a> {
    batch: &'a Inner,
    cursor: Cursor,
}

impl<'a> Iterator for ConsumerRecords<'a> {
    type Item = ConsumerRecord<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        // The whole batch was walked once before it was handed out: there is no broken record in it.
        let record = self.cursor.next(&self.batch.records)?.ok()?;
        Some(ConsumerRecord { partition: &self.batch.partition, record })
    }
}

impl<'a> IntoIterator for &'a Batch {
    type Item = ConsumerRecord<'a>;
    type IntoIter = ConsumerRecords<'a>;

    fn into_iter(self) -> ConsumerRecords<'a> {
        self.iter()
    }
}

impl<'a> ConsumerRecord<'a> {
    /// The topic.
    #[inline]
    pub fn topic(&self) -> &'a str {
        &self.partition.topic
    }

    /// The partition's number.
    #[inline]
    pub fn partition(&self) -> i32 {
        self.partition.partition
    }

    /// The record's place in its partition.
    #[inline]
    pub fn offset(&self) -> i64 {
        self.record.offset
    }

    /// Milliseconds since 1970-01-01 UTC; -1 for none.
    #[inline]
    pub fn timestamp(&self) -> i64 {
        self.record.timestamp
    }

    /// The key, or null.
    #[inline]
    pub fn key(&self) -> Option<&'a [u8]> {
        self.record.key
    }

    /// The value, or null.
    #[inline]
    pub fn value(&self) -> Option<&'a [u8]> {
        self.record.value
    }

    /// The headers, in order, with duplicates.
    #[inline]
    pub fn headers(&self) -> Headers<'a> {
        self.record.headers
    }
}

impl Message {
    /// The record, borrowed from this message.
    #[inline]
    pub fn record(&self) -> ConsumerRecord<'_> {
        let inner = &self.batch.inner;
        ConsumerRecord { partition: &inner.partition, record: self.span.record(&inner.records) }
    }

    /// The topic.
    #[inline]
    pub fn topic(&self) -> &str {
        self.batch.topic()
    }

    /// The partition's number.
    #[inline]
    pub fn partition(&self) -> i32 {
        self.batch.partition()
    }

    /// The record's place in its partition.
    #[inline]
    pub fn offset(&self) -> i64 {
        self.span.offset()
    }

    /// Milliseconds since 1970-01-01 UTC; -1 for none.
    #[inline]
    pub fn timestamp(&self) -> i64 {
        self.span.timestamp()
    }

    /// The key, or null; shares the batch's memory.
    #[inline]
    pub fn key(&self) -> Option<Bytes> {
        self.span.key_bytes(&self.batch.inner.records)
    }

    /// The value, or null; shares the batch's memory.
    #[inline]
    pub fn value(&self) -> Option<Bytes> {
        self.span.value_bytes(&self.batch.inner.records)
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("topic", &self.topic())
            .field("partition", &self.partition())
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ConsumerRecord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsumerRecord")
            .field("topic", &self.topic())
            .field("partition", &self.partition())
            .field("offset", &self.offset())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ConsumerRecords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConsumerRecords")
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.record(), f)
    }
}
