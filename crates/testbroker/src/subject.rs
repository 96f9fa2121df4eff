//! What a request is about, told the same way for every API: fault rules select by it and handlers ask by it whether
//! a fault is due.

use ottla_protocol::message::Request;
use ottla_protocol::types::{GroupId, TopicName};

use crate::cluster::{Call, Cluster};
use crate::journal::RequestSummary;

/// A request that can say what it is about. Each API's file implements it.
pub(crate) trait About: Request {
    /// Everything in the request that can be answered with an error of its own; by default the request as a whole.
    fn parts(&self, _cluster: &Cluster, _call: &Call) -> Vec<Part> {
        vec![Part::default()]
    }

    /// What the journal says of it.
    fn summary(&self) -> RequestSummary {
        RequestSummary::Other
    }
}

/// What one error code of an answer is about. All `None`: the request as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) group: Option<GroupId>,
    pub(crate) topic: Option<TopicName>,
    pub(crate) partition: Option<i32>,
}

impl Part {
    pub(crate) fn group(group: &GroupId) -> Self {
        Self { group: Some(group.clone()), ..Self::default() }
    }

    pub(crate) fn topic(topic: &TopicName) -> Self {
        Self { topic: Some(topic.clone()), ..Self::default() }
    }

    /// `topic` is `None` where the request names it by an id that is not known.
    pub(crate) fn partition(topic: Option<&TopicName>, partition: i32) -> Self {
        Self { group: None, topic: topic.cloned(), partition: Some(partition) }
    }

    pub(crate) fn of_group(mut self, group: &GroupId) -> Self {
        self.group = Some(group.clone());
        self
    }
}
