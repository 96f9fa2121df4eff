//! DescribeConfigs, v1 to v4, of topics and of brokers.

use std::time::Duration;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::message::VersionRange;
use ottla_protocol::messages::describe_configs_request::{DescribeConfigsRequest, DescribeConfigsResource};
use ottla_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResponse, DescribeConfigsResult, DescribeConfigsSynonym,
};
use ottla_protocol::types::{NodeId, Str, TopicName};

use crate::api::distinct::distinct;
use crate::cluster::{Answer, Call, Cluster};
use crate::config::Settings;
use crate::faults::{At, FAULT_MESSAGE};
use crate::subject::{About, Part};
use crate::topic_config::{ConfigType, TOPIC_CONFIG_KEYS, TopicConfig};

pub(crate) const VERSIONS: VersionRange = VersionRange::new(1, 4);

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
/// `config_source`: set for the topic.
const DYNAMIC_TOPIC_CONFIG: i8 = 1;
/// `config_source`: from the broker's properties.
const STATIC_BROKER_CONFIG: i8 = 4;
/// `config_source`: nobody set it.
const DEFAULT_CONFIG: i8 = 5;

/// A config as it is shown.
pub(crate) struct Shown {
    pub(crate) name: &'static str,
    pub(crate) value: Str,
    pub(crate) source: i8,
    config_type: ConfigType,
}

impl About for DescribeConfigsRequest {
    fn parts(&self, _cluster: &Cluster, _call: &Call) -> Vec<Part> {
        self.resources.iter().map(part).collect()
    }
}

pub(crate) fn handle(
    cluster: &mut Cluster,
    call: &Call,
    request: DescribeConfigsRequest,
) -> Answer<DescribeConfigsResponse> {
    let mut response = DescribeConfigsResponse::default();
    let resources = distinct(request.resources, |one| (one.resource_type, one.resource_name.clone()));
    for resource in resources {
        let mut result = DescribeConfigsResult::default();
        let injected = call.fault_of_read(At::from(&part(&resource)));
        let shown = injected
            .map_err(|error| (error, FAULT_MESSAGE))
            .and_then(|()| shown(cluster, call.node, &resource));
        match shown {
            Ok(configs) => {
                let keys = resource.configuration_keys.as_deref();
                let is_wanted =
                    |shown: &Shown| keys.is_none_or(|keys| keys.iter().any(|key| *key == *shown.name));
                let wanted = configs.into_iter().filter(is_wanted);
                result.configs = wanted
                    .map(|shown| row(shown, resource.resource_type, request.include_synonyms))
                    .collect();
            }
            Err((error, message)) => {
                result.error_code = error.0;
                result.error_message = Some(message.into());
            }
        }
        result.resource_type = resource.resource_type;
        result.resource_name = resource.resource_name;
        response.results.push(result);
    }
    Answer::Now(response)
}

fn part(resource: &DescribeConfigsResource) -> Part {
    match resource.resource_type {
        TOPIC => Part::topic(&TopicName::from(resource.resource_name.as_str())),
        _ => Part::default(),
    }
}

/// All configs of a topic.
pub(crate) fn of_topic(config: &TopicConfig) -> impl Iterator<Item = Shown> + '_ {
    TOPIC_CONFIG_KEYS.iter().map(|key| {
        let set = config.set.get(key.name);
        Shown {
            name: key.name,
            value: set.cloned().unwrap_or_else(|| Str::from_static(key.default)),
            source: if set.is_some() { DYNAMIC_TOPIC_CONFIG } else { DEFAULT_CONFIG },
            config_type: key.config_type,
        }
    })
}

fn shown(
    cluster: &Cluster,
    asked: NodeId,
    resource: &DescribeConfigsResource,
) -> Result<Vec<Shown>, (ErrorCode, &'static str)> {
    match resource.resource_type {
        TOPIC => {
            let topic = cluster.topics.named(&resource.resource_name);
            let unknown = (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "This server does not host this topic.");
            topic.map(|topic| of_topic(&topic.config).collect()).ok_or(unknown)
        }
        // Without a name: what is set for all brokers, which is nothing.
        BROKER if resource.resource_name.is_empty() => Ok(Vec::new()),
        // Each broker knows only its own.
        BROKER if *resource.resource_name == asked.to_string() => Ok(of_broker(asked, &cluster.settings)),
        BROKER => Err((ErrorCode::INVALID_REQUEST, "Unexpected broker id: not the one that was asked.")),
        _ => Err((ErrorCode::INVALID_REQUEST, "Unsupported resource type.")),
    }
}

fn of_broker(node: NodeId, settings: &Settings) -> Vec<Shown> {
    let row = |name, value: String, config_type| Shown {
        name,
        value: value.into(),
        source: STATIC_BROKER_CONFIG,
        config_type,
    };
    let int = |name, value: String| row(name, value, ConfigType::Int);
    let ms = |name, duration: Duration| int(name, duration.as_millis().to_string());
    vec![
        row("auto.create.topics.enable", settings.auto_create_topics_enable.to_string(), ConfigType::Boolean),
        int("broker.id", node.to_string()),
        ms("broker.session.timeout.ms", settings.broker_session_timeout),
        int("default.replication.factor", settings.default_replication_factor.to_string()),
        ms("group.initial.rebalance.delay.ms", settings.group_initial_rebalance_delay),
        ms("group.max.session.timeout.ms", settings.group_max_session_timeout),
        ms("group.min.session.timeout.ms", settings.group_min_session_timeout),
        int("message.max.bytes", settings.message_max_bytes.to_string()),
        int("min.insync.replicas", settings.min_insync_replicas.to_string()),
        int("node.id", node.to_string()),
        int("num.partitions", settings.num_partitions.to_string()),
        int("offsets.topic.replication.factor", settings.offsets_topic_replication_factor.to_string()),
        ms("producer.id.expiration.ms", settings.producer_id_expiration),
        row(
            "replica.lag.time.max.ms",
            settings.replica_lag_time_max.as_millis().to_string(),
            ConfigType::Long,
        ),
        int(
            "transaction.state.log.replication.factor",
            settings.transaction_state_log_replication_factor.to_string(),
        ),
        row(
            "unclean.leader.election.enable",
            settings.unclean_leader_election_enable.to_string(),
            ConfigType::Boolean,
        ),
    ]
}

fn row(shown: Shown, resource_type: i8, with_synonyms: bool) -> DescribeConfigsResourceResult {
    let mut row = DescribeConfigsResourceResult::default();
    row.name = shown.name.into();
    row.read_only = resource_type == BROKER;
    row.config_source = shown.source;
    row.config_type = shown.config_type as i8;
    if with_synonyms {
        let mut synonym = DescribeConfigsSynonym::default();
        synonym.name = shown.name.into();
        synonym.value = Some(shown.value.clone());
        synonym.source = shown.source;
        row.synonyms.push(synonym);
    }
    row.value = Some(shown.value);
    row
}
