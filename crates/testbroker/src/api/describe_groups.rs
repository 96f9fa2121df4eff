//! DescribeGroups, v0 to v6.

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::message::VersionRange;
use ottla_protocol::messages::describe_groups_request::DescribeGroupsRequest;
use ottla_protocol::messages::describe_groups_response::{
    DescribeGroupsResponse, DescribedGroup, DescribedGroupMember,
};
use ottla_protocol::types::GroupId;

use crate::api::distinct::distinct;
use crate::cluster::{Answer, Call, Cluster};
use crate::faults::At;
use crate::group::{Group, GroupState};
use crate::subject::{About, Part};

pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 6);

/// The first version that says of a missing group that it is missing (KIP-1043); before it is "Dead".
const FIRST_VERSION_WITH_NOT_FOUND: i16 = 6;
/// What anyone may do with a group where nobody checks: READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS and ALTER_CONFIGS.
const GROUP_OPERATIONS: i32 = 0b1101_0100_1000;

impl About for DescribeGroupsRequest {
    fn parts(&self, _cluster: &Cluster, _call: &Call) -> Vec<Part> {
        self.groups.iter().map(Part::group).collect()
    }
}

pub(crate) fn handle(
    cluster: &mut Cluster,
    call: &Call,
    request: DescribeGroupsRequest,
) -> Answer<DescribeGroupsResponse> {
    let mut response = DescribeGroupsResponse::default();
    for id in distinct(request.groups, GroupId::clone) {
        let checked = call.fault_of_read(At::group(&id)).and_then(|()| cluster.check_group(call.node, &id));
        let mut described = match (checked, cluster.groups.find(&id)) {
            (Err(error), _) => refuse(error),
            (Ok(()), Some(group)) => describe(group),
            (Ok(()), None) if call.version >= FIRST_VERSION_WITH_NOT_FOUND => not_found(&id),
            (Ok(()), None) => refuse(ErrorCode::NONE),
        };
        if request.include_authorized_operations {
            described.authorized_operations = GROUP_OPERATIONS;
        }
        described.group_id = id;
        response.groups.push(described);
    }
    Answer::Now(response)
}

fn describe(group: &Group) -> DescribedGroup {
    let mut described = DescribedGroup::default();
    described.group_state = group.state().name().into();
    described.protocol_type = group.protocol_type();
    // Kafka shows protocol, metadata and assignments of stable groups only.
    let is_stable = group.state() == GroupState::Stable;
    let protocol = group.protocol_name();
    if is_stable {
        described.protocol_data = protocol.clone();
    }
    let members = group.members().map(|(id, member)| {
        let mut row = DescribedGroupMember::default();
        row.member_id = id.0.clone();
        row.group_instance_id = member.instance_id.clone();
        row.client_id = member.client_id.clone();
        row.client_host = member.client_host.clone();
        if is_stable {
            row.member_metadata = member.metadata(&protocol);
            row.member_assignment = member.assignment.clone();
        }
        row
    });
    described.members = members.collect();
    described
}

fn refuse(error: ErrorCode) -> DescribedGroup {
    let mut described = DescribedGroup::default();
    described.error_code = error.0;
    described.group_state = GroupState::Dead.name().into();
    described
}

fn not_found(id: &GroupId) -> DescribedGroup {
    let mut described = refuse(ErrorCode::GROUP_ID_NOT_FOUND);
    described.error_message = Some(format!("Group {id} not found.").into());
    described
}
