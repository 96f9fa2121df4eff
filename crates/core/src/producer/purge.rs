//! Giving up before time: what is queued, on demand; everything, when a producer closes.
//!
//! A purge leaves alone what is under way: its answers say what became of it. At the end of a producer there is no time
//! left for answers, so what is under way is given up too, as perhaps written, and handed back with the rest; answers
//! that come all the same find no request.
//!
//! Not here: reading records out of what is handed back.

use bytes::Bytes;
use ottla_protocol::records::BatchBuilder;
use ottla_protocol::types::TopicName;

use super::batch::{Batch, Content};
use super::{PartitionIndex, ProduceError, ProduceErrorKind, Producer};

/// A batch that was given up when its producer closed.
#[derive(Debug)]
#[non_exhaustive]
pub struct HandedBack {
    /// Its topic.
    pub topic: TopicName,
    /// Its partition.
    pub partition: i32,
    /// How many records are in it.
    pub records: u32,
    /// Its records.
    pub content: HandedBackContent,
    /// What its deliveries are told; [perhaps written](ProduceError::is_perhaps_written) or not.
    pub error: ProduceError,
}

/// The records of a batch that is handed back.
#[derive(Debug)]
#[non_exhaustive]
pub enum HandedBackContent {
    /// It was never sent.
    Open(Box<BatchBuilder>),
    /// It was, in these bytes.
    Sealed(Bytes),
}

impl<T: Clone> Producer<T> {
    /// Gives up all that is queued and not under way: [`ProduceErrorKind::Purged`], or
    /// [`ProduceErrorKind::PerhapsWritten`] where an earlier attempt had no answer. Returns how many records.
    pub fn purge(&mut self) -> usize {
        let mut records = 0;
        for (_, batch) in self.take_queued() {
            records += batch.count as usize;
            let error = end_of(&batch, ProduceErrorKind::Purged);
            self.complete(batch, Err(error));
        }
        records
    }

    /// Whether the driver holds batches that it has not [sealed](Self::on_sealed) yet.
    pub fn is_sealing(&self) -> bool {
        let mut batches = self.under_way.values().flat_map(|request| &request.batches);
        batches.any(|(_, batch)| matches!(batch.content, Content::Away))
    }

    /// Gives up everything, queued or under way, and hands it back: [`ProduceErrorKind::Closed`], or
    /// [`ProduceErrorKind::PerhapsWritten`] where an attempt is under way or had no answer. Each partition's in the order
    /// in which they were appended. Not while [the driver seals](Self::is_sealing): what it holds cannot be handed back.
    pub fn hand_back(&mut self) -> Vec<HandedBack> {
        let mut batches = self.take_queued();
        for (_, request) in std::mem::take(&mut self.under_way) {
            self.tally.on_no_answer();
            for (index, mut batch) in request.batches {
                batch.perhaps_written = true;
                self.queues[index.0].landed();
                batches.push((index, batch));
            }
        }
        self.slots.clear();
        batches.sort_by_key(|(index, batch)| (*index, batch.place()));
        let mut handed_back = Vec::with_capacity(batches.len());
        for (index, mut batch) in batches {
            let error = end_of(&batch, ProduceErrorKind::Closed);
            let content = match std::mem::replace(&mut batch.content, Content::Away) {
                Content::Open(builder) => Some(HandedBackContent::Open(builder)),
                Content::Sealed(bytes) => Some(HandedBackContent::Sealed(bytes)),
                Content::Away => None,
            };
            let queue = &self.queues[index.0];
            handed_back.extend(content.map(|content| HandedBack {
                topic: queue.topic.clone(),
                partition: queue.partition,
                records: batch.count,
                content,
                error: error.clone(),
            }));
            self.complete(batch, Err(error));
        }
        handed_back
    }

    /// Takes all batches out of the queues. Those with a sequence leave a gap.
    pub(super) fn take_queued(&mut self) -> Vec<(PartitionIndex, Batch<T>)> {
        let mut taken = Vec::new();
        for index in std::mem::take(&mut self.filled) {
            taken.extend(self.queues[index.0].batches.drain(..).map(|batch| (index, batch)));
        }
        if taken.iter().any(|(_, batch)| batch.sequence.is_some()) {
            self.lose_sequence();
        }
        taken
    }
}

fn end_of<T>(batch: &Batch<T>, kind: ProduceErrorKind) -> ProduceError {
    ProduceError::given_up(kind, batch.perhaps_written, batch.last_error.clone())
}
