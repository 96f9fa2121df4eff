//! What goes wrong in a world, drawn from its seed: rules of the cluster's for requests and for itself, and what the
//! network and an administrator do.

use std::time::Duration;

use ottla_core::time::Instant;
use ottla_protocol::api::ApiKey;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::types::NodeId;
use ottla_testbroker::faults::{FaultAction, FaultPlan, FaultRule, When};

use super::agenda::Agenda;
use super::settings::{FAULTS_STOP, GROUP, PARTITIONS, Settings, TOPICS, one_of};
use crate::random::Random;

/// Something that is done to the world at a time.
#[derive(Clone, Copy, Debug)]
pub(super) enum Disturbance {
    /// One link breaks.
    CutLink,
    /// Nothing reaches or leaves a node for a while.
    Stall(NodeId, Duration),
    /// A node refuses connections for a while.
    Refuse(NodeId, Duration),
    /// The controller gives a node up that goes on as a zombie.
    Fence(NodeId),
    /// A node comes back.
    Start(NodeId),
    /// Every partition goes back to its first replica.
    ElectPreferred,
    /// A consumer begins, by its place.
    Join(usize),
    /// A consumer is closed.
    Leave(usize),
    /// From here on all goes well.
    FaultsStop,
}

/// The rules that the cluster is loaded with.
pub(super) fn rules(settings: &Settings, random: &mut Random) -> FaultPlan {
    let mut rules = Vec::new();
    for _ in 0..4 + random.below(5) {
        rules.push(on_requests(random));
    }
    for _ in 0..5 + random.below(6) {
        rules.push(by_itself(settings, random));
    }
    for _ in 0..1 + random.below(6) {
        rules.push(refusal(settings, random));
    }
    FaultPlan::new(random.bits(), rules)
}

/// What a member cannot get over without being told to try again.
fn refusal(settings: &Settings, random: &mut Random) -> FaultRule {
    let apis = [
        ApiKey::FIND_COORDINATOR,
        ApiKey::JOIN_GROUP,
        ApiKey::SYNC_GROUP,
        ApiKey::HEARTBEAT,
        ApiKey::HEARTBEAT,
    ];
    let (code, when) = (ErrorCode::GROUP_AUTHORIZATION_FAILED, When::BeforeApply);
    let mut rule = FaultRule::new(FaultAction::Error { code, when });
    rule.on.api = Some(one_of(random, apis));
    rule.on.client_id = Some(format!("fickle-{}", random.below(settings.fickle)));
    rule.skip = random.below(10) as u32;
    rule.times = Some(1 + random.below(3) as u32);
    rule
}

/// What is done to the world beside the rules.
pub(super) fn disturbances(settings: &Settings, random: &mut Random) -> Agenda<Disturbance> {
    let mut agenda = Agenda::new();
    let stop = Instant::from_start(FAULTS_STOP);
    for _ in 0..2 + random.below(8) {
        let (at, node) = (moment(random), node(settings, random));
        let at = Instant::from_start(at);
        let a_while = Duration::from_millis(random.below(4_000) as u64);
        match random.below(6) {
            0 | 1 => agenda.put(at, Disturbance::CutLink),
            2 => agenda.put(at, Disturbance::Stall(node, a_while)),
            3 => agenda.put(at, Disturbance::Refuse(node, a_while)),
            4 => {
                agenda.put(at, Disturbance::Fence(node));
                agenda.put((at + a_while).min(stop), Disturbance::Start(node));
            }
            _ => agenda.put(at, Disturbance::ElectPreferred),
        }
    }
    for consumer in 0..settings.consumers {
        agenda.put(Instant::from_start(moment(random)), Disturbance::Join(consumer));
        // The first one stays.
        if consumer > 0 && random.below(2) == 0 {
            agenda.put(Instant::from_start(moment(random)), Disturbance::Leave(consumer));
        }
    }
    agenda.put(stop, Disturbance::FaultsStop);
    agenda
}

/// A time at which something may go wrong.
fn moment(random: &mut Random) -> Duration {
    // Most is going on while records are sent.
    let end = if random.below(4) == 0 { FAULTS_STOP.as_millis() as usize } else { 9_000 };
    Duration::from_millis(random.below(end) as u64)
}

fn node(settings: &Settings, random: &mut Random) -> NodeId {
    NodeId(1 + random.below(settings.nodes) as i32)
}

