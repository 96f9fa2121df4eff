//! The rules of one connection, played through with frames made by hand.

use std::time::Duration;

use ottla_protocol::frame::encode_response;
use ottla_protocol::messages::api_versions_response::ApiVersion;
use ottla_protocol::messages::heartbeat_request::HeartbeatRequest;
use ottla_protocol::messages::heartbeat_response::HeartbeatResponse;

use super::*;

const START: Instant = Instant::ZERO;

fn connection() -> Connection {
    let config = ConnectionConfig {
        client_id: Str::from_static("test"),
        client_software_name: Str::from_static("ottla"),
        client_software_version: Str::from_static("0"),
        negotiation_timeout: Duration::from_secs(10),
        authentication_timeout: None,
    };
    Connection::new(config, Jitter::seeded(1), START)
}

fn versions_frame(ranges: &[(ApiKey, i16, i16)], error: ErrorCode, version: i16, correlation: i32) -> Bytes {
    let mut response = ApiVersionsResponse::default();
    response.error_code = error.0;
    for &(key, min, max) in ranges {
        let mut api = ApiVersion::default();
        (api.api_key, api.min_version, api.max_version) = (key.0, min, max);
        response.api_keys.push(api);
    }
    frame(&response, version, correlation)
}

fn frame<R: ottla_protocol::message::Response>(response: &R, version: i16, correlation: i32) -> Bytes {
    let mut out = FrameBuf::new();
    encode_response(&mut out, response, version, correlation).expect("a valid response");
    out.into_bytes().slice(4..)
}

fn ready() -> Connection {
    let mut connection = connection();
    let ranges = [(ApiKey::API_VERSIONS, 0, 4), (ApiKey::HEARTBEAT, 0, 3)];
    connection.on_frame(START, &versions_frame(&ranges, ErrorCode::NONE, 4, 0));
    assert!(matches!(connection.poll_action(), Some(Action::Write(_))));
    assert!(matches!(connection.poll_action(), Some(Action::Ready)));
    connection
}

fn heartbeat(token: u64, seconds: u64) -> Outgoing {
    Outgoing {
        token: Token(token),
        request: Box::new(HeartbeatRequest::default()),
        versions: HeartbeatRequest::VERSIONS,
        expects_answer: true,
        deadline: START + Duration::from_secs(seconds),
    }
}

fn completions(connection: &mut Connection) -> Vec<(u64, Result<i16, RequestError>)> {
    std::iter::from_fn(|| connection.poll_action())
        .filter_map(|action| match action {
            Action::Complete(token, result) => Some((token.0, result.map(|answer| answer.version))),
            _ => None,
        })
        .collect()
}

#[test]
fn requests_wait_for_the_versions_and_then_go_in_order() {
    let mut connection = connection();
    connection.submit(heartbeat(1, 30));
    connection.submit(heartbeat(2, 30));
    assert!(matches!(connection.poll_action(), Some(Action::Write(_))));
    assert!(connection.poll_action().is_none());
    let ranges = [(ApiKey::HEARTBEAT, 0, 3)];
    connection.on_frame(START, &versions_frame(&ranges, ErrorCode::NONE, 4, 0));
    for correlation in [1, 2] {
        connection.on_frame(START, &frame(&HeartbeatResponse::default(), 3, correlation));
    }
    assert_eq!(completions(&mut connection), [(1, Ok(3)), (2, Ok(3))]);
    assert!(connection.is_empty());
}

#[test]
fn an_old_broker_is_asked_again_in_its_version() {
    let mut connection = connection();
    let ranges = [(ApiKey::API_VERSIONS, 0, 2), (ApiKey::HEARTBEAT, 0, 1)];
    connection.on_frame(START, &versions_frame(&ranges, ErrorCode::UNSUPPORTED_VERSION, 0, 0));
    connection.on_frame(START, &versions_frame(&ranges, ErrorCode::NONE, 2, 1));
    assert_eq!(connection.versions().range(ApiKey::HEARTBEAT), Some(VersionRange::new(0, 1)));
    assert!(!connection.is_closed());
}

