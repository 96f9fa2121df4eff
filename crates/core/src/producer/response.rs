//! What becomes of batches under way.
//!
//! | answer | the batch may be written by an earlier attempt | what happens |
//! |---|---|---|
//! | no error | | delivered |
//! | DUPLICATE_SEQUENCE_NUMBER | | delivered, the offset is not known |
//! | MESSAGE_TOO_LARGE, RECORD_LIST_TOO_LARGE, and there are several records | | goes again in parts, see `split.rs` |
//! | UNKNOWN_SERVER_ERROR, or the answer does not mention the partition | | given up as perhaps written; its sequence is lost |
//! | an error that will not pass and names records | no | the others go again, see `record_errors.rs` |
//! | another error that will not pass | no | refused; its sequence is lost |
//! | either of these two | yes | given up as perhaps written; its sequence is lost |
//! | an error that may pass, or no answer | | goes again after a backoff, or at once to another leader, with its sequence |
//! | the same, and it went again as often as `retries` says | no | refused; its sequence is lost |
//! | the same | yes | given up as perhaps written; its sequence is lost |
//!
//! Errors about the producer, where the batch has a sequence (without one they will not pass):
//!
//! | answer | an earlier batch is unresolved | log start offset | may be written | what happens |
//! |---|---|---|---|---|
//! | OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_PRODUCER_EPOCH | yes | | | goes again, with its sequence |
//! | OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_PRODUCER_EPOCH | no | | no | its sequence is lost; goes again in the next epoch |
//! | OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_PRODUCER_EPOCH | no | | yes | given up as perhaps written; its sequence is lost |
//! | UNKNOWN_PRODUCER_ID | | not told | | goes again, with its sequence: the partition has left the broker |
//! | UNKNOWN_PRODUCER_ID | yes | told | | goes again, with its sequence |
//! | UNKNOWN_PRODUCER_ID | no | told | no | its sequence is lost; goes again in the next epoch |
//! | UNKNOWN_PRODUCER_ID | no | told | yes | given up as perhaps written; its sequence is lost |
//! | PRODUCER_FENCED | | | | as another error that will not pass; brokers say it of transactions |
//!
//! Java (`TransactionManager.canRetry`, `handleFailedBatch`) differs so: it sends again, in the next epoch, what may be
//! written too; that would be a second copy if retention, `DeleteRecords` or the loss of a leader have made the broker
//! forget the first. That the log starts behind the last acknowledged offset makes no difference here: the state is
//! gone, and either way the next epoch brings it back. Java's next epoch begins at once, with the partition's batches
//! under way; here it begins when all of them are resolved. Java fails a batch with INVALID_PRODUCER_EPOCH and takes the
//! next epoch for those that follow; and PRODUCER_FENCED and CLUSTER_AUTHORIZATION_FAILED end its producer, here only
//! the batch. All of this within `delivery.timeout.ms`; then a batch is given up.

use bytes::Bytes;
use ottla_protocol::api::ApiKey;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::produce_response::{PartitionProduceResponse, ProduceResponse};
use ottla_protocol::records::SealError;

use super::batch::{Batch, BatchState, Content};
use super::record_errors::{self, RefusedRecords};
use super::{Acks, PartitionIndex, ProduceError, Producer};
use crate::coverage;
use crate::request::{RequestError, Token};
use crate::time::{Instant, Now};

/// Where a batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The first record's offset; -1 where the broker did not say: with acks=0, and for a duplicate of a batch that
    /// it no longer remembers.
    pub base_offset: i64,
    /// When the broker appended it, in milliseconds since 1970; -1 where the topic keeps the producer's time.
    pub log_append_time: i64,
}

impl Delivered {
    /// With these numbers.
    pub const fn new(base_offset: i64, log_append_time: i64) -> Self {
        Self { base_offset, log_append_time }
    }
}

impl<T: Clone> Producer<T> {
    /// The batches of a request are sealed, in the order in which [`Action::Send`](super::Action::Send) gave them. Those that could not be
    /// are not part of the request.
    pub fn on_sealed(&mut self, token: Token, sealed: Vec<Result<Bytes, SealError>>) {
        let Some(request) = self.under_way.get_mut(&token) else { return };
        let mut failed = Vec::new();
        let batches = std::mem::take(&mut request.batches);
        for ((index, mut batch), sealed) in batches.into_iter().zip(sealed) {
            match sealed {
                Ok(bytes) => {
                    let uncompressed = (batch.attempts == 1).then_some(batch.size);
                    let tally = &mut self.queues[index.0].tally;
                    self.tally.on_sealed(tally, batch.count, uncompressed, bytes.len());
                    // From now on the batch takes the memory of its bytes.
                    self.memory = (self.memory + bytes.len()).saturating_sub(batch.size);
                    batch.size = bytes.len();
                    batch.content = Content::Sealed(bytes);
                    request.batches.push((index, batch));
                }
                Err(error) => failed.push((index, batch, error)),
            }
        }
        if request.batches.is_empty() {
            let node = request.node;
            self.under_way.remove(&token);
            let left = self.free_slot(node);
            self.debts.not_sent(node, left);
        } else {
            self.tally.on_request();
        }
        for (index, batch, error) in failed {
            self.give_up(index, batch, ProduceError::seal(error));
        }
    }

