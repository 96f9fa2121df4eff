//! CreatePartitions, v0 to v3. Every node takes it, as with CreateTopics.

use std::collections::BTreeSet;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::message::VersionRange;
use ottla_protocol::messages::create_partitions_request::{CreatePartitionsRequest, CreatePartitionsTopic};
use ottla_protocol::messages::create_partitions_response::{
    CreatePartitionsResponse, CreatePartitionsTopicResult,
};

use crate::cluster::{Answer, Call, Cluster};
use crate::faults::At;
use crate::subject::{About, Part};
use crate::topic_creation::TopicError;

pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 3);

impl About for CreatePartitionsRequest {
    fn parts(&self, _cluster: &Cluster, _call: &Call) -> Vec<Part> {
        self.topics.iter().map(|topic| Part::topic(&topic.name)).collect()
    }
}

pub(crate) fn handle(
    cluster: &mut Cluster,
    call: &Call,
    request: CreatePartitionsRequest,
) -> Answer<CreatePartitionsResponse> {
    let (mut seen, mut twice) = (BTreeSet::new(), BTreeSet::new());
    for topic in &request.topics {
        if !seen.insert(&topic.name) {
            twice.insert(topic.name.clone());
        }
    }
    let mut response = CreatePartitionsResponse::default();
    for topic in &request.topics {
        let created = if twice.contains(&topic.name) {
            Err(TopicError::new(ErrorCode::INVALID_REQUEST, "Duplicate topic name."))
        } else {
            create(cluster, call, topic, request.validate_only)
        };
        let mut result = CreatePartitionsTopicResult::default();
        result.name = topic.name.clone();
        if let Err(error) = created {
            result.error_code = error.error.0;
            result.error_message = Some(error.message.into());
        }
        response.results.push(result);
    }
    Answer::Now(response)
}

fn create(
    cluster: &mut Cluster,
    call: &Call,
    asked: &CreatePartitionsTopic,
    validate_only: bool,
) -> Result<(), TopicError> {
    call.fault(At::topic(&asked.name))?;
    let topic = cluster.topics.named(&asked.name).ok_or_else(|| {
        TopicError::new(
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            "This server does not host this topic-partition.",
        )
    })?;
    let assignments = asked.assignments.as_ref().map(|assignments| {
        assignments.iter().map(|assignment| assignment.broker_ids.iter().collect()).collect()
    });
    let id = topic.id;
    let plan = cluster.plan_partitions(topic, asked.count, assignments)?;
    if !validate_only {
        cluster.add_partitions(id, plan);
    }
    call.fault_after(At::topic(&asked.name))?;
    Ok(())
}
