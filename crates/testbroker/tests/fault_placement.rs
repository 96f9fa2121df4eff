//! An injected error lands where each API reports errors of its own.

mod rig;

use ottla_protocol::api::ApiKey;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::error_codes::error_codes_in;
use ottla_protocol::message::Request;
use ottla_protocol::messages::api_versions_request::ApiVersionsRequest;
use ottla_protocol::messages::create_partitions_request::{CreatePartitionsRequest, CreatePartitionsTopic};
use ottla_protocol::messages::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use ottla_protocol::messages::delete_groups_request::DeleteGroupsRequest;
use ottla_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};
use ottla_protocol::messages::delete_topics_request::DeleteTopicsRequest;
use ottla_protocol::messages::describe_cluster_request::DescribeClusterRequest;
use ottla_protocol::messages::describe_configs_request::{DescribeConfigsRequest, DescribeConfigsResource};
use ottla_protocol::messages::describe_groups_request::DescribeGroupsRequest;
use ottla_protocol::messages::fetch_request::FetchRequest;
use ottla_protocol::messages::find_coordinator_request::FindCoordinatorRequest;
use ottla_protocol::messages::heartbeat_request::HeartbeatRequest;
use ottla_protocol::messages::init_producer_id_request::InitProducerIdRequest;
use ottla_protocol::messages::join_group_request::{JoinGroupRequest, JoinGroupRequestProtocol};
use ottla_protocol::messages::leave_group_request::LeaveGroupRequest;
use ottla_protocol::messages::list_groups_request::ListGroupsRequest;
use ottla_protocol::messages::list_offsets_request::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use ottla_protocol::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};
use ottla_protocol::messages::offset_commit_request::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use ottla_protocol::messages::offset_fetch_request::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use ottla_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use ottla_protocol::messages::sync_group_request::SyncGroupRequest;
use ottla_testbroker::Cluster;
use ottla_testbroker::faults::{FaultAction, FaultPlan, FaultRule, Selector};
use rig::{Rig, batch, fetch_request, produce_request};
use std::time::Duration;

/// Not a code of any API's own: where it is, a rule put it.
const INJECTED: ErrorCode = ErrorCode::THROTTLING_QUOTA_EXCEEDED;

fn rig() -> Rig {
    let mut rig = Rig::new(Cluster::builder().seed(1));
    let connection = rig.connect(1);
    rig.create_topic(connection, "t", 2);
    rig.create_topic(connection, "u", 1);
    rig
}

/// Sends `request` under a rule and compares where codes are: `0:name=t,index=1` is code 0 of partition 1 of t.
fn check_with<R: Request>(
    rig: &mut Rig,
    code: ErrorCode,
    on: Selector,
    version: i16,
    request: &R,
    expected: &[&str],
) {
    let mut rule = FaultRule::new(FaultAction::Error { code, when: Default::default() });
    rule.on = on;
    rule.on.api = Some(R::API_KEY);
    let faults = rig.cluster.faults().load(&FaultPlan::new(0, vec![rule])).expect("a rule");
    let connection = rig.connect(1);
    let response = rig.call(connection, version, request);
    let injected = error_codes_in(&response).into_iter().filter(|found| found.code == code);
    let found = injected.map(|found| {
        let of = found.of.iter().filter(|(name, _)| *name != "topicId");
        of.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",")
    });
    assert_eq!(found.collect::<Vec<_>>(), expected, "{} v{version}", R::NAME);
    assert_eq!(faults[0].fired(), u64::from(!expected.is_empty()), "{} v{version}", R::NAME);
    rig.cluster.faults().clear();
    let response = rig.call(connection, version, request);
    assert!(error_codes_in(&response).iter().all(|found| found.code != code), "without the rule");
}

fn check<R: Request>(rig: &mut Rig, on: Selector, version: i16, request: &R, expected: &[&str]) {
    check_with(rig, INJECTED, on, version, request, expected);
}

fn any() -> Selector {
    Selector::default()
}

fn partition(topic: &str, partition: i32) -> Selector {
    let mut on = Selector::default();
    (on.topic, on.partition) = (Some(topic.to_owned()), Some(partition));
    on
}

fn topic(topic: &str) -> Selector {
    let mut on = Selector::default();
    on.topic = Some(topic.to_owned());
    on
}

fn group(group: &str) -> Selector {
    let mut on = Selector::default();
    on.group = Some(group.to_owned());
    on
}

