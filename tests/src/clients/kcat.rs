//! kcat, and so librdkafka: Debian's `kcat`.

use super::process::Running;
use super::{KafkaClient, NULL, tab_separated};
use crate::workload::{Content, Received};
use ottla_protocol::compression::Compression;
use std::process::Command;

/// kcat. It has one set of headers for all records, and sends an empty value as a tombstone.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Kcat {
    partitioner: &'static str,
}

impl Kcat {
    /// One with librdkafka's partitioner of that name.
    #[must_use]
    pub fn with_partitioner(partitioner: &'static str) -> Self {
        Self { partitioner }
    }
}

/// One that sends keys where Java does. librdkafka's own default is another hash (CRC-32).
impl Default for Kcat {
    fn default() -> Self {
        Self::with_partitioner("murmur2_random")
    }
}

impl KafkaClient for Kcat {
    fn name(&self) -> &'static str {
        "kcat"
    }

    fn sends(&self, content: &Content) -> Content {
        let value = content.value.clone().filter(|value| !value.is_empty());
        Content {
            key: content.key.clone(),
            value,
            headers: vec![("sent-by".into(), "kcat".into())],
            timestamp: None,
        }
    }

    fn shows(&self, content: &Content) -> Content {
        content.clone()
    }

    fn produce(&self, bootstrap_servers: &str, topic: &str, compression: Compression, records: &[Content]) {
        let mut command = Command::new("kcat");
        command.args(["-P", "-b", bootstrap_servers, "-t", topic, "-z", compression.name()]);
        command.args([
            "-X",
            &format!("topic.partitioner={}", self.partitioner),
            "-X",
            "enable.idempotence=true",
        ]);
        command.args(["-Z", "-H", "sent-by=kcat", "-K", "\t"]);
        let line =
            |content: &Content| format!("{}\t{}\n", content.key, content.value.as_deref().unwrap_or(""));
        let lines: String = records.iter().map(line).collect();
        let printed = Running::start(&mut command, lines.into_bytes()).output();
        assert_eq!(printed, "");
    }

    fn consume(&self, bootstrap_servers: &str, topic: &str, count: usize) -> Vec<Received> {
        let mut command = Command::new("kcat");
        command.args(["-C", "-b", bootstrap_servers, "-t", topic, "-o", "beginning", "-e", "-q"]);
        command.args(["-X", "check.crcs=true", "-f", "%p\t%o\t%T\t%K\t%S\t%h\t%k\t%s\n"]);
        let printed = Running::start(&mut command, Vec::new()).output();
        let received: Vec<Received> = printed.lines().map(read).collect();
        assert_eq!(received.len(), count, "records that kcat read");
        received
    }
}

fn read(line: &str) -> Received {
    let [partition, offset, timestamp, key_size, value_size, headers, key, value] = tab_separated(line);
    let number = |text: &str| text.parse::<i64>().unwrap_or_else(|error| panic!("{error}: {line}"));
    let header = |pair: &str| {
        let (key, value) = pair.split_once('=').unwrap_or_else(|| panic!("no header: {line}"));
        (key.to_owned(), value.to_owned())
    };
    let content = Content {
        key: if number(key_size) >= 0 { key.to_owned() } else { NULL.to_owned() },
        value: (number(value_size) >= 0).then(|| value.to_owned()),
        headers: headers.split(',').filter(|pair| !pair.is_empty()).map(header).collect(),
        timestamp: Some(number(timestamp)),
    };
    Received { partition: number(partition) as i32, offset: number(offset), content }
}
