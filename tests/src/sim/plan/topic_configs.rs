//! Topics whose configs change under those who write to them: how large batches may be, and which records are taken.

use std::time::Duration;

use ottla_testbroker::faults::{FaultAction, FaultRule};

use super::faults::by_itself;
use super::{ClusterPlan, between_ms, one_in, pick};
use crate::random::Random;

/// Bytes of a batch: some take no more than one small record, some not the largest records.
const LIMITS: [u32; 7] = [150, 300, 700, 1_500, 1_500, 6_000, 30_000];

/// `max.message.bytes` of every topic, from the start and now and then.
pub(super) fn draw_limits(random: &mut Random, cluster: &ClusterPlan, work: Duration) -> Vec<FaultRule> {
    let mut rules = Vec::new();
    for (topic, _) in &cluster.topics {
        // Some are as large as ever at first.
        let mut at = if one_in(random, 2) { Duration::ZERO } else { between_ms(random, 0, 10_000) };
        while at < work {
            let limit = pick(random, &LIMITS).to_string();
            rules.push(set(at, topic, "max.message.bytes", limit));
            at += between_ms(random, 500, 12_000);
        }
    }
    rules
}

/// `cleanup.policy` of every topic: a compacted one takes no record without a key.
pub(super) fn draw_policies(random: &mut Random, cluster: &ClusterPlan, work: Duration) -> Vec<FaultRule> {
    let mut rules = Vec::new();
    for (topic, _) in &cluster.topics {
        let mut at = between_ms(random, 0, 5_000);
        while at < work {
            rules.push(set(at, topic, "cleanup.policy", "compact,delete".to_owned()));
            at += between_ms(random, 100, 4_000);
            rules.push(set(at.min(work), topic, "cleanup.policy", "delete".to_owned()));
            at += between_ms(random, 500, 8_000);
        }
    }
    rules
}

fn set(at: Duration, topic: &str, name: &str, value: String) -> FaultRule {
    by_itself(at, FaultAction::SetTopicConfig { topic: topic.to_owned(), name: name.to_owned(), value })
}
