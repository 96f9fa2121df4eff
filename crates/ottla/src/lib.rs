//! Apache Kafka for Rust: the crate that most programs add.
//!
//! It re-exports the family's layers and adds nothing of its own: the client ([`Client`], [`Producer`], [`Consumer`]) at
//! the root, the wire protocol as [`protocol`], admin operations as [`admin`]. Add a layer by itself where less is
//! needed: a proxy wants `ottla-protocol` alone.
//!
//! ```
//! use ottla::{Client, OffsetReset, Record};
//!
//! # async fn example(servers: String) -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder(servers).connect().await?;
//!
//! let producer = client.producer().build()?;
//! producer.send(Record::to("orders").key("alice").value("2 coffees")).await?;
//!
//! let consumer =
//!     client.consumer("baristas").subscribe(["orders"]).auto_offset_reset(OffsetReset::Earliest).build()?;
//! let batch = consumer.next_batch().await?.expect("the consumer is open");
//! for record in &batch {
//!     assert_eq!(record.value(), Some(&b"2 coffees"[..]));
//! }
//! consumer.commit().await?;
//! consumer.close().await?;
//! # Ok(())
//! # }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let broker = ottla_testbroker::TestBroker::builder().start().await?;
//! # example(broker.bootstrap_servers()).await
//! # }
//! ```
//!
//! # Features
//! `gzip`, `snappy`, `lz4` and `zstd` (default, pure Rust) read and write compressed batches; `zstd-c` takes the C
//! library for zstd, which writes much better. `properties` reads configuration from text under the names of Java's
//! client and of librdkafka (module `config`). `json` sends and reads JSON by serde_json.
#![cfg_attr(feature = "json", doc = "")]
#![cfg_attr(feature = "json", doc = include_str!("json.md"))]

pub use ottla_admin as admin;
pub use ottla_client::*;
pub use ottla_protocol as protocol;

/// The code in the workspace's README, compiled like every other example.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
