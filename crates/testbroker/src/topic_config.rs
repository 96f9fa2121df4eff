//! The configs of a topic: Kafka 4.3's names and defaults, and the few that the test broker acts on.
//!
//! All of them can be set and are shown; those without a field in [`TopicConfig`] change nothing.

use std::collections::BTreeMap;

use ottla_protocol::types::Str;

/// The most characters of a config's value that a topic keeps.
const MAX_VALUE_LEN: usize = 32 * 1024;

/// The type of a config as DescribeConfigs numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i8)]
pub(crate) enum ConfigType {
    Boolean = 1,
    String = 2,
    Int = 3,
    Long = 5,
    Double = 6,
    List = 7,
}

/// A config that topics have.
pub(crate) struct TopicConfigKey {
    pub(crate) name: &'static str,
    pub(crate) default: &'static str,
    pub(crate) config_type: ConfigType,
}

const fn key(name: &'static str, default: &'static str, config_type: ConfigType) -> TopicConfigKey {
    TopicConfigKey { name, default, config_type }
}

pub(crate) static TOPIC_CONFIG_KEYS: &[TopicConfigKey] = &[
    key("cleanup.policy", "delete", ConfigType::List),
    key("compression.gzip.level", "-1", ConfigType::Int),
    key("compression.lz4.level", "9", ConfigType::Int),
    key("compression.type", "producer", ConfigType::String),
    key("compression.zstd.level", "3", ConfigType::Int),
    key("delete.retention.ms", "86400000", ConfigType::Long),
    key("file.delete.delay.ms", "60000", ConfigType::Long),
    key("flush.messages", "9223372036854775807", ConfigType::Long),
    key("flush.ms", "9223372036854775807", ConfigType::Long),
    key("follower.replication.throttled.replicas", "", ConfigType::List),
    key("index.interval.bytes", "4096", ConfigType::Int),
    key("leader.replication.throttled.replicas", "", ConfigType::List),
    key("local.retention.bytes", "-2", ConfigType::Long),
    key("local.retention.ms", "-2", ConfigType::Long),
    key("max.compaction.lag.ms", "9223372036854775807", ConfigType::Long),
    key("max.message.bytes", "1048588", ConfigType::Int),
    key("message.timestamp.after.max.ms", "3600000", ConfigType::Long),
    key("message.timestamp.before.max.ms", "9223372036854775807", ConfigType::Long),
    key("message.timestamp.type", "CreateTime", ConfigType::String),
    key("min.cleanable.dirty.ratio", "0.5", ConfigType::Double),
    key("min.compaction.lag.ms", "0", ConfigType::Long),
    key("min.insync.replicas", "1", ConfigType::Int),
    key("preallocate", "false", ConfigType::Boolean),
    key("remote.log.copy.disable", "false", ConfigType::Boolean),
    key("remote.log.delete.on.disable", "false", ConfigType::Boolean),
    key("remote.storage.enable", "false", ConfigType::Boolean),
    key("retention.bytes", "-1", ConfigType::Long),
    key("retention.ms", "604800000", ConfigType::Long),
    key("segment.bytes", "1073741824", ConfigType::Int),
    key("segment.index.bytes", "10485760", ConfigType::Int),
    key("segment.jitter.ms", "0", ConfigType::Long),
    key("segment.ms", "604800000", ConfigType::Long),
    key("unclean.leader.election.enable", "false", ConfigType::Boolean),
];

/// What a topic was told, and what follows from it.
#[derive(Clone, Debug)]
pub(crate) struct TopicConfig {
    /// The configs that were set, by name.
    pub(crate) set: BTreeMap<&'static str, Str>,
    pub(crate) max_message_bytes: usize,
    pub(crate) log_append_time: bool,
    pub(crate) compact: bool,
    /// Whether old records may be deleted.
    pub(crate) delete: bool,
    /// How far in the past a record's timestamp may lie, in milliseconds.
    pub(crate) timestamp_before_max_ms: i64,
    /// How far in the future, in milliseconds (one hour since Kafka 4.0, KIP-1030).
    pub(crate) timestamp_after_max_ms: i64,
    /// Bytes of a partition's log beyond which its oldest batches go; `None`: never.
    pub(crate) retention_bytes: Option<u64>,
    /// The age in milliseconds beyond which a batch goes; `None`: never. Kafka's default of seven days is not applied:
    /// a test's records may carry any timestamp.
    pub(crate) retention_ms: Option<i64>,
    /// Replicas that must be in sync for acks -1.
    pub(crate) min_insync_replicas: usize,
    /// Whether a replica that lacks committed records may lead, if no other is left; `None`: as the cluster's setting.
    pub(crate) unclean_leader_election: Option<bool>,
}

