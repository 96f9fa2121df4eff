//! What members of classic groups send and get: a leader's JoinGroup of 50 members, and heartbeats.

use bytes::Bytes;
use kafka_protocol::messages as peer;
use ottla_protocol::message::Message;
use ottla_protocol::messages::heartbeat_request::HeartbeatRequest;
use ottla_protocol::messages::heartbeat_response::HeartbeatResponse;
use ottla_protocol::messages::join_group_request::{JoinGroupRequest, JoinGroupRequestProtocol};
use ottla_protocol::messages::join_group_response::{JoinGroupResponse, JoinGroupResponseMember};

use crate::Case;
use crate::messages::{read, write};

const JOIN_VERSION: i16 = 9;
const HEARTBEAT_VERSION: i16 = 4;
const MEMBERS: usize = 50;
const SUBSCRIPTION_BYTES: usize = 100;

pub(crate) fn cases() -> Vec<Case> {
    let bytes = |message: Result<Bytes, _>| message.expect("it can be written");
    let join = bytes(join_request().to_bytes(JOIN_VERSION));
    let joined = bytes(join_response().to_bytes(JOIN_VERSION));
    let heartbeat = bytes(heartbeat_request().to_bytes(HEARTBEAT_VERSION));
    let answer = bytes(HeartbeatResponse::default().to_bytes(HEARTBEAT_VERSION));
    type Join = JoinGroupRequest;
    type Joined = JoinGroupResponse;
    vec![
        read::<Join, peer::JoinGroupRequest>("JoinGroup v9 request: read", &join, JOIN_VERSION),
        write::<Join, peer::JoinGroupRequest>("JoinGroup v9 request: write", &join, JOIN_VERSION),
        read::<Joined, peer::JoinGroupResponse>("JoinGroup v9, 50 members: read", &joined, JOIN_VERSION),
        write::<Joined, peer::JoinGroupResponse>("JoinGroup v9, 50 members: write", &joined, JOIN_VERSION),
        read::<HeartbeatRequest, peer::HeartbeatRequest>(
            "Heartbeat v4 request: read",
            &heartbeat,
            HEARTBEAT_VERSION,
        ),
        write::<HeartbeatRequest, peer::HeartbeatRequest>(
            "Heartbeat v4 request: write",
            &heartbeat,
            HEARTBEAT_VERSION,
        ),
        read::<HeartbeatResponse, peer::HeartbeatResponse>("Heartbeat v4: read", &answer, HEARTBEAT_VERSION),
        write::<HeartbeatResponse, peer::HeartbeatResponse>(
            "Heartbeat v4: write",
            &answer,
            HEARTBEAT_VERSION,
        ),
    ]
}

fn join_request() -> JoinGroupRequest {
    let mut request = JoinGroupRequest::default();
    request.group_id = "orders-processing".into();
    request.session_timeout_ms = 45_000;
    request.rebalance_timeout_ms = 300_000;
    request.member_id = member_id(0);
    request.protocol_type = "consumer".into();
    request.protocols = ["range", "cooperative-sticky"].map(protocol).into();
    request
}

fn protocol(name: &str) -> JoinGroupRequestProtocol {
    let mut protocol = JoinGroupRequestProtocol::default();
    protocol.name = name.into();
    protocol.metadata = Bytes::from(vec![1; SUBSCRIPTION_BYTES]);
    protocol
}

fn join_response() -> JoinGroupResponse {
    let mut response = JoinGroupResponse::default();
    response.generation_id = 5;
    response.protocol_type = Some("consumer".into());
    response.protocol_name = Some("range".into());
    response.leader = member_id(0);
    response.member_id = member_id(0);
    response.members = (0..MEMBERS).map(member).collect();
    response
}

fn member(number: usize) -> JoinGroupResponseMember {
    let mut member = JoinGroupResponseMember::default();
    member.member_id = member_id(number);
    member.metadata = Bytes::from(vec![1; SUBSCRIPTION_BYTES]);
    member
}

fn member_id<T: From<String>>(number: usize) -> T {
    T::from(format!("consumer-{number:04}-3f0d9d2e-5a43-4b5e-9a77-1f2d0c9b8e41"))
}

fn heartbeat_request() -> HeartbeatRequest {
    let mut request = HeartbeatRequest::default();
    request.group_id = "orders-processing".into();
    request.generation_id = 5;
    request.member_id = member_id(0);
    request
}
