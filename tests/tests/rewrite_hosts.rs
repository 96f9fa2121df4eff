//! The protocol crate's example proxy: its session frame by frame, and as a whole before the test broker.

use bytes::Bytes;
use ottla_protocol::any::{AnyRequest, AnyResponse};
use ottla_protocol::api::ApiKey;
use ottla_protocol::error::DecodeErrorKind;
use ottla_protocol::frame::{FrameBuf, encode_request_around, encode_response_around};
use ottla_protocol::messages::api_versions_response::ApiVersion;
use ottla_protocol::messages::request_header::RequestHeader;
use ottla_protocol::messages::response_header::ResponseHeader;
use ottla_protocol::messages::{
    describe_cluster_response, fetch_response, find_coordinator_response, metadata_response,
    produce_response, share_acknowledge_response, share_fetch_response,
};
use ottla_protocol::types::Str;
use ottla_testbroker::TestBroker;
use ottla_tests::rewrite_hosts::check_round_trip;
use ottla_tests::rewrite_hosts::hosts::{Directory, EDITED};
use ottla_tests::rewrite_hosts::session::{MAX_IN_FLIGHT, RequestStep, Session, SessionError};

const ID: i32 = 42;

/// Puts `kafka-N`, port P, at `local`, port P + 10000; has no room for `kafka-0`.
struct Plus;

impl Directory for Plus {
    fn local(&mut self, host: &str, port: i32) -> Option<(Str, i32)> {
        (host != "kafka-0").then(|| ("local".into(), port + 10_000))
    }
}

fn request(api_key: ApiKey, version: i16, body: &Bytes) -> Bytes {
    let mut header = RequestHeader::default();
    (header.request_api_key, header.request_api_version, header.correlation_id) = (api_key.0, version, ID);
    let mut out = FrameBuf::new();
    encode_request_around(&mut out, &header, body).expect("a header");
    out.into_bytes().slice(4..)
}

fn response(api_key: ApiKey, version: i16, body: &Bytes) -> Bytes {
    let mut header = ResponseHeader::default();
    header.correlation_id = ID;
    let header_version = api_key.api().map_or(0, |api| api.response_header_version(version));
    let mut out = FrameBuf::new();
    encode_response_around(&mut out, &header, header_version, body).expect("a header");
    out.into_bytes().slice(4..)
}

/// A session in which a request of that version is under way.
fn asked(api_key: ApiKey, version: i16) -> Session {
    let mut session = Session::default();
    let request = AnyRequest::empty(api_key).map(|mut request| {
        if let AnyRequest::Produce(produce) = &mut request {
            produce.acks = -1;
        }
        request.to_bytes(version).unwrap_or_default()
    });
    let frame = self::request(api_key, version, &request.unwrap_or_default());
    assert!(matches!(session.on_request(&frame), Ok(RequestStep::Forward)), "{api_key} {version}");
    session
}

fn answer(api_key: ApiKey, version: i16, body: &Bytes) -> Result<FrameBuf, SessionError> {
    asked(api_key, version).on_response(&response(api_key, version, body), &mut Plus)
}

/// An answer of `version` that names a broker in every place that the version has.
fn naming(api_key: ApiKey, version: i16, host: &str) -> AnyResponse {
    macro_rules! naming {
        ($module:ident::$node:ident, $list:expr) => {{
            let mut node = $module::$node::default();
            (node.host, node.port) = (host.into(), 9092);
            $list.push(node);
        }};
    }
    let mut response = AnyResponse::empty(api_key).expect("it is in this build");
    match &mut response {
        AnyResponse::Metadata(m) => naming!(metadata_response::MetadataResponseBroker, m.brokers),
        AnyResponse::FindCoordinator(m) if version >= 4 => {
            naming!(find_coordinator_response::Coordinator, m.coordinators);
        }
        AnyResponse::FindCoordinator(m) => (m.host, m.port) = (host.into(), 9092),
        AnyResponse::DescribeCluster(m) => {
            naming!(describe_cluster_response::DescribeClusterBroker, m.brokers);
        }
        AnyResponse::Produce(m) if version >= 10 => naming!(produce_response::NodeEndpoint, m.node_endpoints),
        AnyResponse::Fetch(m) if version >= 16 => naming!(fetch_response::NodeEndpoint, m.node_endpoints),
        AnyResponse::ShareFetch(m) => naming!(share_fetch_response::NodeEndpoint, m.node_endpoints),
        AnyResponse::ShareAcknowledge(m) => {
            naming!(share_acknowledge_response::NodeEndpoint, m.node_endpoints);
        }
        _ => {}
    }
    response
}

