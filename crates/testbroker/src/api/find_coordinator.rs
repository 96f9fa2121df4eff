//! FindCoordinator, v0 to v6 (several keys at once from v4 on, KIP-699).

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::message::VersionRange;
use ottla_protocol::messages::find_coordinator_request::FindCoordinatorRequest;
use ottla_protocol::messages::find_coordinator_response::{Coordinator, FindCoordinatorResponse};
use ottla_protocol::types::{NodeId, Str};

use crate::cluster::{Answer, Call, Cluster};

pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 6);

/// The first version that can ask for several.
const FIRST_VERSION_BATCHED: i16 = 4;
/// `key_type` of groups.
const GROUP: i8 = 0;
/// `key_type` of transactional ids, which are spread like groups.
const TRANSACTION: i8 = 1;

pub(crate) fn handle(
    cluster: &mut Cluster,
    call: &Call,
    request: FindCoordinatorRequest,
) -> Answer<FindCoordinatorResponse> {
    let mut response = FindCoordinatorResponse::default();
    if call.version < FIRST_VERSION_BATCHED {
        let found = find(cluster, request.key_type, request.key);
        response.error_code = found.error_code;
        response.error_message = found.error_message;
        response.node_id = found.node_id;
        response.host = found.host;
        response.port = found.port;
    } else {
        let keys = request.coordinator_keys.into_iter();
        response.coordinators = keys.map(|key| find(cluster, request.key_type, key)).collect();
    }
    Answer::Now(response)
}

fn find(cluster: &Cluster, key_type: i8, key: Str) -> Coordinator {
    let mut found = Coordinator::default();
    let node = match key_type {
        GROUP | TRANSACTION => cluster.nodes.get(&cluster.coordinator_of(&key)),
        _ => None,
    };
    if let Some(node) = node {
        found.node_id = node.id;
        found.host = node.host.clone();
        found.port = i32::from(node.port);
    } else {
        found.node_id = NodeId(-1);
        found.port = -1;
        found.error_code = ErrorCode::INVALID_REQUEST.0;
        found.error_message = Some("There are no coordinators of this type.".into());
    }
    found.key = key;
    found
}
