//! The states of a classic group, and every legal step between them.

use std::fmt;

/// Kafka's `ClassicGroupState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum GroupState {
    /// No members; perhaps offsets.
    Empty,
    /// Members are to join (again).
    PreparingRebalance,
    /// All have joined, the leader is to bring the assignment.
    CompletingRebalance,
    /// All know their assignment.
    Stable,
    /// Deleted.
    Dead,
}

/// From, to.
static TRANSITIONS: &[(GroupState, GroupState)] = &[
    (GroupState::Empty, GroupState::PreparingRebalance),
    (GroupState::Empty, GroupState::Dead),
    (GroupState::PreparingRebalance, GroupState::CompletingRebalance),
    (GroupState::PreparingRebalance, GroupState::Empty),
    (GroupState::PreparingRebalance, GroupState::Dead),
    (GroupState::CompletingRebalance, GroupState::Stable),
    (GroupState::CompletingRebalance, GroupState::PreparingRebalance),
    (GroupState::CompletingRebalance, GroupState::Dead),
    (GroupState::Stable, GroupState::PreparingRebalance),
    (GroupState::Stable, GroupState::Dead),
];

/// A step that the table does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IllegalTransition {
    pub(crate) from: GroupState,
    pub(crate) to: GroupState,
}

impl GroupState {
    /// The state after a step to `to`.
    pub(crate) fn step(self, to: Self) -> Result<Self, IllegalTransition> {
        if TRANSITIONS.contains(&(self, to)) { Ok(to) } else { Err(IllegalTransition { from: self, to }) }
    }

    /// Whether a rebalance may start now.
    pub(crate) fn can_rebalance(self) -> bool {
        self.step(Self::PreparingRebalance).is_ok()
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
            Self::Dead => "Dead",
        }
    }
}

impl fmt::Display for GroupState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::GroupState::{self, CompletingRebalance, Dead, Empty, PreparingRebalance, Stable};

    #[test]
    fn each_state_is_reached_from_where_kafka_allows_it() {
        let all = [Empty, PreparingRebalance, CompletingRebalance, Stable, Dead];
        let predecessors = |to: GroupState| -> Vec<GroupState> {
            all.into_iter().filter(|from| from.step(to).is_ok()).collect()
        };
        assert_eq!(predecessors(Empty), [PreparingRebalance]);
        assert_eq!(predecessors(PreparingRebalance), [Empty, CompletingRebalance, Stable]);
        assert_eq!(predecessors(CompletingRebalance), [PreparingRebalance]);
        assert_eq!(predecessors(Stable), [CompletingRebalance]);
        assert_eq!(predecessors(Dead), [Empty, PreparingRebalance, CompletingRebalance, Stable]);
    }
}
