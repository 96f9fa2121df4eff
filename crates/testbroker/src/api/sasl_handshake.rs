//! SaslHandshake, v0 (bare tokens follow) and v1 (SaslAuthenticate follows, KIP-152). What else may come when is the
//! table in `sasl/session.rs`.

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::message::VersionRange;
use ottla_protocol::messages::sasl_handshake_request::SaslHandshakeRequest;
use ottla_protocol::messages::sasl_handshake_response::SaslHandshakeResponse;

use crate::cluster::{Answer, Call, Cluster};
use crate::faults::At;
use crate::subject::About;

pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 1);

impl About for SaslHandshakeRequest {}

pub(crate) fn handle(
    cluster: &mut Cluster,
    call: &Call,
    request: SaslHandshakeRequest,
) -> Answer<SaslHandshakeResponse> {
    let mut response = SaslHandshakeResponse::default();
    let offered = cluster.authority(call.id.connection).map_or(&[][..], |authority| authority.mechanisms());
    let offered = offered.iter().map(|mechanism| mechanism.name().into()).collect();
    if let Err(error) = call.fault_of_read(At::default()) {
        response.error_code = error.0;
        response.mechanisms = offered;
        cluster.fail_with(call, error.to_string(), &response);
        return Answer::Later;
    }
    match cluster.on_handshake(call, &request.mechanism) {
        Ok(()) => response.mechanisms = offered,
        Err(None) => response.error_code = ErrorCode::ILLEGAL_SASL_STATE.0,
        Err(Some(why)) => {
            response.error_code = ErrorCode::UNSUPPORTED_SASL_MECHANISM.0;
            response.mechanisms = offered;
            cluster.fail_with(call, why, &response);
            return Answer::Later;
        }
    }
    Answer::Now(response)
}
