//! Peers that do not keep to the protocol: nothing panics, nothing grows without bound, the others are served.

mod rig;

use std::time::Duration;

use bytes::Bytes;
use ottla_protocol::api::ApiKey;
use ottla_protocol::message::Request;
use ottla_protocol::messages::api_versions_request::ApiVersionsRequest;
use ottla_protocol::messages::describe_groups_request::DescribeGroupsRequest;
use ottla_protocol::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};
use ottla_protocol::messages::sasl_authenticate_request::SaslAuthenticateRequest;
use ottla_protocol::messages::sasl_handshake_request::SaslHandshakeRequest;
use ottla_testbroker::{Cluster, ConnectionId, ListenerConfig, SaslConfig, ScramMechanism, TokenPolicy};
use rig::{Rig, batch, fetch_request, produce_request};

/// Calls `$act` with each request type that the cluster serves.
macro_rules! for_each_api {
    ($act:ident, $rig:expr, $($module:ident :: $request:ident),* $(,)?) => {
        $($act::<ottla_protocol::messages::$module::$request>($rig);)*
    };
}

macro_rules! all_apis {
    ($act:ident, $rig:expr) => {
        for_each_api!(
            $act,
            $rig,
            produce_request::ProduceRequest,
            fetch_request::FetchRequest,
            list_offsets_request::ListOffsetsRequest,
            metadata_request::MetadataRequest,
            offset_commit_request::OffsetCommitRequest,
            offset_fetch_request::OffsetFetchRequest,
            find_coordinator_request::FindCoordinatorRequest,
            join_group_request::JoinGroupRequest,
            heartbeat_request::HeartbeatRequest,
            leave_group_request::LeaveGroupRequest,
            sync_group_request::SyncGroupRequest,
            describe_groups_request::DescribeGroupsRequest,
            list_groups_request::ListGroupsRequest,
            sasl_handshake_request::SaslHandshakeRequest,
            api_versions_request::ApiVersionsRequest,
            create_topics_request::CreateTopicsRequest,
            delete_topics_request::DeleteTopicsRequest,
            delete_records_request::DeleteRecordsRequest,
            init_producer_id_request::InitProducerIdRequest,
            offset_for_leader_epoch_request::OffsetForLeaderEpochRequest,
            describe_configs_request::DescribeConfigsRequest,
            sasl_authenticate_request::SaslAuthenticateRequest,
            create_partitions_request::CreatePartitionsRequest,
            delete_groups_request::DeleteGroupsRequest,
            describe_cluster_request::DescribeClusterRequest,
        )
    };
}

/// Small and seeded: what fails must fail again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }
}

fn served(rig: &mut Rig) -> Vec<(i16, i16, i16)> {
    let connection = rig.connect(1);
    let response = rig.call(connection, 4, &ApiVersionsRequest::default_named());
    response.api_keys.iter().map(|row| (row.api_key, row.min_version, row.max_version)).collect()
}

trait Named {
    fn default_named() -> Self;
}

impl Named for ApiVersionsRequest {
    fn default_named() -> Self {
        let mut request = Self::default();
        request.client_software_name = "rig".into();
        request.client_software_version = "1.0".into();
        request
    }
}

#[test]
fn every_version_that_is_offered_is_answered() {
    let mut rig = Rig::new(Cluster::builder().nodes(2));
    let count = served(&mut rig).len();
    fn check<R: Request>(rig: &mut Rig) {
        let row = served(rig).into_iter().find(|row| row.0 == R::API_KEY.0).expect("served");
        // Versions of Produce that no spec has are listed for librdkafka's sake, and not served.
        for version in row.1.max(R::VERSIONS.min)..=row.2 {
            let connection = rig.connect(1);
            let sent = rig.send(connection, version, &R::default());
            // The answer is decoded in that version to its last byte.
            let is_answered = rig.answer::<R>(&sent).is_some();
            // A Produce of acks 0, which is the default, wants none.
            let wants_none = R::API_KEY == ApiKey::PRODUCE && rig.proceeded > 0;
            assert!(is_answered || wants_none, "{} {version}: {:?}", R::NAME, rig.closed);
        }
    }
    all_apis!(check, &mut rig);
    assert_eq!(count, 25, "an API is missing in this test");
}

#[test]
fn random_tokens_end_a_login_or_are_answered() {
    let sasl = SaslConfig::new()
        .plain_user("a", "b")
        .scram_user_with_iterations(ScramMechanism::Sha256, "a", "b", 1)
        .tokens(TokenPolicy::unsecured())
        .failed_authentication_delay(Duration::ZERO);
    let mut rig = Rig::new(Cluster::builder().listener(ListenerConfig::new("LOGIN").sasl(sasl)));
    let mut dice = Dice(43);
    // What the mechanisms' messages are made of.
    let pieces: [&[u8]; 12] =
        [b"n,,", b"n=a", b",", b"r=x", b"\0", b"a", b"b", b"\x01", b"auth=Bearer ", b".", b"=2C", b"\xff"];
    let mechanisms = ["PLAIN", "SCRAM-SHA-256", "OAUTHBEARER"];
    for round in 0..9_000 {
        let connection = rig.connect(1);
        let mut handshake = SaslHandshakeRequest::default();
        handshake.mechanism = mechanisms[round % 3].into();
        // Bare tokens in every other round.
        let version = (round / 3 % 2) as i16;
        assert_eq!(rig.call(connection, version, &handshake).error_code, 0);
        for _ in 0..3 {
            let token: Vec<u8> =
                (0..dice.roll(12)).flat_map(|_| pieces[dice.roll(pieces.len())]).copied().collect();
            let mut request = SaslAuthenticateRequest::default();
            request.auth_bytes = token.clone().into();
            let frame = if version == 0 { token.into() } else { rig.frame(2, &request).1 };
            rig.cluster.handle(rig.now, connection, frame);
            rig.drain();
        }
        assert!(rig.closed.len() + rig.cut.len() <= round + 1);
        rig.cluster.disconnect(rig.now, connection);
    }
    assert!(!rig.closed.is_empty() && !rig.cut.is_empty());
}

