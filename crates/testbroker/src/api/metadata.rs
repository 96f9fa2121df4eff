//! Metadata, v0 to v13: leaders and live brokers as the node that is asked has heard of them.
//!
//! A topic that is made on the way is answered at once; Kafka answers UNKNOWN_TOPIC_OR_PARTITION or
//! LEADER_NOT_AVAILABLE until its leaders are elected.

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::message::VersionRange;
use ottla_protocol::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};
use ottla_protocol::messages::metadata_response::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use ottla_protocol::types::{NodeIds, TopicName};

use crate::api::distinct::distinct;
use crate::cluster::{Answer, Call, Cluster};
use crate::faults::At;
use crate::partition_state::NO_LEADER;
use crate::subject::{About, Part};
use crate::topic::{Topic, check_name};

pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 13);

/// The first version whose request can name topics by id (KIP-516).
const FIRST_VERSION_BY_ID: i16 = 12;
/// The first version whose answer has an error of its own.
const FIRST_VERSION_WITH_ERROR: i16 = 13;
/// What anyone may do with a topic where nobody checks: READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE,
/// DESCRIBE_CONFIGS and ALTER_CONFIGS as bits (KIP-430).
const TOPIC_OPERATIONS: i32 = 0b1101_1111_1000;
/// The same for the cluster: CREATE, ALTER, DESCRIBE, CLUSTER_ACTION, DESCRIBE_CONFIGS, ALTER_CONFIGS and
/// IDEMPOTENT_WRITE.
pub(crate) const CLUSTER_OPERATIONS: i32 = 0b1_1111_1010_0000;

impl About for MetadataRequest {
    fn parts(&self, cluster: &Cluster, call: &Call) -> Vec<Part> {
        let topics: Vec<TopicName> = match &self.topics {
            Some(topics) if !topics.is_empty() || call.version > 0 => {
                topics.iter().filter_map(|asked| name_of(cluster, asked)).collect()
            }
            _ => cluster.topics.iter().map(|topic| topic.name.clone()).collect(),
        };
        let mut parts = Vec::new();
        for name in &topics {
            parts.push(Part::topic(name));
            let partitions = cluster.topics.named(name).map_or(0, |topic| topic.partitions.len());
            parts.extend((0..partitions as i32).map(|index| Part::partition(Some(name), index)));
        }
        parts
    }
}

pub(crate) fn handle(
    cluster: &mut Cluster,
    call: &Call,
    request: MetadataRequest,
) -> Answer<MetadataResponse> {
    let mut response = MetadataResponse::default();
    // The one error that is about the whole request (KIP-1102): no rule that asks for it means a topic.
    if call.version >= FIRST_VERSION_WITH_ERROR
        && call.fault_of_read(At::default()) == Err(ErrorCode::REBOOTSTRAP_REQUIRED)
    {
        response.error_code = ErrorCode::REBOOTSTRAP_REQUIRED.0;
        return Answer::Now(response);
    }
    let alive = cluster.brokers.seen_by(call.node);
    let brokers = cluster.nodes.values().filter(|node| alive.contains(&node.id)).map(|node| {
        let mut broker = MetadataResponseBroker::default();
        broker.node_id = node.id;
        let endpoint = node.endpoint(call.listener);
        broker.host = endpoint.host.clone();
        broker.port = i32::from(endpoint.port);
        broker.rack = node.rack.clone();
        broker
    });
    response.brokers = brokers.collect();
    response.cluster_id = Some(cluster.cluster_id.clone());
    response.controller_id = cluster.controller();
    if request.include_cluster_authorized_operations && (8..=10).contains(&call.version) {
        response.cluster_authorized_operations = CLUSTER_OPERATIONS;
    }
    let with_operations = request.include_topic_authorized_operations;
    response.topics = match request.topics {
        // v0 has no null: there an empty list asks for all topics.
        Some(topics) if !topics.is_empty() || call.version > 0 => {
            let create = request.allow_auto_topic_creation && cluster.settings.auto_create_topics_enable;
            let topics = distinct(topics, |topic| (topic.name.clone(), topic.topic_id));
            topics.iter().map(|topic| asked_for(cluster, call, topic, create, with_operations)).collect()
        }
        _ => cluster.topics.iter().map(|topic| describe(cluster, call, topic, with_operations)).collect(),
    };
    Answer::Now(response)
}

