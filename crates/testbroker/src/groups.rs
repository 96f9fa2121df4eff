//! Groups.
use crate::now::Instant;
use ottla_protocol::types::TopicName;
#[derive(Debug)]
pub(crate) struct Groups {}
impl Groups {
    pub(crate) fn new() -> Self {
        Self {}
    }
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        None
    }
    pub(crate) fn forget_topic(&mut self, _: &TopicName) {}
}
impl crate::cluster::Cluster {
    pub(crate) fn handle_group_timeouts(&mut self, _: crate::now::Now) {}
}