#[test]
fn apis_without_parts_report_it_for_the_request() {
    let rig = &mut rig();
    check(rig, any(), 3, &api_versions(), &[""]);
    check(rig, any(), 5, &ListGroupsRequest::default(), &[""]);
    check(rig, any(), 2, &describe_cluster(), &[""]);
    check(rig, any(), 5, &InitProducerIdRequest::default(), &[""]);
    check(rig, topic("t"), 5, &ListGroupsRequest::default(), &[]);
}

fn api_versions() -> ApiVersionsRequest {
    let mut request = ApiVersionsRequest::default();
    request.client_software_name = "rig".into();
    request.client_software_version = "1".into();
    request
}

fn describe_cluster() -> DescribeClusterRequest {
    let mut request = DescribeClusterRequest::default();
    request.endpoint_type = 1;
    request
}

#[test]
fn apis_of_partitions_report_it_for_partitions() {
    let rig = &mut rig();
    let mut produce = produce_request("t", 0, -1, batch(&["a"]));
    let mut second = produce.topic_data[0].partition_data[0].clone();
    second.index = 1;
    produce.topic_data[0].partition_data.push(second);
    check(rig, any(), 12, &produce, &["name=t,index=0", "name=t,index=1"]);
    check(rig, partition("t", 1), 12, &produce, &["name=t,index=1"]);
    check(rig, topic("u"), 12, &produce, &[]);

    let mut fetch = fetch_request("t", 0, 0, Duration::ZERO);
    let mut second = fetch.topics[0].partitions[0].clone();
    second.partition = 1;
    fetch.topics[0].partitions.push(second);
    check(rig, any(), 12, &fetch, &["topic=t,partitionIndex=0", "topic=t,partitionIndex=1"]);
    check(rig, partition("t", 1), 12, &fetch, &["topic=t,partitionIndex=1"]);
    let session = ErrorCode::FETCH_SESSION_ID_NOT_FOUND;
    check_with(rig, session, any(), 12, &fetch, &[""]);

    let mut list = ListOffsetsRequest::default();
    let mut asked = ListOffsetsTopic::default();
    asked.name = "t".into();
    for index in 0..2 {
        let mut partition = ListOffsetsPartition::default();
        (partition.partition_index, partition.timestamp, partition.current_leader_epoch) = (index, -1, -1);
        asked.partitions.push(partition);
    }
    list.topics.push(asked);
    check(rig, topic("t"), 7, &list, &["name=t,partitionIndex=0", "name=t,partitionIndex=1"]);
    check(rig, partition("t", 0), 7, &list, &["name=t,partitionIndex=0"]);

    let mut epochs = OffsetForLeaderEpochRequest::default();
    let mut asked = OffsetForLeaderTopic::default();
    asked.topic = "u".into();
    let mut row = OffsetForLeaderPartition::default();
    row.current_leader_epoch = -1;
    asked.partitions.push(row);
    epochs.topics.push(asked);
    check(rig, any(), 4, &epochs, &["topic=u,partition=0"]);
}

#[test]
fn a_fetch_that_waits_is_answered_at_once_with_the_error_of_its_session() {
    let rig = &mut rig();
    let connection = rig.connect(1);
    let mut fetch = fetch_request("t", 0, 0, Duration::ZERO);
    fetch.session_epoch = 0;
    let session_id = rig.call(connection, 12, &fetch).session_id;
    assert_ne!(session_id, 0);
    fetch.topics.clear();
    (fetch.session_id, fetch.session_epoch, fetch.max_wait_ms) = (session_id, 1, 500);
    rig.cluster.faults().on(ApiKey::FETCH).topic("t").partition(0).times(1).error(INJECTED).expect("a rule");
    let response = rig.call::<FetchRequest>(connection, 12, &fetch);
    assert_eq!(response.responses[0].partitions[0].error_code, INJECTED.0);
}

#[test]
fn metadata_reports_it_for_topics_or_for_the_partition_that_is_selected() {
    let rig = &mut rig();
    let mut request = MetadataRequest::default();
    let named = |name: &str| {
        let mut topic = MetadataRequestTopic::default();
        topic.name = Some(name.into());
        topic
    };
    request.topics = Some(vec![named("t"), named("u")]);
    check(rig, any(), 12, &request, &["name=t", "name=u"]);
    check(rig, topic("u"), 12, &request, &["name=u"]);
    check(rig, partition("t", 1), 12, &request, &["name=t,partitionIndex=1"]);
    request.topics = None;
    check(rig, partition("u", 0), 12, &request, &["name=u,partitionIndex=0"]);
    request.topics = Some(vec![named("new")]);
    request.allow_auto_topic_creation = true;
    check(rig, topic("new"), 12, &request, &["name=new"]);
}

