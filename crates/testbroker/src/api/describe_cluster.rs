//! DescribeCluster, v0 to v2. Controllers cannot be asked for: brokers are all there is.

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::message::VersionRange;
use ottla_protocol::messages::describe_cluster_request::DescribeClusterRequest;
use ottla_protocol::messages::describe_cluster_response::{DescribeClusterBroker, DescribeClusterResponse};

use crate::api::metadata::CLUSTER_OPERATIONS;
use crate::cluster::{Answer, Call, Cluster};
use crate::faults::{At, FAULT_MESSAGE};
use crate::subject::About;

pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 2);

/// `endpoint_type` of brokers; 2 is controllers (KIP-919).
const BROKERS: i8 = 1;

impl About for DescribeClusterRequest {}

pub(crate) fn handle(
    cluster: &mut Cluster,
    call: &Call,
    request: DescribeClusterRequest,
) -> Answer<DescribeClusterResponse> {
    let mut response = DescribeClusterResponse::default();
    if let Err(error) = call.fault_of_read(At::default()) {
        response.error_code = error.0;
        response.error_message = Some(FAULT_MESSAGE.into());
        return Answer::Now(response);
    }
    if request.endpoint_type != BROKERS {
        response.error_code = ErrorCode::MISMATCHED_ENDPOINT_TYPE.0;
        response.error_message = Some("The request was sent to an endpoint of type BROKER.".into());
        return Answer::Now(response);
    }
    response.cluster_id = cluster.cluster_id.clone();
    response.controller_id = cluster.controller();
    if request.include_cluster_authorized_operations {
        response.cluster_authorized_operations = CLUSTER_OPERATIONS;
    }
    let alive = cluster.brokers.seen_by(call.node);
    let brokers = cluster.nodes.values().filter(|node| alive.contains(&node.id)).map(|node| {
        let mut broker = DescribeClusterBroker::default();
        broker.broker_id = node.id;
        let endpoint = node.endpoint(call.listener);
        broker.host = endpoint.host.clone();
        broker.port = i32::from(endpoint.port);
        broker.rack = node.rack.clone();
        broker
    });
    response.brokers = brokers.collect();
    Answer::Now(response)
}
