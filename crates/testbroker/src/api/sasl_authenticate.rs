//! SaslAuthenticate, v0 to v2 (how long the session lives from v1 on, KIP-368).

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::message::VersionRange;
use ottla_protocol::messages::sasl_authenticate_request::SaslAuthenticateRequest;
use ottla_protocol::messages::sasl_authenticate_response::SaslAuthenticateResponse;

use crate::cluster::{Answer, Call, Cluster};
use crate::faults::{At, FAULT_MESSAGE};
use crate::subject::About;

pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 2);

/// What Kafka says to a token that nobody waits for.
const TOO_LATE: &str = "SaslAuthenticate request received after successful authentication";

impl About for SaslAuthenticateRequest {}

pub(crate) fn handle(
    cluster: &mut Cluster,
    call: &Call,
    request: SaslAuthenticateRequest,
) -> Answer<SaslAuthenticateResponse> {
    let mut response = SaslAuthenticateResponse::default();
    if !cluster.is_exchanging(call.id.connection) {
        response.error_code = ErrorCode::ILLEGAL_SASL_STATE.0;
        response.error_message = Some(TOO_LATE.into());
        return Answer::Now(response);
    }
    let outcome = match call.fault_of_read(At::default()) {
        Ok(()) => cluster.on_token(call, &request.auth_bytes),
        Err(error) => {
            response.error_code = error.0;
            Err(FAULT_MESSAGE.to_owned())
        }
    };
    match outcome {
        Ok(accepted) => {
            response.auth_bytes = accepted.token;
            let lifetime = accepted.session_lifetime.as_millis();
            response.session_lifetime_ms = i64::try_from(lifetime).unwrap_or(i64::MAX);
            Answer::Now(response)
        }
        Err(why) => {
            if response.error_code == 0 {
                response.error_code = ErrorCode::SASL_AUTHENTICATION_FAILED.0;
            }
            response.error_message = Some(why.as_str().into());
            cluster.fail_with(call, why, &response);
            Answer::Later
        }
    }
}