#[test]
fn apis_of_a_group_report_it_for_the_request() {
    let rig = &mut rig();
    let mut heartbeat = HeartbeatRequest::default();
    heartbeat.group_id = "g".into();
    check(rig, group("g"), 4, &heartbeat, &[""]);
    check(rig, group("h"), 4, &heartbeat, &[]);
    let mut sync = SyncGroupRequest::default();
    sync.group_id = "g".into();
    check(rig, group("g"), 5, &sync, &[""]);
    let mut leave = LeaveGroupRequest::default();
    leave.group_id = "g".into();
    check(rig, any(), 5, &leave, &[""]);
    check(rig, group("g"), 5, &join(), &[""]);
}

fn join() -> JoinGroupRequest {
    let mut protocol = JoinGroupRequestProtocol::default();
    protocol.name = "range".into();
    let mut request = JoinGroupRequest::default();
    request.group_id = "g".into();
    request.session_timeout_ms = 10_000;
    request.rebalance_timeout_ms = 10_000;
    request.protocol_type = "consumer".into();
    request.protocols.push(protocol);
    request
}

#[test]
fn a_member_that_gets_an_error_after_the_join_is_in_the_group() {
    let rig = &mut rig();
    let connection = rig.connect(1);
    let faults = rig.cluster.faults().on(ApiKey::JOIN_GROUP).group("g").times(1);
    faults.error_after_apply(ErrorCode::REQUEST_TIMED_OUT).expect("a rule");
    let response = rig.call(connection, 3, &join());
    assert_eq!(response.error_code, ErrorCode::REQUEST_TIMED_OUT.0);
    let mut request = DescribeGroupsRequest::default();
    request.groups.push("g".into());
    assert_eq!(rig.call(connection, 5, &request).groups[0].members.len(), 1);
}

#[test]
fn apis_of_several_groups_report_it_for_each() {
    let rig = &mut rig();
    let mut describe = DescribeGroupsRequest::default();
    describe.groups = vec!["g".into(), "h".into()];
    check(rig, any(), 5, &describe, &["groupId=g", "groupId=h"]);
    check(rig, group("h"), 5, &describe, &["groupId=h"]);
    let mut delete = DeleteGroupsRequest::default();
    delete.groups_names = vec!["g".into(), "h".into()];
    check(rig, group("h"), 2, &delete, &["groupId=h"]);
    let mut find = FindCoordinatorRequest::default();
    find.coordinator_keys = vec!["g".into(), "h".into()];
    check(rig, group("h"), 4, &find, &["key=h"]);
    find.coordinator_keys.clear();
    find.key = "g".into();
    check(rig, any(), 3, &find, &[""]);
}

#[test]
fn commits_report_it_for_partitions_and_reads_of_offsets_for_the_group() {
    let rig = &mut rig();
    let mut commit = OffsetCommitRequest::default();
    commit.group_id = "g".into();
    commit.generation_id_or_member_epoch = -1;
    let mut topic_row = OffsetCommitRequestTopic::default();
    topic_row.name = "t".into();
    for index in 0..2 {
        let mut row = OffsetCommitRequestPartition::default();
        (row.partition_index, row.committed_offset) = (index, 7);
        topic_row.partitions.push(row);
    }
    commit.topics.push(topic_row);
    check(rig, group("g"), 8, &commit, &["name=t,partitionIndex=0", "name=t,partitionIndex=1"]);
    check(rig, partition("t", 1), 8, &commit, &["name=t,partitionIndex=1"]);

    let mut fetch = OffsetFetchRequest::default();
    fetch.group_id = "g".into();
    let mut asked = OffsetFetchRequestTopic::default();
    asked.name = "t".into();
    asked.partition_indexes = [0, 1].into_iter().collect();
    fetch.topics = Some(vec![asked]);
    check(rig, any(), 7, &fetch, &[""]);
    check(rig, partition("t", 1), 7, &fetch, &["name=t,partitionIndex=1"]);
    check(rig, any(), 1, &fetch, &["name=t,partitionIndex=0", "name=t,partitionIndex=1"]);

    let mut fetch = OffsetFetchRequest::default();
    let mut asked_group = OffsetFetchRequestGroup::default();
    asked_group.group_id = "g".into();
    let mut asked = OffsetFetchRequestTopics::default();
    asked.name = "t".into();
    asked.partition_indexes = [0, 1].into_iter().collect();
    asked_group.topics = Some(vec![asked]);
    fetch.groups.push(asked_group);
    check(rig, any(), 9, &fetch, &["groupId=g"]);
    let unstable = ErrorCode::UNSTABLE_OFFSET_COMMIT;
    let both = ["groupId=g,name=t,partitionIndex=0", "groupId=g,name=t,partitionIndex=1"];
    check_with(rig, unstable, any(), 9, &fetch, &both);
    fetch.groups[0].topics = None;
    check(rig, partition("t", 0), 9, &fetch, &both[..1]);
}

