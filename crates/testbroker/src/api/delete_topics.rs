//! DeleteTopics, v1 to v6. Every node takes it, as with CreateTopics.

use ottla_protocol::message::VersionRange;
use ottla_protocol::messages::delete_topics_request::DeleteTopicsRequest;
use ottla_protocol::messages::delete_topics_response::{DeletableTopicResult, DeleteTopicsResponse};
use ottla_protocol::types::TopicName;

use crate::cluster::{Answer, Call, Cluster};
use crate::topic::TopicKey;

pub(crate) const VERSIONS: VersionRange = VersionRange::new(1, 6);

/// The first version that can name topics by id.
const FIRST_VERSION_BY_ID: i16 = 6;

pub(crate) fn handle(
    cluster: &mut Cluster,
    call: &Call,
    request: DeleteTopicsRequest,
) -> Answer<DeleteTopicsResponse> {
    let keys: Vec<TopicKey> = if call.version < FIRST_VERSION_BY_ID {
        request.topic_names.into_iter().map(TopicKey::Name).collect()
    } else {
        let key = |name: Option<TopicName>, id| name.map_or(TopicKey::Id(id), TopicKey::Name);
        request.topics.into_iter().map(|topic| key(topic.name, topic.topic_id)).collect()
    };
    let mut response = DeleteTopicsResponse::default();
    for key in keys {
        let mut result = DeletableTopicResult::default();
        if let Some((id, name)) = cluster.topics.find(&key).map(|topic| (topic.id, topic.name.clone())) {
            cluster.remove_topic(id);
            result.topic_id = id;
            result.name = Some(name);
        } else {
            result.error_code = key.unknown().0;
            result.error_message = key.unknown().name().map(Into::into);
            match key {
                TopicKey::Name(name) => result.name = Some(name),
                TopicKey::Id(id) => result.topic_id = id,
            }
        }
        response.responses.push(result);
    }
    Answer::Now(response)
}
