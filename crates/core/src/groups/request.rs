//! Requests to a group's coordinator.
//!
//! Machines build them in the shape of the newest version. Before the driver writes one, it picks a version within
//! [`GroupRequest::versions`] that the broker speaks, and reshapes the request by [`GroupRequest::for_version`].

use ottla_protocol::api::ApiKey;
use ottla_protocol::message::{Message, VersionRange};
use ottla_protocol::messages::heartbeat_request::HeartbeatRequest;
use ottla_protocol::messages::heartbeat_response::HeartbeatResponse;
use ottla_protocol::messages::join_group_request::JoinGroupRequest;
use ottla_protocol::messages::join_group_response::JoinGroupResponse;
use ottla_protocol::messages::leave_group_request::LeaveGroupRequest;
use ottla_protocol::messages::leave_group_response::LeaveGroupResponse;
use ottla_protocol::messages::offset_commit_request::OffsetCommitRequest;
use ottla_protocol::messages::offset_commit_response::OffsetCommitResponse;
use ottla_protocol::messages::offset_fetch_request::{
    OffsetFetchRequest, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use ottla_protocol::messages::offset_fetch_response::OffsetFetchResponse;
use ottla_protocol::messages::sync_group_request::SyncGroupRequest;
use ottla_protocol::messages::sync_group_response::SyncGroupResponse;

/// The highest versions to use where that is not the specs' highest. From version 10 on, OffsetCommit and
/// OffsetFetch name topics by id (KIP-848), which a member would have to look up in metadata first; version 9 does
/// the same by name.
pub const MAX_VERSIONS: [(ApiKey, i16); 2] = [(ApiKey::OFFSET_COMMIT, 9), (ApiKey::OFFSET_FETCH, 9)];

/// A request to the coordinator.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum GroupRequest {
    /// Become a member, or take part in a rebalance.
    JoinGroup(JoinGroupRequest),
    /// Hand the assignment in (leader) and get one's own.
    SyncGroup(SyncGroupRequest),
    /// Stay a member.
    Heartbeat(HeartbeatRequest),
    /// Cease to be a member.
    LeaveGroup(LeaveGroupRequest),
    /// Commit offsets.
    OffsetCommit(OffsetCommitRequest),
    /// Look committed offsets up.
    OffsetFetch(OffsetFetchRequest),
}

impl GroupRequest {
    /// The API.
    pub fn api_key(&self) -> ApiKey {
        match self {
            Self::JoinGroup(_) => ApiKey::JOIN_GROUP,
            Self::SyncGroup(_) => ApiKey::SYNC_GROUP,
            Self::Heartbeat(_) => ApiKey::HEARTBEAT,
            Self::LeaveGroup(_) => ApiKey::LEAVE_GROUP,
            Self::OffsetCommit(_) => ApiKey::OFFSET_COMMIT,
            Self::OffsetFetch(_) => ApiKey::OFFSET_FETCH,
        }
    }

    /// The versions in which this very request can be written: a static member's need a `group.instance.id`.
    pub fn versions(&self) -> VersionRange {
        let from = |versions: VersionRange, instance: bool, min: i16| {
            VersionRange::new(if instance { versions.min.max(min) } else { versions.min }, versions.max)
        };
        let versions = match self {
            Self::JoinGroup(r) => from(JoinGroupRequest::VERSIONS, r.group_instance_id.is_some(), 5),
            Self::SyncGroup(r) => from(SyncGroupRequest::VERSIONS, r.group_instance_id.is_some(), 3),
            Self::Heartbeat(r) => from(HeartbeatRequest::VERSIONS, r.group_instance_id.is_some(), 3),
            Self::LeaveGroup(_) => LeaveGroupRequest::VERSIONS,
            Self::OffsetCommit(r) => from(OffsetCommitRequest::VERSIONS, r.group_instance_id.is_some(), 7),
            Self::OffsetFetch(_) => OffsetFetchRequest::VERSIONS,
        };
        let cap = MAX_VERSIONS.iter().find(|(api, _)| *api == self.api_key());
        VersionRange::new(versions.min, cap.map_or(versions.max, |(_, max)| versions.max.min(*max)))
    }

