//! The states of a classic group's member, and every legal way from one to another.

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
        (Idle, &[Joining, Leaving]),
        (Joining, &[Assigning, Syncing, Revoking, Idle, Overdue, Leaving, Failed]),
        (Assigning, &[Syncing, Joining, Revoking, Idle, Overdue, Leaving, Failed]),
        (Syncing, &[Stable, Revoking, Joining, Idle, Overdue, Leaving, Failed]),
        (Stable, &[Revoking, Joining, Idle, Overdue, Leaving, Failed]),
        (Revoking, &[Joining, Idle, Overdue, Leaving, Left, Failed]),
        (Overdue, &[Joining, Idle, Leaving]),
        (Leaving, &[Left]),
        (Left, &[]),
        (Failed, &[Joining, Idle, Left]),
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
            ".x.....x.. Idle",
            "x.xx.xxx.x Joining",
            "xx.x.xxx.x Assigning",
            "xx..xxxx.x Syncing",
            "xx...xxx.x Stable",
            "xx....xxxx Revoking",
            "xx.....x.. Overdue",
            "........x. Leaving",
            ".......... Left",
            "xx......x. Failed",
        ];
        assert_eq!(EDGES.picture(), expected);
    }
}
