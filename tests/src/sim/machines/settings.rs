//! What a world is made of, drawn from its seed.

use std::time::Duration;

use ottla_core::backoff::Backoff;
use ottla_protocol::compression::Compression;

use super::connections::Limits;
use crate::random::Random;

/// The topics of every world.
pub(super) const TOPICS: [&str; 2] = ["orders", "payments"];
/// Partitions of each.
pub(super) const PARTITIONS: usize = 3;
/// Records that each world sends.
pub(super) const RECORDS: u64 = 500;
/// The group that reads them.
pub(super) const GROUP: &str = "readers";
/// How often a client may look at its machines before it waits; one that spins would do it more often.
pub(super) const MAX_ROUNDS: usize = 1_000;
/// When faults stop.
pub(super) const FAULTS_STOP: Duration = Duration::from_secs(20);
/// How long after that everything must be resolved and read: what was sent last before may wait for its whole
/// delivery timeout, and a member that is gone for its session's.
pub(super) const CONVERGENCE_LIMIT: Duration = Duration::from_secs(90);

/// One world's settings.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) nodes: usize,
    pub(super) replicas: i16,
    pub(super) replica_fetch_delay: Duration,
    pub(super) metadata_propagation_delay: Duration,
    pub(super) coordinator_load_time: Duration,
    pub(super) idempotent: bool,
    pub(super) max_in_flight: usize,
    pub(super) linger: Duration,
    pub(super) batch_size: usize,
    pub(super) buffer_memory: usize,
    pub(super) delivery_timeout: Duration,
    pub(super) compression: Compression,
    pub(super) limits: Limits,
    pub(super) consumers: usize,
    /// Members of another group, which are never content.
    pub(super) fickle: usize,
    pub(super) auto_commit_interval: Duration,
    pub(super) max_poll_interval: Duration,
    pub(super) fetch_memory: usize,
}

impl Settings {
    pub(super) fn draw(random: &mut Random) -> Self {
        let idempotent = random.below(4) != 0;
        let nodes = 3 + random.below(3);
        let millis = Duration::from_millis;
        Self {
            nodes,
            replicas: if random.below(4) == 0 { 2 } else { 3 },
            replica_fetch_delay: millis(one_of(random, [0, 1, 5, 20])),
            metadata_propagation_delay: millis(one_of(random, [0, 0, 10, 200])),
            coordinator_load_time: millis(one_of(random, [0, 0, 50, 500])),
            idempotent,
            max_in_flight: if idempotent { 1 + random.below(5) } else { 1 },
            linger: millis(one_of(random, [0, 0, 5, 50])),
            batch_size: one_of(random, [200, 1_000, 16_384]),
            buffer_memory: one_of(random, [4_000, 30_000, 1 << 20]),
            delivery_timeout: Duration::from_secs(one_of(random, [5, 15, 60])),
            compression: one_of(random, [Compression::None, Compression::None, Compression::Lz4]),
            limits: Limits {
                connection_timeout: millis(one_of(random, [500, 2_000])),
                request_timeout: millis(one_of(random, [800, 2_000, 5_000])),
                backoff: Backoff::new(millis(one_of(random, [20, 100])), Duration::from_secs(1)),
            },
            consumers: 1 + random.below(3),
            fickle: 1 + random.below(5),
            auto_commit_interval: millis(one_of(random, [100, 1_000, 5_000])),
            max_poll_interval: Duration::from_secs(one_of(random, [4, 10])),
            fetch_memory: one_of(random, [2_000, 100_000, 32 << 20]),
        }
    }
}

pub(super) fn one_of<T: Copy, const N: usize>(random: &mut Random, all: [T; N]) -> T {
    all[random.below(N)]
}
