//! Batches of which the broker refuses some records (KIP-467): the records that it names fail with what it says of
//! them, and the others go again without them.
//!
//! A broker that finds a record invalid writes nothing of the batch. The records between those that are named become
//! parts, as of a split batch, with new sequences in the next epoch: without what was refused theirs would have gaps.
//! What an earlier attempt may have written is not sent again: the batch is given up as after any refusal.
//!
//! Where one record is named it has the answer's code; where several are, only the batch as a whole has it, and each of
//! them has INVALID_RECORD, as in Java. Java fails the other records as well: what becomes of a record then depends on
//! those that share its batch by chance.
//!
//! Bounds: an answer may name any number of records; those that the batch does not have are passed over.

use std::collections::BTreeMap;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::produce_response::PartitionProduceResponse;

use super::batch::Batch;
use super::split::cut;
use super::{Action, PartitionIndex, ProduceError, Producer, RecordRange};

/// The records of a batch that are refused, by their index in it.
pub(super) type RefusedRecords = BTreeMap<u32, ProduceError>;

/// What the answer says of single records of a batch that has `count`.
pub(super) fn read(answer: &PartitionProduceResponse, count: u32) -> RefusedRecords {
    let code = match answer.record_errors.len() {
        1 => ErrorCode(answer.error_code),
        _ => ErrorCode::INVALID_RECORD,
    };
    let mut refused = RefusedRecords::new();
    for record in &answer.record_errors {
        let Ok(index) = u32::try_from(record.batch_index) else { continue };
        if index >= count {
            continue;
        }
        let message = record.batch_index_error_message.as_ref().or(answer.error_message.as_ref());
        refused.insert(index, ProduceError::broker(code).saying(message.map(|message| &**message)));
    }
    refused
}

impl<T: Clone> Producer<T> {
    /// The broker refuses these records of a batch that was under way and is certainly not written.
    pub(super) fn drop_refused(
        &mut self,
        index: PartitionIndex,
        batch: Batch<T>,
        refused: RefusedRecords,
        error: ProduceError,
    ) {
        let mut rest = match cut(&batch, usize::MAX, |index| !refused.contains_key(&index)) {
            Ok(rest) => rest,
            Err(unreadable) => return self.give_up(index, batch, unreadable),
        };
        self.queues[index.0].tally.records_failed += refused.len() as u64;
        for (range, error) in ranges(&batch, refused) {
            let outcome = Err(error);
            self.actions.push_back(Action::Complete { tag: batch.tag.clone(), records: range, outcome });
        }
        if batch.sequence.is_some() {
            self.lose_sequence();
        }
        for part in &mut rest {
            part.sequence = None;
            part.last_error = Some(error.clone());
        }
        self.replace(index, batch, rest);
        self.actions.push_back(Action::MemoryFreed);
        self.await_the_rest(index);
    }
}

/// Neighbours with the same error as one range.
fn ranges<T>(batch: &Batch<T>, refused: RefusedRecords) -> Vec<(RecordRange, ProduceError)> {
    let RecordRange { first, of, .. } = batch.records();
    let mut ranges: Vec<(RecordRange, ProduceError)> = Vec::new();
    for (index, error) in refused {
        match ranges.last_mut() {
            Some((range, known)) if range.first + range.count == first + index && *known == error => {
                range.count += 1;
            }
            _ => ranges.push((RecordRange { first: first + index, count: 1, of }, error)),
        }
    }
    ranges
}
