//! JoinGroup, v0 to v9.

use std::time::Duration;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::message::VersionRange;
use ottla_protocol::messages::join_group_request::JoinGroupRequest;
use ottla_protocol::messages::join_group_response::JoinGroupResponse;

use crate::faults::{At, When};
use crate::subject::{About, Part};
use ottla_protocol::types::GroupId;

use crate::cluster::{Answer, Call, Cluster};
use crate::connection::RequestId;
use crate::group::{Identity, Joining, MAX_MEMBER_BYTES, MemberId, Protocol};
use crate::journal::RequestSummary;
use crate::now::millis;

pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 9);

/// The first version whose members must join again under the id they are given (KIP-394).
const FIRST_VERSION_WITH_KNOWN_MEMBERS: i16 = 4;
/// The first version whose answer may lack a protocol.
const FIRST_VERSION_WITH_NULL_PROTOCOL: i16 = 7;
/// The first version that can tell a leader to skip the assignment (KIP-814).
const FIRST_VERSION_WITH_SKIP: i16 = 9;
/// Of no time at all a group could not let go.
const MIN_REBALANCE_TIMEOUT: Duration = Duration::from_millis(1);

impl About for JoinGroupRequest {
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
    request: JoinGroupRequest,
) -> Answer<JoinGroupResponse> {
    let group_id = request.group_id.clone();
    if let Err(error) = check(cluster, call, &request) {
        reply(cluster, &group_id, call.id, crate::group::join_refusal(MemberId(request.member_id), error));
        return Answer::Later;
    }
    let session_timeout = millis(request.session_timeout_ms);
    // v0 has none.
    let rebalance_timeout =
        if call.version == 0 { session_timeout } else { millis(request.rebalance_timeout_ms) };
    let protocols = request.protocols.into_iter();
    let joining = Joining {
        request: call.id,
        identity: Identity { member_id: MemberId(request.member_id), instance_id: request.group_instance_id },
        client_id: call.client_id.clone(),
        client_host: call.client_host.clone(),
        session_timeout,
        rebalance_timeout: rebalance_timeout.max(MIN_REBALANCE_TIMEOUT),
        protocol_type: request.protocol_type,
        protocols: protocols.map(|p| Protocol { name: p.name, metadata: p.metadata }).collect(),
        requires_member_id: call.version >= FIRST_VERSION_WITH_KNOWN_MEMBERS,
        can_skip_assignment: call.version >= FIRST_VERSION_WITH_SKIP,
    };
    // Only someone without a member id can make a group.
    let group = if joining.identity.member_id.is_unknown() {
        cluster.groups.find_or_insert(&group_id).ok_or(ErrorCode::COORDINATOR_NOT_AVAILABLE)
    } else {
        cluster.groups.find_mut(&group_id).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)
    };
    match group {
        Ok(group) => group.join(call.now.instant, &cluster.settings, &mut cluster.random, joining),
        Err(error) => {
            reply(cluster, &group_id, call.id, crate::group::join_refusal(joining.identity.member_id, error));
        }
    }
    cluster.settle_group(&group_id);
    Answer::Later
}

/// Sends an answer in the form its version needs.
pub(crate) fn reply(
    cluster: &mut Cluster,
    group: &GroupId,
    request: RequestId,
    mut response: JoinGroupResponse,
) {
    let Some(version) = cluster.version_of(request) else { return };
    let fate = cluster.fate_of(request);
    if let Some(error) = fate.and_then(|fate| fate.error(When::AfterApply, At::group(group))) {
        response = crate::group::join_refusal(MemberId(response.member_id), error);
    }
    if version < FIRST_VERSION_WITH_NULL_PROTOCOL && response.protocol_name.is_none() {
        response.protocol_name = Some("".into());
    }
    cluster.respond(request, &response);
}

fn check(cluster: &Cluster, call: &Call, request: &JoinGroupRequest) -> Result<(), ErrorCode> {
    call.fault(At::group(&request.group_id))?;
    cluster.check_group(call.node, &request.group_id)?;
    let settings = &cluster.settings;
    let session_timeout = millis(request.session_timeout_ms);
    if session_timeout < settings.group_min_session_timeout
        || session_timeout > settings.group_max_session_timeout
    {
        return Err(ErrorCode::INVALID_SESSION_TIMEOUT);
    }
    let sizes = request.protocols.iter().map(|protocol| protocol.name.len() + protocol.metadata.len());
    if sizes.sum::<usize>() > MAX_MEMBER_BYTES {
        return Err(ErrorCode::UNKNOWN_SERVER_ERROR);
    }
    Ok(())
}
