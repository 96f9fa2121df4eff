//! Which APIs the cluster serves, in which versions: what ApiVersions answers and dispatch obeys.

use std::collections::BTreeMap;

use ottla_protocol::api::ApiKey;
use ottla_protocol::message::VersionRange;

use crate::api;

/// Every API with a handler.
pub(crate) static SERVED: &[(ApiKey, VersionRange)] = &[
    (ApiKey::PRODUCE, api::produce::VERSIONS),
    (ApiKey::FETCH, api::fetch::VERSIONS),
    (ApiKey::LIST_OFFSETS, api::list_offsets::VERSIONS),
    (ApiKey::METADATA, api::metadata::VERSIONS),
    (ApiKey::OFFSET_COMMIT, api::offset_commit::VERSIONS),
    (ApiKey::OFFSET_FETCH, api::offset_fetch::VERSIONS),
    (ApiKey::FIND_COORDINATOR, api::find_coordinator::VERSIONS),
    (ApiKey::JOIN_GROUP, api::join_group::VERSIONS),
    (ApiKey::HEARTBEAT, api::heartbeat::VERSIONS),
    (ApiKey::LEAVE_GROUP, api::leave_group::VERSIONS),
    (ApiKey::SYNC_GROUP, api::sync_group::VERSIONS),
    (ApiKey::DESCRIBE_GROUPS, api::describe_groups::VERSIONS),
    (ApiKey::LIST_GROUPS, api::list_groups::VERSIONS),
    (ApiKey::SASL_HANDSHAKE, api::sasl_handshake::VERSIONS),
    (ApiKey::API_VERSIONS, api::api_versions::VERSIONS),
    (ApiKey::CREATE_TOPICS, api::create_topics::VERSIONS),
    (ApiKey::DELETE_TOPICS, api::delete_topics::VERSIONS),
    (ApiKey::DELETE_RECORDS, api::delete_records::VERSIONS),
    (ApiKey::INIT_PRODUCER_ID, api::init_producer_id::VERSIONS),
    (ApiKey::OFFSET_FOR_LEADER_EPOCH, api::offset_for_leader_epoch::VERSIONS),
    (ApiKey::DESCRIBE_CONFIGS, api::describe_configs::VERSIONS),
    (ApiKey::SASL_AUTHENTICATE, api::sasl_authenticate::VERSIONS),
    (ApiKey::CREATE_PARTITIONS, api::create_partitions::VERSIONS),
    (ApiKey::DELETE_GROUPS, api::delete_groups::VERSIONS),
    (ApiKey::DESCRIBE_CLUSTER, api::describe_cluster::VERSIONS),
];

/// Versions that a cluster leaves out, to imitate an older Kafka: by API, what remains.
pub(crate) type VersionMask = BTreeMap<ApiKey, VersionRange>;

/// What is served under a mask, by API.
pub(crate) fn served(mask: &VersionMask) -> impl Iterator<Item = (ApiKey, VersionRange)> + '_ {
    SERVED.iter().filter_map(|&(key, versions)| {
        let versions = mask.get(&key).map_or(versions, |mask| versions.intersect(*mask));
        (!versions.is_empty()).then_some((key, versions))
    })
}

/// What ApiVersions says of an API of which `served` is served. Of Produce, as Kafka 4 does, it lists the oldest
/// versions too: without them librdkafka compresses with neither gzip nor snappy (KAFKA-18659).
pub(crate) fn listed(mask: &VersionMask, key: ApiKey, served: VersionRange) -> VersionRange {
    match key {
        ApiKey::PRODUCE => VersionRange::new(mask.get(&key).map_or(0, |mask| mask.min), served.max),
        _ => served,
    }
}

/// Whether `version` of `key` is served under a mask.
pub(crate) fn is_served(mask: &VersionMask, key: ApiKey, version: i16) -> bool {
    served(mask).any(|(served, versions)| served == key && versions.contains(version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_served_that_the_specs_do_not_have() {
        for (key, versions) in SERVED {
            let api = key.api().expect("an API of the specs");
            assert_eq!(versions.intersect(api.versions), *versions, "{key}");
            assert!(api.listeners.broker, "{key}");
        }
        assert!(SERVED.windows(2).all(|pair| pair[0].0 < pair[1].0), "in the order of their keys");
    }

    #[test]
    fn a_mask_takes_versions_and_whole_apis_away() {
        let mask = BTreeMap::from([
            (ApiKey::FETCH, VersionRange::new(0, 11)),
            (ApiKey::DESCRIBE_CLUSTER, VersionRange::new(0, -1)),
        ]);
        assert!(is_served(&mask, ApiKey::FETCH, 11));
        assert!(!is_served(&mask, ApiKey::FETCH, 12));
        assert!(!is_served(&mask, ApiKey::FETCH, 3));
        assert!(!is_served(&mask, ApiKey::DESCRIBE_CLUSTER, 0));
    }
}
