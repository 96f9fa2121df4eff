//! What the answers to Fetch requests mean.

use ottla_protocol::api::ApiKey;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::fetch_response::{FetchResponse, PartitionData};
use ottla_protocol::records::BatchHeader;
use ottla_protocol::types::{NodeId, TopicName, Uuid};

use super::{AbortedTransaction, Asked, Delivery, FetchAction, Fetcher};
use crate::consumer::positions::Partition;
use crate::consumer::{
    ConsumerError, ConsumerErrorKind, FetchEpoch, LeaderEpoch, Offset, Position, PositionState, Positions,
    TopicPartition,
};
use crate::coverage;
use crate::request::{RequestError, Token};
use crate::time::Now;

/// Every magic has its size behind its offset, its magic at 16, and the size does not count the first 12 bytes.
const SIZE_POSITION: usize = 8;
const MAGIC_POSITION: usize = 16;
const OVERHEAD: usize = 12;

impl Fetcher {
    /// The answer to [`FetchAction::Send`]. Data for partitions that were revoked, paused or sought meanwhile is
    /// dropped.
    pub fn on_response(
        &mut self,
        now: Now,
        token: Token,
        result: Result<FetchResponse, RequestError>,
        positions: &mut Positions,
    ) {
        let Some((node_id, mut asked)) = self.slots.take(token) else { return };
        self.reserved = self.reserved.saturating_sub(asked.reserved);
        let response = match result {
            Ok(response) => response,
            Err(error) => {
                self.slots.fail(now, node_id, &self.config.backoff, &mut self.jitter);
                // Perhaps the broker is gone and its partitions have other leaders.
                self.refresh();
                if !error.is_retriable() {
                    let error = ConsumerError::from_request(error, ApiKey::FETCH).of_node(node_id);
                    self.outputs.push_back(FetchAction::Failed(error));
                }
                return;
            }
        };
        let code = ErrorCode(response.error_code);
        coverage::told(ApiKey::FETCH, code);
        if code.is_error() {
            self.slots.fail(now, node_id, &self.config.backoff, &mut self.jitter);
            self.refresh();
            if !code.is_retriable() {
                let error = ConsumerError::from_code(code, ApiKey::FETCH).of_node(node_id);
                self.outputs.push_back(FetchAction::Failed(error));
            }
            return;
        }
        self.slots.succeed(node_id);
        for topic in response.responses {
            let Some(name) = name_of(&topic.topic, topic.topic_id, &asked) else { continue };
            for data in topic.partitions {
                let partition = TopicPartition::new(name.clone(), data.partition_index);
                // Each once, and only what was asked for.
                let Some((partition, (epoch, offset))) = asked.partitions.remove_entry(&partition) else {
                    continue;
                };
                let Some(known) = positions.partitions.get_mut(&partition) else { continue };
                let is_there =
                    known.position().is_some_and(|position| position.offset == offset) && !known.paused;
                if known.epoch == epoch && is_there {
                    self.on_partition(now, node_id, &partition, (epoch, offset), data, known);
                }
            }
        }
    }

    fn on_partition(
        &mut self,
        now: Now,
        node_id: NodeId,
        partition: &TopicPartition,
        (epoch, offset): (FetchEpoch, Offset),
        data: PartitionData,
        known: &mut Partition,
    ) {
        let code = ErrorCode(data.error_code);
        coverage::told(ApiKey::FETCH, code);
        if code.is_error() {
            return self.on_partition_error(now, node_id, partition, offset, code, known);
        }
        known.high_watermark = Offset::from_wire(data.high_watermark).or(known.high_watermark);
        known.last_stable_offset = Offset::from_wire(data.last_stable_offset).or(known.last_stable_offset);
        known.log_start_offset = Offset::from_wire(data.log_start_offset).or(known.log_start_offset);
        if data.preferred_read_replica.0 >= 0 && self.config.rack_id.is_some() {
            known.replica = Some((data.preferred_read_replica, now.instant + self.config.replica_lease));
        }
        let Some(records) = data.records.filter(|records| !records.is_empty()) else {
            return known.retry.reset();
        };
        let kind = match end_of(&records) {
            Some(end) if end.offset > offset => {
                known.retry.reset();
                known.go(PositionState::Known(end));
                self.last_turn += 1;
                known.turn = self.last_turn;
                known.undelivered = known.undelivered.saturating_add(records.len());
                self.pin(records.len());
                let aborted = data.aborted_transactions.unwrap_or_default();
                self.outputs.push_back(FetchAction::Deliver(Delivery {
                    partition: partition.clone(),
                    fetch_epoch: epoch,
                    fetch_offset: offset,
                    next_offset: end.offset,
                    records,
                    high_watermark: known.high_watermark,
                    last_stable_offset: known.last_stable_offset,
                    aborted_transactions: aborted
                        .iter()
                        .map(|of| AbortedTransaction {
                            producer_id: of.producer_id,
                            first_offset: Offset(of.first_offset),
                        })
                        .collect(),
                }));
                return;
            }
            // Nothing new in it: reading on there would go in circles.
            Some(_) => ConsumerErrorKind::Corrupt,
            None if is_cut(&records) => ConsumerErrorKind::BatchTooLarge,
            None => ConsumerErrorKind::Corrupt,
        };
        known.retry.fail(now, &self.config.backoff, &mut self.jitter);
        let error = ConsumerError::new(kind).at(partition, Some(offset)).of_node(node_id);
        self.outputs.push_back(FetchAction::Failed(error));
    }

