//! `range`: topic by topic, neighbouring partitions to the same member.
//!
//! Topics with as many partitions and the same members are shared out alike, so that what belongs together by key
//! stays together. With racks (KIP-881), members first get partitions with a replica in their rack, within the same
//! numbers; topics that are shared out alike stay so.

use std::collections::{BTreeMap, BTreeSet};

use ottla_protocol::types::{Str, TopicName};

use super::{Assignment, Assignor, Member, TopicSnapshot, into_assignments, members_by_topic, topic_order};
use crate::consumer::TopicPartition;

/// Java's `RangeAssignor`, order included.
#[derive(Clone, Copy, Debug, Default)]
pub struct RangeAssignor;

impl Assignor for RangeAssignor {
    fn name(&self) -> &str {
        "range"
    }

    fn assign(&self, members: &[Member], topics: &TopicSnapshot) -> BTreeMap<Str, Assignment> {
        let (members, by_topic) = members_by_topic(members, topics);
        let mut order: Vec<&TopicName> = by_topic.keys().copied().collect();
        topic_order::sort_as_hash_map(&mut order);
        let mut shares: Vec<Share<'_>> =
            order.into_iter().map(|topic| Share::new(topic, &by_topic[topic], &members, topics)).collect();

        let mut assigned = vec![Vec::new(); members.len()];
        let by_rack = shares.iter().any(|share| share.by_rack);
        if by_rack {
            assign_by_rack(&mut shares, &mut assigned);
        }
        for share in &mut shares {
            share.assign_ranges(|_, _| true, &mut assigned);
        }
        if by_rack {
            assigned.iter_mut().for_each(|partitions| partitions.sort());
        }
        into_assignments(&members, assigned)
    }
}

/// One topic and what of it is given away.
struct Share<'a> {
    topic: &'a TopicName,
    /// The members that want it, in order, as indexes, with their racks.
    members: Vec<(usize, Option<&'a Str>)>,
    /// How many partitions each of them has got.
    counts: Vec<usize>,
    /// Whether each partition is given away.
    given: Vec<bool>,
    /// The racks of each partition's replicas; empty where they do not matter.
    racks: Vec<BTreeSet<&'a Str>>,
    /// Whether some partitions are nearer to some members than others.
    by_rack: bool,
    /// What each member gets at least, …
    quota: usize,
    /// … and how many members may still get one more.
    extras: usize,
}

