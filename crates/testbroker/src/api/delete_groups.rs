//! DeleteGroups, v0 to v2: empty groups, with their offsets.

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::message::VersionRange;
use ottla_protocol::messages::delete_groups_request::DeleteGroupsRequest;
use ottla_protocol::messages::delete_groups_response::{DeletableGroupResult, DeleteGroupsResponse};

use crate::cluster::{Answer, Call, Cluster};
use crate::faults::At;
use crate::subject::{About, Part};

pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 2);

impl About for DeleteGroupsRequest {
    fn parts(&self, _cluster: &Cluster, _call: &Call) -> Vec<Part> {
        self.groups_names.iter().map(Part::group).collect()
    }
}

pub(crate) fn handle(
    cluster: &mut Cluster,
    call: &Call,
    request: DeleteGroupsRequest,
) -> Answer<DeleteGroupsResponse> {
    let mut response = DeleteGroupsResponse::default();
    for id in request.groups_names {
        let deleted = call
            .fault(At::group(&id))
            .and_then(|()| cluster.check_group(call.node, &id))
            .and_then(|()| cluster.groups.find_mut(&id).ok_or(ErrorCode::GROUP_ID_NOT_FOUND)?.delete());
        if deleted.is_ok() {
            cluster.groups.remove(&id);
        }
        let deleted = deleted.and_then(|()| call.fault_after(At::group(&id)));
        let mut row = DeletableGroupResult::default();
        row.group_id = id;
        row.error_code = deleted.err().unwrap_or(ErrorCode::NONE).0;
        response.results.push(row);
    }
    Answer::Now(response)
}
