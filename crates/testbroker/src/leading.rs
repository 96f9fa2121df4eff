//! What a leader knows of its followers: how far each has come, as far as its fetches told, and since when it lags.

use std::collections::BTreeMap;
use std::time::Duration;

use ottla_protocol::types::NodeId;

use crate::now::Instant;
use crate::partition_state::PartitionState;

/// The end of a log that the leader has not heard of.
const UNKNOWN_END: i64 = -1;

/// A leader's knowledge, from its election on.
#[derive(Clone, Debug)]
pub(crate) struct Leading {
    pub(crate) leader_epoch: i32,
    /// Where its log ended when it began to lead. Before the high watermark gets here it does not tell the log's end.
    pub(crate) epoch_start_offset: i64,
    followers: BTreeMap<NodeId, Follower>,
}

/// Kafka's `ReplicaState`.
#[derive(Clone, Debug)]
struct Follower {
    /// What it asked for last: it has everything before.
    end_offset: i64,
    last_fetch: Instant,
    /// Where the leader's log ended at that fetch.
    leader_end_at_last_fetch: i64,
    /// When it last had everything.
    caught_up_at: Option<Instant>,
}

impl Leading {
    pub(crate) fn new(state: &PartitionState, leader: NodeId, end_offset: i64, now: Instant) -> Self {
        let others = state.replicas.iter().filter(|node| **node != leader);
        let followers = others.map(|node| {
            let caught_up_at = state.isr.contains(node).then_some(now);
            let follower = Follower {
                end_offset: UNKNOWN_END,
                last_fetch: now,
                leader_end_at_last_fetch: end_offset,
                caught_up_at,
            };
            (*node, follower)
        });
        Self {
            leader_epoch: state.leader_epoch,
            epoch_start_offset: end_offset,
            followers: followers.collect(),
        }
    }

    /// How far a follower has come; `None` if it has not fetched yet.
    pub(crate) fn end_of(&self, node: NodeId) -> Option<i64> {
        self.followers.get(&node).map(|follower| follower.end_offset).filter(|end| *end != UNKNOWN_END)
    }

    /// The leader's log grows from `end_offset` on: who had everything until now did.
    pub(crate) fn on_append(&mut self, now: Instant, end_offset: i64) {
        for follower in self.followers.values_mut() {
            if follower.end_offset >= end_offset {
                follower.caught_up_at = Some(now);
            }
        }
    }

    /// A follower asked for what comes after `offset`; the leader's log ends at `end_offset`.
    pub(crate) fn on_fetch(&mut self, now: Instant, node: NodeId, offset: i64, end_offset: i64) {
        let Some(follower) = self.followers.get_mut(&node) else { return };
        if offset >= end_offset {
            follower.caught_up_at = Some(now);
        } else if offset >= follower.leader_end_at_last_fetch {
            follower.caught_up_at = follower.caught_up_at.max(Some(follower.last_fetch));
        }
        follower.end_offset = offset;
        follower.last_fetch = now;
        follower.leader_end_at_last_fetch = end_offset;
    }

    /// The offset that all of `isr` have. Kafka also waits for those who are about to join it, which only spares them
    /// a race.
    pub(crate) fn committed(&self, isr: &[NodeId], end_offset: i64) -> i64 {
        let in_sync = self.followers.iter().filter(|(node, _)| isr.contains(node));
        in_sync.map(|(_, follower)| follower.end_offset).min().map_or(end_offset, |end| end.min(end_offset))
    }

    /// When a member of `isr` will have lagged for `max_lag`, and who; the first of them.
    pub(crate) fn next_laggard(
        &self,
        isr: &[NodeId],
        end_offset: i64,
        max_lag: Duration,
    ) -> Option<(Instant, NodeId)> {
        let lagging = self
            .followers
            .iter()
            .filter(|(node, follower)| isr.contains(node) && follower.end_offset < end_offset);
        lagging.map(|(node, follower)| (follower.caught_up_at.unwrap_or_default() + max_lag, *node)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAG: Duration = Duration::from_micros(100);

    fn at(micros: u64) -> Instant {
        Instant::from_micros(micros)
    }

    fn leading() -> (Leading, Vec<NodeId>) {
        let state = PartitionState::new(vec![NodeId(1), NodeId(2), NodeId(3)], |_| true);
        (Leading::new(&state, NodeId(1), 10, at(0)), state.isr)
    }

    #[test]
    fn what_all_in_sync_have_is_committed() {
        let (mut leading, isr) = leading();
        assert_eq!(leading.committed(&isr, 20), -1, "nobody was heard of yet");
        leading.on_fetch(at(1), NodeId(2), 15, 20);
        leading.on_fetch(at(1), NodeId(3), 12, 20);
        assert_eq!(leading.committed(&isr, 20), 12);
        assert_eq!(leading.committed(&isr[..2], 20), 15);
        assert_eq!(leading.committed(&isr[..1], 20), 20);
    }

    #[test]
    fn a_follower_lags_from_when_it_last_had_everything() {
        let (mut leading, isr) = leading();
        leading.on_fetch(at(5), NodeId(2), 10, 10);
        leading.on_fetch(at(5), NodeId(3), 10, 10);
        assert_eq!(leading.next_laggard(&isr, 10, LAG), None);
        leading.on_append(at(50), 10);
        assert_eq!(leading.next_laggard(&isr, 20, LAG), Some((at(150), NodeId(2))));
        leading.on_fetch(at(60), NodeId(2), 20, 20);
        assert_eq!(leading.next_laggard(&isr, 20, LAG), Some((at(150), NodeId(3))));
        // It always has what there was at its fetch before: it keeps up.
        leading.on_fetch(at(70), NodeId(3), 10, 20);
        leading.on_fetch(at(90), NodeId(3), 20, 30);
        assert_eq!(leading.next_laggard(&isr, 30, LAG), Some((at(160), NodeId(2))));
    }
}
