//! The table of all known keys: those of Java's producer, consumer and admin client 4.3, and those of librdkafka that
//! can stand in a text. A key that is in no row is a mistake.
//!
//! Defaults are ours. Where a key is supported, the builder has the same one (held by `tests/tests/configuration.rs`).

use super::key::{Key, Kind, Role};

mod client;
mod consumer;
mod librdkafka;
mod producer;
mod sasl;
mod schema_registry;
mod tls;

const CLIENT: &[Role] = &[Role::Client];
const PRODUCER: &[Role] = &[Role::Producer];
const CONSUMER: &[Role] = &[Role::Consumer];
const ADMIN: &[Role] = &[Role::Admin];

const MAX_INT: i64 = i32::MAX as i64;
const INT: Kind = Kind::Integer(0, MAX_INT);
const MILLIS_INT: Kind = Kind::Millis(0, MAX_INT);
const MILLIS: Kind = Kind::Millis(0, i64::MAX);

/// The sections, with their titles.
pub const SECTIONS: &[(&str, &[Key])] = &[
    ("Client", client::KEYS),
    ("Producer", producer::KEYS),
    ("Consumer", consumer::KEYS),
    ("TLS", tls::KEYS),
    ("SASL", sasl::KEYS),
    ("librdkafka's own", librdkafka::KEYS),
    ("Schema registry", schema_registry::KEYS),
];

/// Every known key.
pub fn all() -> impl Iterator<Item = &'static Key> {
    SECTIONS.iter().flat_map(|(_, keys)| keys.iter())
}

/// The key of this name or alias.
pub fn find(name: &str) -> Option<&'static Key> {
    all().find(|key| key.name() == name || key.aliases().contains(&name))
}

/// Whether the key only matters where connections use TLS.
pub(super) fn is_tls(key: &Key) -> bool {
    tls::KEYS.iter().any(|other| other.name() == key.name())
}

/// Whether the key only matters where connections use SASL.
pub(super) fn is_sasl(key: &Key) -> bool {
    sasl::KEYS.iter().any(|other| other.name() == key.name())
}

/// Every name and alias.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    all().flat_map(|key| std::iter::once(key.name()).chain(key.aliases().iter().copied()))
}
