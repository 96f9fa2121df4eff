//! Group requests and answers on the wire: the type that fits the version is chosen when the version is known.

use bytes::Bytes;
use ottla_protocol::api::ApiKey;
use ottla_protocol::error::{DecodeError, EncodeError};
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::frame::{FrameBuf, encode_request};
use ottla_protocol::message::{Message, Request};
use ottla_protocol::messages::find_coordinator_request::FindCoordinatorRequest;
use ottla_protocol::messages::find_coordinator_response::FindCoordinatorResponse;
use ottla_protocol::messages::heartbeat_request::HeartbeatRequest;
use ottla_protocol::messages::join_group_request::JoinGroupRequest;
use ottla_protocol::messages::leave_group_request::LeaveGroupRequest;
use ottla_protocol::messages::offset_commit_request::OffsetCommitRequest;
use ottla_protocol::messages::offset_fetch_request::OffsetFetchRequest;
use ottla_protocol::messages::sync_group_request::SyncGroupRequest;
use ottla_protocol::types::{GroupId, NodeId, Str};

use super::request::{GroupRequest, GroupResponse};
use crate::connection::Encodable;

impl Encodable for GroupRequest {
    fn api_key(&self) -> ApiKey {
        self.api_key()
    }

    fn encode(&self, version: i16, id: i32, client: &Str, out: &mut FrameBuf) -> Result<(), EncodeError> {
        let client = Some(client);
        match self.clone().for_version(version) {
            Self::JoinGroup(request) => encode_request(out, &request, version, id, client),
            Self::SyncGroup(request) => encode_request(out, &request, version, id, client),
            Self::Heartbeat(request) => encode_request(out, &request, version, id, client),
            Self::LeaveGroup(request) => encode_request(out, &request, version, id, client),
            Self::OffsetCommit(request) => encode_request(out, &request, version, id, client),
            Self::OffsetFetch(request) => encode_request(out, &request, version, id, client),
        }
    }
}

impl GroupResponse {
    /// Reads the answer to a request of `api`; `None` for an API that is not the group's.
    ///
    /// # Errors
    /// A body that is not that answer.
    pub fn decode(api: ApiKey, body: &Bytes, version: i16) -> Option<Result<Self, DecodeError>> {
        fn read<R: Request>(body: &Bytes, version: i16) -> Result<R::Response, DecodeError> {
            R::Response::decode_prefix(body, version).map(|(response, _)| response)
        }
        Some(match api {
            ApiKey::JOIN_GROUP => read::<JoinGroupRequest>(body, version).map(Self::JoinGroup),
            ApiKey::SYNC_GROUP => read::<SyncGroupRequest>(body, version).map(Self::SyncGroup),
            ApiKey::HEARTBEAT => read::<HeartbeatRequest>(body, version).map(Self::Heartbeat),
            ApiKey::LEAVE_GROUP => read::<LeaveGroupRequest>(body, version).map(Self::LeaveGroup),
            ApiKey::OFFSET_COMMIT => read::<OffsetCommitRequest>(body, version).map(Self::OffsetCommit),
            ApiKey::OFFSET_FETCH => read::<OffsetFetchRequest>(body, version).map(Self::OffsetFetch),
            _ => return None,
        })
    }
}

/// Asks for a group's coordinator. Before version 4 a request asked for one key, from then on for several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindGroupCoordinator(pub GroupId);

impl Encodable for FindGroupCoordinator {
    fn api_key(&self) -> ApiKey {
        ApiKey::FIND_COORDINATOR
    }

    fn encode(&self, version: i16, id: i32, client: &Str, out: &mut FrameBuf) -> Result<(), EncodeError> {
        let mut request = FindCoordinatorRequest::default();
        let key = Str::from(self.0.as_str());
        if version < 4 {
            request.key = key;
        } else {
            request.coordinator_keys = vec![key];
        }
        encode_request(out, &request, version, id, Some(client))
    }
}

/// The coordinator that an answer in `version` names.
///
/// # Errors
/// The broker's code.
pub fn read_coordinator(response: &FindCoordinatorResponse, version: i16) -> Result<NodeId, ErrorCode> {
    let (code, node_id) = match response.coordinators.first() {
        Some(first) if version >= 4 => (first.error_code, first.node_id),
        None if version >= 4 => (ErrorCode::COORDINATOR_NOT_AVAILABLE.0, NodeId(-1)),
        _ => (response.error_code, response.node_id),
    };
    ErrorCode(code).into_result()?;
    Ok(node_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coordinator_can_be_asked_for_in_every_version() {
        let request = FindGroupCoordinator("orders".into());
        for version in FindCoordinatorRequest::VERSIONS.min..=FindCoordinatorRequest::VERSIONS.max {
            let mut out = FrameBuf::new();
            request.encode(version, 1, &Str::from_static("c"), &mut out).expect("it can be written");
        }
    }
}
