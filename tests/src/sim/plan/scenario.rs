//! The kinds of worlds.

/// What goes wrong in a world, mostly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scenario {
    /// Everything.
    Mixed,
    /// Next to nothing.
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
    /// Every code that passes, one after the other over the seeds, at every API that answers with it.
    Codes,
    /// Codes that end what they hit: applications begin anew.
    Refusals,
    /// Deliveries expire before brokers answer.
    Expiry,
    /// Producers ask for no acknowledgement, or for the leader's alone.
    Acks,
    /// Topics are deleted and made again, and old records deleted, under those who read them.
    Topics,
    /// Consumers that seek, pause, sleep and start over, beside steady ones.
    Wanderers,
    /// The machines of `ottla-core` alone, without a runtime and without the client's drivers.
    Machines,
    /// Brokers want to know who is there, and again every few seconds.
    Sessions,
    /// Topics take smaller batches than producers make, and others after a while.
    Limits,
    /// Topics take records with keys alone for a while: brokers refuse records one by one.
    Records,
    /// Answers come twice, and brokers throttle.
    Answers,
    /// Brokers name leaders that are not, or no longer.
    Hints,
    /// Logins fail, and applications begin anew.
    Logins,
    /// No broker can be reached for longer than clients stay with those that they know.
    Outages,
    /// Applications flush, purge, close producers with a deadline, and clients, and go on with others.
    Applications,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 23] = [
        Self::Mixed,
        Self::Calm,
        Self::Leaders,
        Self::Coordinators,
        Self::Restarts,
        Self::Network,
        Self::Duplicates,
        Self::Groups,
        Self::Codes,
        Self::Refusals,
        Self::Expiry,
        Self::Acks,
        Self::Topics,
        Self::Wanderers,
        Self::Machines,
        Self::Sessions,
        Self::Limits,
        Self::Records,
        Self::Answers,
        Self::Hints,
        Self::Logins,
        Self::Outages,
        Self::Applications,
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
            Self::Codes => "codes",
            Self::Refusals => "refusals",
            Self::Expiry => "expiry",
            Self::Acks => "acks",
            Self::Topics => "topics",
            Self::Wanderers => "wanderers",
            Self::Machines => "machines",
            Self::Sessions => "sessions",
            Self::Limits => "limits",
            Self::Records => "records",
            Self::Answers => "answers",
            Self::Hints => "hints",
            Self::Logins => "logins",
            Self::Outages => "outages",
            Self::Applications => "applications",
        }
    }

    /// By its name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scenario| scenario.name() == name)
    }

    /// Keeps scenarios of one seed apart.
    pub(super) fn salt(self) -> u64 {
        (self as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}
