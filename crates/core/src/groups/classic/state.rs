//! The states of a classic group's member, and every legal way from one to another.
//!
//! What leads from one to the next, beside closing, which leads to Leaving from anywhere, and to Revoking before that
//! where partitions are held:
//!
//! | state | event | next | output |
//! |---|---|---|---|
//! | Idle | a subscription | Joining | |
//! | Joining | JoinGroup is answered | Syncing; Assigning as leader | NeedTopics |
//! | Joining | UNKNOWN_MEMBER_ID, MEMBER_ID_REQUIRED | Joining | |
//! | Assigning | the topics' partitions | Syncing | |
//! | Syncing | SyncGroup is answered | Stable; Revoking if partitions are withheld | Assigned; Revoke |
//! | Syncing | it is refused or fails | Joining | |
//! | Stable | REBALANCE_IN_PROGRESS, another subscription or other partitions | Revoking; Joining with nothing to give up | Revoke |
//! | Stable, once it leads | partitions that changed while it was Syncing | as above | Revoke |
//! | Revoking | the application has let go | Joining, Idle | |
//! | Revoking | it has not within the rebalance timeout | Losing | LeaveGroup, Lost |
//! | any member with partitions | ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID | Losing | Lost |
//! | any member without | ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID | Joining | |
//! | Losing | the application has let go | Joining | |
//! | any member | no poll for `max.poll.interval.ms` | Overdue | LeaveGroup, Lost |
//! | Overdue | a poll | Losing until the application has let go, then Joining | |
//! | any member | a code that only a person can mend | Failed | Lost, Failed |
//!
//! The rule behind Revoking and Losing is that of Java's `ConsumerCoordinator.onJoinPrepare`: JoinGroup is sent only
//! after the application has let go, since the group gives its partitions away from then on. If the membership is lost
//! before it was told to, it is told that they are lost, and not that they are revoked as well.

use crate::state_table::StateTable;

/// Where the member stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ClassicState {
    /// Subscribed to nothing; no member.
    Idle,
    /// A JoinGroup request is to be sent or under way.
    Joining,
    /// The leader waits for its topics' partitions, to assign them.
    Assigning,
    /// A SyncGroup request is to be sent or under way.
    Syncing,
    /// A member with an assignment, perhaps an empty one.
    Stable,
    /// The application is told to let go of partitions; once it has, it goes on.
    Revoking,
    /// The membership is lost, and the application is told so; once it has let go of what it had, it goes on. No
    /// heartbeat and no deadline: there is nothing to keep, and whoever does not poll cannot be a member.
    Losing,
    /// The application did not poll for `max.poll.interval.ms`: no member until it does.
    Overdue,
    /// The last commits and a LeaveGroup request are under way.
    Leaving,
    /// Left for good.
    Left,
    /// Something only a person can mend. A new subscription tries again.
    Failed,
}

/// Every legal edge. A member that closes is Revoking or Leaving at once, so that only these and one that has failed get
/// to Left; one that is out of the group has no request whose answer could fail it.
pub(crate) static EDGES: StateTable<ClassicState> = {
    use ClassicState::*;
    const ROWS: &[(ClassicState, &[ClassicState])] = &[
        (Idle, &[Joining, Losing, Leaving]),
        (Joining, &[Assigning, Syncing, Revoking, Losing, Idle, Overdue, Leaving, Failed]),
        (Assigning, &[Syncing, Joining, Revoking, Losing, Idle, Overdue, Leaving, Failed]),
        (Syncing, &[Stable, Revoking, Losing, Joining, Idle, Overdue, Leaving, Failed]),
        (Stable, &[Revoking, Losing, Joining, Idle, Overdue, Leaving, Failed]),
        (Revoking, &[Losing, Joining, Idle, Overdue, Leaving, Left, Failed]),
        (Losing, &[Joining, Idle, Leaving]),
        (Overdue, &[Joining, Losing, Idle, Leaving]),
        (Leaving, &[Left]),
        (Left, &[]),
        (Failed, &[Joining, Losing, Idle, Left]),
    ];
    StateTable::new("classic group", ROWS)
};

impl ClassicState {
    /// Whether heartbeats keep the membership. While JoinGroup and SyncGroup are under way, the coordinator knows that
    /// the member is alive.
    pub(super) fn has_heartbeat(self) -> bool {
        matches!(self, Self::Assigning | Self::Stable | Self::Revoking)
    }

    /// Whether the coordinator may know this member.
    pub(super) fn may_be_member(self) -> bool {
        self.has_heartbeat() || matches!(self, Self::Joining | Self::Syncing)
    }
}

#[cfg(test)]
mod tests {
    use super::EDGES;

    #[test]
    fn the_edges_are_these() {
        let expected = [
            ".x....x.x.. Idle",
            "x.xx.xxxx.x Joining",
            "xx.x.xxxx.x Assigning",
            "xx..xxxxx.x Syncing",
            "xx...xxxx.x Stable",
            "xx....xxxxx Revoking",
            "xx......x.. Losing",
            "xx....x.x.. Overdue",
            ".........x. Leaving",
            "........... Left",
            "xx....x..x. Failed",
        ];
        assert_eq!(EDGES.picture(), expected);
    }
}
