//! `roundrobin`: all partitions of all topics in a row, dealt out in turn.

use std::collections::BTreeMap;

use ottla_protocol::types::Str;

use super::{Assignment, Assignor, Member, TopicSnapshot, into_assignments, members_by_topic};
use crate::consumer::TopicPartition;

/// Java's `RoundRobinAssignor`, order included. A member that does not want a partition is passed over and loses its
/// turn, so that unequal subscriptions may give unequal shares.
#[derive(Clone, Copy, Debug, Default)]
pub struct RoundRobinAssignor;

impl Assignor for RoundRobinAssignor {
    fn name(&self) -> &str {
        "roundrobin"
    }

    fn assign(&self, members: &[Member], topics: &TopicSnapshot) -> BTreeMap<Str, Assignment> {
        let (members, by_topic) = members_by_topic(members, topics);
        let mut assigned = vec![Vec::new(); members.len()];
        // Whose turn it is.
        let mut turn = 0;
        for (topic, interested) in &by_topic {
            for partition in 0..topics.partition_count(topic) {
                // The first one from `turn` on that wants the topic, around the table.
                let at = interested.partition_point(|&at| at < turn);
                let taker = interested[at % interested.len()];
                assigned[taker].push(TopicPartition::new((*topic).clone(), partition));
                turn = (taker + 1) % members.len();
            }
        }
        into_assignments(&members, assigned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assignors::Subscription;

    #[test]
    fn a_member_that_does_not_want_a_partition_loses_its_turn() {
        let mut topics = TopicSnapshot::default();
        let mut members = Vec::new();
        for (at, id) in ["c0", "c1", "c2"].into_iter().enumerate() {
            topics.insert(format!("t{at}").into(), at as i32 + 1);
            let wanted = (0..=at).map(|topic| format!("t{topic}").into()).collect();
            members.push(Member::new(id.into(), None, Subscription::new(wanted)));
        }
        let assigned = RoundRobinAssignor.assign(&members, &topics);
        let names =
            |id: &str| -> Vec<String> { assigned[id].partitions.iter().map(ToString::to_string).collect() };
        assert_eq!(names("c0"), ["t0-0"]);
        assert_eq!(names("c1"), ["t1-0"]);
        assert_eq!(names("c2"), ["t1-1", "t2-0", "t2-1", "t2-2"]);
    }
}
