//! How a batch gets from the engine to the application.

use std::collections::BTreeMap;
use std::sync::Arc;

use ottla_core::consumer::{LeaderEpoch, Offset, Position, TopicPartition};
use ottla_core::groups::Notice;
use ottla_protocol::compression::Decompressor;
use ottla_protocol::records::{self as protocol, BatchRecords, RecordError};

use super::Shared;
use super::batch::{Batch, Pin};
use super::engine::{Engine, Fetched};
use super::error::ConsumerError;

/// What whoever asks for batches keeps between them.
pub(super) struct Poller {
    decompressor: Decompressor,
    /// The delivery that batches are being taken from.
    current: Option<Fetched>,
}

/// What there is to do.
enum Step {
    /// Tell the listener.
    Tell,
    Error(ConsumerError),
    /// Let go of partitions.
    Revoke(Vec<TopicPartition>),
    Take(Fetched),
    Wait,
    Ended,
}

impl Poller {
    pub(super) fn new() -> Self {
        Self { decompressor: Decompressor::new(), current: None }
    }

    pub(super) async fn next(&mut self, shared: &Arc<Shared>) -> Result<Option<Batch>, ConsumerError> {
        let _polling = Polling::start(shared);
        loop {
            if let Some(batch) = self.take_batch(shared)? {
                return Ok(Some(batch));
            }
            let step = shared.lock().next_step();
            match step {
                Step::Tell => shared.tell_if(|notice| !matches!(notice, Notice::Revoked(_))),
                Step::Error(error) => return Err(error),
                Step::Revoke(partitions) => revoke(shared, &partitions).await,
                Step::Take(fetched) => self.current = Some(fetched),
                Step::Wait => shared.ready.notified().await,
                Step::Ended => return Ok(None),
            }
        }
    }

