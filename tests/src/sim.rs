//! The simulated world: clients, a cluster and the network between them under one seed, and what must hold of it.
//!
//! `history.rs` is what happened, `checkers/` what must hold of any history, `coverage.rs` what was exercised so far.

pub mod checkers;
pub mod coverage;
pub mod history;
pub mod judge;
pub mod plan;
pub mod shrink;
mod text;
pub mod world;