    /// The same request in the shape of `version`: LeaveGroup named its one member directly before 3; OffsetFetch
    /// named its one group directly before 8 and could not ask for stable offsets before 7.
    #[must_use]
    pub fn for_version(mut self, version: i16) -> Self {
        match &mut self {
            Self::LeaveGroup(request) if version < 3 => {
                if let Some(member) = request.members.pop() {
                    request.member_id = member.member_id;
                }
            }
            Self::OffsetFetch(request) if version < 8 => {
                if let Some(group) = request.groups.pop() {
                    request.group_id = group.group_id;
                    request.topics = group.topics.map(|topics| topics.into_iter().map(by_name).collect());
                }
                request.require_stable &= version >= 7;
            }
            _ => {}
        }
        self
    }
}

fn by_name(topic: OffsetFetchRequestTopics) -> OffsetFetchRequestTopic {
    let mut named = OffsetFetchRequestTopic::default();
    named.name = topic.name;
    named.partition_indexes = topic.partition_indexes;
    named
}

/// What the coordinator answered, in whatever version.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum GroupResponse {
    /// To JoinGroup.
    JoinGroup(JoinGroupResponse),
    /// To SyncGroup.
    SyncGroup(SyncGroupResponse),
    /// To Heartbeat.
    Heartbeat(HeartbeatResponse),
    /// To LeaveGroup.
    LeaveGroup(LeaveGroupResponse),
    /// To OffsetCommit.
    OffsetCommit(OffsetCommitResponse),
    /// To OffsetFetch.
    OffsetFetch(OffsetFetchResponse),
}

#[cfg(test)]
mod tests {
    use ottla_protocol::messages::leave_group_request::MemberIdentity;
    use ottla_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;

    use super::*;

    #[test]
    fn an_offset_fetch_can_be_written_in_every_version() {
        let mut topic = OffsetFetchRequestTopics::default();
        topic.name = "t".into();
        topic.partition_indexes = vec![1].into();
        let mut group = OffsetFetchRequestGroup::default();
        group.group_id = "g".into();
        group.topics = Some(vec![topic]);
        let mut request = OffsetFetchRequest::default();
        request.require_stable = true;
        request.groups = vec![group];
        let request = GroupRequest::OffsetFetch(request);
        assert_eq!(request.versions(), VersionRange::new(1, 9));
        for version in 1..=9 {
            let GroupRequest::OffsetFetch(request) = request.clone().for_version(version) else {
                panic!("it became another request");
            };
            let bytes = request.to_bytes(version).expect("it can be written");
            let read = OffsetFetchRequest::decode(&bytes, version).expect("it can be read");
            assert_eq!(read.require_stable, version >= 7);
            let named = if version < 8 { &read.group_id } else { &read.groups[0].group_id };
            assert_eq!(*named, "g");
        }
    }

    #[test]
    fn a_leave_can_be_written_in_every_version() {
        let mut member = MemberIdentity::default();
        member.member_id = "m".into();
        member.reason = Some("why".into());
        let mut request = LeaveGroupRequest::default();
        request.members = vec![member];
        for version in 0..=5 {
            let GroupRequest::LeaveGroup(request) =
                GroupRequest::LeaveGroup(request.clone()).for_version(version)
            else {
                panic!("it became another request");
            };
            let read = request.to_bytes(version).map(|bytes| LeaveGroupRequest::decode(&bytes, version));
            let read = read.expect("it can be written").expect("it can be read");
            let named = if version < 3 { &read.member_id } else { &read.members[0].member_id };
            assert_eq!(*named, "m");
        }
    }

    #[test]
    fn a_static_member_needs_newer_versions() {
        let mut request = JoinGroupRequest::default();
        assert_eq!(GroupRequest::JoinGroup(request.clone()).versions().min, 0);
        request.group_instance_id = Some("i".into());
        assert_eq!(GroupRequest::JoinGroup(request).versions().min, 5);
    }
}
