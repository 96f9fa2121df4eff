//! One file per API: which versions it serves, and what a broker answers.

pub(crate) mod api_versions;
pub(crate) mod create_partitions;
pub(crate) mod create_topics;
pub(crate) mod delete_groups;
pub(crate) mod delete_records;
pub(crate) mod delete_topics;
pub(crate) mod describe_cluster;
pub(crate) mod describe_configs;
pub(crate) mod describe_groups;
pub(crate) mod distinct;
pub(crate) mod fetch;
pub(crate) mod find_coordinator;
pub(crate) mod heartbeat;
pub(crate) mod init_producer_id;
pub(crate) mod join_group;
pub(crate) mod leave_group;
pub(crate) mod list_groups;
pub(crate) mod list_offsets;
pub(crate) mod metadata;
pub(crate) mod offset_commit;
pub(crate) mod offset_fetch;
pub(crate) mod offset_for_leader_epoch;
pub(crate) mod produce;
pub(crate) mod sasl_authenticate;
pub(crate) mod sasl_handshake;
pub(crate) mod sync_group;

use bytes::Bytes;
use ottla_protocol::api::ApiKey;

use crate::cluster::{Answer, Call, Cluster};
use crate::connection::CloseReason;
use crate::subject::About;
use crate::versions;

/// Hands a request's body to its API's handler.
pub(crate) fn dispatch(cluster: &mut Cluster, call: Call, key: ApiKey, body: &Bytes) {
    if !versions::is_served(&cluster.settings.version_mask, key, call.version) {
        if key == ApiKey::API_VERSIONS {
            return api_versions::refuse(cluster, &call);
        }
        // Kafka closes the connection without an answer.
        return cluster.close(call.id.connection, CloseReason::Unsupported(key, call.version));
    }
    match key {
        ApiKey::PRODUCE => run(cluster, call, body, produce::handle),
        ApiKey::FETCH => run(cluster, call, body, fetch::handle),
        ApiKey::LIST_OFFSETS => run(cluster, call, body, list_offsets::handle),
        ApiKey::METADATA => run(cluster, call, body, metadata::handle),
        ApiKey::OFFSET_COMMIT => run(cluster, call, body, offset_commit::handle),
        ApiKey::OFFSET_FETCH => run(cluster, call, body, offset_fetch::handle),
        ApiKey::FIND_COORDINATOR => run(cluster, call, body, find_coordinator::handle),
        ApiKey::JOIN_GROUP => run(cluster, call, body, join_group::handle),
        ApiKey::HEARTBEAT => run(cluster, call, body, heartbeat::handle),
        ApiKey::LEAVE_GROUP => run(cluster, call, body, leave_group::handle),
        ApiKey::SYNC_GROUP => run(cluster, call, body, sync_group::handle),
        ApiKey::DESCRIBE_GROUPS => run(cluster, call, body, describe_groups::handle),
        ApiKey::LIST_GROUPS => run(cluster, call, body, list_groups::handle),
        ApiKey::SASL_HANDSHAKE => run(cluster, call, body, sasl_handshake::handle),
        ApiKey::API_VERSIONS => run(cluster, call, body, api_versions::handle),
        ApiKey::CREATE_TOPICS => run(cluster, call, body, create_topics::handle),
        ApiKey::DELETE_TOPICS => run(cluster, call, body, delete_topics::handle),
        ApiKey::DELETE_RECORDS => run(cluster, call, body, delete_records::handle),
        ApiKey::INIT_PRODUCER_ID => run(cluster, call, body, init_producer_id::handle),
        ApiKey::OFFSET_FOR_LEADER_EPOCH => run(cluster, call, body, offset_for_leader_epoch::handle),
        ApiKey::DESCRIBE_CONFIGS => run(cluster, call, body, describe_configs::handle),
        ApiKey::SASL_AUTHENTICATE => run(cluster, call, body, sasl_authenticate::handle),
        ApiKey::CREATE_PARTITIONS => run(cluster, call, body, create_partitions::handle),
        ApiKey::DELETE_GROUPS => run(cluster, call, body, delete_groups::handle),
        ApiKey::DESCRIBE_CLUSTER => run(cluster, call, body, describe_cluster::handle),
        _ => cluster.close(call.id.connection, CloseReason::Unsupported(key, call.version)),
    }
}

fn run<R: About>(
    cluster: &mut Cluster,
    mut call: Call,
    body: &Bytes,
    handler: fn(&mut Cluster, &Call, R) -> Answer<R::Response>,
) {
    let answer = match R::decode_prefix(body, call.version) {
        Ok((request, _)) => {
            if !cluster.admit(&mut call, body, &request) {
                return;
            }
            handler(cluster, &call, request)
        }
        Err(error) => Answer::Close(CloseReason::Undecodable(error)),
    };
    cluster.finish(call.id, answer);
}
