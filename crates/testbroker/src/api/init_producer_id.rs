//! InitProducerId, v0 to v5, for idempotent producers.
//!
//! Transactions are not served: a transactional id is answered with TRANSACTIONAL_ID_AUTHORIZATION_FAILED, which
//! every client takes as final.

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::message::VersionRange;
use ottla_protocol::messages::init_producer_id_request::InitProducerIdRequest;
use ottla_protocol::messages::init_producer_id_response::InitProducerIdResponse;
use ottla_protocol::types::ProducerId;

use crate::cluster::{Answer, Call, Cluster};
use crate::faults::At;
use crate::subject::About;

pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 5);

impl About for InitProducerIdRequest {}

pub(crate) fn handle(
    cluster: &mut Cluster,
    call: &Call,
    request: InitProducerIdRequest,
) -> Answer<InitProducerIdResponse> {
    let mut response = InitProducerIdResponse::default();
    if let Err(error) = call.fault(At::default()) {
        return Answer::Now(refuse(error));
    }
    match request.transactional_id {
        // An id without an epoch, or the other way round.
        None if (request.producer_id.0 == -1) != (request.producer_epoch == -1) => {
            response.producer_id = ProducerId(-1);
            response.producer_epoch = -1;
            response.error_code = ErrorCode::INVALID_REQUEST.0;
        }
        // Without a transactional id every request gets a new id, whatever id and epoch it names: idempotent producers
        // count their epochs themselves (KIP-360).
        None => {
            response.producer_id = ProducerId(cluster.next_producer_id);
            cluster.next_producer_id += 1;
        }
        Some(id) => {
            return Answer::Now(refuse(match id.is_empty() {
                true => ErrorCode::INVALID_REQUEST,
                false => ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
            }));
        }
    }
    Answer::Now(call.fault_after(At::default()).err().map_or(response, refuse))
}

fn refuse(error: ErrorCode) -> InitProducerIdResponse {
    let mut response = InitProducerIdResponse::default();
    response.producer_epoch = -1;
    response.error_code = error.0;
    response
}
