//! What a broker says that it speaks.

use std::collections::BTreeMap;

use ottla_protocol::api::ApiKey;
use ottla_protocol::message::VersionRange;
use ottla_protocol::messages::api_versions_response::ApiVersionsResponse;

use crate::request::RequestError;

/// The version ranges of one broker, by API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiVersions {
    ranges: BTreeMap<ApiKey, VersionRange>,
}

impl ApiVersions {
    /// Reads them from the broker's answer.
    pub fn from_response(response: &ApiVersionsResponse) -> Self {
        let ranges = response
            .api_keys
            .iter()
            .map(|api| (ApiKey(api.api_key), VersionRange::new(api.min_version, api.max_version)))
            .collect();
        Self { ranges }
    }

    /// What the broker speaks of an API; `None` where it does not know it.
    pub fn range(&self, api: ApiKey) -> Option<VersionRange> {
        self.ranges.get(&api).copied()
    }

    /// The highest version that both sides speak.
    ///
    /// # Errors
    /// [`RequestError::UnsupportedVersion`] names both ranges where they have nothing in common.
    pub fn negotiate(&self, api: ApiKey, ours: VersionRange) -> Result<i16, RequestError> {
        let theirs = self.range(api);
        match theirs.map(|theirs| theirs.intersect(ours)) {
            Some(common) if !common.is_empty() => Ok(common.max),
            _ => Err(RequestError::UnsupportedVersion { api, ours, theirs }),
        }
    }
}
