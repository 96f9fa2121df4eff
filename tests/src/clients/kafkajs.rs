//! KafkaJS, on Node.

use super::process::Running;
use super::{GroupClient, KafkaClient, PATIENCE, RunningMember};
use crate::real_kafka::{required, unique};
use crate::workload::{Content, Received};
use ottla_protocol::compression::Compression;
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;

/// KafkaJS. It knows gzip only, and puts headers of one name together.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct KafkaJs;

impl KafkaClient for KafkaJs {
    fn name(&self) -> &'static str {
        "kafkajs"
    }

    fn sends(&self, content: &Content) -> Content {
        self.shows(content)
    }

    fn shows(&self, content: &Content) -> Content {
        let mut headers: Vec<(String, String)> = Vec::new();
        for (key, value) in &content.headers {
            let behind = headers.iter().rposition(|(known, _)| known == key);
            headers.insert(behind.map_or(headers.len(), |at| at + 1), (key.clone(), value.clone()));
        }
        Content { headers, ..content.clone() }
    }

    fn produce(&self, bootstrap_servers: &str, topic: &str, compression: Compression, records: &[Content]) {
        let mut command = script("produce.js");
        command.args([bootstrap_servers, topic, compression.name()]);
        let lines: String = records.iter().map(|content| format!("{}\n", message(content))).collect();
        let printed = Running::start(&mut command, lines.into_bytes()).output();
        assert_eq!(printed, "");
    }

    fn consume(&self, bootstrap_servers: &str, topic: &str, count: usize) -> Vec<Received> {
        let group = unique("kafkajs");
        let received = self.start_member(bootstrap_servers, topic, &group, count, PATIENCE).received();
        assert_eq!(received.len(), count, "records that kafkajs read");
        received
    }
}

impl GroupClient for KafkaJs {
    fn start_member(
        &self,
        bootstrap_servers: &str,
        topic: &str,
        group: &str,
        count: usize,
        patience: Duration,
    ) -> RunningMember {
        let mut command = script("consume.js");
        let (count, patience) = (count.to_string(), patience.as_millis().to_string());
        command.args([bootstrap_servers, topic, group, &count, &patience]);
        RunningMember { running: Running::start(&mut command, Vec::new()), read_line: read }
    }
}

fn script(name: &str) -> Command {
    let mut command = Command::new("node");
    command.env("NODE_PATH", required("OTTLA_TEST_NODE_MODULES"));
    command.arg(format!("{}/kafkajs/{name}", env!("CARGO_MANIFEST_DIR")));
    command
}

fn message(content: &Content) -> Value {
    // Pairs, since an object of JSON has no order.
    let mut message = json!({ "key": content.key, "value": content.value, "headers": content.headers });
    if let Some(timestamp) = content.timestamp {
        message["timestamp"] = json!(timestamp.to_string());
    }
    message
}

fn read(line: &str) -> Received {
    let record: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let number = |field: &str| record[field].as_i64().unwrap_or_else(|| panic!("no {field}: {line}"));
    let headers = record["headers"].as_array().into_iter().flatten();
    let header = |pair: &Value| text(&pair[0]).zip(text(&pair[1])).expect("a name and a value");
    let content = Content {
        key: text(&record["key"]).expect("no record without a key was sent"),
        value: text(&record["value"]),
        headers: headers.map(header).collect(),
        timestamp: Some(number("timestamp")),
    };
    Received { partition: number("partition") as i32, offset: number("offset"), content }
}
