//! The pinned Apache Kafka release: reads `xtask/kafka-version.toml`. Not a TOML reader: the file has
//! `key = "value"` lines only.

use crate::maven::{self, Coordinates};
use crate::workspace;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where the pins stand, from the workspace's root.
pub const FILE: &str = "xtask/kafka-version.toml";

/// What the keys of other releases begin with; the version follows.
const OTHER: &str = "kafka-clients-sha256-";

/// What `xtask/kafka-version.toml` says.
#[derive(Debug, PartialEq, Eq)]
pub struct Pins {
    /// The Kafka release, such as `4.3.0`.
    pub kafka: String,
    /// The SHA-256 sum of that release's kafka-clients jar, in lower-case hex.
    pub kafka_clients_sha256: String,
    /// Other releases that tests run on, with the same sum.
    pub others: BTreeMap<String, String>,
}

impl Pins {
    /// Reads the workspace's pins.
    pub fn load() -> Result<Pins> {
        Self::read(&workspace::root().join(FILE))
    }

    /// The pinned kafka-clients jar, fetched if need be, its sum checked.
    pub fn kafka_clients_jar(&self) -> Result<PathBuf> {
        let coordinates = Coordinates::new("org.apache.kafka", "kafka-clients", &self.kafka);
        maven::verified_jar(&coordinates, &self.kafka_clients_sha256)
    }

    /// The SHA-256 sum of a release's kafka-clients jar, if it is pinned.
    pub fn sum(&self, version: &str) -> Option<&str> {
        if version == self.kafka {
            return Some(&self.kafka_clients_sha256);
        }
        self.others.get(version).map(String::as_str)
    }

    fn read(path: &Path) -> Result<Pins> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("in {}", path.display()))
    }

    fn parse(text: &str) -> Result<Pins> {
        let (mut kafka, mut sum, mut others) = (None, None, BTreeMap::new());
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (key, value) = line.split_once('=').with_context(|| format!("line {}: no `=`", index + 1))?;
            let value = value.trim().trim_matches('"').to_owned();
            match key.trim() {
                "kafka" => kafka = Some(value),
                "kafka-clients-sha256" => sum = Some(value),
                other if other.starts_with(OTHER) => {
                    others.insert(other[OTHER.len()..].to_owned(), value);
                }
                other => bail!("line {}: unknown key: {other}", index + 1),
            }
        }
        Ok(Pins {
            kafka: kafka.context("missing key: kafka")?,
            kafka_clients_sha256: sum.context("missing key: kafka-clients-sha256")?,
            others,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_pins_are_a_version_and_a_sum() {
        let pins = Pins::load().expect("the committed file is readable");
        assert!(pins.kafka.split('.').all(|part| part.parse::<u32>().is_ok()), "{}", pins.kafka);
        assert_eq!(pins.kafka_clients_sha256.len(), 64);
        assert!(pins.others.values().all(|sum| sum.len() == 64));
        assert_eq!(pins.sum(&pins.kafka), Some(pins.kafka_clients_sha256.as_str()));
    }

    #[test]
    fn an_unknown_key_names_its_line() {
        let error = Pins::parse("kafka = \"1\"\nkafak = \"2\"\n").expect_err("a typing error is refused");
        assert_eq!(error.to_string(), "line 2: unknown key: kafak");
    }

    #[test]
    fn a_missing_key_is_named() {
        let error = Pins::parse("# empty\nkafka = \"1\"\n").expect_err("an incomplete file is refused");
        assert_eq!(error.to_string(), "missing key: kafka-clients-sha256");
    }
}
