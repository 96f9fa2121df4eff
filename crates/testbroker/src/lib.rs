//! A Kafka cluster for tests: in this process or as a server that clients of any language can use.
//!
//! [`Cluster`] is every decision of the brokers as a state machine, without sockets and without a clock;
//! [`TestBroker`] puts it behind TCP ports or in-memory streams. Nothing is stored on disk and nothing survives.
//!
//! The cluster is in `cluster.rs`, one file for each API in `api/`, classic groups in `group/`, the tasks around it in
//! `server.rs`. Of a partition, `replica.rs` is one log, `leading.rs` what a leader knows of its followers,
//! `replication.rs` when they fetch; `controller.rs` elects, `coordinators.rs` says who coordinates what. Tests break
//! the cluster through `control.rs` and look at it through `status.rs`.
//!
//! Requests meet with faults by rules, which are data (`faults/`, [`TestBroker::faults`]). A journal (`journal/`,
//! [`ClusterBuilder::journal`]) has what the cluster saw and did: requests and answers, batches and commits, groups,
//! elections, nodes, faults that fired.
//!
//! Nodes have listeners, with TLS (feature `tls`) and logins where a test wants them (`listener.rs`, `tls.rs`, `sasl/`;
//! `docs/testbroker-security.md` describes them).
//!
//! Not here: transactions, authorization, GSSAPI, racks, compaction; eligible leader replicas (KIP-966) but for its rule
//! that nothing is committed under `min.insync.replicas`. Nothing of ottla's client is used but the codec, so that the two
//! cannot share a bug.
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

//!
//! A way in for everyone, and one with a login:
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use ottla_testbroker::{ListenerConfig, SaslConfig, ScramMechanism, TestBroker};
//!
//! let sasl = SaslConfig::new().scram_user(ScramMechanism::Sha256, "alice", "secret");
//! let broker = TestBroker::builder()
//!     .listener(ListenerConfig::new("OPEN"))
//!     .listener(ListenerConfig::new("LOGIN").sasl(sasl))
//!     .start()
//!     .await?;
//! let servers = broker.bootstrap_servers_by("LOGIN").expect("it has one of that name");
//! println!("security.protocol=SASL_PLAINTEXT, bootstrap.servers={servers}");
//! # Ok(())
//! # }
//! ```

mod api;
mod batch;
mod cluster;
mod config;
mod connection;
mod control;
mod controller;
mod coordinators;
pub mod faults;
mod fetch_session;
mod fetching;
mod group;
mod groups;
mod image;
pub mod journal;
mod leader_epochs;
mod leading;
mod listener;
mod listeners;
mod log;
mod node;
mod now;
mod offsets;
mod partition;
mod partition_state;
mod producer_state;
mod random;
mod replica;
mod replication;
mod retention;
mod sasl;
mod server;
mod status;
mod subject;
mod test_broker;
mod timers;
#[cfg(feature = "tls")]
mod tls;
mod topic;
mod topic_config;
mod topic_creation;
mod versions;
mod waiting_produce;

pub use cluster::Cluster;
pub use config::{BuildError, ClusterBuilder};
pub use connection::{Action, CloseReason, ConnectionId};
pub use control::{ControlError, ReplicationScope};
pub use listener::{ListenerConfig, SecurityProtocol};
pub use now::{Instant, Now};
pub use sasl::{
    Authenticated, DelegationToken, Mechanism, SaslConfig, ScramCredential, ScramMechanism, TokenPolicy,
};
#[cfg(feature = "signed-tokens")]
pub use sasl::{InvalidKeySet, KeySet};
pub use status::{GroupStatus, PartitionStatus, ReplicaStatus};
pub use test_broker::{AdminError, StartError, StoredRecord, TestBroker, TestBrokerBuilder};
#[cfg(feature = "tls")]
pub use tls::{ClientCertificates, InvalidTls, TlsConfig, TlsVersion};
