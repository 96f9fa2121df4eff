//! The real client on the test broker, over pipes in memory, with tokio's clock paused: minutes pass in no time, and
//! every run is the same.

mod commit;
mod connections;
mod consume;
mod faults;
mod group;
mod lifecycle;
mod metrics;
mod produce;
mod world;
