//! Lines about classic groups: assignors, the blobs of the consumer protocol, and where a group is coordinated.

use bytes::Bytes;
use ottla_core::assignors::{
    Assignor, GenerationId, Member, RangeAssignor, RoundRobinAssignor, Subscription, TopicSnapshot,
};
use ottla_core::consumer::TopicPartition;
use ottla_protocol::consumer_protocol;
use ottla_protocol::messages::consumer_protocol_assignment::{self, ConsumerProtocolAssignment};
use ottla_protocol::messages::consumer_protocol_subscription::{self, ConsumerProtocolSubscription};
use serde_json::Value;

/// Whether [`check`] knows this line's kind, or its assignor.
#[must_use]
pub fn handles(line: &Value) -> bool {
    match line["kind"].as_str() {
        Some(kind) => matches!(kind, "subscription" | "assignment" | "coordinatorPartition"),
        None => line["assignor"].as_str().and_then(assignor).is_some(),
    }
}

/// Checks a line.
///
/// # Errors
/// The difference to Apache Kafka.
pub fn check(line: &Value) -> Result<(), String> {
    match line["kind"].as_str() {
        None => check_assignor(line),
        Some("subscription") => check_subscription(line),
        Some("assignment") => check_assignment(line),
        Some("coordinatorPartition") => check_coordinator_partition(line),
        kind => Err(format!("no check for the kind: {kind:?}")),
    }
}

/// A line of `assignors`: assigns and compares, order included.
fn check_assignor(line: &Value) -> Result<(), String> {
    let name = text(&line["assignor"])?;
    let assignor = assignor(&name).ok_or_else(|| format!("no such assignor: {name}"))?;
    let assigned = assignor.assign(&members(&line["members"])?, &topics(line)?);
    let expected = line["assignment"].as_object().ok_or("no assignment")?;
    if !assigned.keys().map(|id| id.as_str()).eq(expected.keys().map(String::as_str)) {
        return Err(format!("members: {:?}", assigned.keys()));
    }
    for (member_id, partitions) in expected {
        let (expected, got) = (topic_partitions(partitions)?, &assigned[member_id.as_str()].partitions);
        if *got != expected {
            return Err(format!("{member_id}: {got:?} instead of {expected:?}"));
        }
    }
    Ok(())
}

/// A `subscription` line of `misc`: writes it, and reads what was written.
fn check_subscription(line: &Value) -> Result<(), String> {
    let version = version(line)?;
    let mut subscription = ConsumerProtocolSubscription::default();
    subscription.topics = texts(&line["topics"])?.into_iter().map(Into::into).collect();
    subscription.user_data = nullable_hex(&line["userData"])?;
    for partition in topic_partitions(&line["ownedPartitions"])? {
        let mut owned = consumer_protocol_subscription::TopicPartition::default();
        owned.topic = partition.topic;
        owned.partitions = vec![partition.partition].into();
        subscription.owned_partitions.push(owned);
    }
    subscription.generation_id = int(&line["generationId"])?;
    subscription.rack_id = nullable(&line["rackId"]).map(text).transpose()?.map(Into::into);
    let expected = hex(&line["hex"])?;
    let got = consumer_protocol::encode_subscription(&subscription, version).map_err(|e| e.to_string())?;
    if got != expected {
        return Err(format!("wrote {got:02x?} instead of {expected:02x?}"));
    }
    let read = consumer_protocol::decode_subscription(&expected).map_err(|e| e.to_string())?;
    let again = consumer_protocol::encode_subscription(&read, version).map_err(|e| e.to_string())?;
    if again == expected { Ok(()) } else { Err(format!("read {read:?}")) }
}

/// An `assignment` line of `misc`: writes it, and reads what was written.
fn check_assignment(line: &Value) -> Result<(), String> {
    let version = version(line)?;
    let mut assignment = ConsumerProtocolAssignment::default();
    assignment.user_data = nullable_hex(&line["userData"])?;
    for partition in topic_partitions(&line["partitions"])? {
        let mut assigned = consumer_protocol_assignment::TopicPartition::default();
        assigned.topic = partition.topic;
        assigned.partitions = vec![partition.partition].into();
        assignment.assigned_partitions.push(assigned);
    }
    let expected = hex(&line["hex"])?;
    let got = consumer_protocol::encode_assignment(&assignment, version).map_err(|e| e.to_string())?;
    if got != expected {
        return Err(format!("wrote {got:02x?} instead of {expected:02x?}"));
    }
    let read = consumer_protocol::decode_assignment(&expected).map_err(|e| e.to_string())?;
    let again = consumer_protocol::encode_assignment(&read, version).map_err(|e| e.to_string())?;
    if again == expected { Ok(()) } else { Err(format!("read {read:?}")) }
}

