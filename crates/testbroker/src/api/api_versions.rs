//! ApiVersions, v0 to v4.

use ottla_protocol::api::ApiKey;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::message::VersionRange;
use ottla_protocol::messages::api_versions_request::ApiVersionsRequest;
use ottla_protocol::messages::api_versions_response::{ApiVersion, ApiVersionsResponse};

use crate::cluster::{Answer, Call, Cluster};
use crate::faults::At;
use crate::subject::About;
use crate::versions;

pub(crate) const VERSIONS: VersionRange = VersionRange::new(0, 4);

/// The first version with the client's name (KIP-511).
const FIRST_VERSION_WITH_CLIENT: i16 = 3;

impl About for ApiVersionsRequest {}

pub(crate) fn handle(
    cluster: &mut Cluster,
    call: &Call,
    request: ApiVersionsRequest,
) -> Answer<ApiVersionsResponse> {
    let mut response = ApiVersionsResponse::default();
    if let Err(error) = call.fault_of_read(At::default()) {
        if error == ErrorCode::UNSUPPORTED_VERSION {
            refuse(cluster, call);
            return Answer::Later;
        }
        response.error_code = error.0;
        return Answer::Now(response);
    }
    let names = [&request.client_software_name, &request.client_software_version];
    if call.version >= FIRST_VERSION_WITH_CLIENT && !names.into_iter().all(|name| is_software_name(name)) {
        response.error_code = ErrorCode::INVALID_REQUEST.0;
        return Answer::Now(response);
    }
    let mask = &cluster.settings.version_mask;
    response.api_keys =
        versions::served(mask).map(|(key, range)| row(key, versions::listed(mask, key, range))).collect();
    cluster.on_versions_told(call.id.connection);
    Answer::Now(response)
}

/// A version that is not served: v0, which every client can read, with the versions of ApiVersions itself (KIP-511).
pub(crate) fn refuse(cluster: &mut Cluster, call: &Call) {
    let mut response = ApiVersionsResponse::default();
    response.error_code = ErrorCode::UNSUPPORTED_VERSION.0;
    response.api_keys = versions::served(&cluster.settings.version_mask)
        .filter(|(key, _)| *key == ApiKey::API_VERSIONS)
        .map(|(key, range)| row(key, range))
        .collect();
    cluster.respond_as(call.id, 0, &response);
}

fn row(key: ApiKey, versions: VersionRange) -> ApiVersion {
    let mut row = ApiVersion::default();
    row.api_key = key.0;
    row.min_version = versions.min;
    row.max_version = versions.max;
    row
}

/// Letters and digits, with dots and dashes between them.
fn is_software_name(name: &str) -> bool {
    let inner = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.');
    let ends = [name.bytes().next(), name.bytes().last()];
    name.bytes().all(inner) && ends.iter().all(|end| end.is_some_and(|c| c.is_ascii_alphanumeric()))
}