fn asked_for(
    cluster: &mut Cluster,
    call: &Call,
    asked: &MetadataRequestTopic,
    create: bool,
    with_operations: bool,
) -> MetadataResponseTopic {
    let Some(name) = &asked.name else {
        if call.version < FIRST_VERSION_BY_ID {
            // The name cannot be null in the answer either.
            return refuse(ErrorCode::INVALID_REQUEST, Some(TopicName::default()));
        }
        return match cluster.topics.with_id(asked.topic_id) {
            Some(topic) => describe(cluster, call, topic, with_operations),
            None => {
                let mut unknown = refuse(ErrorCode::UNKNOWN_TOPIC_ID, None);
                unknown.topic_id = asked.topic_id;
                unknown
            }
        };
    };
    if let Some(topic) = cluster.topics.named(name) {
        return describe(cluster, call, topic, with_operations);
    }
    if check_name(name).is_err() {
        return refuse(ErrorCode::INVALID_TOPIC_EXCEPTION, Some(name.clone()));
    }
    if let Err(error) = call.fault_of_read(At::topic(name)) {
        return refuse(error, Some(name.clone()));
    }
    if !create {
        return refuse(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, Some(name.clone()));
    }
    match cluster.plan_topic(name, -1, -1) {
        Ok(plan) => {
            let id = cluster.add_topic(plan);
            match cluster.topics.with_id(id) {
                Some(topic) => describe(cluster, call, topic, with_operations),
                None => refuse(ErrorCode::UNKNOWN_SERVER_ERROR, Some(name.clone())),
            }
        }
        Err(error) => refuse(error.error, Some(name.clone())),
    }
}

/// `None` for an id that is not known.
fn name_of(cluster: &Cluster, asked: &MetadataRequestTopic) -> Option<TopicName> {
    asked.name.clone().or_else(|| Some(cluster.topics.with_id(asked.topic_id)?.name.clone()))
}

fn describe(cluster: &Cluster, call: &Call, topic: &Topic, with_operations: bool) -> MetadataResponseTopic {
    if let Err(error) = call.fault_of_read(At::topic(&topic.name)) {
        let mut refused = refuse(error, Some(topic.name.clone()));
        refused.topic_id = topic.id;
        return refused;
    }
    let alive = cluster.brokers.seen_by(call.node);
    let mut described = MetadataResponseTopic::default();
    described.name = Some(topic.name.clone());
    described.topic_id = topic.id;
    described.is_internal = topic.is_internal();
    if with_operations {
        described.topic_authorized_operations = TOPIC_OPERATIONS;
    }
    let partitions = topic.partitions.iter().enumerate().map(|(index, partition)| {
        let state = partition.seen_by(call.node);
        let mut described = MetadataResponsePartition::default();
        described.partition_index = index as i32;
        described.leader_id = state.leader;
        described.leader_epoch = state.leader_epoch;
        let injected = call.fault_of_read(At::partition(Some(&topic.name), index as i32)).err();
        let leaderless = (!alive.contains(&state.leader)).then_some(ErrorCode::LEADER_NOT_AVAILABLE);
        if let Some(error) = injected.or(leaderless) {
            described.error_code = error.0;
            if error == ErrorCode::LEADER_NOT_AVAILABLE {
                described.leader_id = NO_LEADER;
            }
        }
        described.replica_nodes = NodeIds::from(&state.replicas[..]);
        described.isr_nodes = NodeIds::from(&state.isr[..]);
        let offline = state.replicas.iter().copied().filter(|node| !alive.contains(node));
        described.offline_replicas = NodeIds::from(&offline.collect::<Vec<_>>()[..]);
        described
    });
    described.partitions = partitions.collect();
    described
}

fn refuse(error: ErrorCode, name: Option<TopicName>) -> MetadataResponseTopic {
    let mut refused = MetadataResponseTopic::default();
    refused.error_code = error.0;
    refused.name = name;
    refused
}
