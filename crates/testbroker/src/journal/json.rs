//! A journal as JSON lines. The fields of a line are in the order in which they are written here: two journals are
//! compared as text.

use ottla_protocol::error_codes::FoundErrorCode;
use ottla_protocol::types::NodeId;
use serde::Serialize;

use super::event::{BatchProducer, JournalEvent, JournalMember, RequestPlace};
use super::summary::RequestSummary;
use super::{Journal, JournalEntry};

impl Journal {
    /// The entries as JSON, one a line, with `\n` behind each.
    pub fn to_json_lines(&self) -> String {
        let mut lines = String::new();
        for entry in &self.entries {
            lines.push_str(&entry.to_json());
            lines.push('\n');
        }
        lines
    }
}

impl JournalEntry {
    /// The entry as JSON, in one line.
    pub fn to_json(&self) -> String {
        let mut line = Object::new();
        line.field("serial", self.serial).field("micros", self.at.as_micros());
        self.event.write(&mut line);
        line.finish()
    }
}

impl JournalEvent {
    fn write(&self, line: &mut Object) {
        match self {
            Self::ClientConnected { .. }
            | Self::ClientDisconnected { .. }
            | Self::RequestReceived { .. }
            | Self::ResponseSent { .. }
            | Self::FaultFired { .. }
            | Self::FaultUndone { .. } => self.write_of_connection(line),
            _ => self.write_of_data(line),
        }
    }

    fn write_of_connection(&self, line: &mut Object) {
        match self {
            Self::ClientConnected { connection, node, client_host } => {
                line.event("clientConnected").field("connection", connection.0);
                line.field("node", node.0).field("clientHost", client_host);
            }
            Self::ClientDisconnected { connection, reason } => {
                line.event("clientDisconnected").field("connection", connection.0);
                if let Some(reason) = reason {
                    line.field("reason", reason.to_string());
                }
            }
            Self::RequestReceived { request, node, client_id, api, version, correlation_id, summary } => {
                line.event("requestReceived").place(request).field("node", node.0);
                line.field("clientId", client_id).field("api", api.to_string()).field("version", version);
                line.field("correlationId", correlation_id);
                summary.write(line);
            }
            Self::ResponseSent { request, api, version, errors, bytes } => {
                line.event("responseSent").place(request);
                line.field("api", api.to_string()).field("version", version).field("bytes", bytes);
                if !errors.is_empty() {
                    line.objects("errors", errors, error);
                }
            }
            Self::FaultFired { rule, request, api, what } => {
                line.event("faultFired");
                if let (Some(request), Some(api)) = (request, api) {
                    line.place(request).field("api", api.to_string());
                }
                line.field("rule", rule).field("what", what);
            }
            Self::FaultUndone { rule, reason } => {
                line.event("faultUndone").field("rule", rule).field("reason", reason);
            }
            _ => {}
        }
    }

    fn write_of_data(&self, line: &mut Object) {
        match self {
            Self::BatchAppended {
                topic_id,
                topic,
                partition,
                base_offset,
                last_offset,
                leader_epoch,
                producer,
            } => {
                line.event("batchAppended").field("topicId", topic_id.to_string()).field("topic", topic);
                line.field("partition", partition).field("baseOffset", base_offset);
                line.field("lastOffset", last_offset).field("leaderEpoch", leader_epoch).producer(producer);
            }
            Self::DuplicateRecognised { topic_id, topic, partition, base_offset, producer } => {
                line.event("duplicateRecognised").field("topicId", topic_id.to_string());
                line.field("topic", topic).field("partition", partition);
                line.field("baseOffset", base_offset).producer(producer);
            }
            Self::GroupChanged { group, state, generation_id, protocol, members } => {
                line.event("groupChanged").field("group", group).field("state", state);
                line.field("generationId", generation_id).field("protocol", protocol);
                line.objects("members", members, member);
            }
            Self::OffsetCommitted { group, member_id, generation_id, topic, partition, offset } => {
                line.event("offsetCommitted").field("group", group).field("memberId", member_id);
                line.field("generationId", generation_id).field("topic", topic);
                line.field("partition", partition).field("offset", offset);
            }
            _ => self.write_of_cluster(line),
        }
    }

