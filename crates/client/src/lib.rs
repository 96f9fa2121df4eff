//! A Kafka client: producer and consumer.
//!
//! A [`Client`] holds the settings and the connections; [`Client::producer`] and [`Client::consumer`] build on it.
//! Decisions are made by the machines of `ottla-core`; here are the tasks that run them, and the types that users see.
//!
//! Not here: admin operations (`ottla-admin`), and anything about bytes on the wire (`ottla-protocol`).
//!
//! | file | what it holds |
//! |---|---|
//! | `client.rs`, `client/` | [`Client`], its settings; the connections by broker and lane; the task that keeps metadata fresh |
//! | `config.rs`, `config/` | what is refused; with the feature `properties`, settings from text |
//! | `producer.rs`, `producer/` | [`Producer`]; its task; how an outcome gets to a [`Delivery`] |
//! | `consumer.rs`, `consumer/` | [`Consumer`]; its machines under one lock; its task; [`Batch`]es on their way to the application |
//!
//! ```no_run
//! use ottla_client::{Client, Record};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder("localhost:9092").connect().await?;
//! let producer = client.producer().build()?;
//! let sent = producer.send(Record::to("orders").key("alice").value("2 coffees")).await?;
//! println!("partition {}, offset {:?}", sent.partition, sent.offset);
//! client.close().await;
//! # Ok(())
//! # }
//! ```

mod address;
mod client;
#[cfg(feature = "properties")]
pub mod config;
mod config_error;
mod consumer;
mod error;
mod producer;
mod record;
pub mod sasl;

pub use client::{Client, ClientBuilder, Destination};
pub use config_error::ConfigError;
pub use consumer::{
    Batch, Consumer, ConsumerBuilder, ConsumerError, ConsumerRecord, ConsumerRecords, Message,
    RebalanceListener, RecordDeserializationError,
};
pub use error::{BootstrapFailure, ClientError, ClientErrorKind};
pub use ottla_core::assignors::{Assignor, RangeAssignor, RoundRobinAssignor};
pub use ottla_core::connection::{ConnectError, ConnectErrorKind};
pub use ottla_core::consumer::{Offset, OffsetAndMetadata, OffsetResetPolicy as OffsetReset, TopicPartition};
pub use ottla_core::events;
pub use ottla_core::groups::{GroupError, GroupErrorKind};
pub use ottla_core::metadata::{Broker, ClusterSnapshot, MetadataRecovery, Partition, Topic};
pub use ottla_core::metrics;
pub use ottla_core::producer::{
    Acks, BuiltInPartitioner, Partitioner, Partitions, ProduceError, ProduceErrorKind, UnknownPartitioner,
    Unplaced,
};
pub use ottla_core::request::RequestError;
pub use ottla_core::serdes;
pub use ottla_protocol::compression::{Compression, CompressionLevel};
pub use ottla_protocol::records::OwnedHeader;
#[cfg(feature = "http-connect")]
pub use ottla_transport::HttpConnectConnector;
pub use ottla_transport::{Connecting, Connector, Socks5Connector, Stream, TcpConnector};
#[cfg(feature = "tls")]
pub use ottla_transport::{TlsConfig, TlsConfigBuilder, TlsConnector, TlsProvider, TlsVersion};
pub use producer::{
    Acknowledgement, Deliveries, Delivery, OutgoingRecord, Producer, ProducerBuilder, ProducerInterceptor,
    RecordMetadata, SendError, SendResults, TrySendError, TypedProducer, TypedRecord, Undelivered,
    UndeliveredRecord, UndeliveredRecords,
};
pub use record::{OwnedRecord, Record};
