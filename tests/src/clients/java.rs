//! Apache Kafka's own console clients.

use super::process::Running;
use super::{KafkaClient, tab_separated};
use crate::real_kafka::required;
use crate::workload::{Content, Received};
use ottla_protocol::compression::Compression;
use std::process::Command;

/// What stands for null where it could be taken for text.
const NULL: &str = "<null>";

/// How long the console consumer waits for the next record before it gives up, in milliseconds.
const PATIENCE: &str = "20000";

/// The console producer and consumer of the pinned release.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Java;

impl KafkaClient for Java {
    fn name(&self) -> &'static str {
        "java"
    }

    fn sends(&self, content: &Content) -> Content {
        Content { timestamp: None, ..content.clone() }
    }

    fn shows(&self, content: &Content) -> Content {
        content.clone()
    }

    fn produce(&self, bootstrap_servers: &str, topic: &str, compression: Compression, records: &[Content]) {
        let mut command = tool("ConsoleProducer");
        command.args(["--bootstrap-server", bootstrap_servers, "--topic", topic]);
        command.args(["--compression-codec", compression.name()]);
        // The tool's own default for a broker's answer is 1.5 s.
        command.args(["--request-timeout-ms", "30000"]);
        for property in ["parse.key=true", "parse.headers=true", &format!("null.marker={NULL}")] {
            command.args(["--reader-property", property]);
        }
        let lines: String = records.iter().map(line).collect();
        let printed = Running::start(&mut command, lines.into_bytes()).output();
        // It prints a prompt for each line.
        assert_eq!(printed.trim_matches('>'), "");
    }

    fn consume(&self, bootstrap_servers: &str, topic: &str, count: usize) -> Vec<Received> {
        let consumer = JavaConsumer::start(bootstrap_servers, topic, None, count);
        let received = consumer.received();
        assert_eq!(received.len(), count, "records that java read");
        received
    }
}

/// A console consumer that runs. Dropping it ends it, without a commit.
#[derive(Debug)]
pub struct JavaConsumer {
    running: Running,
}

impl JavaConsumer {
    /// Starts to read a topic's oldest records, in a group or in one that is made up; ends after `count` records, or
    /// when none has come for 20 s, and commits what it has read.
    #[must_use]
    pub fn start(bootstrap_servers: &str, topic: &str, group: Option<&str>, count: usize) -> Self {
        Self::start_with_patience(bootstrap_servers, topic, group, count, PATIENCE)
    }

    /// Likewise, with another time to wait for the next record, in milliseconds.
    #[must_use]
    pub fn start_with_patience(
        bootstrap_servers: &str,
        topic: &str,
        group: Option<&str>,
        count: usize,
        patience: &str,
    ) -> Self {
        let mut command = tool("consumer.ConsoleConsumer");
        command.args(["--bootstrap-server", bootstrap_servers, "--topic", topic, "--from-beginning"]);
        command.args(["--max-messages", &count.to_string(), "--timeout-ms", patience]);
        if let Some(group) = group {
            command.args(["--group", group]);
        }
        for printed in ["timestamp", "partition", "offset", "headers", "key", "value"] {
            command.args(["--formatter-property", &format!("print.{printed}=true")]);
        }
        command.args(["--formatter-property", &format!("null.literal={NULL}")]);
        Self { running: Running::start(&mut command, Vec::new()) }
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it fails.
    #[must_use]
    pub fn received(self) -> Vec<Received> {
        self.running.output().lines().map(read).collect()
    }
}

fn tool(class: &str) -> Command {
    let mut command = Command::new("java");
    // Short-lived: what the second compiler gains it costs at the start.
    command.args(["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8"]);
    command.args(["-cp", &format!("{}/*", required("OTTLA_TEST_JAVA_LIBS"))]);
    command.arg(format!("org.apache.kafka.tools.{class}"));
    command
}

fn line(content: &Content) -> String {
    let headers: Vec<String> = content.headers.iter().map(|(key, value)| format!("{key}:{value}")).collect();
    let headers = if headers.is_empty() { NULL.to_owned() } else { headers.join(",") };
    format!("{headers}\t{}\t{}\n", content.key, content.value.as_deref().unwrap_or(NULL))
}

fn read(line: &str) -> Received {
    let [timestamp, partition, offset, headers, key, value] = tab_separated(line);
    let number = |text: &str, before: &str| {
        let number = text.strip_prefix(before).and_then(|number| number.parse::<i64>().ok());
        number.unwrap_or_else(|| panic!("no {before} in {line}"))
    };
    let header = |pair: &str| {
        let (key, value) = pair.split_once(':').unwrap_or_else(|| panic!("no header: {line}"));
        (key.to_owned(), value.to_owned())
    };
    let content = Content {
        key: key.to_owned(),
        value: (value != NULL).then(|| value.to_owned()),
        headers: headers.split(',').filter(|pair| *pair != "NO_HEADERS").map(header).collect(),
        timestamp: Some(number(timestamp, "CreateTime:")),
    };
    let partition = number(partition, "Partition:") as i32;
    Received { partition, offset: number(offset, "Offset:"), content }
}