impl<'a> Share<'a> {
    fn new(
        topic: &'a TopicName,
        interested: &[usize],
        members: &[&'a Member],
        topics: &'a TopicSnapshot,
    ) -> Self {
        let rack = |at: usize| members[at].subscription.rack_id.as_ref().filter(|rack| !rack.is_empty());
        let members: Vec<_> = interested.iter().map(|&at| (at, rack(at))).collect();
        let partition_count = topics.partition_count(topic);
        let wanted: BTreeSet<&Str> = members.iter().filter_map(|(_, rack)| *rack).collect();
        let racks: Vec<BTreeSet<&Str>> = if wanted.is_empty() {
            Vec::new()
        } else {
            (0..partition_count).map(|partition| topics.racks(topic, partition).iter().collect()).collect()
        };
        let all: BTreeSet<&Str> = racks.iter().flatten().copied().collect();
        let by_rack = !all.is_disjoint(&wanted) && racks.iter().any(|racks| *racks != all);
        let count = partition_count as usize;
        Self {
            topic,
            counts: vec![0; members.len()],
            given: vec![false; count],
            racks,
            by_rack,
            quota: count / members.len(),
            extras: count % members.len(),
            members,
        }
    }

    /// Whether a replica of `partition` is in the rack of the `nth` member, or the member has none.
    fn is_near(&self, nth: usize, partition: usize) -> bool {
        self.members[nth]
            .1
            .is_none_or(|rack| self.racks.get(partition).is_some_and(|racks| racks.contains(rack)))
    }

    /// How many more partitions the `nth` member may get.
    fn room(&self, nth: usize) -> usize {
        (self.quota + usize::from(self.extras > 0)).saturating_sub(self.counts[nth])
    }

    fn give(&mut self, nth: usize, partitions: &[usize], assigned: &mut [Vec<TopicPartition>]) {
        if partitions.is_empty() {
            return;
        }
        self.counts[nth] += partitions.len();
        if self.counts[nth] > self.quota {
            self.extras = self.extras.saturating_sub(1);
        }
        for &partition in partitions {
            self.given[partition] = true;
            assigned[self.members[nth].0].push(TopicPartition::new(self.topic.clone(), partition as i32));
        }
    }

    /// Gives every member, in order, the first partitions that are left and that it `may` have.
    fn assign_ranges(
        &mut self,
        may: impl Fn(&Self, (usize, usize)) -> bool,
        assigned: &mut [Vec<TopicPartition>],
    ) {
        // What lies before is given away.
        let mut first = 0;
        for nth in 0..self.members.len() {
            while self.given.get(first) == Some(&true) {
                first += 1;
            }
            let left = (first..self.given.len()).filter(|&partition| !self.given[partition]);
            let fitting = left.filter(|&partition| may(self, (nth, partition)));
            let partitions: Vec<usize> = fitting.take(self.room(nth)).collect();
            self.give(nth, &partitions, assigned);
        }
    }
}

fn assign_by_rack(shares: &mut [Share<'_>], assigned: &mut [Vec<TopicPartition>]) {
    let mut alike = BTreeMap::<_, Vec<usize>>::new();
    for (at, share) in shares.iter().enumerate() {
        // A topic none of whose members has a rack is left to the ranges.
        if !share.racks.is_empty() {
            alike.entry((share.members.clone(), share.given.len())).or_default().push(at);
        }
    }
    for ((members, partition_count), group) in alike {
        match group[..] {
            [at] if shares[at].by_rack => {
                shares[at].assign_ranges(|share, (nth, partition)| share.is_near(nth, partition), assigned)
            }
            [_] => {}
            _ => assign_alike(shares, &group, (members.len(), partition_count), assigned),
        }
    }
}

/// Gives the same partition of all topics of `group` to the same member, if it is near to all of them.
fn assign_alike(
    shares: &mut [Share<'_>],
    group: &[usize],
    (member_count, partition_count): (usize, usize),
    assigned: &mut [Vec<TopicPartition>],
) {
    let mut remaining: Vec<usize> = (0..member_count).collect();
    for partition in 0..partition_count {
        let fits = |&nth: &usize| {
            group.iter().all(|&at| shares[at].is_near(nth, partition) && shares[at].room(nth) > 0)
        };
        let Some(nth) = remaining.iter().copied().find(fits) else { continue };
        for &at in group {
            shares[at].give(nth, &[partition], assigned);
        }
        if group.iter().all(|&at| shares[at].room(nth) == 0) {
            remaining.retain(|&other| other != nth);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assignors::Subscription;

    fn member(id: &str, rack: Option<&str>, topics: &[&str]) -> Member {
        let mut subscription = Subscription::new(topics.iter().map(|&topic| topic.into()).collect());
        subscription.rack_id = rack.map(Into::into);
        Member::new(id.into(), None, subscription)
    }

    fn assign(members: &[Member], topics: &TopicSnapshot) -> Vec<Vec<i32>> {
        let assigned = RangeAssignor.assign(members, topics);
        assigned.values().map(|a| a.partitions.iter().map(|p| p.partition).collect()).collect()
    }

    #[test]
    fn the_first_members_get_one_more() {
        let mut topics = TopicSnapshot::default();
        topics.insert("t".into(), 5);
        let members = [member("b", None, &["t"]), member("a", None, &["t", "t", "missing"])];
        assert_eq!(assign(&members, &topics), [vec![0, 1, 2], vec![3, 4]]);
    }

    #[test]
    fn static_members_go_first_by_their_instance_id() {
        let mut topics = TopicSnapshot::default();
        topics.insert("t".into(), 3);
        let mut members = [member("a", None, &["t"]), member("b", None, &["t"]), member("c", None, &["t"])];
        members[1].group_instance_id = Some("y".into());
        members[2].group_instance_id = Some("x".into());
        assert_eq!(assign(&members, &topics), [vec![2], vec![1], vec![0]]);
    }

    #[test]
    fn members_get_partitions_in_their_rack_within_the_same_numbers() {
        let mut topics = TopicSnapshot::default();
        let racks = [["r2", "r0"], ["r0", "r1"], ["r1", "r2"], ["r2", "r0"]];
        topics.insert_with_racks("t".into(), racks.iter().map(|r| r.map(Into::into).to_vec()).collect());
        let members = [member("a", Some("r1"), &["t"]), member("b", Some("r0"), &["t"])];
        assert_eq!(assign(&members, &topics), [vec![1, 2], vec![0, 3]]);
    }

    #[test]
    fn nobody_gets_anything_of_nothing() {
        assert!(RangeAssignor.assign(&[], &TopicSnapshot::default()).is_empty());
        let nothing: [Vec<i32>; 1] = [vec![]];
        assert_eq!(assign(&[member("a", None, &[])], &TopicSnapshot::default()), nothing);
    }
}
