//! Keys of schema registries that stand in the same files. Java's clients hand every key to serializers.

use super::super::key::{Key, Kind, Role};

const REGISTRY: &[Role] = &[Role::SchemaRegistry];

pub(super) const KEYS: &[Key] = &[
    Key::new("schema.registry.url", REGISTRY, Kind::List, None).not_yet(NONE_YET),
    Key::new("basic.auth.credentials.source", REGISTRY, Kind::Text, None)
        .alias(&["schema.registry.basic.auth.credentials.source"])
        .not_yet(NONE_YET),
    Key::new("basic.auth.user.info", REGISTRY, Kind::Text, None)
        .alias(&["schema.registry.basic.auth.user.info"])
        .secret()
        .not_yet(NONE_YET),
    Key::new("bearer.auth.token", REGISTRY, Kind::Text, None).secret().not_yet(NONE_YET),
    Key::new("bearer.auth.credentials.source", REGISTRY, Kind::Text, None).not_yet(NONE_YET),
    Key::new("auto.register.schemas", REGISTRY, Kind::Boolean, None).not_yet(NONE_YET),
    Key::new("use.latest.version", REGISTRY, Kind::Boolean, None).not_yet(NONE_YET),
    Key::new("specific.avro.reader", REGISTRY, Kind::Boolean, None).not_yet(NONE_YET),
    Key::new("key.subject.name.strategy", REGISTRY, Kind::Class, None).not_yet(NONE_YET),
    Key::new("value.subject.name.strategy", REGISTRY, Kind::Class, None).not_yet(NONE_YET),
];

const NONE_YET: &str = "there is no schema registry client yet";
