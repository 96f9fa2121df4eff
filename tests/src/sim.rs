//! The simulated world: clients, a cluster and the network between them under one seed, and what must hold of it.
//!
//! `plan.rs` draws a world from a seed, `world.rs` runs it, `history.rs` is what happened, `checkers/` what must hold of
//! any history, `coverage.rs` what was exercised so far. `judge.rs` holds a world against all of it, `shrink.rs` looks for
//! the cause of a failure, and `campaign.rs` runs many worlds. `machines.rs` is a world below that of the real client: its
//! machines alone.

pub mod answers;
pub mod campaign;
pub mod checkers;
pub mod coverage;
pub mod history;
pub mod judge;
mod losses;
pub mod machines;
pub mod plan;
pub mod replay;
pub mod shrink;
mod text;
pub mod world;
