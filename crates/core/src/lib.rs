//! The decisions of a Kafka client, without IO.
//!
//! Each concern is a state machine in a file of its own. All have one contract: events come in through `on_*`, time
//! through `handle_timeout(now)`; what is to be done comes out of `poll_action(now)` until it yields `None`, and
//! `next_timeout()` says when to come back. Time and randomness are handed in; the same inputs give the same
//! outputs.
//!
//! Not here: sockets, tasks, locks, clocks. Drivers in `ottla-client` and `ottla-transport` own those.
//!
//! | module | what it decides |
//! |---|---|
//! | [`connection`] | one connection: versions, the order of requests, which answer belongs to which |
//! | [`reconnect`] | when a broker that could not be reached is tried again |
//! | [`metadata`] | what is known of the cluster, and when to ask again |
//! | [`producer`] | which records share a batch, when it goes out, what became of it |
//! | [`consumer`] | positions, fetches, resets, and what may be committed |
//! | [`groups`] | membership of a group, and its offsets |
//! | [`assignors`] | which member of a classic group reads what |
//! | [`sasl`] | what is said to prove who the client is |
//! | [`serdes`] | how keys and values become bytes, and back |
//! | [`events`] | what listeners are told |
//! | [`metrics`] | what was done so far, in figures |
//! | [`request`], [`time`], [`random`], [`backoff`] | what the machines share with their drivers |
//!
//! A machine at work, with made-up time:
//!
//! ```
//! use std::time::Duration;
//!
//! use ottla_core::backoff::Backoff;
//! use ottla_core::metadata::{Metadata, MetadataConfig};
//! use ottla_core::random::Jitter;
//! use ottla_core::request::RequestError;
//! use ottla_core::time::Instant;
//!
//! let config = MetadataConfig {
//!     max_age: Duration::from_secs(300),
//!     backoff: Backoff::new(Duration::from_millis(100), Duration::from_secs(1)),
//!     allow_auto_topic_creation: true,
//! };
//! let mut metadata = Metadata::new(config, Jitter::seeded(1), Instant::ZERO);
//! metadata.want(Instant::ZERO, &"orders".into());
//! let request = metadata.poll_request(Instant::ZERO).expect("it asks at once");
//! assert_eq!(request.topics.map(|topics| topics.len()), Some(1));
//!
//! // Nobody answers: it asks again, after a backoff.
//! metadata.on_failure(Instant::ZERO, &RequestError::Timeout);
//! let due = metadata.next_timeout().expect("a second attempt");
//! assert!(metadata.poll_request(Instant::ZERO).is_none());
//! assert!(metadata.poll_request(due).is_some());
//! ```

pub mod assignors;
pub mod backoff;
pub mod connection;
pub mod consumer;
#[cfg(not(feature = "__coverage"))]
mod coverage;
#[cfg(feature = "__coverage")]
#[doc(hidden)]
pub mod coverage;
pub mod events;
pub mod groups;
pub mod metadata;
pub mod metrics;
pub mod producer;
pub mod random;
pub mod reconnect;
pub mod request;
mod retry;
pub mod sasl;
pub mod serdes;
mod state_table;
pub mod time;
