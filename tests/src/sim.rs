//! The simulated world: clients, a cluster and the network between them under one seed, and what must hold of it.
//!
//! `history.rs` is what happened, `checkers/` what must hold of any history, `coverage.rs` what was exercised so far.
//! `machines.rs` is a world below that of the real client: its machines alone.

pub mod checkers;
pub mod coverage;
pub mod history;
pub mod machines;
pub mod plan;
mod text;
pub mod world;
