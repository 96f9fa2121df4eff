//! Records that a producer had not delivered when its time to close was over.

use std::fmt;

use bytes::Bytes;
use ottla_core::producer::{HandedBack, HandedBackContent, ProduceError};
use ottla_protocol::compression::Compressor;
use ottla_protocol::records::{self, BatchRecords, Cursor, OwnedHeader, SealOptions};
use ottla_protocol::types::TopicName;

use crate::record::OwnedRecord;

/// What [`Producer::close`](super::Producer::close) gave up, and hands back: nothing of it will be sent any more.
///
/// ```no_run
/// # async fn run(producer: ottla_client::Producer, keep: impl Fn(ottla_client::OwnedRecord)) {
/// use std::time::Duration;
///
/// if let Err(undelivered) = producer.close(Duration::from_secs(30)).await {
///     eprintln!("{undelivered}");
///     for record in undelivered {
///         if !record.is_perhaps_written {
///             keep(record.record);
///         }
///     }
/// }
/// # }
/// ```
pub struct Undelivered {
    batches: Vec<HandedBack>,
    records: usize,
    perhaps_written: usize,
}

/// A record that was handed back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UndeliveredRecord {
    /// The record, with the partition and the timestamp that it got.
    pub record: OwnedRecord,
    /// Whether it may be in the log all the same: a request with it is under way, or had no answer.
    pub is_perhaps_written: bool,
}

/// The records of [`Undelivered`]: partition by partition, in each as they were queued. Batches are read when it is their
/// turn. Keys, values and headers share their batch's memory, and keep it.
pub struct UndeliveredRecords {
    batches: std::vec::IntoIter<HandedBack>,
    current: Option<Reading>,
    left: usize,
}

struct Reading {
    topic: TopicName,
    partition: i32,
    is_perhaps_written: bool,
    records: BatchRecords,
    cursor: Cursor,
}

impl Undelivered {
    /// `None` if there are no records.
    pub(super) fn new(batches: Vec<HandedBack>) -> Option<Self> {
        let count = |batches: &mut dyn Iterator<Item = &HandedBack>| -> usize {
            batches.map(|batch| batch.records as usize).sum()
        };
        let records = count(&mut batches.iter());
        let perhaps_written = count(&mut batches.iter().filter(|batch| batch.error.is_perhaps_written()));
        (records > 0).then_some(Self { batches, records, perhaps_written })
    }

    /// How many records were not delivered; at least 1.
    pub fn record_count(&self) -> usize {
        self.records
    }

    /// How many of them may be written all the same.
    pub fn perhaps_written_count(&self) -> usize {
        self.perhaps_written
    }

    /// Why a batch of them was not delivered: the first for which something is known.
    fn cause(&self) -> Option<&ProduceError> {
        let says_why =
            |error: &&ProduceError| error.code().is_some() || std::error::Error::source(*error).is_some();
        self.batches.iter().map(|batch| &batch.error).find(says_why)
    }
}

impl IntoIterator for Undelivered {
    type Item = UndeliveredRecord;
    type IntoIter = UndeliveredRecords;

    fn into_iter(self) -> UndeliveredRecords {
        UndeliveredRecords { batches: self.batches.into_iter(), current: None, left: self.records }
    }
}

impl Iterator for UndeliveredRecords {
    type Item = UndeliveredRecord;

    fn next(&mut self) -> Option<UndeliveredRecord> {
        loop {
            if let Some(record) = self.current.as_mut().and_then(Reading::next) {
                self.left = self.left.saturating_sub(1);
                return Some(record);
            }
            self.current = Some(Reading::new(self.batches.next()?));
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for UndeliveredRecords {}

impl Reading {
    fn new(batch: HandedBack) -> Self {
        let bytes = match batch.content {
            HandedBackContent::Open(mut builder) => {
                let sealed = builder.seal(&SealOptions::default(), &mut Compressor::new());
                sealed.expect("a batch that waits has records, and needs no compression")
            }
            HandedBackContent::Sealed(bytes) => bytes,
            _ => Bytes::new(),
        };
        let records = records::Batch::parse(bytes).and_then(|batch| batch.records(usize::MAX));
        Self {
            topic: batch.topic,
            partition: batch.partition,
            is_perhaps_written: batch.error.is_perhaps_written(),
            records: records.expect("what this producer has written can be read"),
            cursor: Cursor::new(),
        }
    }

    fn next(&mut self) -> Option<UndeliveredRecord> {
        let span = self.cursor.next_span(&self.records)?.expect("what this producer has written can be read");
        let header = |header: records::Header<'_>| {
            let part = |bytes: &[u8]| self.records.data().slice_ref(bytes);
            OwnedHeader::new(part(header.key_bytes()), header.value().map(part))
        };
        let mut record = OwnedRecord::to(self.topic.clone()).partition(self.partition);
        record.timestamp = Some(span.timestamp());
        record.key = span.key_bytes(&self.records);
        record.value = span.value_bytes(&self.records);
        record.headers = span.record(&self.records).headers.map(header).collect();
        Some(UndeliveredRecord { record, is_perhaps_written: self.is_perhaps_written })
    }
}

impl fmt::Display for Undelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_which = match self.perhaps_written {
            0 => "none of them is written".to_owned(),
            all if all == self.records => "they may be written all the same".to_owned(),
            some => format!("{some} of them may be written all the same"),
        };
        write!(f, "the producer was closed before all was delivered: records: {}; {of_which}", self.records)
    }
}

/// What a program prints whose `main` returns the error: the text and its causes.
impl fmt::Debug for Undelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::error::with_causes(self, f)
    }
}

impl std::error::Error for Undelivered {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause().map(|error| error as _)
    }
}

impl fmt::Debug for UndeliveredRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UndeliveredRecords").field("left", &self.left).finish_non_exhaustive()
    }
}
