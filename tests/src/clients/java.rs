//! Apache Kafka's own console clients.

use super::process::Running;
use super::{GroupClient, KafkaClient, NULL, PATIENCE, RunningMember, tab_separated};
use crate::real_kafka::{required, unique};
use crate::workload::{Content, Received};
use ottla_protocol::compression::Compression;
use std::process::Command;
use std::time::Duration;

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
        let group = unique("java");
        let received = self.start_member(bootstrap_servers, topic, &group, count, PATIENCE).received();
        assert_eq!(received.len(), count, "records that java read");
        received
    }
}

impl Java {
    /// What the console consumer prints of the first `count` records of a topic, with these properties of its formatter.
    ///
    /// # Panics
    /// If it fails.
    #[must_use]
    pub fn print(&self, bootstrap_servers: &str, topic: &str, count: usize, properties: &[String]) -> String {
        let mut command = console_consumer(bootstrap_servers, topic, &unique("java"), count, PATIENCE);
        for property in properties {
            command.args(["--formatter-property", property]);
        }
        Running::start(&mut command, Vec::new()).output()
    }
}

impl GroupClient for Java {
    fn start_member(
        &self,
        bootstrap_servers: &str,
        topic: &str,
        group: &str,
        count: usize,
        patience: Duration,
    ) -> RunningMember {
        let mut command = console_consumer(bootstrap_servers, topic, group, count, patience);
        for printed in ["timestamp", "partition", "offset", "headers", "key", "value"] {
            command.args(["--formatter-property", &format!("print.{printed}=true")]);
        }
        command.args(["--formatter-property", &format!("null.literal={NULL}")]);
        RunningMember { running: Running::start(&mut command, Vec::new()), read_line: read }
    }
}

fn console_consumer(
    bootstrap_servers: &str,
    topic: &str,
    group: &str,
    count: usize,
    patience: Duration,
) -> Command {
    let mut command = tool("consumer.ConsoleConsumer");
    command.args(["--bootstrap-server", bootstrap_servers, "--topic", topic, "--group", group]);
    command.args(["--from-beginning", "--max-messages", &count.to_string()]);
    command.args(["--timeout-ms", &patience.as_millis().to_string()]);
    command.args(["--command-property", "heartbeat.interval.ms=300"]);
    command
}

fn tool(class: &str) -> Command {
    let mut command = Command::new("java");
    // Short-lived: what the second compiler gains it costs at the start.
    command.args(["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8"]);
    // The log goes to standard output, where the records are; it holds an error when the consumer's patience ends.
    command.args(["-Dlog4j2.level=OFF", "-Dlog4j2.statusLoggerLevel=OFF"]);
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