#[test]
fn random_bytes_end_a_connection_or_are_answered() {
    let mut rig = Rig::new(Cluster::builder());
    let served = served(&mut rig);
    let mut dice = Dice(42);
    for _ in 0..20_000 {
        let connection = rig.connect(1);
        let (key, min, max) = served[dice.roll(served.len())];
        let version = min + dice.roll((max - min + 1) as usize) as i16;
        let mut frame = Vec::new();
        if dice.roll(4) > 0 {
            frame.extend_from_slice(&key.to_be_bytes());
            frame.extend_from_slice(&version.to_be_bytes());
            frame.extend_from_slice(&[0, 0, 0, 1, 0xff, 0xff]);
        }
        let body = (0..dice.roll(64)).map(|_| [0, 1, 2, 0x7f, 0xff][dice.roll(5)]);
        frame.extend(body.collect::<Vec<u8>>());
        rig.cluster.handle(rig.now, connection, frame.into());
        rig.drain();
        rig.cluster.disconnect(rig.now, connection);
    }
    rig.advance(Duration::from_secs(3600));
}

#[test]
fn mutated_requests_end_a_connection_or_are_answered() {
    let mut rig = Rig::new(Cluster::builder());
    let connection = rig.connect(1);
    rig.create_topic(connection, "t", 1);
    let produce = rig.frame(12, &produce_request("t", 0, -1, batch(&["some", "values"]))).1;
    let fetch = rig.frame(12, &fetch_request("t", 0, 0, Duration::from_millis(5))).1;
    let metadata = rig.frame(13, &MetadataRequest::default()).1;
    let mut dice = Dice(7);
    for round in 0..20_000 {
        let frame = [&produce, &fetch, &metadata][round % 3];
        let mut bytes = frame.to_vec();
        for _ in 0..=dice.roll(3) {
            let at = dice.roll(bytes.len());
            match dice.roll(3) {
                0 => bytes[at] = dice.roll(256) as u8,
                1 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, 0xff),
            }
        }
        let connection = rig.connect(1);
        rig.cluster.handle(rig.now, connection, bytes.into());
        rig.advance(Duration::from_millis(5));
        rig.cluster.disconnect(rig.now, connection);
    }
    // The cluster still works, and what was appended can be read by anyone.
    let appended = rig.produce(connection, "t", 0, batch(&["last"]));
    assert_eq!(appended.error_code, 0);
    let response = rig.call(connection, 12, &fetch_request("t", 0, appended.base_offset, Duration::ZERO));
    assert_eq!(response.responses[0].partitions[0].error_code, 0);
}

#[test]
fn an_array_that_claims_to_be_huge_closes_the_connection() {
    let mut rig = Rig::new(Cluster::builder());
    // Metadata v1 with 2^31 - 1 topics in 4 bytes; v12 with a varint of as many.
    let frames: [&[u8]; 2] = [
        &[0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff],
        &[0, 3, 0, 12, 0, 0, 0, 1, 0xff, 0xff, 0, 0xff, 0xff, 0xff, 0xff, 0x07],
    ];
    for frame in frames {
        let connection = rig.connect(1);
        rig.cluster.handle(rig.now, connection, Bytes::copy_from_slice(frame));
        rig.drain();
        assert!(rig.closed.contains_key(&connection));
    }
}

#[test]
fn what_is_named_again_and_again_is_answered_once() {
    let mut rig = Rig::new(Cluster::builder());
    let connection = rig.connect(1);
    rig.create_topic(connection, "t", 100);
    let mut topic = MetadataRequestTopic::default();
    topic.name = Some("t".into());
    let mut metadata = MetadataRequest::default();
    metadata.topics = Some(vec![topic; 1000]);
    assert_eq!(rig.call(connection, 12, &metadata).topics.len(), 1);
    let mut describe = DescribeGroupsRequest::default();
    describe.groups = vec!["g".into(); 1000];
    assert_eq!(rig.call(connection, 5, &describe).groups.len(), 1);
}

#[test]
fn a_connection_with_too_many_requests_in_line_is_closed() {
    let mut rig = Rig::new(Cluster::builder());
    let connection = rig.connect(1);
    rig.create_topic(connection, "t", 1);
    rig.send(connection, 12, &fetch_request("t", 0, 0, Duration::from_secs(60)));
    for _ in 0..1001 {
        assert!(!rig.closed.contains_key(&connection));
        rig.send(connection, 12, &MetadataRequest::default());
    }
    assert!(rig.closed.contains_key(&connection));
    assert_eq!(rig.cluster.next_timeout(), None, "nothing of it is left");
}

#[test]
fn an_unknown_api_closes_the_connection() {
    let mut rig = Rig::new(Cluster::builder());
    let mut check = |frame: &[u8]| {
        let connection: ConnectionId = rig.connect(1);
        rig.cluster.handle(rig.now, connection, Bytes::copy_from_slice(frame));
        rig.drain();
        assert!(rig.closed.contains_key(&connection), "{frame:?}");
    };
    check(&[]);
    check(b"GET / HTTP/1.1");
    check(&[0x7f, 0xff, 0, 0, 0, 0, 0, 1, 0xff, 0xff]);
    check(&[0xff, 0xff, 0, 0, 0, 0, 0, 1, 0xff, 0xff]);
    let raft = ApiKey::VOTE.0.to_be_bytes();
    check(&[raft[0], raft[1], 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0, 0]);
}