#[test]
fn hosts_and_ports_are_rewritten_in_every_version_and_nothing_else_is() {
    let mut rewritten = 0;
    for api in EDITED.iter().filter_map(|key| key.api()) {
        for version in api.versions.min..=api.versions.max {
            let body = |host| naming(api.key, version, host).to_bytes(version).expect("a whole answer");
            let out = answer(api.key, version, &body("kafka-1")).expect("it can be read").into_bytes();
            let printed = |body: &Bytes| {
                let message = AnyResponse::decode(api.key, body, version).expect("a message");
                message.to_json(version).expect("it can be printed").to_string()
            };
            let expected = printed(&body("kafka-1")).replace("kafka-1", "local").replace("9092", "19092");
            let header = if api.response_header_version(version) == 1 { 5 } else { 4 };
            assert_eq!(printed(&out.slice(4 + header..)), expected, "{} {version}", api.name);
            rewritten += usize::from(expected.contains("local"));
        }
    }
    // Metadata 14, FindCoordinator 7, DescribeCluster 3, Produce 4 of 11, Fetch 3 of 15, the share APIs 2 each.
    assert_eq!(rewritten, 14 + 7 + 3 + 4 + 3 + 2 + 2);
}

#[test]
fn what_names_no_host_passes_as_it_came() {
    let body = Bytes::from_static(b"\x00\x01 any bytes, not looked at");
    // An API that is not edited, in a version that nobody knows; APIs that nobody knows.
    for (api_key, version) in [(ApiKey::HEARTBEAT, 99), (ApiKey(-1), -1), (ApiKey(7), 0), (ApiKey(999), 3)] {
        let out = answer(api_key, version, &body).expect("it is not read").into_bytes();
        assert_eq!(out.slice(4..), response(api_key, version, &body), "{api_key} {version}");
    }
    // Edited, but there is no host in it; bytes behind the message stay too.
    for (api_key, version) in [(ApiKey::FETCH, 12), (ApiKey::PRODUCE, 9), (ApiKey::FIND_COORDINATOR, 2)] {
        let empty = AnyResponse::empty(api_key).expect("it is in this build");
        let body = Bytes::from([&empty.to_bytes(version).expect("it can be written"), &b"more"[..]].concat());
        let out = answer(api_key, version, &body).expect("it can be read").into_bytes();
        assert_eq!(out.slice(4..), response(api_key, version, &body), "{api_key} {version}");
    }
}

#[test]
fn fetched_records_are_shared_with_the_frame_that_brought_them() {
    let AnyResponse::Fetch(mut fetch) = naming(ApiKey::FETCH, 16, "kafka-1") else {
        unreachable!("it is an answer to Fetch")
    };
    let mut partition = fetch_response::PartitionData::default();
    partition.records = Some(vec![7; 5000].into());
    let mut topic = fetch_response::FetchableTopicResponse::default();
    topic.partitions.push(partition);
    fetch.responses.push(topic);
    let body = AnyResponse::Fetch(fetch).to_bytes(16).expect("a whole answer");
    let frame = response(ApiKey::FETCH, 16, &body);
    let out = asked(ApiKey::FETCH, 16).on_response(&frame, &mut Plus).expect("it can be read");
    let shared =
        out.pieces().find(|piece| piece.len() == 5000).expect("the records are a piece of their own");
    assert!(frame.as_ptr_range().contains(&shared.as_ptr()));
}

fn versions_of(out: &FrameBuf, version: i16) -> Vec<(i16, i16, i16)> {
    let body = Bytes::from(out.pieces().collect::<Vec<_>>().concat()).slice(8..);
    let Ok(AnyResponse::ApiVersions(answer)) = AnyResponse::decode(ApiKey::API_VERSIONS, &body, version)
    else {
        panic!("no answer to ApiVersions: {body:?}")
    };
    answer.api_keys.iter().map(|api| (api.api_key, api.min_version, api.max_version)).collect()
}

#[test]
fn versions_of_edited_apis_are_narrowed_to_what_we_can_read() {
    let newest = |key: ApiKey| key.api().expect("a known API").versions.max;
    let offered = [
        (ApiKey::FETCH.0, 0, 99),
        (ApiKey::PRODUCE.0, 5, 6),
        (ApiKey::SHARE_FETCH.0, 98, 99),
        (ApiKey::HEARTBEAT.0, 0, 99),
        (999, 1, 2),
    ];
    let expected = [
        (ApiKey::FETCH.0, 4, newest(ApiKey::FETCH)),
        (ApiKey::PRODUCE.0, 5, 6),
        (ApiKey::HEARTBEAT.0, 0, 99),
        (999, 1, 2),
    ];
    let Some(AnyResponse::ApiVersions(mut offer)) = AnyResponse::empty(ApiKey::API_VERSIONS) else {
        unreachable!("it is always there")
    };
    for (api_key, min, max) in offered {
        let mut versions = ApiVersion::default();
        (versions.api_key, versions.min_version, versions.max_version) = (api_key, min, max);
        offer.api_keys.push(versions);
    }
    for version in 0..=newest(ApiKey::API_VERSIONS) {
        let body = AnyResponse::ApiVersions(offer.clone()).to_bytes(version).expect("a whole answer");
        let out = answer(ApiKey::API_VERSIONS, version, &body).expect("it can be read");
        assert_eq!(versions_of(&out, version), expected, "{version}");
    }
    // A broker that does not know the version answers with version 0.
    offer.error_code = 35;
    let body = AnyResponse::ApiVersions(offer).to_bytes(0).expect("a whole answer");
    let out = answer(ApiKey::API_VERSIONS, 3, &body).expect("it can be read");
    assert_eq!(versions_of(&out, 0), expected);
}

