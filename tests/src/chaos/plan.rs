//! How hard and how long: the short form, and the long one for so many minutes.

use std::time::Duration;

/// What a run does.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Records a second, of all senders together.
    pub rate: u32,
    /// Tasks that share one producer; the last sends without keys.
    pub senders: u16,
    /// Partitions of the topic.
    pub partitions: i32,
    /// The load lasts at least so long.
    pub duration: Duration,
    /// It also lasts until so many nodes were killed and came back.
    pub kills: usize,
    /// Whether a reader that is not ours reads, too.
    pub has_second_reader: bool,
}

impl Plan {
    /// By the environment: `OTTLA_SOAK_MINUTES` makes it long, `OTTLA_CHAOS_RATE` is another rate.
    ///
    /// # Panics
    /// If one of them is no number.
    #[must_use]
    pub fn of_environment() -> Self {
        let number = |variable: &str| {
            let text = std::env::var(variable).ok()?;
            Some(text.parse::<u32>().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
        };
        let mut plan = number("OTTLA_SOAK_MINUTES").map_or_else(Self::short, Self::long);
        plan.rate = number("OTTLA_CHAOS_RATE").unwrap_or(plan.rate);
        plan
    }

    /// For every run of all tests.
    #[must_use]
    pub fn short() -> Self {
        Self {
            rate: 5000,
            senders: 4,
            partitions: 6,
            duration: Duration::from_secs(30),
            kills: 2,
            has_second_reader: false,
        }
    }

    /// For `cargo xtask soak`: eight kills in five minutes.
    #[must_use]
    pub fn long(minutes: u32) -> Self {
        Self {
            rate: 20_000,
            duration: Duration::from_secs(60 * u64::from(minutes)),
            kills: (minutes as usize * 8).div_ceil(5),
            has_second_reader: true,
            ..Self::short()
        }
    }
}
