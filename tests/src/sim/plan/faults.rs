//! What goes wrong in the cluster.

use std::time::Duration;

use ottla_protocol::api::ApiKey;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::types::NodeId;
use ottla_testbroker::faults::{FaultAction, FaultPlan, FaultRule, When};

use super::{
    ClusterPlan, ConsumerPlan, LEAST_FAULTS, MORTAL_TOPIC, Scenario, between_ms, codes, one_in, pick,
    pick_ms, topic_configs, within,
};
use crate::random::Random;

/// Kinds of rules, to draw from.
#[derive(Clone, Copy)]
enum Kind {
    ProduceError,
    FetchError,
    OtherError,
    GroupError,
    Delay,
    Drop,
    Close,
    Cut,
    Hang,
    LoseAnswer,
    MoveLeader,
    MoveCoordinator,
    PauseReplication,
    Repeat,
    Throttle,
    Misdirect,
}

/// What an API may answer of which the client must get over by itself.
type Errors = (ApiKey, &'static [ErrorCode]);

const PRODUCE: Errors = (
    ApiKey::PRODUCE,
    &[
        ErrorCode::NOT_LEADER_OR_FOLLOWER,
        ErrorCode::LEADER_NOT_AVAILABLE,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode::REQUEST_TIMED_OUT,
        ErrorCode::NOT_ENOUGH_REPLICAS,
        ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND,
        ErrorCode::CORRUPT_MESSAGE,
        ErrorCode::KAFKA_STORAGE_ERROR,
        ErrorCode::NETWORK_EXCEPTION,
    ],
);
const FETCH: Errors = (
    ApiKey::FETCH,
    &[
        ErrorCode::NOT_LEADER_OR_FOLLOWER,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode::REPLICA_NOT_AVAILABLE,
        ErrorCode::OFFSET_NOT_AVAILABLE,
        ErrorCode::FENCED_LEADER_EPOCH,
        ErrorCode::UNKNOWN_LEADER_EPOCH,
        ErrorCode::KAFKA_STORAGE_ERROR,
        ErrorCode::UNKNOWN_SERVER_ERROR,
        ErrorCode::FETCH_SESSION_ID_NOT_FOUND,
        ErrorCode::INVALID_FETCH_SESSION_EPOCH,
    ],
);
const OTHERS: &[Errors] = &[
    (
        ApiKey::LIST_OFFSETS,
        &[
            ErrorCode::NOT_LEADER_OR_FOLLOWER,
            ErrorCode::LEADER_NOT_AVAILABLE,
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            ErrorCode::REPLICA_NOT_AVAILABLE,
            ErrorCode::OFFSET_NOT_AVAILABLE,
            ErrorCode::KAFKA_STORAGE_ERROR,
            ErrorCode::FENCED_LEADER_EPOCH,
            ErrorCode::UNKNOWN_LEADER_EPOCH,
        ],
    ),
    (
        ApiKey::OFFSET_FOR_LEADER_EPOCH,
        &[
            ErrorCode::NOT_LEADER_OR_FOLLOWER,
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            ErrorCode::REPLICA_NOT_AVAILABLE,
            ErrorCode::KAFKA_STORAGE_ERROR,
            ErrorCode::FENCED_LEADER_EPOCH,
            ErrorCode::UNKNOWN_LEADER_EPOCH,
        ],
    ),
    (ApiKey::METADATA, &[ErrorCode::LEADER_NOT_AVAILABLE, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION]),
    (
        ApiKey::INIT_PRODUCER_ID,
        &[ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, ErrorCode::COORDINATOR_NOT_AVAILABLE],
    ),
];
const GROUPS: &[Errors] = &[
    (
        ApiKey::FIND_COORDINATOR,
        &[ErrorCode::COORDINATOR_NOT_AVAILABLE, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS],
    ),
    (
        ApiKey::JOIN_GROUP,
        &[
            ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
            ErrorCode::COORDINATOR_NOT_AVAILABLE,
            ErrorCode::NOT_COORDINATOR,
            ErrorCode::UNKNOWN_MEMBER_ID,
            ErrorCode::REBALANCE_IN_PROGRESS,
        ],
    ),
    (
        ApiKey::SYNC_GROUP,
        &[
            ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
            ErrorCode::COORDINATOR_NOT_AVAILABLE,
            ErrorCode::NOT_COORDINATOR,
            ErrorCode::UNKNOWN_MEMBER_ID,
            ErrorCode::ILLEGAL_GENERATION,
            ErrorCode::REBALANCE_IN_PROGRESS,
        ],
    ),
    (
        ApiKey::HEARTBEAT,
        &[
            ErrorCode::COORDINATOR_NOT_AVAILABLE,
            ErrorCode::NOT_COORDINATOR,
            ErrorCode::UNKNOWN_MEMBER_ID,
            ErrorCode::ILLEGAL_GENERATION,
            ErrorCode::REBALANCE_IN_PROGRESS,
        ],
    ),
    (
        ApiKey::OFFSET_COMMIT,
        &[
            ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
            ErrorCode::COORDINATOR_NOT_AVAILABLE,
            ErrorCode::NOT_COORDINATOR,
            ErrorCode::REQUEST_TIMED_OUT,
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            ErrorCode::UNKNOWN_MEMBER_ID,
            ErrorCode::ILLEGAL_GENERATION,
            ErrorCode::REBALANCE_IN_PROGRESS,
        ],
    ),
    (
        ApiKey::OFFSET_FETCH,
        &[
            ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
            ErrorCode::NOT_COORDINATOR,
            ErrorCode::UNSTABLE_OFFSET_COMMIT,
        ],
    ),
];
/// Requests that may get lost.
const APIS: [ApiKey; 13] = [
    ApiKey::API_VERSIONS,
    ApiKey::METADATA,
    ApiKey::PRODUCE,
    ApiKey::PRODUCE,
    ApiKey::FETCH,
    ApiKey::FETCH,
    ApiKey::LIST_OFFSETS,
    ApiKey::FIND_COORDINATOR,
    ApiKey::JOIN_GROUP,
    ApiKey::SYNC_GROUP,
    ApiKey::HEARTBEAT,
    ApiKey::OFFSET_COMMIT,
    ApiKey::OFFSET_FETCH,
];

pub(super) fn draw(
    random: &mut Random,
    scenario: Scenario,
    seed: u64,
    (cluster, consumers): (&ClusterPlan, &[ConsumerPlan]),
    work: Duration,
) -> FaultPlan {
    let (kinds, count) = draw_kinds(random, scenario);
    let mut rules: Vec<FaultRule> = (0..count)
        .map(|_| {
            let kind = pick(random, kinds);
            draw_rule(random, kind, cluster, consumers, work)
        })
        .collect();
    rules.extend(draw_own(random, scenario, seed, cluster, work));
    if matches!(scenario, Scenario::Restarts | Scenario::Acks)
        || (scenario == Scenario::Mixed && one_in(random, 2))
    {
        rules.extend(draw_restarts(random, cluster, work));
    }
    FaultPlan::new(random.bits(), rules)
}

/// What strikes in worlds of a kind, and how often.
fn draw_kinds(random: &mut Random, scenario: Scenario) -> (&'static [Kind], usize) {
    use Kind::*;
    match scenario {
        Scenario::Calm => (&[], 0),
        Scenario::Mixed => (
            &[
                ProduceError,
                FetchError,
                OtherError,
                GroupError,
                Delay,
                Drop,
                Close,
                Cut,
                Hang,
                LoseAnswer,
                MoveLeader,
                MoveCoordinator,
                PauseReplication,
            ],
            8 + random.below(16),
        ),
        Scenario::Leaders => (
            &[MoveLeader, MoveLeader, MoveLeader, PauseReplication, ProduceError, FetchError, OtherError],
            15 + random.below(20),
        ),
        Scenario::Coordinators => (&[MoveCoordinator, MoveCoordinator, GroupError], 10 + random.below(10)),
        Scenario::Restarts => (&[MoveLeader, PauseReplication, Delay, ProduceError], 5 + random.below(5)),
        Scenario::Network => (&[Delay, Drop, Close, Cut, Hang], 8 + random.below(8)),
        Scenario::Duplicates => (&[LoseAnswer, LoseAnswer, ProduceError, Delay], 8 + random.below(8)),
        Scenario::Groups => (&[GroupError, GroupError, MoveCoordinator, Drop, Close], 8 + random.below(10)),
        Scenario::Codes => (&[MoveLeader, MoveCoordinator], 2 + random.below(4)),
        Scenario::Refusals => (&[Delay, Close, MoveLeader, MoveCoordinator], 2 + random.below(6)),
        Scenario::Expiry => (
            &[Delay, Drop, LoseAnswer, Hang, ProduceError, MoveLeader, PauseReplication],
            10 + random.below(14),
        ),
        Scenario::Acks => (&[MoveLeader, LoseAnswer, ProduceError, Close, Delay], 8 + random.below(10)),
        Scenario::Topics => (&[Delay, Close, MoveLeader, FetchError, MoveCoordinator], 4 + random.below(8)),
        Scenario::Wanderers => {
            (&[Delay, Close, MoveLeader, MoveCoordinator, FetchError, OtherError], 6 + random.below(8))
        }
        Scenario::Sessions => (
            &[Delay, Drop, Close, Cut, Hang, LoseAnswer, ProduceError, MoveLeader, MoveCoordinator],
            8 + random.below(12),
        ),
        // It draws its own.
        Scenario::Machines => (&[], 0),
        _ => draw_kinds_for_producers(random, scenario),
    }
}

/// Likewise, in worlds that are about producers and what brokers answer.
fn draw_kinds_for_producers(random: &mut Random, scenario: Scenario) -> (&'static [Kind], usize) {
    use Kind::*;
    match scenario {
        Scenario::Limits | Scenario::Records => (
            &[
                Delay,
                Drop,
                Close,
                LoseAnswer,
                LoseAnswer,
                ProduceError,
                ProduceError,
                MoveLeader,
                PauseReplication,
            ],
            5 + random.below(12),
        ),
        Scenario::Answers => (
            &[Repeat, Repeat, Throttle, Throttle, Throttle, LoseAnswer, ProduceError, Close, MoveLeader],
            12 + random.below(14),
        ),
        Scenario::Hints => (
            &[Misdirect, Misdirect, MoveLeader, MoveLeader, ProduceError, LoseAnswer, PauseReplication],
            15 + random.below(20),
        ),
        Scenario::Applications => (
            &[Delay, Delay, Drop, LoseAnswer, LoseAnswer, ProduceError, MoveLeader, PauseReplication, Close],
            10 + random.below(14),
        ),
        Scenario::Logins => (&[Delay, Close, MoveLeader, LoseAnswer], 4 + random.below(6)),
        Scenario::Outages => (&[Delay, Drop, LoseAnswer, MoveLeader, PauseReplication], 5 + random.below(8)),
        _ => (&[], 0),
    }
}

/// What only worlds of one kind have.
fn draw_own(
    random: &mut Random,
    scenario: Scenario,
    seed: u64,
    cluster: &ClusterPlan,
    work: Duration,
) -> Vec<FaultRule> {
    match scenario {
        Scenario::Codes => codes::draw(random, seed, work),
        Scenario::Refusals => codes::draw_refusals(random, work),
        Scenario::Topics => draw_deletions(random, cluster, work),
        Scenario::Wanderers => codes::draw_lost_places(random, work),
        Scenario::Limits => topic_configs::draw_limits(random, cluster, work),
        Scenario::Records => topic_configs::draw_policies(random, cluster, work),
        Scenario::Logins => codes::draw_failed_logins(random, work),
        Scenario::Outages => codes::draw_rebootstraps(random, work),
        _ => Vec::new(),
    }
}

/// What strikes in any world, whatever its clients do: pauses that are too short for a follower to fall out of sync.
/// Fetches beside them, since consumers always ask.
pub(super) fn draw_spare(random: &mut Random, cluster: &ClusterPlan, work: Duration) -> FaultPlan {
    let begin = spare_begins(work);
    let mut rules = Vec::new();
    for nth in 0..LEAST_FAULTS {
        // The first topics stay.
        let (topic, partitions) = cluster.topics[nth % 2].clone();
        let partition = random.below(partitions as usize) as i32;
        let action = FaultAction::PauseReplication { topic, partition, by: between_ms(random, 50, 500) };
        let at = begin + between_ms(random, 100, (work - begin).as_millis() as u64 - 100);
        rules.push(by_itself(at, action));
    }
    for nth in 0..3 {
        let (by, when) = (between_ms(random, 10, 300), When::AfterApply);
        let mut rule = FaultRule::new(FaultAction::Delay { by, when });
        rule.on.api = Some(ApiKey::FETCH);
        (rule.skip, rule.times, rule.to) = (3 * nth, Some(1), Some(work));
        rules.push(rule);
    }
    FaultPlan::new(random.bits(), rules)
}

/// When a world looks whether it needs its spare faults.
pub(in super::super) fn spare_begins(work: Duration) -> Duration {
    work * 3 / 4
}

/// The mortal topic goes and comes, and steady ones lose their oldest records.
fn draw_deletions(random: &mut Random, cluster: &ClusterPlan, work: Duration) -> Vec<FaultRule> {
    let mut rules = Vec::new();
    let mut at = between_ms(random, 1_000, 8_000);
    while at < work {
        let gone = pick_ms(random, &[0, 50, 500, 3_000]);
        let topic = MORTAL_TOPIC.to_owned();
        rules.push(by_itself(at, FaultAction::DeleteTopic { topic, gone_for: Some(gone) }));
        at += gone + between_ms(random, 1_000, 10_000);
    }
    for _ in 0..1 + random.below(8) {
        let (topic, partitions) = cluster.topics[random.below(cluster.topics.len())].clone();
        let partition = random.below(partitions as usize) as i32;
        let left = pick(random, &[0, 1, 10, 40]);
        rules.push(by_itself(within(random, work), FaultAction::DeleteRecords { topic, partition, left }));
    }
    rules
}

/// Nodes go down one after the other: two at once may be all that is in sync.
fn draw_restarts(random: &mut Random, cluster: &ClusterPlan, work: Duration) -> Vec<FaultRule> {
    let mut rules = Vec::new();
    let mut at = between_ms(random, 500, 5_000);
    while at < work {
        let node = NodeId(1 + random.below(cluster.nodes) as i32);
        let down = between_ms(random, 200, 8_000);
        let down_for = Some(down);
        let action = match random.below(2) {
            0 => FaultAction::StopNode { node, down_for },
            _ => FaultAction::KillNode { node, down_for },
        };
        rules.push(by_itself(at, action));
        at += down + between_ms(random, 500, 5_000);
    }
    rules
}

fn draw_rule(
    random: &mut Random,
    kind: Kind,
    cluster: &ClusterPlan,
    consumers: &[ConsumerPlan],
    work: Duration,
) -> FaultRule {
    let when = pick(random, &[When::BeforeApply, When::AfterApply]);
    let api = pick(random, &APIS);
    match kind {
        Kind::ProduceError => draw_error(random, PRODUCE, work),
        Kind::FetchError => draw_error(random, FETCH, work),
        Kind::OtherError => {
            let errors = pick(random, OTHERS);
            draw_error(random, errors, work)
        }
        Kind::GroupError => {
            let errors = pick(random, GROUPS);
            draw_error(random, errors, work)
        }
        Kind::Delay => {
            let by = between_ms(random, 10, 4_000);
            on_requests(random, api, work, FaultAction::Delay { by, when })
        }
        Kind::Drop => on_requests(random, api, work, FaultAction::Drop { when }),
        Kind::Close => on_requests(random, api, work, FaultAction::Close { when }),
        Kind::Cut => {
            let bytes = random.below(60) as u32;
            on_requests(random, api, work, FaultAction::Cut { bytes })
        }
        Kind::Hang => on_requests(random, api, work, FaultAction::Hang { when }),
        Kind::LoseAnswer => {
            let when = When::AfterApply;
            let action = pick(random, &[0, 1]);
            let action = if action == 0 { FaultAction::Close { when } } else { FaultAction::Drop { when } };
            on_requests(random, ApiKey::PRODUCE, work, action)
        }
        Kind::Repeat => on_requests(random, api, work, FaultAction::Repeat),
        Kind::Throttle => {
            let by = between_ms(random, 20, 3_000);
            on_requests(random, api, work, FaultAction::Throttle { by })
        }
        Kind::Misdirect => {
            // One of them is not there.
            let node = NodeId(1 + random.below(cluster.nodes + 1) as i32);
            let epochs_back = pick(random, &[0, 0, 1, 3]);
            on_requests(random, ApiKey::PRODUCE, work, FaultAction::Misdirect { node, epochs_back })
        }
        Kind::MoveLeader | Kind::PauseReplication => {
            let (topic, partitions) = cluster.topics[random.below(cluster.topics.len())].clone();
            let partition = random.below(partitions as usize) as i32;
            let action = if matches!(kind, Kind::MoveLeader) {
                let node = NodeId(1 + random.below(cluster.nodes) as i32);
                FaultAction::MoveLeader { topic, partition, node }
            } else {
                FaultAction::PauseReplication { topic, partition, by: between_ms(random, 500, 12_000) }
            };
            by_itself(within(random, work), action)
        }
        Kind::MoveCoordinator => {
            let group = consumers[random.below(consumers.len())].group.clone();
            let node = NodeId(1 + random.below(cluster.nodes) as i32);
            by_itself(within(random, work), FaultAction::MoveCoordinator { group, node })
        }
    }
}

fn draw_error(random: &mut Random, (api, codes): Errors, work: Duration) -> FaultRule {
    let code = pick(random, codes);
    let when = side_of(random, code);
    let mut rule = on_requests(random, api, work, FaultAction::Error { code, when });
    if api == ApiKey::METADATA {
        // A topic that several answers in a row do not know is taken for one that is not there.
        rule.times = Some(1);
    }
    rule
}

/// What says that nothing was written must be true.
pub(super) fn side_of(random: &mut Random, code: ErrorCode) -> When {
    match code {
        ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND => When::AfterApply,
        ErrorCode::REQUEST_TIMED_OUT if one_in(random, 2) => When::AfterApply,
        _ => When::BeforeApply,
    }
}

fn on_requests(random: &mut Random, api: ApiKey, work: Duration, action: FaultAction) -> FaultRule {
    let mut rule = FaultRule::new(action);
    rule.on.api = Some(api);
    let from = within(random, work);
    rule.from = Some(from);
    rule.to = Some((from + between_ms(random, 500, 10_000)).min(work));
    rule.times = Some(1 + random.below(6) as u32);
    rule.probability = Some(pick(random, &[0.1, 0.5, 1.0]));
    rule
}

pub(super) fn by_itself(at: Duration, action: FaultAction) -> FaultRule {
    let mut rule = FaultRule::new(action);
    rule.at = Some(at);
    rule
}
