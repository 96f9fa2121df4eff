//! The real client on the test broker, over pipes in memory, with tokio's clock paused: minutes pass in no time, and
//! every run is the same.

mod closing;
mod commit;
mod connections;
mod consume;
mod faults;
mod group;
mod interceptors;
mod leader_hints;
mod lifecycle;
mod metrics;
mod partitions;
mod produce;
mod sending;
mod splitting;
mod world;