    /// The answer to a request, or that there is none. With acks=0 pass an empty response once it is written.
    pub fn on_produced(&mut self, now: Now, token: Token, result: Result<&ProduceResponse, RequestError>) {
        let Some(request) = self.under_way.remove(&token) else { return };
        let left = self.free_slot(request.node);
        match &result {
            Ok(response) => {
                self.debts.answered(now.instant, request.node, left);
                let latency = now.instant.since(request.since);
                self.tally.on_answer(latency, response.throttle_time_ms);
            }
            Err(_) => self.tally.on_no_answer(),
        }
        for (index, batch) in request.batches {
            let answer = match &result {
                Ok(_) if self.config.acks == Acks::None => Ok(UNKNOWN_PLACE),
                Ok(response) => match self.find(index, response) {
                    Some(answer) => read_answer(answer, batch.count),
                    None => Err(missing().into()),
                },
                Err(error) => Err(ProduceError::request(error.clone()).into()),
            };
            match answer {
                Ok(delivered) => {
                    self.raise_limit(index, batch.raw_size);
                    let queue = &mut self.queues[index.0];
                    queue.landed();
                    queue.is_introduced = true;
                    self.complete(batch, Ok(delivered));
                }
                Err(rejected) => self.failed(now.instant, index, batch, rejected),
            }
        }
    }

    fn find<'r>(
        &self,
        index: PartitionIndex,
        response: &'r ProduceResponse,
    ) -> Option<&'r PartitionProduceResponse> {
        let queue = &self.queues[index.0];
        let topic = response.responses.iter().find(|topic| topic.name == queue.topic)?;
        topic.partition_responses.iter().find(|partition| partition.index == queue.partition)
    }

    fn failed(&mut self, now: Instant, index: PartitionIndex, mut batch: Batch<T>, rejected: Rejected) {
        let Rejected { error, log_start_offset, records } = rejected;
        let code = error.code();
        // What the broker says of its leadership is known where there is a newer leader already.
        let has_moved = self.queues[index.0].has_moved_since(&batch);
        if code.is_none_or(|code| code.refreshes_metadata() && !has_moved) {
            self.refresh_metadata();
        }
        if batch.count > 1 && code.is_some_and(is_too_large) {
            return self.split(index, batch, error);
        }
        if !batch.perhaps_written && !records.is_empty() && !error.is_retriable() {
            return self.drop_refused(index, batch, records, error);
        }
        // The broker knows no such producer or misses an earlier sequence. Behind a batch that is not resolved that is
        // to be expected; else it has certainly not written this one. Nor does a sequence help that follows a lost one.
        let is_unknown = batch.sequence.is_some() && code.is_some_and(is_about_sequences);
        let waits = self.has_unresolved_before(index, &batch) || is_no_verdict(code, log_start_offset);
        let gap = self.queues[index.0].follows_a_lost_sequence(&batch) || (is_unknown && !waits);
        let may_pass = error.is_retriable() || is_unknown;
        let in_time = batch.created + self.config.delivery_timeout > now;
        let perhaps_written = self.may_have_been_written(&error);
        // A broker that was not reached has not refused anything either.
        let counts = code.is_some() || perhaps_written;
        let is_left = !counts || batch.retries < self.config.retries;
        if !(in_time && may_pass && is_left) {
            let error = match may_pass && is_left {
                true => ProduceError::timed_out(batch.perhaps_written | perhaps_written, Some(error)),
                // What is refused now may have been written by an earlier attempt.
                false if batch.perhaps_written | perhaps_written => {
                    ProduceError::timed_out(true, Some(error))
                }
                false => error,
            };
            return self.give_up(index, batch, error);
        }
        batch.retries += u32::from(counts);
        batch.perhaps_written |= perhaps_written;
        if gap && batch.perhaps_written {
            // Written by an attempt without an answer and already forgotten, or not written: nobody can tell.
            return self.give_up(index, batch, ProduceError::timed_out(true, Some(error)));
        }
        if gap {
            batch.sequence = None;
            self.lose_sequence();
        }
        let delay = self.config.backoff.delay(batch.attempts.saturating_sub(1), &mut self.jitter);
        batch.not_before = if has_moved { now } else { now + delay };
        batch.go(BatchState::Requeued);
        batch.last_error = Some(error);
        let queue = &mut self.queues[index.0];
        self.tally.on_retry(&mut queue.tally, batch.count);
        // Perhaps another leader answers from now on.
        queue.is_introduced = false;
        queue.requeue(batch);
        self.await_the_rest(index);
    }

    fn may_have_been_written(&self, error: &ProduceError) -> bool {
        error.is_perhaps_written()
            || error.code().is_some_and(|code| {
                // What a broker says that does not know itself what went wrong, and we of an answer that is incomplete.
                code == ErrorCode::UNKNOWN_SERVER_ERROR
                    || code == ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND
                    || (self.config.acks == Acks::All && may_follow_an_append(code))
            })
    }

    /// A batch has landed and waits, as it is or in parts, until those that were sent after it have landed too.
    pub(super) fn await_the_rest(&mut self, index: PartitionIndex) {
        let queue = &mut self.queues[index.0];
        queue.retries = true;
        queue.landed();
        self.go_on_without_lost_sequences(index);
    }

    /// Batches behind one that lost its sequence wait for the next epoch, or are given up where they may be written: with
    /// their sequences they would wait for ever, behind what waits until nothing has one.
    fn go_on_without_lost_sequences(&mut self, index: PartitionIndex) {
        let queue = &mut self.queues[index.0];
        let given_up = queue.drop_sequences_behind_a_lost_one();
        if !queue.batches.is_empty() {
            self.filled.insert(index);
        }
        self.complete_unclear(given_up);
    }

    /// Batches that may be written are given up.
    fn complete_unclear(&mut self, batches: Vec<Batch<T>>) {
        for batch in batches {
            let error = ProduceError::timed_out(true, batch.last_error.clone());
            self.complete(batch, Err(error));
        }
    }

    /// Whether a batch of the partition that was sent before is under way or to be sent again.
    fn has_unresolved_before(&self, index: PartitionIndex, batch: &Batch<T>) -> bool {
        let place = batch.place();
        let is_before = |(of, batch): &(PartitionIndex, Batch<T>)| *of == index && batch.place() < place;
        let queued = self.queues[index.0].batches.front();
        queued.is_some_and(|queued| queued.place() < place)
            || self.under_way.values().flat_map(|request| &request.batches).any(is_before)
    }

    /// A batch that was under way is lost. If it had a sequence, those behind it would leave a gap.
    pub(super) fn give_up(&mut self, index: PartitionIndex, batch: Batch<T>, error: ProduceError) {
        let queue = &mut self.queues[index.0];
        queue.landed();
        let mut unclear = Vec::new();
        if batch.sequence.is_some() {
            queue.forget_unsent_sequences_behind(&batch);
            unclear = queue.take_unclear_parts_behind(&batch);
            self.lose_sequence();
        }
        self.complete(batch, Err(error));
        self.complete_unclear(unclear);
        self.go_on_without_lost_sequences(index);
    }

    /// The same for a batch that was taken out of its queue.
    pub(super) fn give_up_waiting(&mut self, batch: Batch<T>, error: ProduceError) {
        if batch.sequence.is_some() {
            self.lose_sequence();
        }
        self.complete(batch, Err(error));
    }

    /// Says how many are left in use.
    fn free_slot(&mut self, node: ottla_protocol::types::NodeId) -> usize {
        let Some(used) = self.slots.get_mut(&node) else { return 0 };
        *used = used.saturating_sub(1);
        *used
    }
}

