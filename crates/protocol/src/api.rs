//! API keys, and what the specs say about each API.

mod skip;

use std::fmt;

use crate::message::VersionRange;
use crate::messages::APIS;

/// The number of an API. Keys that the specs do not know are kept as they are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiKey(pub i16);

/// An API of the specs.
#[derive(Debug)]
#[non_exhaustive]
pub struct Api {
    /// Its number.
    pub key: ApiKey,
    /// Its name without "Request": `Produce`.
    pub name: &'static str,
    /// The versions that the specs define.
    pub versions: VersionRange,
    /// The first flexible version; `i16::MAX` where there is none.
    pub flexible_from: i16,
    /// Whether the latest version may still change.
    pub latest_version_unstable: bool,
    /// Who answers it.
    pub listeners: Listeners,
    pub(crate) throttle: Throttle,
}

/// Where a response says for how long the broker throttles, if it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Throttle {
    /// The first version that says it.
    since: i16,
    /// Behind so many bytes of the body; `None` where it must be searched for.
    offset: Option<u8>,
}

/// On which listeners an API is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listeners {
    /// On a broker's.
    pub broker: bool,
    /// On a controller's.
    pub controller: bool,
}

impl Throttle {
    pub(crate) const NONE: Self = Self::at(i16::MAX, 0);

    pub(crate) const fn at(since: i16, offset: u8) -> Self {
        Self { since, offset: Some(offset) }
    }

    pub(crate) const fn behind(since: i16) -> Self {
        Self { since, offset: None }
    }
}

impl Api {
    pub(crate) const fn new(
        key: i16,
        name: &'static str,
        versions: VersionRange,
        flexible_from: i16,
        latest_version_unstable: bool,
        listeners: Listeners,
        throttle: Throttle,
    ) -> Self {
        Self { key: ApiKey(key), name, versions, flexible_from, latest_version_unstable, listeners, throttle }
    }

    /// The version of the request header that goes before a request of `version`.
    pub fn request_header_version(&self, version: i16) -> i16 {
        if version >= self.flexible_from { 2 } else { 1 }
    }

    /// The version of the response header that goes before a response of `version`.
    pub fn response_header_version(&self, version: i16) -> i16 {
        // A client that has yet to learn the broker's versions must be able to read the answer: always the old
        // header (KIP-511).
        if version >= self.flexible_from && self.key != ApiKey::API_VERSIONS { 1 } else { 0 }
    }
}

impl ApiKey {
    /// All APIs of the specs, by key.
    pub fn all() -> &'static [Api] {
        &APIS
    }

    /// What the specs say about it; `None` for a number that they do not know.
    pub fn api(self) -> Option<&'static Api> {
        let at = APIS.binary_search_by_key(&self, |api| api.key).ok()?;
        Some(&APIS[at])
    }

    /// For how long the broker throttles this client, in milliseconds, as the body of a response says it; without
    /// decoding more than that. Brokers since 2.0 answer at once and then do not read for so long (KIP-219).
    ///
    /// `None` where the response does not say it or is cut short; and for the APIs of delegation tokens and for
    /// ApiVersions, whose responses say it behind all else.
    pub fn throttle_time_ms_in(self, version: i16, body: &[u8]) -> Option<i32> {
        let at = self.throttle_time_at(version, body)?;
        body.get(at..)?.first_chunk().map(|ms| i32::from_be_bytes(*ms))
    }

    /// Writes a throttle time into the body of a response, where [`throttle_time_ms_in`](Self::throttle_time_ms_in) finds
    /// it; says whether there is room for one. For brokers and proxies.
    pub fn set_throttle_time_ms_in(self, version: i16, body: &mut [u8], ms: i32) -> bool {
        let at = self.throttle_time_at(version, body);
        let place = at.and_then(|at| body.get_mut(at..)).and_then(|rest| rest.first_chunk_mut());
        match place {
            Some(place) => *place = ms.to_be_bytes(),
            None => return false,
        }
        true
    }

    fn throttle_time_at(self, version: i16, body: &[u8]) -> Option<usize> {
        let Throttle { since, offset } = self.api()?.throttle;
        if version < since {
            return None;
        }
        match offset {
            Some(offset) => Some(usize::from(offset)),
            None if self == Self::PRODUCE => Some(body.len() - skip::produced_topics(version, body)?.len()),
            None => None,
        }
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.api() {
            Some(api) => f.pad(api.name),
            None => write!(f, "API {}", self.0),
        }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