fn on_requests(random: &mut Random) -> FaultRule {
    let api = one_of(
        random,
        [
            ApiKey::PRODUCE,
            ApiKey::PRODUCE,
            ApiKey::PRODUCE,
            ApiKey::FETCH,
            ApiKey::FETCH,
            ApiKey::METADATA,
            ApiKey::INIT_PRODUCER_ID,
            ApiKey::FIND_COORDINATOR,
            ApiKey::JOIN_GROUP,
            ApiKey::SYNC_GROUP,
            ApiKey::HEARTBEAT,
            ApiKey::OFFSET_COMMIT,
            ApiKey::OFFSET_FETCH,
            ApiKey::LIST_OFFSETS,
            ApiKey::API_VERSIONS,
        ],
    );
    let when = if random.below(2) == 0 { When::BeforeApply } else { When::AfterApply };
    let by = Duration::from_millis(random.below(3_000) as u64);
    let action = match random.below(8) {
        0 | 1 => error(api, random).map(|code| FaultAction::Error { code, when }),
        2 => Some(FaultAction::Delay { by, when }),
        3 => Some(FaultAction::Drop { when }),
        4 | 5 => Some(FaultAction::Close { when }),
        6 => Some(FaultAction::Cut { bytes: random.below(60) as u32 }),
        _ => Some(FaultAction::Hang { when }),
    };
    let mut rule = FaultRule::new(action.unwrap_or(FaultAction::Close { when }));
    rule.on.api = Some(api);
    rule.skip = random.below(12) as u32;
    rule.times = Some(1 + random.below(4) as u32);
    rule
}

fn by_itself(settings: &Settings, random: &mut Random) -> FaultRule {
    let node = node(settings, random);
    let a_while = Duration::from_millis(100 + random.below(6_000) as u64);
    let topic = one_of(random, TOPICS).to_owned();
    let partition = random.below(PARTITIONS) as i32;
    let action = match random.below(7) {
        0 => FaultAction::StopNode { node, down_for: Some(a_while) },
        1 => FaultAction::KillNode { node, down_for: Some(a_while) },
        2 | 3 => FaultAction::MoveLeader { topic, partition, node },
        4 | 5 => FaultAction::MoveCoordinator { group: GROUP.to_owned(), node },
        _ => FaultAction::PauseReplication { topic, partition, by: a_while },
    };
    let mut rule = FaultRule::new(action);
    rule.at = Some(moment(random));
    rule
}

/// A code that a broker may answer with, and that passes.
fn error(api: ApiKey, random: &mut Random) -> Option<ErrorCode> {
    use ErrorCode as E;
    let code = match api {
        ApiKey::PRODUCE => one_of(
            random,
            [
                E::NOT_LEADER_OR_FOLLOWER,
                E::NOT_ENOUGH_REPLICAS,
                E::NOT_ENOUGH_REPLICAS_AFTER_APPEND,
                E::REQUEST_TIMED_OUT,
                E::KAFKA_STORAGE_ERROR,
                E::UNKNOWN_TOPIC_OR_PARTITION,
            ],
        ),
        ApiKey::FETCH | ApiKey::LIST_OFFSETS => one_of(
            random,
            [
                E::NOT_LEADER_OR_FOLLOWER,
                E::UNKNOWN_LEADER_EPOCH,
                E::FENCED_LEADER_EPOCH,
                E::KAFKA_STORAGE_ERROR,
                E::UNKNOWN_TOPIC_OR_PARTITION,
            ],
        ),
        ApiKey::METADATA => one_of(random, [E::LEADER_NOT_AVAILABLE, E::UNKNOWN_TOPIC_OR_PARTITION]),
        ApiKey::INIT_PRODUCER_ID | ApiKey::FIND_COORDINATOR => {
            one_of(random, [E::COORDINATOR_NOT_AVAILABLE, E::COORDINATOR_LOAD_IN_PROGRESS])
        }
        ApiKey::JOIN_GROUP => one_of(
            random,
            [
                E::NOT_COORDINATOR,
                E::COORDINATOR_LOAD_IN_PROGRESS,
                E::COORDINATOR_NOT_AVAILABLE,
                E::UNKNOWN_MEMBER_ID,
            ],
        ),
        ApiKey::SYNC_GROUP | ApiKey::HEARTBEAT => one_of(
            random,
            [E::NOT_COORDINATOR, E::REBALANCE_IN_PROGRESS, E::UNKNOWN_MEMBER_ID, E::ILLEGAL_GENERATION],
        ),
        ApiKey::OFFSET_COMMIT => {
            one_of(random, [E::NOT_COORDINATOR, E::COORDINATOR_LOAD_IN_PROGRESS, E::REQUEST_TIMED_OUT])
        }
        ApiKey::OFFSET_FETCH => one_of(random, [E::NOT_COORDINATOR, E::COORDINATOR_LOAD_IN_PROGRESS]),
        _ => return None,
    };
    Some(code)
}
