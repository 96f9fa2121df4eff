//! The console consumer of whatever release of Apache Kafka: what it prints of records in every age.

use super::process::Running;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A line that it printed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConsoleLine {
    /// The headers, as `key:value` by comma, or `NO_HEADERS`; `None` where it cannot print them: before Kafka 2.7.
    pub headers: Option<String>,
    /// The key; `null` where there is none.
    pub key: String,
    /// The value; `null` where there is none.
    pub value: String,
}

/// Reads the first `count` records of a topic by the console consumer whose jars are in `libs`.
///
/// # Panics
/// If it fails, or prints something else.
#[must_use]
pub fn console_consume(libs: &Path, bootstrap_servers: &str, topic: &str, count: usize) -> Vec<ConsoleLine> {
    let mut command = Command::new("java");
    command.args(["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8"]);
    command.args(["-cp", &format!("{}/*", libs.display()), class(libs)]);
    command.args(["--bootstrap-server", bootstrap_servers, "--topic", topic, "--from-beginning"]);
    command.args(["--max-messages", &count.to_string(), "--timeout-ms", "30000"]);
    for property in ["print.key=true", "print.headers=true", "print.timestamp=true"] {
        command.args(["--property", property]);
    }
    let printed = Running::start(&mut command, Vec::new()).output();
    // Before 3.x its log may come to standard output too.
    printed.lines().filter(|line| line.starts_with("CreateTime:")).map(read).collect()
}

/// It was moved in Kafka 3.8.
fn class(libs: &Path) -> &'static str {
    let names = fs::read_dir(libs)
        .expect("a folder of jars")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut versions = names.filter_map(|name| {
        let version = name.strip_prefix("kafka-clients-")?.strip_suffix(".jar")?;
        let mut parts = version.split('.').map(|part| part.parse::<u16>().ok());
        Some((parts.next()??, parts.next()??))
    });
    match versions.next().expect("the jar kafka-clients") {
        version if version < (3, 8) => "kafka.tools.ConsoleConsumer",
        _ => "org.apache.kafka.tools.consumer.ConsoleConsumer",
    }
}

fn read(line: &str) -> ConsoleLine {
    let fields: Vec<&str> = line.split('\t').collect();
    let (headers, key, value) = match fields[..] {
        [_, key, value] => (None, key, value),
        [_, headers, key, value] => (Some(headers.to_owned()), key, value),
        _ => panic!("neither three fields nor four: {line}"),
    };
    ConsoleLine { headers, key: key.to_owned(), value: value.to_owned() }
}
