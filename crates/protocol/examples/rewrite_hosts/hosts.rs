//! The fields by which clients learn where brokers are.
//!
//! Left alone, because no client connects to what they say: the nodes of DescribeQuorum, and the endpoints in answers of
//! the metadata quorum (Vote, BeginQuorumEpoch, EndQuorumEpoch, FetchSnapshot, UpdateRaftVoter), which only controllers
//! ask for; the user endpoints of StreamsGroupHeartbeat and StreamsGroupDescribe, which are applications; `clientHost` of
//! group descriptions, which is this proxy now; and the hosts of ACLs, which are rules.

use ottla_protocol::any::AnyResponse;
use ottla_protocol::api::ApiKey;
use ottla_protocol::messages::api_versions_response::ApiVersion;
use ottla_protocol::types::Str;

/// The APIs whose answers are changed, and whose versions clients therefore must not choose higher than we can read.
pub const EDITED: [ApiKey; 8] = [
    ApiKey::PRODUCE,
    ApiKey::FETCH,
    ApiKey::METADATA,
    ApiKey::FIND_COORDINATOR,
    ApiKey::API_VERSIONS,
    ApiKey::DESCRIBE_CLUSTER,
    ApiKey::SHARE_FETCH,
    ApiKey::SHARE_ACKNOWLEDGE,
];

/// Where clients reach brokers through the proxy.
pub trait Directory {
    /// The host and port that stand for those of a broker; `None` if there cannot be any more of them.
    fn local(&mut self, host: &str, port: i32) -> Option<(Str, i32)>;
}

/// There are more brokers than the directory takes.
#[derive(Debug)]
pub struct TooManyBrokers;

/// Rewrites an answer; says whether anything in it changed.
pub fn rewrite(response: &mut AnyResponse, directory: &mut dyn Directory) -> Result<bool, TooManyBrokers> {
    let endpoints: Vec<(&mut Str, &mut i32)> = match response {
        AnyResponse::ApiVersions(response) => {
            response.api_keys.retain_mut(narrow);
            return Ok(true);
        }
        AnyResponse::Metadata(response) => {
            response.brokers.iter_mut().map(|broker| (&mut broker.host, &mut broker.port)).collect()
        }
        // Up to version 3 one coordinator, since version 4 (KIP-699) one for each key.
        AnyResponse::FindCoordinator(response) => {
            let several = response.coordinators.iter_mut().map(|found| (&mut found.host, &mut found.port));
            several.chain([(&mut response.host, &mut response.port)]).collect()
        }
        AnyResponse::DescribeCluster(response) => {
            response.brokers.iter_mut().map(|broker| (&mut broker.host, &mut broker.port)).collect()
        }
        // Where leaders are that moved (KIP-951).
        AnyResponse::Produce(response) => {
            response.node_endpoints.iter_mut().map(|node| (&mut node.host, &mut node.port)).collect()
        }
        AnyResponse::Fetch(response) => {
            response.node_endpoints.iter_mut().map(|node| (&mut node.host, &mut node.port)).collect()
        }
        AnyResponse::ShareFetch(response) => {
            response.node_endpoints.iter_mut().map(|node| (&mut node.host, &mut node.port)).collect()
        }
        AnyResponse::ShareAcknowledge(response) => {
            response.node_endpoints.iter_mut().map(|node| (&mut node.host, &mut node.port)).collect()
        }
        _ => Vec::new(),
    };
    let mut changed = false;
    for (host, port) in endpoints {
        // A coordinator that was not found, or a broker that is not there, has no host.
        if !host.is_empty() {
            (*host, *port) = directory.local(host, *port).ok_or(TooManyBrokers)?;
            changed = true;
        }
    }
    Ok(changed)
}

/// Takes out the versions of an edited API that we cannot read; says whether any are left.
fn narrow(offered: &mut ApiVersion) -> bool {
    let api_key = ApiKey(offered.api_key);
    let (true, Some(api)) = (EDITED.contains(&api_key), api_key.api()) else { return true };
    offered.min_version = offered.min_version.max(api.versions.min);
    offered.max_version = offered.max_version.min(api.versions.max);
    offered.min_version <= offered.max_version
}
