//! A broker for these tests: it checks a batch's size, its records and its sequences in Kafka's order, and keeps what
//! passes.

use std::collections::{BTreeMap, VecDeque};

use ottla_protocol::messages::produce_response::BatchIndexAndErrorMessage;
use ottla_protocol::records::increment_sequence;

use super::*;

/// How many batches of a producer a broker knows again.
const REMEMBERED: usize = 5;

pub(super) struct Broker {
    /// `max.message.bytes`.
    pub(super) limit: usize,
    pub(super) logs: BTreeMap<i32, Log>,
    pub(super) too_large: usize,
}

#[derive(Default)]
pub(super) struct Log {
    /// The values by their offset.
    pub(super) values: Vec<Vec<u8>>,
    epoch: i16,
    /// Unknown before the first batch.
    next_sequence: Option<i32>,
    /// Epoch, first sequence, records and first offset of the last batches.
    recent: VecDeque<(i16, i32, i32, i64)>,
}

impl Broker {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, logs: BTreeMap::new(), too_large: 0 }
    }

    /// Writes what the request carries, and answers.
    pub(super) fn serve(&mut self, ms: u64, world: &mut World, sent: &Sent) {
        let answers = self.write(sent);
        world.answer_with(ms, sent, answers);
    }

    pub(super) fn write(&mut self, sent: &Sent) -> Vec<PartitionProduceResponse> {
        let rows = sent.batches.iter().zip(&sent.sealed);
        rows.map(|(&(partition, ..), sealed)| self.write_batch(partition, sealed)).collect()
    }

    fn write_batch(&mut self, partition: i32, sealed: &Bytes) -> PartitionProduceResponse {
        let mut answer = PartitionProduceResponse::default();
        answer.index = partition;
        if sealed.len() > self.limit {
            self.too_large += 1;
            answer.error_code = ErrorCode::MESSAGE_TOO_LARGE.0;
            return answer;
        }
        let batch = RecordSet::new(sealed.clone()).next().expect("one").expect("whole");
        let header = *batch.header().expect("magic 2");
        let records = batch.records(1 << 20).expect("records");
        let values: Vec<Vec<u8>> =
            records.iter().map(|record| record.expect("whole").value.unwrap_or_default().to_vec()).collect();
        for (index, value) in (0..).zip(&values) {
            if value.starts_with(b"bad") {
                answer.record_errors.push(record_error(index, Some("it is bad")));
            }
        }
        if !answer.record_errors.is_empty() {
            answer.error_code = ErrorCode::INVALID_RECORD.0;
            answer.error_message = Some("there are bad records".into());
            return answer;
        }
        let log = self.logs.entry(partition).or_default();
        let (epoch, sequence, count) = (header.producer_epoch, header.base_sequence, header.record_count);
        match log.check(header.producer_id, epoch, sequence, count) {
            Ok(Some(known)) => answer.base_offset = known,
            Ok(None) => {
                answer.base_offset = log.values.len() as i64;
                log.epoch = epoch;
                log.next_sequence = Some(increment_sequence(sequence, count));
                log.recent.push_back((epoch, sequence, count, answer.base_offset));
                if log.recent.len() > REMEMBERED {
                    log.recent.pop_front();
                }
                log.values.extend(values);
            }
            Err(code) => answer.error_code = code.0,
        }
        answer
    }
}

impl Log {
    /// Where the batch is already, if it is.
    fn check(&self, id: i64, epoch: i16, sequence: i32, count: i32) -> Result<Option<i64>, ErrorCode> {
        if id == -1 {
            return Ok(None);
        }
        let known = self
            .recent
            .iter()
            .find(|(of, first, records, _)| (*of, *first, *records) == (epoch, sequence, count));
        if let Some((.., offset)) = known {
            return Ok(Some(*offset));
        }
        match self.next_sequence {
            None => Ok(None),
            Some(_) if epoch < self.epoch => Err(ErrorCode::INVALID_PRODUCER_EPOCH),
            Some(_) if epoch > self.epoch && sequence == 0 => Ok(None),
            Some(next) if epoch == self.epoch && sequence == next => Ok(None),
            Some(_) => Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER),
        }
    }
}

pub(super) fn record_error(index: i32, message: Option<&str>) -> BatchIndexAndErrorMessage {
    let mut error = BatchIndexAndErrorMessage::default();
    error.batch_index = index;
    error.batch_index_error_message = message.map(Into::into);
    error
}
