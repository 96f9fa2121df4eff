//! LeaveGroup, v0 to v5 (several members at once from v3 on).

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::message::VersionRange;
use ottla_protocol::messages::leave_group_request::{LeaveGroupRequest, MemberIdentity};
use ottla_protocol::messages::leave_group_response::{LeaveGroupResponse, MemberResponse};

use crate::cluster::{Answer, Call, Cluster};
use crate::faults::At;
use crate::group::{Leaving, MemberId};
use crate::journal::RequestSummary;
use crate::subject::{About, Part};

pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 5);

/// The first version that can name several members.
const FIRST_VERSION_BATCHED: i16 = 3;

impl About for LeaveGroupRequest {
    fn parts(&self, _cluster: &Cluster, _call: &Call) -> Vec<Part> {
        vec![Part::group(&self.group_id)]
    }

    fn summary(&self) -> RequestSummary {
        RequestSummary::member(&self.group_id, &self.member_id, None)
    }
}

pub(crate) fn handle(
    cluster: &mut Cluster,
    call: &Call,
    mut request: LeaveGroupRequest,
) -> Answer<LeaveGroupResponse> {
    let mut response = LeaveGroupResponse::default();
    let injected = call.fault(At::group(&request.group_id));
    if let Err(error) = injected.and_then(|()| cluster.check_group(call.node, &request.group_id)) {
        response.error_code = error.0;
        return Answer::Now(response);
    }
    if call.version < FIRST_VERSION_BATCHED {
        let mut member = MemberIdentity::default();
        member.member_id = std::mem::take(&mut request.member_id);
        request.members = vec![member];
    }
    for member in request.members {
        let leaving =
            Leaving { member_id: MemberId(member.member_id), instance_id: member.group_instance_id };
        let result = match cluster.groups.find_mut(&request.group_id) {
            Some(group) => group.leave(call.now.instant, &leaving),
            None => Err(ErrorCode::UNKNOWN_MEMBER_ID),
        };
        let error = result.err().unwrap_or(ErrorCode::NONE);
        if call.version < FIRST_VERSION_BATCHED {
            response.error_code = error.0;
            continue;
        }
        let mut row = MemberResponse::default();
        row.member_id = leaving.member_id.0;
        row.group_instance_id = leaving.instance_id;
        row.error_code = error.0;
        response.members.push(row);
    }
    cluster.settle_group(&request.group_id);
    if let Err(error) = call.fault_after(At::group(&request.group_id)) {
        response.error_code = error.0;
        response.members.clear();
    }
    Answer::Now(response)
}
