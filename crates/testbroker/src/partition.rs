//! One partition: who leads it, who has it, and its log.
//!
//! Replication is not modelled yet: all replicas are in sync and the high watermark is the log's end.

use bytes::BytesMut;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::records::{NO_PRODUCER_ID, edit};
use ottla_protocol::types::NodeId;

use crate::batch::{Produced, Refused};
use crate::log::Log;
use crate::producer_state::{ProducerState, Sequences, Verdict};
use crate::topic_config::TopicConfig;

/// A partition of a topic.
#[derive(Clone, Debug)]
pub(crate) struct Partition {
    pub(crate) leader: NodeId,
    pub(crate) leader_epoch: i32,
    /// The preferred leader first.
    pub(crate) replicas: Vec<NodeId>,
    pub(crate) isr: Vec<NodeId>,
    pub(crate) log: Log,
    producers: ProducerState,
}

/// Where a batch went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Appended {
    pub(crate) base_offset: i64,
    /// -1 unless the topic stamps its records itself.
    pub(crate) log_append_time_ms: i64,
    /// False for a retry of what is there already.
    pub(crate) is_new: bool,
}

impl Partition {
    pub(crate) fn new(replicas: Vec<NodeId>) -> Self {
        Self {
            leader: replicas.first().copied().unwrap_or(NodeId(-1)),
            leader_epoch: 0,
            isr: replicas.clone(),
            replicas,
            log: Log::default(),
            producers: ProducerState::default(),
        }
    }

    /// The offset up to which consumers may read.
    pub(crate) fn high_watermark(&self) -> i64 {
        self.log.end_offset()
    }

    /// The offset up to which all transactions have ended. There are none yet.
    pub(crate) fn last_stable_offset(&self) -> i64 {
        self.high_watermark()
    }

    /// Whether `node` may answer for the partition, to a client that believes in `leader_epoch` (-1: in none).
    pub(crate) fn check_leader(&self, node: NodeId, leader_epoch: i32) -> Result<(), ErrorCode> {
        if node != self.leader {
            return Err(ErrorCode::NOT_LEADER_OR_FOLLOWER);
        }
        match leader_epoch {
            epoch if epoch < 0 || epoch == self.leader_epoch => Ok(()),
            epoch if epoch < self.leader_epoch => Err(ErrorCode::FENCED_LEADER_EPOCH),
            _ => Err(ErrorCode::UNKNOWN_LEADER_EPOCH),
        }
    }

    /// Appends a batch, unless it is a retry of one that is there.
    pub(crate) fn append(
        &mut self,
        produced: &Produced,
        config: &TopicConfig,
        unix_ms: i64,
    ) -> Result<Appended, Refused> {
        let header = &produced.header;
        let sequences = (header.producer_id > NO_PRODUCER_ID).then(|| Sequences {
            producer_id: header.producer_id,
            producer_epoch: header.producer_epoch,
            first: header.base_sequence,
            last: header.last_sequence(),
        });
        if let Some(sequences) = &sequences {
            let verdict = self.producers.judge(sequences).map_err(|error| {
                let message = format!(
                    "Batch of producer {} with epoch {} and sequence {} is out of line",
                    sequences.producer_id, sequences.producer_epoch, sequences.first
                );
                Refused::new(error, message)
            })?;
            if let Verdict::Duplicate { base_offset, timestamp } = verdict {
                let log_append_time_ms = if config.log_append_time { timestamp } else { -1 };
                return Ok(Appended { base_offset, log_append_time_ms, is_new: false });
            }
        }
        let base_offset = self.log.end_offset();
        let Some(last_offset) = base_offset.checked_add(i64::from(header.last_offset_delta)) else {
            return Err(Refused::new(ErrorCode::KAFKA_STORAGE_ERROR, "the partition has no offsets left"));
        };
        // A copy: the batch must not keep the whole request in memory.
        let mut bytes = BytesMut::from(&produced.batch.bytes()[..]);
        let corrupt = |_| Refused::new(ErrorCode::CORRUPT_MESSAGE, "not a batch");
        edit::set_base_offset(&mut bytes, base_offset).map_err(corrupt)?;
        edit::set_partition_leader_epoch(&mut bytes, self.leader_epoch).map_err(corrupt)?;
        let mut max_timestamp = header.max_timestamp;
        if config.log_append_time {
            edit::set_log_append_time(&mut bytes, unix_ms).map_err(corrupt)?;
            max_timestamp = unix_ms;
        }
        self.log.append(bytes.freeze(), last_offset, self.leader_epoch, max_timestamp);
        if let Some(sequences) = &sequences {
            self.producers.appended(sequences, base_offset, max_timestamp, unix_ms);
        }
        let log_append_time_ms = if config.log_append_time { unix_ms } else { -1 };
        Ok(Appended { base_offset, log_append_time_ms, is_new: true })
    }
}
