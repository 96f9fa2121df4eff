//! CreateTopics, v2 to v7. Every node takes it: brokers forward it to the controller (KIP-590).

use std::collections::BTreeSet;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::message::VersionRange;
use ottla_protocol::messages::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use ottla_protocol::messages::create_topics_response::{
    CreatableTopicConfigs, CreatableTopicResult, CreateTopicsResponse,
};
use ottla_protocol::types::{NodeId, TopicName};

use crate::api::describe_configs;
use crate::cluster::{Answer, Call, Cluster};
use crate::faults::At;
use crate::subject::{About, Part};
use crate::topic_creation::{NewTopic, TopicError};

pub(crate) const VERSIONS: VersionRange = VersionRange::new(2, 7);

impl About for CreateTopicsRequest {
    fn parts(&self, _cluster: &Cluster, _call: &Call) -> Vec<Part> {
        self.topics.iter().map(|topic| Part::topic(&topic.name)).collect()
    }
}

pub(crate) fn handle(
    cluster: &mut Cluster,
    call: &Call,
    request: CreateTopicsRequest,
) -> Answer<CreateTopicsResponse> {
    let (mut seen, mut twice) = (BTreeSet::new(), BTreeSet::new());
    for topic in &request.topics {
        if !seen.insert(&topic.name) {
            twice.insert(&topic.name);
        }
    }
    let mut response = CreateTopicsResponse::default();
    for name in &twice {
        let error = TopicError::new(ErrorCode::INVALID_REQUEST, "Duplicate topic name.");
        response.topics.push(refuse(name, error));
    }
    for topic in request.topics.iter().filter(|topic| !twice.contains(&topic.name)) {
        let result = try_create(cluster, call, topic, request.validate_only);
        response.topics.push(result.unwrap_or_else(|error| refuse(&topic.name, error)));
    }
    Answer::Now(response)
}

fn try_create(
    cluster: &mut Cluster,
    call: &Call,
    topic: &CreatableTopic,
    validate_only: bool,
) -> Result<CreatableTopicResult, TopicError> {
    call.fault(At::topic(&topic.name))?;
    let plan = plan(cluster, topic)?;
    let result = create(cluster, plan, validate_only);
    call.fault_after(At::topic(&topic.name))?;
    Ok(result)
}

fn plan(cluster: &Cluster, topic: &CreatableTopic) -> Result<NewTopic, TopicError> {
    let mut plan = if topic.assignments.is_empty() {
        cluster.plan_topic(&topic.name, topic.num_partitions, topic.replication_factor)?
    } else {
        cluster.plan_assigned_topic(&topic.name, assignments(topic)?)?
    };
    for config in &topic.configs {
        plan.config
            .set(&config.name, config.value.as_ref())
            .map_err(|message| TopicError::new(ErrorCode::INVALID_CONFIG, message))?;
    }
    Ok(plan)
}

fn assignments(topic: &CreatableTopic) -> Result<Vec<Vec<NodeId>>, TopicError> {
    if topic.num_partitions != -1 || topic.replication_factor != -1 {
        return Err(TopicError::new(
            ErrorCode::INVALID_REQUEST,
            "A manual partition assignment was specified, but partitions or replication factor were not -1.",
        ));
    }
    let mut assignments: Vec<_> = topic.assignments.iter().collect();
    assignments.sort_by_key(|assignment| assignment.partition_index);
    let consecutive =
        (0..).zip(&assignments).all(|(index, assignment): (i32, _)| assignment.partition_index == index);
    if !consecutive {
        return Err(TopicError::new(
            ErrorCode::INVALID_REPLICA_ASSIGNMENT,
            "partitions should be a consecutive 0-based integer sequence",
        ));
    }
    Ok(assignments.iter().map(|assignment| assignment.broker_ids.iter().collect()).collect())
}

fn create(cluster: &mut Cluster, plan: NewTopic, validate_only: bool) -> CreatableTopicResult {
    let mut result = CreatableTopicResult::default();
    result.name = plan.name.clone();
    result.num_partitions = plan.replicas.len() as i32;
    result.replication_factor = plan.replicas.first().map_or(-1, |nodes| nodes.len() as i16);
    let configs = describe_configs::of_topic(&plan.config).map(|shown| {
        let mut config = CreatableTopicConfigs::default();
        config.name = shown.name.into();
        config.value = Some(shown.value);
        config.config_source = shown.source;
        config
    });
    result.configs = Some(configs.collect());
    if !validate_only {
        result.topic_id = cluster.add_topic(plan);
    }
    result
}

fn refuse(name: &TopicName, error: TopicError) -> CreatableTopicResult {
    let mut result = CreatableTopicResult::default();
    result.name = name.clone();
    result.error_code = error.error.0;
    result.error_message = Some(error.message.into());
    result
}