/// A `coordinatorPartition` line of `misc`.
fn check_coordinator_partition(line: &Value) -> Result<(), String> {
    let group = text(&line["group"])?;
    let got =
        (consumer_protocol::java_hash_code(&group), consumer_protocol::coordinator_partition(&group, 50));
    let expected = (int(&line["hashCode"])?, int(&line["partitionOf50"])?);
    if got == expected { Ok(()) } else { Err(format!("{group}: {got:?} instead of {expected:?}")) }
}

fn assignor(name: &str) -> Option<Box<dyn Assignor>> {
    match name {
        "range" => Some(Box::new(RangeAssignor)),
        "roundrobin" => Some(Box::new(RoundRobinAssignor)),
        _ => None,
    }
}

fn members(line: &Value) -> Result<Vec<Member>, String> {
    let members = line.as_object().ok_or("no members")?;
    let read = members.iter().map(|(member_id, line)| {
        let topics = texts(&line["topics"])?.into_iter().map(Into::into).collect();
        let mut subscription = Subscription::new(topics);
        subscription.user_data = nullable_hex(&line["userData"])?;
        subscription.owned_partitions = topic_partitions(&line["ownedPartitions"])?;
        subscription.generation_id =
            Some(int(&line["generationId"])?).filter(|&id| id >= 0).map(GenerationId);
        subscription.rack_id = nullable(&line["rackId"]).map(text).transpose()?.map(Into::into);
        let instance = nullable(&line["groupInstanceId"]).map(text).transpose()?.map(Into::into);
        Ok(Member::new(member_id.as_str().into(), instance, subscription))
    });
    read.collect()
}

fn topics(line: &Value) -> Result<TopicSnapshot, String> {
    let mut topics = TopicSnapshot::default();
    for (topic, count) in line["partitionsPerTopic"].as_object().ok_or("no partitionsPerTopic")? {
        match nullable(&line["partitionRacks"][topic]) {
            None => topics.insert(topic.as_str().into(), int(count)?),
            Some(racks) => {
                let partitions = racks.as_array().ok_or("partitionRacks")?.iter();
                let racks = partitions.map(|racks| Ok(texts(racks)?.into_iter().map(Into::into).collect()));
                topics.insert_with_racks(topic.as_str().into(), racks.collect::<Result<_, String>>()?);
            }
        }
    }
    Ok(topics)
}

fn topic_partitions(line: &Value) -> Result<Vec<TopicPartition>, String> {
    let partitions = line.as_array().ok_or("no partitions")?.iter();
    partitions.map(|pair| Ok(TopicPartition::new(text(&pair[0])?, int(&pair[1])?))).collect()
}

fn nullable(line: &Value) -> Option<&Value> {
    (!line.is_null()).then_some(line)
}

fn text(line: &Value) -> Result<String, String> {
    line.as_str().map(Into::into).ok_or_else(|| format!("not a string: {line}"))
}

fn texts(line: &Value) -> Result<Vec<String>, String> {
    line.as_array().ok_or_else(|| format!("not an array: {line}"))?.iter().map(text).collect()
}

fn int(line: &Value) -> Result<i32, String> {
    line.as_i64().and_then(|n| n.try_into().ok()).ok_or_else(|| format!("not an int32: {line}"))
}

fn version(line: &Value) -> Result<i16, String> {
    int(&line["version"])?.try_into().map_err(|_| "version".to_owned())
}

fn nullable_hex(line: &Value) -> Result<Option<Bytes>, String> {
    nullable(line).map(hex).transpose()
}

fn hex(line: &Value) -> Result<Bytes, String> {
    super::unhex(&text(line)?).map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_all(lines: &str) -> (usize, Vec<String>) {
        let (mut passed, mut failures) = (0, Vec::new());
        for line in lines.lines() {
            let line: Value = serde_json::from_str(line).expect("it is JSON");
            match check(&line) {
                Ok(()) => passed += 1,
                Err(error) => failures.push(format!("{error} in {line}")),
            }
        }
        (passed, failures)
    }

    #[test]
    fn the_sample_is_met() {
        let (passed, failures) = check_all(include_str!("assignors_sample.jsonl"));
        assert_eq!((passed, failures), (33, vec![]));
    }

    #[test]
    fn the_checks_can_fail() {
        for line in include_str!("assignors_sample.jsonl").lines() {
            let mut line: Value = serde_json::from_str(line).expect("it is JSON");
            if let Some(assignment) = line["assignment"].as_object_mut() {
                let partitions = assignment.values_mut().next().and_then(Value::as_array_mut);
                partitions.expect("there is a member").insert(0, serde_json::json!(["t0", 99]));
            } else {
                line["hex"] = "0000".into();
                line["partitionOf50"] = 50.into();
            }
            assert_eq!(check_all(&line.to_string()).1.len(), 1, "{line}");
        }
    }
}
