//! Who sends and who reads, with which settings.

use std::time::Duration;

use ottla_client::{Acks, Compression};
use ottla_protocol::error_code::ErrorCode;

use super::{Scenario, between_ms, one_in, pick, pick_ms, within};
use crate::random::Random;

/// Records of all producers together: so many at least.
pub const LEAST_RECORDS: usize = 500;

/// A producer, and what it sends.
#[derive(Clone, Debug)]
pub struct ProducerPlan {
    /// Its name, which is its client's id.
    pub name: String,
    /// What it draws its records from.
    pub seed: u64,
    /// How many records it sends.
    pub records: u64,
    /// How many it sends without a pause.
    pub burst: u64,
    /// How long it pauses between bursts.
    pub pause: Duration,
    /// Bytes of a value at most.
    pub most_value_bytes: usize,
    /// `enable.idempotence`.
    pub is_idempotent: bool,
    /// `acks`.
    pub acks: Acks,
    /// `linger.ms`.
    pub linger: Duration,
    /// `batch.size`.
    pub batch_size: usize,
    /// `buffer.memory`.
    pub buffer_memory: usize,
    /// `max.in.flight.requests.per.connection`.
    pub max_in_flight: usize,
    /// `compression.type`.
    pub compression: Compression,
    /// `request.timeout.ms`.
    pub request_timeout: Duration,
    /// `delivery.timeout.ms`.
    pub delivery_timeout: Duration,
    /// `partitioner.adaptive.partitioning.enable`.
    pub is_adaptive: bool,
    /// What brokers may refuse records with, and the producer goes on.
    pub tolerates: Option<ErrorCode>,
    /// Whether it flushes, purges and closes between bursts.
    pub acts: bool,
    /// Whether it begins anew after what cannot pass.
    pub comes_back: bool,
    /// Whether its client is closed when it has sent everything, whatever is still under way.
    pub closes_client: bool,
}

/// A consumer.
#[derive(Clone, Debug)]
pub struct ConsumerPlan {
    /// Its name, which is its client's id.
    pub name: String,
    /// What its client draws from.
    pub seed: u64,
    /// Its group.
    pub group: String,
    /// When it comes.
    pub joins: Duration,
    /// When and how it goes; the others stay to the end.
    pub leaves: Option<(Duration, Departure)>,
    /// `enable.auto.commit`, and at which interval.
    pub auto_commit: Option<Duration>,
    /// Otherwise it commits after so many batches.
    pub commit_every: u32,
    /// How long it takes over a batch at most.
    pub work: Duration,
    /// Whether round robin is its first choice of an assignor.
    pub prefers_round_robin: bool,
    /// `session.timeout.ms`.
    pub session_timeout: Duration,
    /// `max.poll.interval.ms`.
    pub max_poll_interval: Duration,
    /// `request.timeout.ms`.
    pub request_timeout: Duration,
    /// `fetch.max.wait.ms`.
    pub fetch_max_wait: Duration,
    /// `max.partition.fetch.bytes`.
    pub max_partition_fetch_bytes: usize,
    /// Whether it begins anew after what cannot pass.
    pub comes_back: bool,
}

/// How a consumer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// It is closed.
    Close,
    /// It is dropped.
    Drop,
    /// Nobody hears of it again.
    Vanish,
}