    /// The next batch of the current delivery that has something new.
    fn take_batch(&mut self, shared: &Arc<Shared>) -> Result<Option<Batch>, ConsumerError> {
        while let Some(mut fetched) = self.current.take() {
            let pin = Arc::clone(fetched.pin.get_or_insert_with(|| Pin::new(shared, fetched.size)));
            let is_wanted = {
                let mut engine = shared.lock();
                let is_wanted = engine.wants(&fetched);
                if is_wanted
                    && (!engine.revoking.is_empty() || engine.positions.is_paused(&fetched.partition))
                {
                    // It goes on where it stops now.
                    engine.fetched.push_front(fetched);
                    return Ok(None);
                }
                is_wanted
            };
            let batch = if is_wanted { fetched.batches.next() } else { None };
            let Some(batch) = batch else {
                let (partition, epoch, size) = (&fetched.partition, fetched.fetch_epoch, fetched.size);
                shared.lock().positions.on_taken(partition, epoch, size);
                shared.work.notify_one();
                continue;
            };
            let mut memory = vec![pin];
            let fetched = self.current.insert(fetched);
            let result = batch.and_then(|batch| {
                open(&batch, fetched.fetch_offset, shared.settings.max_batch_bytes, &mut self.decompressor)
                    .map(|records| (batch, records))
            });
            let (batch, records) = match result {
                Ok(opened) => opened,
                Err(error) => {
                    let partition = fetched.partition.clone();
                    self.current = None;
                    shared.lock().read_again(&partition);
                    shared.work.notify_one();
                    return Err(ConsumerError::Records { partition, error });
                }
            };
            let next = Offset(batch.last_offset() + 1);
            let leader_epoch =
                (batch.partition_leader_epoch() >= 0).then(|| LeaderEpoch(batch.partition_leader_epoch()));
            let mut engine = shared.lock();
            if !engine.positions.is_current(&fetched.partition, fetched.fetch_epoch) {
                continue;
            }
            engine.consumed.on_handed_out(&fetched.partition, next, leader_epoch);
            let Some(records) = records else { continue };
            if batch.attributes().compression_id() != 0 {
                let bytes = records.data().len();
                engine.fetcher.pin(bytes);
                memory.push(Pin::new(shared, bytes));
            }
            let (partition, high_watermark) = (fetched.partition.clone(), fetched.high_watermark);
            if let Some(batch) = Batch::new(partition, high_watermark, records, fetched.fetch_offset, memory)
            {
                engine.tally.records_consumed += batch.len() as u64;
                engine.tally.batches_consumed += 1;
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }
}

/// Commits what was handed out of partitions that go to others, and lets go of them.
async fn revoke(shared: &Arc<Shared>, partitions: &[TopicPartition]) {
    let commit = {
        let mut engine = shared.lock();
        let offsets = match shared.settings.enable_auto_commit {
            true => engine.consumed.uncommitted(Some(partitions)),
            false => BTreeMap::new(),
        };
        (!offsets.is_empty()).then(|| engine.commit(shared.now(), offsets))
    };
    if let Some(receiver) = commit {
        // What cannot be committed is read again by whoever gets the partitions; the group goes on regardless.
        if let Err(error) = shared.wait_for_commit(receiver).await {
            shared.lock().errors.push(error);
        }
    }
    // Meanwhile they may have been lost: that is another thing to tell.
    shared.tell_if(|notice| matches!(notice, Notice::Revoked(revoked) if revoked == partitions));
}

/// The records of a batch, walked once so that none of them is broken; `None` for a batch without records for the
/// application.
fn open(
    batch: &protocol::Batch,
    first_offset: i64,
    limit: usize,
    decompressor: &mut Decompressor,
) -> Result<Option<BatchRecords>, RecordError> {
    if batch.is_control() || batch.last_offset() < first_offset {
        return Ok(None);
    }
    let records = batch.records_with(decompressor, limit)?;
    for record in &records {
        record?;
    }
    Ok(Some(records))
}

/// Says that the application is asking for a batch, until dropped.
struct Polling<'a> {
    shared: &'a Shared,
}

impl<'a> Polling<'a> {
    fn start(shared: &'a Arc<Shared>) -> Self {
        let now = shared.now();
        let mut engine = shared.lock();
        engine.is_polling = true;
        // The listener is told of what was lost, and what comes from here on can be committed.
        engine.has_lost = false;
        engine.consumed.on_poll();
        if let Some(group) = &mut engine.group {
            group.on_poll(now);
        }
        Self { shared }
    }
}

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        let now = self.shared.now();
        let mut engine = self.shared.lock();
        engine.is_polling = false;
        engine.polled_at = now.instant;
    }
}

impl Engine {
    fn next_step(&mut self) -> Step {
        match self.holdings.next() {
            Some(Notice::Revoked(partitions)) => return Step::Revoke(partitions.clone()),
            Some(_) => return Step::Tell,
            None => {}
        }
        if let Some(error) = self.errors.pop() {
            return Step::Error(error);
        }
        if self.is_closing || self.has_failed {
            return Step::Ended;
        }
        let waits = |fetched: &Fetched| self.wants(fetched) && self.positions.is_paused(&fetched.partition);
        match self.fetched.iter().position(|fetched| !waits(fetched)) {
            Some(at) => self.fetched.remove(at).map_or(Step::Wait, Step::Take),
            None => Step::Wait,
        }
    }

    /// What was fetched behind what was handed out is void: what is broken may come whole the next time, and is never
    /// passed over.
    fn read_again(&mut self, partition: &TopicPartition) {
        if let Some(offset) = self.consumed.position(partition) {
            self.positions.seek(partition, Position { offset, leader_epoch: None });
            self.take_starts();
        }
    }

    /// Whether records of a delivery are still to be handed out. What is not is read again by whoever gets the
    /// partition, or was sought away from.
    fn wants(&self, fetched: &Fetched) -> bool {
        self.positions.is_current(&fetched.partition, fetched.fetch_epoch)
            && !self.revoking.contains(&fetched.partition)
    }
}
