//! A world of `ottla-core`'s machines and the test broker's cluster alone: no runtime, no threads, no tasks; one loop
//! on virtual time. What clients decide outside of their machines is decided here in the plainest way, so that whatever
//! goes wrong is the machines' doing, or the cluster's, or this file's neighbours'.
//!
//! `world.rs` is the loop, `network.rs` the links, `plan.rs` what goes wrong; `producer.rs` and `consumer.rs` drive the
//! machines, over `client.rs` and `connections.rs`.

mod agenda;
mod client;
mod clock;
mod connections;
mod consumer;
mod network;
mod notes;
mod plan;
mod producer;
mod record;
mod settings;
mod world;

use self::world::World;
use super::history::Outcome;

/// A world that has ended, and what it took.
#[derive(Clone, Debug)]
pub struct Report {
    /// What the checkers may look at.
    pub outcome: Outcome,
    /// The cluster's journal, an entry a line.
    pub journal: String,
    /// Steps of the loop.
    pub steps: u64,
    /// What the network delivered.
    pub parcels: u64,
    /// What consumers were told went wrong.
    pub errors: Vec<String>,
    /// What the world was made of.
    pub settings: String,
}

/// Runs the world of a seed.
///
/// # Panics
/// If the world does not come to an end.
#[must_use]
pub fn run(seed: u64) -> Outcome {
    let mut world = World::new(seed);
    world.run();
    world.outcome()
}

/// Likewise, with all that there is to say about it.
///
/// # Panics
/// As [`run`].
#[must_use]
pub fn report(seed: u64) -> Report {
    let mut world = World::new(seed);
    world.run();
    Report {
        outcome: world.outcome(),
        journal: world
            .cluster()
            .journal()
            .map(ottla_testbroker::journal::Journal::to_json_lines)
            .unwrap_or_default(),
        steps: world.steps,
        parcels: world.parcels(),
        errors: world.errors().to_vec(),
        settings: format!("{:?}", world.settings()),
    }
}

/// Runs the world of a seed; with the steps of its loop and the parcels of its network.
///
/// # Panics
/// As [`run`].
#[must_use]
pub fn measured(seed: u64) -> (Outcome, u64, u64) {
    let mut world = World::new(seed);
    world.run();
    (world.outcome(), world.steps, world.parcels())
}