#[test]
fn a_newer_api_versions_request_is_answered_as_an_older_broker_would() {
    let newest = ApiKey::API_VERSIONS.api().expect("a known API").versions.max;
    let frame = request(ApiKey::API_VERSIONS, newest + 1, &Bytes::new());
    let Ok(RequestStep::Answer(out)) = Session::default().on_request(&frame) else {
        panic!("it is not answered")
    };
    assert_eq!(versions_of(&out, 0), [(ApiKey::API_VERSIONS.0, 0, newest)]);
    // Not where the answer would overtake others.
    let late = asked(ApiKey::HEARTBEAT, 4).on_request(&frame);
    assert!(matches!(late, Err(SessionError::UnknownVersion(ApiKey::API_VERSIONS, _))), "{late:?}");
}

#[test]
fn a_version_that_we_could_not_rewrite_ends_the_connection() {
    for key in EDITED.iter().filter(|key| **key != ApiKey::API_VERSIONS) {
        let found = Session::default().on_request(&request(*key, 99, &Bytes::new()));
        assert!(matches!(found, Err(SessionError::UnknownVersion(_, 99))), "{key}: {found:?}");
    }
}

#[test]
fn a_produce_request_with_acks_0_is_not_waited_for() {
    let mut session = Session::default();
    for acks in [0, 1] {
        let Some(AnyRequest::Produce(mut produce)) = AnyRequest::empty(ApiKey::PRODUCE) else {
            unreachable!("it is always there")
        };
        produce.acks = acks;
        let body = AnyRequest::Produce(produce).to_bytes(9).expect("a whole request");
        let step = session.on_request(&request(ApiKey::PRODUCE, 9, &body));
        assert!(matches!(step, Ok(RequestStep::Forward)));
    }
    let body = naming(ApiKey::PRODUCE, 9, "").to_bytes(9).expect("a whole answer");
    let frame = response(ApiKey::PRODUCE, 9, &body);
    assert!(session.on_response(&frame, &mut Plus).is_ok());
    let second = session.on_response(&frame, &mut Plus);
    assert!(matches!(second, Err(SessionError::OutOfStep(ID))), "{second:?}");
}

#[test]
fn requests_under_way_are_bounded_and_answers_out_of_step_are_refused() {
    let mut session = Session::default();
    let frame = request(ApiKey::HEARTBEAT, 4, &Bytes::new());
    for _ in 0..MAX_IN_FLIGHT {
        assert!(!session.is_full());
        session.on_request(&frame).expect("there is room");
    }
    assert!(session.is_full());
    assert!(matches!(session.on_request(&frame), Err(SessionError::TooManyRequests)));
    let found = session.on_response(&Bytes::from_static(&[0, 0, 0, 43, 0]), &mut Plus);
    assert!(matches!(found, Err(SessionError::OutOfStep(43))), "{found:?}");
}

#[test]
fn a_broker_without_room_for_its_port_ends_the_connection() {
    let body = naming(ApiKey::METADATA, 9, "kafka-0").to_bytes(9).expect("a whole answer");
    assert!(matches!(answer(ApiKey::METADATA, 9, &body), Err(SessionError::TooManyBrokers)));
}

#[test]
fn frames_that_end_too_early_are_errors() {
    let whole = request(
        ApiKey::PRODUCE,
        9,
        &AnyRequest::empty(ApiKey::PRODUCE)
            .expect("it is always there")
            .to_bytes(9)
            .expect("it can be written"),
    );
    let body = naming(ApiKey::METADATA, 9, "kafka-1").to_bytes(9).expect("a whole answer");
    let answered = response(ApiKey::METADATA, 9, &body);
    let truncated = |error: SessionError| match error {
        SessionError::Decode(error) => error.kind() == DecodeErrorKind::Truncated,
        _ => false,
    };
    for len in 0..whole.len() {
        let error = Session::default().on_request(&whole.slice(..len)).expect_err("it is cut");
        assert!(truncated(error), "request cut at {len}");
    }
    for len in 0..answered.len() {
        let mut session = asked(ApiKey::METADATA, 9);
        session.on_response(&answered.slice(..len), &mut Plus).expect_err("it is cut");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_behind_the_proxy_connects_to_nothing_else() {
    let broker = TestBroker::builder().nodes(3).start().await.expect("free ports");
    broker.create_topic("proxied", 6).expect("a new topic");
    check_round_trip(&broker.bootstrap_servers(), "proxied", 3).await;
}
