//! ListGroups, v0 to v5: the groups that this node coordinates, filtered by state (KIP-518) and type (KIP-848).

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::message::VersionRange;
use ottla_protocol::messages::list_groups_request::ListGroupsRequest;
use ottla_protocol::messages::list_groups_response::{ListGroupsResponse, ListedGroup};
use ottla_protocol::types::Str;

use crate::cluster::{Answer, Call, Cluster};
use crate::coordinators::CoordinatorKind;
use crate::faults::At;
use crate::subject::About;

pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 5);

const CLASSIC: &str = "classic";

impl About for ListGroupsRequest {}

pub(crate) fn handle(
    cluster: &mut Cluster,
    call: &Call,
    request: ListGroupsRequest,
) -> Answer<ListGroupsResponse> {
    let passes = |filter: &[Str], value: &str| {
        filter.is_empty() || filter.iter().any(|wanted| wanted.eq_ignore_ascii_case(value))
    };
    let mut response = ListGroupsResponse::default();
    if let Err(error) = call.fault_of_read(At::default()) {
        response.error_code = error.0;
        return Answer::Now(response);
    }
    if cluster.is_loading(CoordinatorKind::Group, call.node) {
        response.error_code = ErrorCode::COORDINATOR_LOAD_IN_PROGRESS.0;
        return Answer::Now(response);
    }
    for (id, group) in cluster.groups.iter() {
        let is_wanted = passes(&request.states_filter, group.state().name())
            && passes(&request.types_filter, CLASSIC)
            && cluster.coordinator_of(CoordinatorKind::Group, id) == Some(call.node);
        if is_wanted {
            let mut row = ListedGroup::default();
            row.group_id = id.clone();
            row.protocol_type = group.protocol_type();
            row.group_state = group.state().name().into();
            row.group_type = CLASSIC.into();
            response.groups.push(row);
        }
    }
    Answer::Now(response)
}
