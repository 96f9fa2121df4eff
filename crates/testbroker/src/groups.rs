//! All groups of the cluster.

use std::collections::BTreeMap;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::types::{GroupId, NodeId};

use crate::api;
use crate::cluster::Cluster;
use crate::coordinators::{CoordinatorKind, partition_of};
use crate::group::{Group, Reply};
use crate::now::{Instant, Now};
use crate::timers::Timers;

/// The most groups of a cluster. Before a new one is refused, those without members and offsets go.
const MAX_GROUPS: usize = 10_000;

/// The groups by id.
#[derive(Debug)]
pub(crate) struct Groups {
    by_id: BTreeMap<GroupId, Group>,
    timers: Timers<GroupId>,
}

impl Groups {
    pub(crate) fn new() -> Self {
        Self { by_id: BTreeMap::new(), timers: Timers::new() }
    }

    pub(crate) fn find(&self, id: &str) -> Option<&Group> {
        self.by_id.get(id)
    }

    pub(crate) fn find_mut(&mut self, id: &str) -> Option<&mut Group> {
        self.by_id.get_mut(id)
    }

    /// The group, made if need be; `None` if there are too many.
    pub(crate) fn find_or_insert(&mut self, id: &GroupId) -> Option<&mut Group> {
        if !self.by_id.contains_key(id) {
            if self.by_id.len() >= MAX_GROUPS {
                self.by_id.retain(|_, group| !group.is_disposable());
            }
            if self.by_id.len() >= MAX_GROUPS {
                return None;
            }
            self.by_id.insert(id.detach(), Group::new());
        }
        self.by_id.get_mut(id)
    }

    pub(crate) fn remove(&mut self, id: &GroupId) {
        self.by_id.remove(id);
        self.timers.set(id, None);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&GroupId, &Group)> {
        self.by_id.iter()
    }

    pub(crate) fn forget_topic(&mut self, topic: &str) {
        self.by_id.values_mut().for_each(|group| group.offsets.forget_topic(topic));
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }
}

impl Cluster {
    /// Whether `node` coordinates the group and the group may have members.
    pub(crate) fn check_group(&self, node: NodeId, group: &GroupId) -> Result<(), ErrorCode> {
        if group.is_empty() {
            return Err(ErrorCode::INVALID_GROUP_ID);
        }
        self.check_coordinator(CoordinatorKind::Group, node, group)
    }

    /// The groups of a partition of `__consumer_offsets` have another coordinator, or none: who waits is told, and what
    /// was written down is what the next one knows from `loaded_at` on.
    pub(crate) fn move_groups(&mut self, index: usize, loaded_at: Option<Instant>) {
        let moved: Vec<GroupId> =
            self.groups.by_id.keys().filter(|id| partition_of(id) == index).cloned().collect();
        for id in moved {
            let Some(group) = self.groups.by_id.get_mut(&id) else { continue };
            group.unload(ErrorCode::NOT_COORDINATOR);
            if let Some(loaded_at) = loaded_at {
                group.load(loaded_at);
            }
            self.settle_group(&id);
        }
    }

    /// Sends what a group has to say and notes when it wants to be woken; to be called after each change of it.
    pub(crate) fn settle_group(&mut self, id: &GroupId) {
        let Some(group) = self.groups.by_id.get_mut(id) else { return };
        let replies = group.take_replies();
        let next = group.next_timeout();
        self.groups.timers.set(id, next);
        self.note_group(id);
        for reply in replies {
            match reply {
                Reply::Join(request, response) => api::join_group::reply(self, id, request, response),
                Reply::Sync(request, response) => api::sync_group::reply(self, id, request, response),
            }
        }
    }

    pub(crate) fn handle_group_timeouts(&mut self, now: Now) {
        while let Some(id) = self.groups.timers.pop_due(now.instant) {
            // A coordinator that is gone watches nobody; the next one starts their sessions anew.
            let coordinator = self.coordinator_of(CoordinatorKind::Group, &id);
            if !coordinator.is_some_and(|node| self.is_up(node)) {
                continue;
            }
            if let Some(group) = self.groups.by_id.get_mut(&id) {
                group.handle_timeout(now.instant);
            }
            self.settle_group(&id);
        }
    }
}
