//! A real Kafka whose nodes are killed in turn while a producer sends, and the judgement of what became of every record:
//! acknowledged is read exactly once at its place, in order; told as not written is not there; perhaps written is there
//! once at most.
//!
//! `load` sends and notes, `killer` kills, `reading` reads back, `judge` compares, `report` tells. The cluster is made by
//! `cargo xtask`, which also does the killing (`nodes`). What the simulation does with made-up brokers and a made-up
//! clock, this does with real ones; so a run is never the same twice.

pub mod acknowledgements;
pub mod content;
pub mod history;
pub mod judge;
pub mod killer;
pub mod load;
pub mod nodes;
pub mod plan;
pub mod reading;
pub mod report;
pub mod watch;
