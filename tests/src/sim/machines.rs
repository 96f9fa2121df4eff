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
mod fickle;
mod membership;
mod network;
mod notes;
mod plan;
mod producer;
mod record;
mod settings;
mod world;

use self::world::World;
use super::history::Outcome;
use ottla_testbroker::faults::FaultPlan;

/// A world that has ended, and what it took.
#[derive(Clone, Debug)]
pub struct Report {
    /// What the checkers may look at.
    pub outcome: Outcome,
    /// What was done to the world beside the cluster's faults.
    pub disturbances: usize,
    /// Steps of the loop.
    pub steps: u64,
    /// What the network delivered.
    pub parcels: u64,
    /// What consumers were told went wrong.
    pub errors: Vec<String>,
    /// What the world was made of.
    pub settings: String,
}

/// The faults of the world of a seed.
#[must_use]
pub fn faults(seed: u64) -> FaultPlan {
    World::drawn_faults(seed)
}

/// Runs the world of a seed, with these faults of the cluster.
///
/// # Panics
/// If the world does not come to an end.
#[must_use]
pub fn report(seed: u64, faults: &FaultPlan) -> Report {
    let mut world = World::new(seed, faults);
    world.run();
    Report {
        disturbances: world.disturbed,
        outcome: world.outcome(),
        steps: world.steps,
        parcels: world.parcels(),
        errors: world.errors().to_vec(),
        settings: format!("{:?}", world.settings()),
    }
}
