//! Error codes as faults: each that may pass at every API that answers with it, and some that do not.

use std::time::Duration;

use ottla_core::coverage;
use ottla_protocol::api::ApiKey;
use ottla_protocol::error_code::ErrorCode;
use ottla_testbroker::faults::{FaultAction, FaultRule, When};

use super::{faults, one_in, pick};
use crate::random::Random;

/// How many codes one world meets with.
const CODES_OF_A_WORLD: u64 = 12;

/// What an application can only begin anew after. A topic that Metadata refuses is not among it: a consumer is told of that
/// only after several answers in a row, and asks seldom.
const REFUSALS: [(ApiKey, ErrorCode); 12] = [
    (ApiKey::PRODUCE, ErrorCode::TOPIC_AUTHORIZATION_FAILED),
    (ApiKey::PRODUCE, ErrorCode::INVALID_RECORD),
    (ApiKey::INIT_PRODUCER_ID, ErrorCode::CLUSTER_AUTHORIZATION_FAILED),
    (ApiKey::FETCH, ErrorCode::TOPIC_AUTHORIZATION_FAILED),
    (ApiKey::LIST_OFFSETS, ErrorCode::TOPIC_AUTHORIZATION_FAILED),
    (ApiKey::FIND_COORDINATOR, ErrorCode::GROUP_AUTHORIZATION_FAILED),
    (ApiKey::JOIN_GROUP, ErrorCode::GROUP_AUTHORIZATION_FAILED),
    (ApiKey::SYNC_GROUP, ErrorCode::GROUP_AUTHORIZATION_FAILED),
    (ApiKey::HEARTBEAT, ErrorCode::GROUP_AUTHORIZATION_FAILED),
    (ApiKey::OFFSET_COMMIT, ErrorCode::GROUP_AUTHORIZATION_FAILED),
    (ApiKey::OFFSET_FETCH, ErrorCode::GROUP_AUTHORIZATION_FAILED),
    // A broker that is older than the question: it is asked in the first version then.
    (ApiKey::API_VERSIONS, ErrorCode::UNSUPPORTED_VERSION),
];

/// Of all codes that brokers answer with and that pass, those whose turn it is in the world of `seed`: a few worlds in a
/// row have every one of them.
pub(super) fn draw(random: &mut Random, seed: u64, work: Duration) -> Vec<FaultRule> {
    let all: Vec<_> = coverage::codes().into_iter().filter(|told| told.is_expected).collect();
    let first = seed.wrapping_mul(CODES_OF_A_WORLD);
    let turn = (0..CODES_OF_A_WORLD).map(|nth| &all[(first.wrapping_add(nth) % all.len() as u64) as usize]);
    turn.map(|told| {
        let when = faults::side_of(random, told.code);
        let mut rule = on(told.api, FaultAction::Error { code: told.code, when }, work);
        rule.times = Some(match told.api {
            // A topic that several answers in a row do not know is taken for one that is not there.
            ApiKey::METADATA => 1,
            _ => 1 + random.below(3) as u32,
        });
        if matches!(told.api, ApiKey::PRODUCE | ApiKey::FETCH | ApiKey::OFFSET_COMMIT) {
            rule.skip = random.below(6) as u32;
        }
        rule
    })
    .collect()
}

/// What ends producers and consumers.
pub(super) fn draw_refusals(random: &mut Random, work: Duration) -> Vec<FaultRule> {
    let draw = |_| {
        let (api, code) = pick(random, &REFUSALS);
        let mut rule = on(api, FaultAction::Error { code, when: When::BeforeApply }, work);
        rule.times = Some(1 + random.below(2) as u32);
        if !one_in(random, 3) {
            rule.skip = random.below(30) as u32;
        }
        rule
    };
    (0..8).map(draw).collect()
}

/// The place of a consumer that wanders is outside of what its partition has, or it may not read it.
pub(super) fn draw_lost_places(random: &mut Random, work: Duration) -> Vec<FaultRule> {
    let draw = |_| {
        let codes = [
            (ApiKey::FETCH, ErrorCode::OFFSET_OUT_OF_RANGE),
            (ApiKey::OFFSET_FETCH, ErrorCode::UNSTABLE_OFFSET_COMMIT),
            (ApiKey::OFFSET_FETCH, ErrorCode::NOT_COORDINATOR),
            (ApiKey::OFFSET_FETCH, ErrorCode::TOPIC_AUTHORIZATION_FAILED),
            (ApiKey::OFFSET_FETCH, ErrorCode::TOPIC_AUTHORIZATION_FAILED),
        ];
        let (api, code) = pick(random, &codes);
        let mut rule = on(api, FaultAction::Error { code, when: When::BeforeApply }, work);
        rule.on.client_id = Some("wanderer-0".to_owned());
        rule.times = Some(1 + random.below(2) as u32);
        rule.skip = random.below(if api == ApiKey::FETCH { 20 } else { 3 }) as u32;
        rule
    };
    (0..6).map(draw).collect()
}

/// Brokers that do not know the user, or not the mechanism.
pub(super) fn draw_failed_logins(random: &mut Random, work: Duration) -> Vec<FaultRule> {
    let draw = |_| {
        let (api, code) = pick(
            random,
            &[
                (ApiKey::SASL_AUTHENTICATE, ErrorCode::SASL_AUTHENTICATION_FAILED),
                (ApiKey::SASL_HANDSHAKE, ErrorCode::UNSUPPORTED_SASL_MECHANISM),
            ],
        );
        let mut rule = on(api, FaultAction::Error { code, when: When::BeforeApply }, work);
        rule.times = Some(1 + random.below(2) as u32);
        rule.skip = random.below(25) as u32;
        rule
    };
    (0..6).map(draw).collect()
}

/// Brokers that send clients back to where they began.
pub(super) fn draw_rebootstraps(random: &mut Random, work: Duration) -> Vec<FaultRule> {
    let draw = |_| {
        let (code, when) = (ErrorCode::REBOOTSTRAP_REQUIRED, When::BeforeApply);
        let mut rule = on(ApiKey::METADATA, FaultAction::Error { code, when }, work);
        rule.times = Some(1 + random.below(3) as u32);
        rule.from = Some(work.mul_f64(random.below(80) as f64 / 100.0));
        rule
    };
    (0..4).map(draw).collect()
}

fn on(api: ApiKey, action: FaultAction, work: Duration) -> FaultRule {
    let mut rule = FaultRule::new(action);
    rule.on.api = Some(api);
    rule.to = Some(work);
    rule
}
