//! Heartbeat, v0 to v4.

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::message::VersionRange;
use ottla_protocol::messages::heartbeat_request::HeartbeatRequest;
use ottla_protocol::messages::heartbeat_response::HeartbeatResponse;

use crate::cluster::{Answer, Call, Cluster};
use crate::faults::At;
use crate::group::{Identity, MemberId};
use crate::journal::RequestSummary;
use crate::subject::{About, Part};

pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 4);

impl About for HeartbeatRequest {
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
    request: HeartbeatRequest,
) -> Answer<HeartbeatResponse> {
    let sender = Identity { member_id: MemberId(request.member_id), instance_id: request.group_instance_id };
    let at = At::group(&request.group_id);
    let checked = call.fault(at).and_then(|()| cluster.check_group(call.node, &request.group_id));
    let result = checked.and_then(|()| {
        let group = cluster.groups.find_mut(&request.group_id).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        group.heartbeat(call.now.instant, &sender, request.generation_id)?;
        call.fault_after(at)
    });
    cluster.settle_group(&request.group_id);
    let mut response = HeartbeatResponse::default();
    response.error_code = result.err().unwrap_or(ErrorCode::NONE).0;
    Answer::Now(response)
}