#[test]
fn apis_of_topics_report_it_for_topics_and_do_nothing_to_them() {
    let rig = &mut rig();
    let mut create = CreateTopicsRequest::default();
    for name in ["a", "b"] {
        let mut topic = CreatableTopic::default();
        topic.name = name.into();
        (topic.num_partitions, topic.replication_factor) = (-1, -1);
        create.topics.push(topic);
    }
    check(rig, topic("b"), 7, &create, &["name=b"]);
    let mut delete = DeleteTopicsRequest::default();
    delete.topic_names = vec!["a".into(), "b".into()];
    check(rig, topic("b"), 5, &delete, &["name=b"]);
    let mut describe = DescribeConfigsRequest::default();
    for name in ["t", "u"] {
        let mut resource = DescribeConfigsResource::default();
        (resource.resource_type, resource.resource_name) = (2, name.into());
        describe.resources.push(resource);
    }
    check(rig, topic("u"), 4, &describe, &["resourceName=u"]);
}

#[test]
fn new_partitions_are_refused_by_topic_and_deletions_of_records_by_partition() {
    let rig = &mut rig();
    let mut grow = CreatePartitionsRequest::default();
    for name in ["t", "u"] {
        let mut topic = CreatePartitionsTopic::default();
        (topic.name, topic.count) = (name.into(), 5);
        grow.topics.push(topic);
    }
    check(rig, topic("u"), 3, &grow, &["name=u"]);
    check(rig, any(), 3, &grow, &["name=t", "name=u"]);
    check(rig, partition("u", 0), 3, &grow, &[]);

    let mut delete = DeleteRecordsRequest::default();
    let mut asked = DeleteRecordsTopic::default();
    asked.name = "t".into();
    for index in 0..2 {
        let mut row = DeleteRecordsPartition::default();
        (row.partition_index, row.offset) = (index, -1);
        asked.partitions.push(row);
    }
    delete.topics.push(asked);
    check(rig, topic("t"), 2, &delete, &["name=t,partitionIndex=0", "name=t,partitionIndex=1"]);
    check(rig, partition("t", 1), 2, &delete, &["name=t,partitionIndex=1"]);
    check(rig, topic("u"), 2, &delete, &[]);
}

#[test]
fn partitions_that_are_refused_after_the_fact_are_there() {
    let rig = &mut rig();
    let connection = rig.connect(1);
    let faults = rig.cluster.faults().on(ApiKey::CREATE_PARTITIONS).topic("u").times(1);
    faults.error_after_apply(ErrorCode::REQUEST_TIMED_OUT).expect("a rule");
    let mut asked = CreatePartitionsTopic::default();
    (asked.name, asked.count, asked.assignments) = ("u".into(), 4, None);
    let mut grow = CreatePartitionsRequest::default();
    grow.topics.push(asked);
    let response = rig.call(connection, 3, &grow);
    assert_eq!(response.results[0].error_code, ErrorCode::REQUEST_TIMED_OUT.0);
    let response = rig.call(connection, 3, &grow);
    assert_eq!(response.results[0].error_code, ErrorCode::INVALID_PARTITIONS.0, "it has four already");
}

#[test]
fn clients_are_told_to_start_anew_by_the_whole_answer() {
    let rig = &mut rig();
    let mut request = MetadataRequest::default();
    request.topics = None;
    let rebootstrap = ErrorCode::REBOOTSTRAP_REQUIRED;
    check_with(rig, rebootstrap, any(), 13, &request, &[""]);
    check_with(rig, rebootstrap, topic("t"), 13, &request, &["name=t"]);
    // Before, the answer has no place for it.
    check_with(rig, rebootstrap, any(), 12, &request, &["name=t", "name=u"]);
}
