//! SyncGroup, v0 to v5.

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::message::VersionRange;
use ottla_protocol::messages::sync_group_request::SyncGroupRequest;
use ottla_protocol::messages::sync_group_response::SyncGroupResponse;
use ottla_protocol::types::GroupId;

use crate::cluster::{Answer, Call, Cluster};
use crate::connection::RequestId;
use crate::faults::{At, When};
use crate::group::{Identity, MAX_MEMBER_BYTES, MemberId, Syncing, sync_refusal};
use crate::journal::RequestSummary;
use crate::subject::{About, Part};

pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 5);

impl About for SyncGroupRequest {
    fn parts(&self, _cluster: &Cluster, _call: &Call) -> Vec<Part> {
        vec![Part::group(&self.group_id)]
    }

    fn summary(&self) -> RequestSummary {
        RequestSummary::member(&self.group_id, &self.member_id, Some(self.generation_id))
    }
}

pub(crate) fn handle(
    cluster: &mut Cluster,
    call: &Call,
    request: SyncGroupRequest,
) -> Answer<SyncGroupResponse> {
    let injected = call.fault(At::group(&request.group_id));
    if let Err(error) = injected.and_then(|()| cluster.check_group(call.node, &request.group_id)) {
        return Answer::Now(sync_refusal(error));
    }
    if request.assignments.iter().any(|assignment| assignment.assignment.len() > MAX_MEMBER_BYTES) {
        return Answer::Now(sync_refusal(ErrorCode::UNKNOWN_SERVER_ERROR));
    }
    let Some(group) = cluster.groups.find_mut(&request.group_id) else {
        return Answer::Now(sync_refusal(ErrorCode::UNKNOWN_MEMBER_ID));
    };
    let assignments = request.assignments.into_iter();
    let syncing = Syncing {
        request: call.id,
        identity: Identity { member_id: MemberId(request.member_id), instance_id: request.group_instance_id },
        generation_id: request.generation_id,
        protocol_type: request.protocol_type,
        protocol_name: request.protocol_name,
        assignments: assignments.map(|row| (MemberId(row.member_id), row.assignment)).collect(),
    };
    group.sync(call.now.instant, syncing);
    cluster.settle_group(&request.group_id);
    Answer::Later
}

/// Sends an answer.
pub(crate) fn reply(
    cluster: &mut Cluster,
    group: &GroupId,
    request: RequestId,
    mut response: SyncGroupResponse,
) {
    let fate = cluster.fate_of(request);
    if let Some(error) = fate.and_then(|fate| fate.error(When::AfterApply, At::group(group))) {
        response = sync_refusal(error);
    }
    cluster.respond(request, &response);
}
