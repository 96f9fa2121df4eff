//! DeleteTopics, v1 to v6. Every node takes it, as with CreateTopics.

use ottla_protocol::message::VersionRange;
use ottla_protocol::messages::delete_topics_request::DeleteTopicsRequest;
use ottla_protocol::messages::delete_topics_response::{DeletableTopicResult, DeleteTopicsResponse};
use ottla_protocol::types::TopicName;

use crate::cluster::{Answer, Call, Cluster};
use crate::faults::At;
use crate::subject::{About, Part};
use crate::topic::TopicKey;

pub(crate) const VERSIONS: VersionRange = VersionRange::new(1, 6);

/// The first version that can name topics by id.
const FIRST_VERSION_BY_ID: i16 = 6;

impl About for DeleteTopicsRequest {
    fn parts(&self, cluster: &Cluster, call: &Call) -> Vec<Part> {
        let names = keys(self, call.version).into_iter().map(|key| cluster.topics.name_of(&key));
        names.map(|name| name.as_ref().map(Part::topic).unwrap_or_default()).collect()
    }
}

pub(crate) fn handle(
    cluster: &mut Cluster,
    call: &Call,
    request: DeleteTopicsRequest,
) -> Answer<DeleteTopicsResponse> {
    let mut response = DeleteTopicsResponse::default();
    for key in keys(&request, call.version) {
        let mut result = DeletableTopicResult::default();
        let found =
            cluster.topics.find(&key).map(|topic| (topic.id, topic.name.clone())).ok_or(key.unknown());
        let name = cluster.topics.name_of(&key);
        let at = name.as_ref().map_or(At::default(), |name| At::topic(name));
        let deleted = call.fault(at).and(found).and_then(|(id, name)| {
            cluster.remove_topic(id);
            call.fault_after(at).map(|()| (id, name))
        });
        if let Ok((id, name)) = deleted {
            result.topic_id = id;
            result.name = Some(name);
        } else if let Err(error) = deleted {
            result.error_code = error.0;
            result.error_message = error.name().map(Into::into);
            match key {
                TopicKey::Name(name) => result.name = Some(name),
                TopicKey::Id(id) => result.topic_id = id,
            }
        }
        response.responses.push(result);
    }
    Answer::Now(response)
}

fn keys(request: &DeleteTopicsRequest, version: i16) -> Vec<TopicKey> {
    if version < FIRST_VERSION_BY_ID {
        return request.topic_names.iter().cloned().map(TopicKey::Name).collect();
    }
    let key = |name: Option<TopicName>, id| name.map_or(TopicKey::Id(id), TopicKey::Name);
    request.topics.iter().map(|topic| key(topic.name.clone(), topic.topic_id)).collect()
}