pub(super) fn draw_producers(random: &mut Random, scenario: Scenario, work: Duration) -> Vec<ProducerPlan> {
    let count = 1 + random.below(3);
    let draw = |nth: usize| {
        let records = (LEAST_RECORDS.div_ceil(count) + random.below(200)) as u64;
        let burst = pick(random, &[1, 3, 20, 100]);
        let bursts = u32::try_from(records.div_ceil(burst)).unwrap_or(u32::MAX);
        let batch_size = pick(random, &[300, 2_000, 16_384, 131_072]);
        let is_idempotent = !matches!(scenario, Scenario::Duplicates | Scenario::Acks);
        let mut plan = ProducerPlan {
            name: format!("producer-{nth}"),
            seed: random.bits(),
            records,
            burst,
            pause: work / bursts,
            most_value_bytes: pick(random, &[20, 200, 1_000]),
            is_idempotent,
            acks: Acks::All,
            linger: pick_ms(random, &[0, 0, 5, 100]),
            batch_size,
            buffer_memory: if one_in(random, 4) { 40_000 } else { 32 << 20 },
            max_in_flight: 1 + random.below(5),
            compression: pick(
                random,
                &[
                    Compression::None,
                    Compression::None,
                    Compression::Gzip,
                    Compression::Snappy,
                    Compression::Lz4,
                    Compression::Zstd,
                ],
            ),
            request_timeout: between_ms(random, 2_000, 10_000),
            delivery_timeout: pick_ms(random, &[30_000, 120_000]),
            is_adaptive: true,
            tolerates: None,
            acts: false,
            comes_back: matches!(scenario, Scenario::Refusals | Scenario::Logins),
            closes_client: false,
        };
        plan.is_adaptive = !plan.seed.is_multiple_of(4);
        match scenario {
            Scenario::Acks => {
                plan.acks = pick(random, &[Acks::None, Acks::Leader]);
                plan.closes_client = one_in(random, 3);
            }
            Scenario::Refusals => plan.closes_client = one_in(random, 2),
            Scenario::Limits => {
                plan.tolerates = Some(ErrorCode::MESSAGE_TOO_LARGE);
                plan.batch_size = pick(random, &[2_000, 16_384, 131_072]);
                plan.burst = pick(random, &[20, 100]);
                plan.pause = work / u32::try_from(records.div_ceil(plan.burst)).unwrap_or(u32::MAX);
            }
            Scenario::Applications => {
                plan.acts = true;
                plan.burst = pick(random, &[10, 30, 100]);
                plan.pause = work / u32::try_from(records.div_ceil(plan.burst)).unwrap_or(u32::MAX);
                plan.linger = pick_ms(random, &[0, 5, 100, 1_000]);
            }
            Scenario::Records => plan.tolerates = Some(ErrorCode::INVALID_RECORD),
            Scenario::Expiry => {
                plan.request_timeout = between_ms(random, 300, 1_500);
                plan.delivery_timeout = plan.request_timeout + plan.linger + between_ms(random, 0, 1_000);
            }
            _ => {}
        }
        plan
    };
    (0..count).map(draw).collect()
}

pub(super) fn draw_consumers(random: &mut Random, scenario: Scenario, work: Duration) -> Vec<ConsumerPlan> {
    let groups = 1 + random.below(2);
    let count = match scenario {
        Scenario::Groups => groups * 2 + random.below(4),
        _ => groups + random.below(3),
    };
    let draw = |nth: usize| {
        // The first of each group comes early and stays.
        let stays = nth < groups;
        let joins = if stays { between_ms(random, 0, 2_000) } else { within(random, work / 2) };
        let leaves = (!stays && !one_in(random, 3)).then(|| {
            let departures = [Departure::Close, Departure::Close, Departure::Drop, Departure::Vanish];
            (joins + within(random, work - joins), pick(random, &departures))
        });
        let session_timeout = between_ms(random, 6_000, 15_000);
        ConsumerPlan {
            name: format!("consumer-{nth}"),
            seed: random.bits(),
            group: format!("g{}", nth % groups),
            joins,
            leaves,
            auto_commit: (!one_in(random, 3)).then(|| pick_ms(random, &[200, 1_000, 5_000])),
            commit_every: 1 + random.below(5) as u32,
            work: pick_ms(random, &[0, 0, 10, 200]),
            prefers_round_robin: one_in(random, 3),
            session_timeout,
            max_poll_interval: between_ms(random, 15_000, 40_000),
            request_timeout: between_ms(random, 2_000, 10_000),
            fetch_max_wait: pick_ms(random, &[100, 500, 1_000]),
            max_partition_fetch_bytes: pick(random, &[500, 10_000, 1 << 20]),
            comes_back: matches!(scenario, Scenario::Refusals | Scenario::Logins),
        }
    };
    (0..count).map(draw).collect()
}
