//! A Kafka cluster for tests: in this process or as a server that clients of any language can use.
//!
//! [`Cluster`] is every decision of the brokers as a state machine, without sockets and without a clock;
//! [`TestBroker`] puts it behind TCP ports or in-memory streams. Nothing is stored on disk and nothing survives.
//!
//! The cluster is in `cluster.rs`, one file for each API in `api/`, classic groups in `group/`, the tasks around it in
//! `server.rs`.
//!
//! Not here: replication between the nodes, transactions, security. Nothing of ottla's client is used but the codec,
//! so that the two cannot share a bug.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use ottla_testbroker::TestBroker;
//!
//! let broker = TestBroker::builder().nodes(3).start().await?;
//! broker.create_topic("orders", 6)?;
//! println!("point any Kafka client at {}", broker.bootstrap_servers());
//! broker.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod api;
mod batch;
mod cluster;
mod config;
mod connection;
pub mod faults;
mod fetch_session;
mod fetching;
mod group;
mod groups;
pub mod journal;
mod log;
mod node;
mod now;
mod offsets;
mod partition;
mod producer_state;
mod random;
mod server;
mod subject;
mod test_broker;
mod timers;
mod topic;
mod topic_config;
mod topic_creation;
mod versions;

pub use cluster::Cluster;
pub use config::{BuildError, ClusterBuilder};
pub use connection::{Action, CloseReason, ConnectionId};
pub use now::{Instant, Now};
pub use test_broker::{AdminError, StartError, StoredRecord, TestBroker, TestBrokerBuilder};