    fn write_of_cluster(&self, line: &mut Object) {
        match self {
            Self::LeaderElected { topic_id, topic, partition, leader, leader_epoch, isr } => {
                line.event("leaderElected").field("topicId", topic_id.to_string()).field("topic", topic);
                line.field("partition", partition).field("leader", leader.0);
                line.field("leaderEpoch", leader_epoch).nodes("isr", isr);
            }
            Self::IsrChanged { topic_id, topic, partition, isr } => {
                line.event("isrChanged").field("topicId", topic_id.to_string()).field("topic", topic);
                line.field("partition", partition).nodes("isr", isr);
            }
            Self::LogTruncated { node, topic_id, topic, partition, from, to } => {
                line.event("logTruncated").field("node", node.0).field("topicId", topic_id.to_string());
                line.field("topic", topic).field("partition", partition).field("from", from).field("to", to);
            }
            Self::HighWatermarkMoved { topic_id, topic, partition, node, offset } => {
                line.event("highWatermarkMoved").field("topicId", topic_id.to_string());
                line.field("topic", topic).field("partition", partition);
                line.field("node", node.0).field("offset", offset);
            }
            Self::CoordinatorMoved { partition, node } => {
                line.event("coordinatorMoved").field("partition", partition).field("node", node.0);
            }
            Self::NodeDown { node } => {
                line.event("nodeDown").field("node", node.0);
            }
            Self::NodeUp { node } => {
                line.event("nodeUp").field("node", node.0);
            }
            Self::NodeFenced { node } => {
                line.event("nodeFenced").field("node", node.0);
            }
            Self::TopicCreated { topic_id, topic, partitions } => {
                line.event("topicCreated").field("topicId", topic_id.to_string()).field("topic", topic);
                line.field("partitions", partitions);
            }
            Self::TopicDeleted { topic_id, topic } => {
                line.event("topicDeleted").field("topicId", topic_id.to_string()).field("topic", topic);
            }
            _ => {}
        }
    }
}

impl RequestSummary {
    fn write(&self, line: &mut Object) {
        match self {
            Self::Other => {}
            Self::Produce { acks, partitions, left_out } => {
                line.field("acks", acks).objects("partitions", partitions, |row, partition| {
                    row.field("topic", &partition.topic).field("partition", partition.partition);
                    row.field("bytes", partition.bytes);
                    if let Some(header) = &partition.header {
                        row.field("producerId", header.producer_id);
                        row.field("producerEpoch", header.producer_epoch);
                        row.field("baseSequence", header.base_sequence);
                        row.field("recordCount", header.record_count).field("crc", header.crc);
                    }
                });
                line.left_out(*left_out);
            }
            Self::Fetch { session_id, session_epoch, partitions, left_out } => {
                line.field("sessionId", session_id).field("sessionEpoch", session_epoch);
                line.objects("partitions", partitions, |row, partition| {
                    row.field("topic", &partition.topic).field("partition", partition.partition);
                    row.field("fetchOffset", partition.fetch_offset);
                    row.field("currentLeaderEpoch", partition.current_leader_epoch);
                });
                line.left_out(*left_out);
            }
            Self::OffsetCommit { group, member_id, generation_id, partitions, left_out } => {
                line.field("group", group).field("memberId", member_id);
                line.field("generationId", generation_id);
                line.objects("partitions", partitions, |row, partition| {
                    row.field("topic", &partition.topic).field("partition", partition.partition);
                    row.field("offset", partition.offset);
                });
                line.left_out(*left_out);
            }
            Self::Member { group, member_id, generation_id } => {
                line.field("group", group).field("memberId", member_id);
                if let Some(generation_id) = generation_id {
                    line.field("generationId", generation_id);
                }
            }
        }
    }
}

fn error(row: &mut Object, found: &FoundErrorCode) {
    match found.code.name() {
        Some(name) => row.field("code", name),
        None => row.field("code", found.code.0),
    };
    for (name, value) in &found.of {
        row.field(name, value);
    }
}

fn member(row: &mut Object, member: &JournalMember) {
    row.field("memberId", &member.member_id).field("clientId", &member.client_id);
    row.objects("assignment", &member.assignment, |row, (topic, partitions)| {
        row.field("topic", topic).field("partitions", partitions);
    });
}

/// A JSON object as it is written.
struct Object {
    text: String,
}

impl Object {
    fn new() -> Self {
        Self { text: "{".to_owned() }
    }

    fn name(&mut self, name: &str) {
        if self.text.len() > 1 {
            self.text.push(',');
        }
        self.text.push('"');
        self.text.push_str(name);
        self.text.push_str("\":");
    }

    fn field(&mut self, name: &str, value: impl Serialize) -> &mut Self {
        self.name(name);
        let value = serde_json::to_string(&value).expect("numbers, text and fault rules are JSON");
        self.text.push_str(&value);
        self
    }

    fn objects<T>(&mut self, name: &str, rows: &[T], write: impl Fn(&mut Object, &T)) {
        self.name(name);
        let rows = rows.iter().map(|row| {
            let mut object = Object::new();
            write(&mut object, row);
            object.finish()
        });
        let rows: Vec<_> = rows.collect();
        self.text.push_str(&format!("[{}]", rows.join(",")));
    }

    fn event(&mut self, name: &str) -> &mut Self {
        self.field("event", name)
    }

    fn place(&mut self, place: &RequestPlace) -> &mut Self {
        self.field("connection", place.connection.0).field("request", place.request)
    }

    fn producer(&mut self, producer: &Option<BatchProducer>) {
        if let Some(producer) = producer {
            self.field("producerId", producer.producer_id).field("producerEpoch", producer.producer_epoch);
            self.field("baseSequence", producer.base_sequence);
        }
    }

    fn nodes(&mut self, name: &str, nodes: &[NodeId]) {
        let ids: Vec<i32> = nodes.iter().map(|node| node.0).collect();
        self.field(name, ids);
    }

    fn left_out(&mut self, rows: usize) {
        if rows > 0 {
            self.field("leftOut", rows);
        }
    }

    fn finish(mut self) -> String {
        self.text.push('}');
        self.text
    }
}
