//! How a consumer fetches.

use std::time::Duration;

use ottla_protocol::types::Str;

use crate::backoff::Backoff;

use super::OffsetResetPolicy;

/// `isolation.level`: whether records of transactions that are open or aborted are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IsolationLevel {
    /// All records.
    #[default]
    ReadUncommitted,
    /// Up to the last stable offset; the driver drops what was aborted.
    ReadCommitted,
}

impl IsolationLevel {
    /// What goes on the wire.
    pub(super) fn to_wire(self) -> i8 {
        match self {
            Self::ReadUncommitted => 0,
            Self::ReadCommitted => 1,
        }
    }
}

/// How a consumer fetches. Set fields after [`default`](Self::default), which is Kafka's; `ottla-client` checks them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FetchConfig {
    /// `fetch.min.bytes`: a broker waits until it has so much. Default 1.
    pub min_bytes: i32,
    /// `fetch.max.wait.ms`: but no longer than this. Default 500 ms.
    pub max_wait: Duration,
    /// `fetch.max.bytes`: the most that one answer may have, but for a single batch that is larger. Default 50 MiB;
    /// `memory` keeps it lower.
    pub max_bytes: usize,
    /// `max.partition.fetch.bytes`: likewise, of one partition. Default 1 MiB.
    pub max_partition_bytes: usize,
    /// `fetch_memory`: the most that is asked for or held at a time, in bytes: answers under way, and what was
    /// delivered and not [unpinned](super::Fetcher::unpin). One batch that is larger is always admitted. Default
    /// 32 MiB.
    pub memory: usize,
    /// `isolation.level`. Default read_uncommitted.
    pub isolation_level: IsolationLevel,
    /// `auto.offset.reset`. Default latest.
    pub reset_policy: OffsetResetPolicy,
    /// `client.rack`: with it, brokers may name a nearer replica to fetch from (KIP-392). Default: none.
    pub rack_id: Option<Str>,
    /// `metadata.max.age.ms`: how long a nearer replica is fetched from before the leader is asked again. Default
    /// 5 min.
    pub replica_lease: Duration,
    /// `request.timeout.ms`. Default 30 s.
    pub request_timeout: Duration,
    /// `retry.backoff.ms` and `retry.backoff.max.ms`. Default 100 ms to 1 s.
    pub backoff: Backoff,
}

impl Default for FetchConfig {
    fn default() -> Self {
        Self {
            min_bytes: 1,
            max_wait: Duration::from_millis(500),
            max_bytes: 50 << 20,
            max_partition_bytes: 1 << 20,
            memory: 32 << 20,
            isolation_level: IsolationLevel::ReadUncommitted,
            reset_policy: OffsetResetPolicy::Latest,
            rack_id: None,
            replica_lease: Duration::from_secs(300),
            request_timeout: Duration::from_secs(30),
            backoff: Backoff::new(Duration::from_millis(100), Duration::from_secs(1)),
        }
    }
}
