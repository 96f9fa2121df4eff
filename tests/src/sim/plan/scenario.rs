//! The kinds of worlds.

/// What goes wrong in a world, mostly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scenario {
    /// Everything.
    Mixed,
    /// Nothing.
    Calm,
    /// Partitions get other leaders, and followers fall behind.
    Leaders,
    /// Groups get other coordinators.
    Coordinators,
    /// Nodes go down and come back.
    Restarts,
    /// Connections break, fall silent and are slow.
    Network,
    /// Answers get lost, and producers are not idempotent.
    Duplicates,
    /// Members come and go.
    Groups,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Mixed,
        Self::Calm,
        Self::Leaders,
        Self::Coordinators,
        Self::Restarts,
        Self::Network,
        Self::Duplicates,
        Self::Groups,
    ];

    /// As commands spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mixed => "mixed",
            Self::Calm => "calm",
            Self::Leaders => "leaders",
            Self::Coordinators => "coordinators",
            Self::Restarts => "restarts",
            Self::Network => "network",
            Self::Duplicates => "duplicates",
            Self::Groups => "groups",
        }
    }

    /// By its name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scenario| scenario.name() == name)
    }

    /// How many faults must strike for a world to count as one with faults.
    pub fn least_faults(self) -> usize {
        if self == Self::Calm { 0 } else { 5 }
    }

    /// Keeps scenarios of one seed apart.
    pub(super) fn salt(self) -> u64 {
        (self as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}