    fn on_partition_error(
        &mut self,
        now: Now,
        node_id: NodeId,
        partition: &TopicPartition,
        offset: Offset,
        code: ErrorCode,
        known: &mut Partition,
    ) {
        // A replica may lag behind, or have lost its place in the cluster: the leader knows (KIP-392).
        let from_replica = known.replica.take().is_some_and(|(replica, _)| replica == node_id);
        if code == ErrorCode::OFFSET_OUT_OF_RANGE {
            if from_replica {
                return;
            }
            if known.undelivered > 0 {
                // What was fetched before is handed out first: the new place, ahead of it, would be committed meanwhile.
                return known.retry.fail(now, &self.config.backoff, &mut self.jitter);
            }
            return match self.config.reset_policy.target(now) {
                Some(target) => known.go(PositionState::NeedsReset(target)),
                None => {
                    known.go(PositionState::Halted);
                    let error = ConsumerError::from_code(code, ApiKey::FETCH);
                    let error = error.at(partition, Some(offset)).of_node(node_id);
                    self.outputs.push_back(FetchAction::Failed(error));
                }
            };
        }
        known.retry.fail(now, &self.config.backoff, &mut self.jitter);
        if code.refreshes_metadata() || code == ErrorCode::OFFSET_NOT_AVAILABLE {
            self.refresh();
        }
        // Broken data may be whole on another replica later, but somebody has to know.
        if !code.is_retriable() || code == ErrorCode::CORRUPT_MESSAGE {
            let error = ConsumerError::from_code(code, ApiKey::FETCH);
            let error = error.at(partition, Some(offset)).of_node(node_id);
            self.outputs.push_back(FetchAction::Failed(error));
        }
    }
}

/// The topic of an answer: by name up to version 12, by id from 13 on.
fn name_of(name: &TopicName, id: Uuid, asked: &Asked) -> Option<TopicName> {
    if name.is_empty() { asked.topics.get(&id).cloned() } else { Some(name.clone()) }
}

/// The position behind the last of the whole batches at the start; `None` if there is none.
fn end_of(records: &[u8]) -> Option<Position> {
    let mut end = None;
    let mut rest = records;
    while let Some(whole) = batch_len(rest).filter(|whole| *whole <= rest.len()) {
        let Some(position) = end_of_batch(&rest[..whole]) else { break };
        end = Some(position);
        rest = &rest[whole..];
    }
    end
}

/// The position behind a batch; `None` if it is none.
fn end_of_batch(batch: &[u8]) -> Option<Position> {
    let (last, leader_epoch) = match *batch.get(MAGIC_POSITION)? {
        // In front is the offset of the last message, in wrappers too.
        0 | 1 => (i64::from_be_bytes(*batch.first_chunk()?), None),
        _ => {
            let header = BatchHeader::parse(batch)?;
            let last = header.base_offset.checked_add(i64::from(header.last_offset_delta))?;
            (last, LeaderEpoch::from_wire(header.partition_leader_epoch))
        }
    };
    Some(Position { offset: Offset(last.checked_add(1)?), leader_epoch })
}

/// The length that the batch at the start states; `None` if that is cut or no length.
fn batch_len(bytes: &[u8]) -> Option<usize> {
    let size = i32::from_be_bytes(*bytes.get(SIZE_POSITION..)?.first_chunk()?);
    OVERHEAD.checked_add(usize::try_from(size).ok()?)
}

/// Whether there is but the start of a batch.
fn is_cut(records: &[u8]) -> bool {
    records.len() < OVERHEAD || batch_len(records).is_some_and(|whole| whole > records.len())
}
