//! The order in which Java's range assignor visits topics: that of a `java.util.HashMap` with them as keys.
//!
//! Nothing depends on it but the order of partitions within an assignment, which applications see. Kept so that a
//! group of mixed clients sees the same, whoever leads.

use ottla_protocol::consumer_protocol::java_hash_code;
use ottla_protocol::types::TopicName;

/// Sorts topics, each there once, as a `HashMap` of them iterates. Topics in one bucket go by name.
pub(super) fn sort_as_hash_map(topics: &mut [&TopicName]) {
    // A table starts with 16 buckets and doubles when it is more than three quarters full.
    let mut buckets: u32 = 16;
    while topics.len() > buckets as usize / 4 * 3 {
        buckets = buckets.saturating_mul(2);
    }
    topics.sort_by_cached_key(|topic| {
        let hash = java_hash_code(topic) as u32;
        ((hash ^ hash >> 16) % buckets, (*topic).clone())
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_come_in_the_order_of_their_buckets() {
        let names: Vec<TopicName> = (0..7).map(|n| format!("t{n}").into()).collect();
        let mut topics: Vec<&TopicName> = names.iter().collect();
        sort_as_hash_map(&mut topics);
        let order: Vec<&str> = topics.iter().map(|topic| topic.as_str()).collect();
        assert_eq!(order, ["t4", "t5", "t6", "t0", "t1", "t2", "t3"]);
    }
}
