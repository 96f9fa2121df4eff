//! An Apache Kafka release: its jars, how its log is set up, and what it can do.

use crate::maven::{self, Coordinates};
use crate::pins::Pins;
use anyhow::{Result, bail};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The oldest release whose protocol we speak.
const OLDEST: Release = Release { major: 2, minor: 1, patch: 0 };

/// The first release whose KRaft mode was ready for production; older ones run with ZooKeeper.
const FIRST_KRAFT: Release = Release { major: 3, minor: 3, patch: 0 };

/// The first release with the classes and options that secured listeners are set up with.
const FIRST_SECURED: Release = Release { major: 4, minor: 1, patch: 0 };

/// The first release published for Scala 2.13.
const FIRST_SCALA_2_13: Release = Release { major: 2, minor: 4, patch: 0 };

/// The first release whose own ZooKeeper runs on a current Java: before 3.5 it stumbles over addresses (2.4.0 has
/// 3.5.6).
const FIRST_ZOOKEEPER_3_5: Release = Release { major: 2, minor: 4, patch: 0 };

/// What takes the place of an older ZooKeeper, with the log4j 1 that it asks for.
const ZOOKEEPER: [(&str, &str, &str); 3] = [
    ("org.apache.zookeeper", "zookeeper", "3.5.10"),
    ("ch.qos.reload4j", "reload4j", "1.2.25"),
    ("org.slf4j", "slf4j-reload4j", "1.7.36"),
];

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

    /// Whether it runs with ZooKeeper.
    pub fn needs_zookeeper(self) -> bool {
        self < FIRST_KRAFT
    }

    /// Whether it takes our configuration of secured listeners.
    pub fn can_be_secured(self) -> bool {
        self >= FIRST_SECURED
    }

    /// A folder with every jar that a broker and the tools need. The clients jar of a release
    /// whose sum is pinned is checked.
    pub fn libs(self) -> Result<PathBuf> {
        let version = self.to_string();
        let scala = if self < FIRST_SCALA_2_13 { "kafka_2.12" } else { "kafka_2.13" };
        let mut jars = vec![
            Coordinates::new("org.apache.kafka", scala, &version),
            Coordinates::new("org.apache.kafka", "kafka-tools", &version),
            Coordinates::new("org.apache.kafka", "kafka-clients", &version),
        ];
        if self.major >= 4 {
            jars.push(Coordinates::new("org.apache.logging.log4j", "log4j-slf4j-impl", LOG4J2_BINDING));
        }
        if self < FIRST_ZOOKEEPER_3_5 {
            jars.extend(
                ZOOKEEPER.map(|(group, artifact, version)| Coordinates::new(group, artifact, version)),
            );
        }
        let libs = maven::runtime_libs(&format!("kafka-{version}"), &jars)?;
        if let Some(sum) = Pins::load()?.sum(&version) {
            maven::verify(&libs.join(format!("kafka-clients-{version}.jar")), sum)?;
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
            bail!("cannot run Kafka {release}: it is older than {OLDEST}");
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
    fn a_release_that_is_too_old_is_refused() {
        let error = "2.0.1".parse::<Release>().expect_err("too old").to_string();
        assert!(error.contains("older than 2.1.0"), "{error}");
    }

    #[test]
    fn releases_before_kraft_need_zookeeper() {
        for (version, needs) in [("2.1.1", true), ("2.8.2", true), ("3.2.3", true), ("3.3.2", false)] {
            let release: Release = version.parse().expect("a release");
            assert_eq!(release.needs_zookeeper(), needs, "{version}");
        }
    }
}
