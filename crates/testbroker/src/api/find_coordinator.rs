//! FindCoordinator, v0 to v6 (several keys at once from v4 on, KIP-699).

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::message::VersionRange;
use ottla_protocol::messages::find_coordinator_request::FindCoordinatorRequest;
use ottla_protocol::messages::find_coordinator_response::{Coordinator, FindCoordinatorResponse};
use ottla_protocol::types::{GroupId, NodeId, Str};

use crate::cluster::{Answer, Call, Cluster};
use crate::coordinators::CoordinatorKind;
use crate::faults::{At, FAULT_MESSAGE};
use crate::subject::{About, Part};

pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 6);

/// The first version that can ask for several.
const FIRST_VERSION_BATCHED: i16 = 4;
/// `key_type` of groups.
const GROUP: i8 = 0;
/// `key_type` of transactional ids, which are spread like groups.
const TRANSACTION: i8 = 1;

impl About for FindCoordinatorRequest {
    fn parts(&self, _cluster: &Cluster, call: &Call) -> Vec<Part> {
        let keys = match call.version < FIRST_VERSION_BATCHED {
            true => std::slice::from_ref(&self.key),
            false => &self.coordinator_keys[..],
        };
        keys.iter().map(|key| part(self.key_type, key)).collect()
    }
}

pub(crate) fn handle(
    cluster: &mut Cluster,
    call: &Call,
    request: FindCoordinatorRequest,
) -> Answer<FindCoordinatorResponse> {
    let mut response = FindCoordinatorResponse::default();
    if call.version < FIRST_VERSION_BATCHED {
        let found = find(cluster, call, request.key_type, request.key);
        response.error_code = found.error_code;
        response.error_message = found.error_message;
        response.node_id = found.node_id;
        response.host = found.host;
        response.port = found.port;
    } else {
        let keys = request.coordinator_keys.into_iter();
        response.coordinators = keys.map(|key| find(cluster, call, request.key_type, key)).collect();
    }
    Answer::Now(response)
}

fn part(key_type: i8, key: &Str) -> Part {
    match key_type {
        GROUP => Part::group(&GroupId::from(key.as_str())),
        _ => Part::default(),
    }
}

fn find(cluster: &Cluster, call: &Call, key_type: i8, key: Str) -> Coordinator {
    let injected =
        call.fault_of_read(At::from(&part(key_type, &key))).map_err(|error| (error, FAULT_MESSAGE));
    let found = injected.and(match key_type {
        GROUP => Ok(CoordinatorKind::Group),
        TRANSACTION => Ok(CoordinatorKind::Transaction),
        _ => Err((ErrorCode::INVALID_REQUEST, "There are no coordinators of this type.")),
    });
    let found = found.and_then(|kind| {
        let node = cluster.coordinator_seen_by(call.node, kind, &key).and_then(|id| cluster.nodes.get(&id));
        node.ok_or((ErrorCode::COORDINATOR_NOT_AVAILABLE, "The coordinator is not available."))
    });
    let mut coordinator = Coordinator::default();
    match found {
        Ok(node) => {
            coordinator.node_id = node.id;
            let endpoint = node.endpoint(call.listener);
            coordinator.host = endpoint.host.clone();
            coordinator.port = i32::from(endpoint.port);
        }
        Err((error, message)) => {
            coordinator.node_id = NodeId(-1);
            coordinator.port = -1;
            coordinator.error_code = error.0;
            coordinator.error_message = Some(message.into());
        }
    }
    coordinator.key = key;
    coordinator
}
