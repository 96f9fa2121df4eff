//! Topics.

use ottla_client::{ClientError, Destination};
use ottla_protocol::messages::metadata_request::MetadataRequest;
use ottla_protocol::types::{TopicName, Uuid};

use crate::Admin;

/// A topic of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicListing {
    /// Its name.
    pub name: TopicName,
    /// Its id; zero with brokers before Kafka 2.8.
    pub topic_id: Uuid,
    /// Whether it is one of Kafka's own, such as `__consumer_offsets`.
    pub is_internal: bool,
    /// How many partitions it has.
    pub partitions: usize,
}

impl Admin {
    /// Every topic that the user may describe, by name, Kafka's own among them.
    ///
    /// # Errors
    /// No broker answers.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn list_topics(&self) -> Result<Vec<TopicListing>, ClientError> {
        let mut request = MetadataRequest::default();
        request.topics = None;
        request.allow_auto_topic_creation = false;
        let response = self.client.request(Destination::AnyBroker, request).await?;
        let mut topics: Vec<_> = response
            .topics
            .into_iter()
            .filter_map(|topic| {
                Some(TopicListing {
                    name: topic.name?.detach(),
                    topic_id: topic.topic_id,
                    is_internal: topic.is_internal,
                    partitions: topic.partitions.len(),
                })
            })
            .collect();
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(topics)
    }
}