#[test]
fn an_api_that_the_broker_lacks_fails_alone_and_names_both_ranges() {
    let mut connection = ready();
    let mut outgoing = heartbeat(1, 30);
    outgoing.versions = VersionRange::new(4, 4);
    connection.submit(outgoing);
    let expected = RequestError::UnsupportedVersion {
        api: ApiKey::HEARTBEAT,
        ours: VersionRange::new(4, 4),
        theirs: Some(VersionRange::new(0, 3)),
    };
    assert_eq!(completions(&mut connection), [(1, Err(expected.clone()))]);
    assert_eq!(
        expected.to_string(),
        "no common version of Heartbeat: the broker speaks 0 to 3, this client 4"
    );
    assert!(!connection.is_closed());
}

#[test]
fn an_answer_out_of_order_breaks_the_connection_and_every_request_may_be_sent_again() {
    let mut connection = ready();
    connection.submit(heartbeat(1, 30));
    connection.submit(heartbeat(2, 30));
    connection.on_frame(START, &frame(&HeartbeatResponse::default(), 3, 2));
    let completions = completions(&mut connection);
    assert!(connection.is_closed());
    assert_eq!(completions.len(), 2);
    for (_, result) in completions {
        let error = result.expect_err("neither has its answer");
        assert!(error.is_retriable() && error.is_perhaps_applied(), "{error:?}");
    }
}

#[test]
fn a_first_answer_to_something_else_says_that_the_peer_is_no_broker() {
    let mut connection = connection();
    connection.submit(heartbeat(1, 30));
    connection.on_frame(START, &frame(&ApiVersionsResponse::default(), 0, 7));
    let completions = completions(&mut connection);
    let [(1, Err(RequestError::Connect(error)))] = &completions[..] else { panic!("{completions:?}") };
    assert_eq!(error.kind(), ConnectErrorKind::NotKafka);
    assert!(connection.is_closed());
}

#[test]
fn a_request_without_an_answer_in_time_takes_the_connection_with_it() {
    let mut connection = ready();
    connection.submit(heartbeat(1, 5));
    connection.submit(heartbeat(2, 60));
    assert_eq!(connection.next_timeout(), Some(START + Duration::from_secs(5)));
    connection.handle_timeout(START + Duration::from_secs(4));
    assert!(completions(&mut connection).is_empty());
    connection.handle_timeout(START + Duration::from_secs(5));
    assert_eq!(
        completions(&mut connection),
        [(1, Err(RequestError::Timeout)), (2, Err(RequestError::Timeout))]
    );
    connection.submit(heartbeat(3, 90));
    let unsent = RequestError::Disconnected { sent: false, reason: "no answer in time".into() };
    assert_eq!(completions(&mut connection), [(3, Err(unsent))]);
}

#[test]
fn a_peer_that_answers_something_else_does_not_speak_kafka() {
    let mut connection = connection();
    connection.submit(heartbeat(1, 30));
    connection.on_frame(START, &Bytes::from_static(b"HTTP/1.1 400 Bad Request"));
    let completions = completions(&mut connection);
    let [(1, Err(RequestError::Connect(error)))] = &completions[..] else { panic!("{completions:?}") };
    assert_eq!(error.kind(), ConnectErrorKind::NotKafka);
}

#[test]
fn the_edges_are_these() {
    let expected = [
        "xxx.x Negotiating",
        "..x.x Authenticating",
        "...xx Ready",
        "..x.x Reauthenticating",
        "..... Closed",
    ];
    assert_eq!(EDGES.picture(), expected);
}

#[test]
fn a_broker_that_speaks_no_version_of_ours_is_refused_with_both_ranges() {
    let mut connection = connection();
    connection.submit(heartbeat(1, 30));
    let ranges = [(ApiKey::API_VERSIONS, 20, 21)];
    connection.on_frame(START, &versions_frame(&ranges, ErrorCode::UNSUPPORTED_VERSION, 0, 0));
    let completions = completions(&mut connection);
    let [(1, Err(error))] = &completions[..] else { panic!("{completions:?}") };
    let text = error.to_string();
    assert_eq!(text, "no common version of ApiVersions: the broker speaks 20 to 21, this client 0 to 4");
    assert!(!error.is_retriable() && !error.is_perhaps_applied());
}
