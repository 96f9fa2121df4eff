//! An Apache Kafka release: its jars and how its log is set up. Only releases that run without ZooKeeper.

use crate::maven::{self, Coordinates};
use crate::pins::Pins;
use anyhow::{Result, bail};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The first release whose KRaft mode was ready for production.
const OLDEST: Release = Release { major: 3, minor: 3, patch: 0 };

/// From 4.0 on the broker logs through log4j 2 and its jars bring no binding; before, through reload4j, which
/// they bring.
const LOG4J2_BINDING: &str = "2.25.4";

/// A version of Apache Kafka.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release {
    major: u16,
    minor: u16,
    patch: u16,
}

impl Release {
    /// The release that the workspace is pinned to.
    pub fn pinned() -> Result<Release> {
        Pins::load()?.kafka.parse()
    }

    /// Whether share groups' state topic exists.
    pub fn has_share_groups(self) -> bool {
        self.major >= 4
    }

    /// A folder with every jar that a broker and the tools need. The pinned release's clients jar is checked.
    pub fn libs(self) -> Result<PathBuf> {
        let version = self.to_string();
        let mut jars = vec![
            Coordinates::new("org.apache.kafka", "kafka_2.13", &version),
            Coordinates::new("org.apache.kafka", "kafka-tools", &version),
            Coordinates::new("org.apache.kafka", "kafka-clients", &version),
        ];
        if self.major >= 4 {
            jars.push(Coordinates::new("org.apache.logging.log4j", "log4j-slf4j-impl", LOG4J2_BINDING));
        }
        let libs = maven::runtime_libs(&format!("kafka-{version}"), &jars)?;
        let pins = Pins::load()?;
        if pins.kafka == version {
            let clients = libs.join(format!("kafka-clients-{version}.jar"));
            maven::verify(&clients, &pins.kafka_clients_sha256)?;
        }
        Ok(libs)
    }

    /// The logging configuration's file name and text, and the Java argument that names it. Without it a broker
    /// prints nothing but errors.
    pub fn logging(self, folder: &Path) -> (PathBuf, &'static str, String) {
        if self.major >= 4 {
            let path = folder.join("log4j2.properties");
            let argument = format!("-Dlog4j2.configurationFile={}", path.display());
            (path, LOG4J2, argument)
        } else {
            let path = folder.join("log4j.properties");
            let argument = format!("-Dlog4j.configuration=file:{}", path.display());
            (path, LOG4J1, argument)
        }
    }
}

const LOG4J2: &str = "\
status = error
appender.stdout.type = Console
appender.stdout.name = stdout
appender.stdout.layout.type = PatternLayout
appender.stdout.layout.pattern = [%d] %p %m (%c)%n
rootLogger.level = info
rootLogger.appenderRef.stdout.ref = stdout
";

const LOG4J1: &str = "\
log4j.rootLogger=INFO, stdout
log4j.appender.stdout=org.apache.log4j.ConsoleAppender
log4j.appender.stdout.layout=org.apache.log4j.PatternLayout
log4j.appender.stdout.layout.ConversionPattern=[%d] %p %m (%c)%n
";

impl FromStr for Release {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Release> {
        let parts: Option<Vec<u16>> = text.split('.').map(|part| part.parse().ok()).collect();
        let Some([major, minor, patch]) = parts.as_deref() else {
            bail!("not a Kafka version: {text}: it has three numbers, such as 4.3.0");
        };
        let release = Release { major: *major, minor: *minor, patch: *patch };
        if release < OLDEST {
            bail!("cannot run Kafka {release}: releases from {OLDEST} on run without ZooKeeper");
        }
        Ok(release)
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_has_three_numbers() {
        assert_eq!("4.3.0".parse::<Release>().expect("a release").to_string(), "4.3.0");
        for wrong in ["4.3", "4.3.0.1", "latest", ""] {
            let error = wrong.parse::<Release>().expect_err(wrong).to_string();
            assert!(error.contains("such as 4.3.0"), "{error}");
        }
    }

    #[test]
    fn a_release_that_needs_zookeeper_is_refused() {
        let error = "2.8.2".parse::<Release>().expect_err("not yet").to_string();
        assert!(error.contains("from 3.3.0 on"), "{error}");
    }
}