impl TopicConfig {
    /// A topic for which nothing was set.
    pub(crate) fn new(message_max_bytes: usize) -> Self {
        Self {
            set: BTreeMap::new(),
            max_message_bytes: message_max_bytes,
            log_append_time: false,
            compact: false,
            delete: true,
            timestamp_before_max_ms: i64::MAX,
            timestamp_after_max_ms: 3_600_000,
            retention_bytes: None,
            retention_ms: None,
            min_insync_replicas: 1,
            unclean_leader_election: None,
        }
    }

    /// Sets one config; `None` as the value is Kafka's error too.
    pub(crate) fn set(&mut self, name: &str, value: Option<&Str>) -> Result<(), String> {
        let key = TOPIC_CONFIG_KEYS
            .iter()
            .find(|key| key.name == name)
            .ok_or_else(|| format!("Unknown topic config name: {name}"))?;
        let value = value.ok_or_else(|| format!("Null value not supported for topic configs: {name}"))?;
        if value.len() > MAX_VALUE_LEN || !is_of_type(value, key.config_type) {
            return Err(format!("Invalid value for configuration {name}"));
        }
        let invalid = || format!("Invalid value {} for configuration {name}", value.as_str());
        match key.name {
            "cleanup.policy" => {
                let mut policies = value.split(',').map(str::trim);
                if !policies.all(|policy| matches!(policy, "compact" | "delete")) {
                    return Err(invalid());
                }
                self.compact = value.contains("compact");
                self.delete = value.contains("delete");
            }
            "message.timestamp.type" => {
                self.log_append_time = match value.as_str() {
                    "CreateTime" => false,
                    "LogAppendTime" => true,
                    _ => return Err(invalid()),
                }
            }
            "max.message.bytes" => self.max_message_bytes = value.parse().map_err(|_| invalid())?,
            "message.timestamp.before.max.ms" => {
                self.timestamp_before_max_ms = value.parse().map_err(|_| invalid())?;
            }
            "message.timestamp.after.max.ms" => {
                self.timestamp_after_max_ms = value.parse().map_err(|_| invalid())?;
            }
            // Below zero: without a bound.
            "retention.bytes" => self.retention_bytes = value.parse::<u64>().ok(),
            "retention.ms" => self.retention_ms = value.parse().ok().filter(|ms| *ms >= 0),
            "min.insync.replicas" => {
                let at_least = value.parse::<usize>().ok().filter(|replicas| *replicas > 0);
                self.min_insync_replicas = at_least.ok_or_else(invalid)?;
            }
            "unclean.leader.election.enable" => self.unclean_leader_election = Some(*value == "true"),
            _ => {}
        }
        self.set.insert(key.name, value.detach());
        Ok(())
    }
}

fn is_of_type(value: &str, config_type: ConfigType) -> bool {
    match config_type {
        ConfigType::Boolean => matches!(value, "true" | "false"),
        ConfigType::Int => value.parse::<i32>().is_ok(),
        ConfigType::Long => value.parse::<i64>().is_ok(),
        ConfigType::Double => value.parse::<f64>().is_ok(),
        ConfigType::String | ConfigType::List => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_can_be_set() {
        for key in TOPIC_CONFIG_KEYS {
            let mut config = TopicConfig::new(1);
            assert_eq!(config.set(key.name, Some(&key.default.into())), Ok(()), "{}", key.name);
        }
    }

    #[test]
    fn a_value_of_the_wrong_type_and_an_unknown_name_are_refused() {
        let mut config = TopicConfig::new(1);
        assert!(config.set("retention.ms", Some(&"soon".into())).is_err());
        assert!(config.set("cleanup.policy", Some(&"shred".into())).is_err());
        assert!(config.set("no.such.config", Some(&"1".into())).is_err());
        assert!(config.set("retention.ms", None).is_err());
        assert!(config.set.is_empty());
    }
}
