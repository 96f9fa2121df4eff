//! The blobs that members of a classic consumer group hand each other through the coordinator, and the hash by which
//! a group finds its coordinator.
//!
//! A blob is an int16 version and a [`ConsumerProtocolSubscription`] or [`ConsumerProtocolAssignment`] of that version
//! (KIP-429 added owned partitions, KIP-792 the generation, KIP-881 the rack). As in Kafka's `ConsumerProtocol`, a
//! blob of a version that we do not know is read as the highest one that we do: newer fields only follow older ones.
//!
//! Not here: what a member does with them (`ottla-core`).

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::error::{DecodeError, DecodeErrorKind, EncodeError};
use crate::message::Message;
use crate::messages::consumer_protocol_assignment::{self, ConsumerProtocolAssignment};
use crate::messages::consumer_protocol_subscription::{self, ConsumerProtocolSubscription};

/// The protocol type of consumer groups in JoinGroup and SyncGroup.
pub const PROTOCOL_TYPE: &str = "consumer";

/// A subscription with its version in front. Topics are sorted, and so are owned partitions, by topic, then
/// partition; a `version` above the highest is written as the highest.
///
/// # Errors
/// A negative version; a field that is too long.
pub fn encode_subscription(
    subscription: &ConsumerProtocolSubscription,
    version: i16,
) -> Result<Bytes, EncodeError> {
    let mut owned: Vec<_> = subscription
        .owned_partitions
        .iter()
        .flat_map(|topic| topic.partitions.iter().map(|&partition| (topic.topic.clone(), partition)))
        .collect();
    owned.sort();
    let mut sorted = subscription.clone();
    sorted.topics.sort();
    sorted.owned_partitions = owned
        .chunk_by(|a, b| a.0 == b.0)
        .map(|topic| consumer_protocol_subscription::TopicPartition {
            topic: topic[0].0.clone(),
            partitions: topic.iter().map(|(_, partition)| *partition).collect(),
            ..Default::default()
        })
        .collect();
    encode(&sorted, version)
}

/// Reads a subscription. What follows its last known field is ignored. Offsets in errors count from behind the
/// version.
///
/// # Errors
/// A negative version, or bytes that are no subscription.
pub fn decode_subscription(blob: &Bytes) -> Result<ConsumerProtocolSubscription, DecodeError> {
    decode(blob)
}

/// An assignment with its version in front. Partitions are grouped by topic, topics in order of first appearance; a
/// `version` above the highest is written as the highest.
///
/// # Errors
/// A negative version; a field that is too long.
pub fn encode_assignment(
    assignment: &ConsumerProtocolAssignment,
    version: i16,
) -> Result<Bytes, EncodeError> {
    let mut grouped: Vec<consumer_protocol_assignment::TopicPartition> = Vec::new();
    let mut partitions: Vec<Vec<i32>> = Vec::new();
    let mut places = BTreeMap::new();
    for topic in &assignment.assigned_partitions {
        let at = *places.entry(topic.topic.clone()).or_insert_with(|| {
            let topic = topic.topic.clone();
            grouped.push(consumer_protocol_assignment::TopicPartition { topic, ..Default::default() });
            partitions.push(Vec::new());
            grouped.len() - 1
        });
        partitions[at].extend_from_slice(&topic.partitions);
    }
    for (topic, partitions) in grouped.iter_mut().zip(partitions) {
        topic.partitions = partitions.into();
    }
    let mut merged = assignment.clone();
    merged.assigned_partitions = grouped;
    encode(&merged, version)
}

/// Reads an assignment. What follows its last known field is ignored. Offsets in errors count from behind the
/// version.
///
/// # Errors
/// A negative version, or bytes that are no assignment.
pub fn decode_assignment(blob: &Bytes) -> Result<ConsumerProtocolAssignment, DecodeError> {
    decode(blob)
}

