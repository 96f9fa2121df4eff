//! The decisions of a Kafka client, without IO.
//!
//! Each concern is a state machine in a file of its own. All have one contract: events come in through `on_*`, time
//! through `handle_timeout(now)`; what is to be done comes out of `poll_action(now)` until it yields `None`, and
//! `next_timeout()` says when to come back. Time and randomness are handed in; the same inputs give the same
//! outputs.
//!
//! Not here: sockets, tasks, locks, clocks. Drivers in `ottla-client` and `ottla-transport` own those.

pub mod assignors;
pub mod backoff;
pub mod connection;
pub mod consumer;
pub mod groups;
pub mod metadata;
pub mod producer;
pub mod random;
pub mod request;
mod retry;
pub mod time;