/// Why a batch is not acknowledged.
struct Rejected {
    error: ProduceError,
    /// -1 where the broker does not say.
    log_start_offset: i64,
    records: RefusedRecords,
}

impl From<ProduceError> for Rejected {
    fn from(error: ProduceError) -> Self {
        Self { error, log_start_offset: -1, records: RefusedRecords::new() }
    }
}

/// Whether fewer records may fit.
fn is_too_large(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::MESSAGE_TOO_LARGE | ErrorCode::RECORD_LIST_TOO_LARGE)
}

/// Whether the producer's next epoch makes the broker take the batch.
fn is_about_sequences(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER
            | ErrorCode::UNKNOWN_PRODUCER_ID
            | ErrorCode::INVALID_PRODUCER_EPOCH
    )
}

/// Whether the partition has left the broker before the answer was made.
fn is_no_verdict(code: Option<ErrorCode>, log_start_offset: i64) -> bool {
    code == Some(ErrorCode::UNKNOWN_PRODUCER_ID) && log_start_offset == -1
}

/// Whether a broker that waits for other replicas may answer so although it has appended the batch, and they may keep it:
/// what `DelayedProduce` finds when its leadership, its replicas or its time are gone.
fn may_follow_an_append(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::NOT_LEADER_OR_FOLLOWER
            | ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND
            | ErrorCode::REQUEST_TIMED_OUT
            | ErrorCode::KAFKA_STORAGE_ERROR
            | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
    )
}

const UNKNOWN_PLACE: Delivered = Delivered::new(-1, -1);

/// The broker's answer does not mention the partition.
fn missing() -> ProduceError {
    ProduceError::broker(ErrorCode::UNKNOWN_SERVER_ERROR)
}

fn read_answer(partition: &PartitionProduceResponse, count: u32) -> Result<Delivered, Rejected> {
    coverage::told(ApiKey::PRODUCE, ErrorCode(partition.error_code));
    match ErrorCode(partition.error_code) {
        ErrorCode::NONE => Ok(Delivered::new(partition.base_offset, partition.log_append_time_ms)),
        // It was written before, too long ago for the broker to know where.
        ErrorCode::DUPLICATE_SEQUENCE_NUMBER => Ok(UNKNOWN_PLACE),
        code => Err(Rejected {
            error: ProduceError::broker(code).saying(partition.error_message.as_deref()),
            log_start_offset: partition.log_start_offset,
            records: record_errors::read(partition, count),
        }),
    }
}