/// Java's `String.hashCode`: brokers place groups by it, and Java's assignors list topics in an order that follows
/// from it.
pub fn java_hash_code(text: &str) -> i32 {
    text.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

/// The partition of `__consumer_offsets` whose leader coordinates `group`; 0 if `partition_count` is not positive.
pub fn coordinator_partition(group: &str, partition_count: i32) -> i32 {
    // Kafka's Utils.abs maps the one value without an absolute value to 0.
    let hash = java_hash_code(group).checked_abs().unwrap_or(0);
    if partition_count > 0 { hash % partition_count } else { 0 }
}

fn encode<M: Message>(message: &M, version: i16) -> Result<Bytes, EncodeError> {
    let version = version.min(M::VERSIONS.max);
    let body = message.to_bytes(version)?;
    let mut blob = Vec::with_capacity(2 + body.len());
    blob.extend_from_slice(&version.to_be_bytes());
    blob.extend_from_slice(&body);
    Ok(blob.into())
}

fn decode<M: Message>(blob: &Bytes) -> Result<M, DecodeError> {
    let Some(&[high, low]) = blob.get(..2) else {
        let mut error = DecodeError::new(DecodeErrorKind::Truncated, 0);
        error.within(M::NAME);
        return Err(error);
    };
    let version = i16::from_be_bytes([high, low]).min(M::VERSIONS.max);
    M::decode_prefix(&blob.slice(2..), version).map(|(message, _)| message)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Lines of the oracle: bytes from Kafka's own ConsumerProtocol.
    const SUBSCRIPTION_V0: &[u8] = b"\0\0\0\0\0\x03\0\x03t14\0\x03t18\0\x02t8\0\0\0\0";
    const ASSIGNMENT_V0: &[u8] =
        b"\0\0\0\0\0\x02\0\x02t1\0\0\0\x02\0\0\0\x05\0\0\0\x08\0\x02t0\0\0\0\x01\0\0\0\x09\xff\xff\xff\xff";

    #[test]
    fn subscriptions_are_sorted_and_equal_kafkas_bytes() {
        let subscription = ConsumerProtocolSubscription {
            topics: vec!["t18".into(), "t8".into(), "t14".into()],
            user_data: Some(Bytes::new()),
            ..Default::default()
        };
        assert_eq!(encode_subscription(&subscription, 0).expect("it is valid"), SUBSCRIPTION_V0);
        let read = decode_subscription(&Bytes::from_static(SUBSCRIPTION_V0)).expect("it is valid");
        assert_eq!(read.topics, ["t14", "t18", "t8"]);
    }

    #[test]
    fn assignments_are_grouped_in_order_of_appearance_and_equal_kafkas_bytes() {
        let mut assignment = ConsumerProtocolAssignment::default();
        for (topic, partition) in [("t1", 5), ("t0", 9), ("t1", 8)] {
            assignment.assigned_partitions.push(consumer_protocol_assignment::TopicPartition {
                topic: topic.into(),
                partitions: vec![partition].into(),
                ..Default::default()
            });
        }
        assert_eq!(encode_assignment(&assignment, 0).expect("it is valid"), ASSIGNMENT_V0);
    }

    #[test]
    fn a_newer_version_is_read_as_the_highest_known_one() {
        let subscription = ConsumerProtocolSubscription {
            topics: vec!["t".into()],
            generation_id: 7,
            rack_id: Some("r".into()),
            ..Default::default()
        };
        let mut blob = encode_subscription(&subscription, 99).expect("it is valid").to_vec();
        assert_eq!(blob[..2], [0, 3]);
        blob[1] = 9;
        blob.extend_from_slice(b"what version 9 may add");
        assert_eq!(decode_subscription(&blob.into()).expect("it is valid"), subscription);
    }

    #[test]
    fn a_negative_version_and_a_cut_blob_are_errors() {
        for blob in [&b""[..], b"\0", b"\xff\xff\0\0\0\0", b"\0\x03\0\0"] {
            assert!(decode_subscription(&Bytes::copy_from_slice(blob)).is_err(), "{blob:?}");
            assert!(decode_assignment(&Bytes::copy_from_slice(blob)).is_err(), "{blob:?}");
        }
    }

    #[test]
    fn a_group_is_placed_as_brokers_place_it() {
        for (group, hash, partition) in [
            ("group-5r7vldé日", -570717730, 30),
            ("group-1hfmb4", 770899198, 48),
            ("polygenelubricants", i32::MIN, 0),
        ] {
            assert_eq!(
                (java_hash_code(group), coordinator_partition(group, 50)),
                (hash, partition),
                "{group}"
            );
        }
    }
}
