//! The rules of one connection, played through with frames made by hand.

use std::time::Duration;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::frame::encode_response;
use ottla_protocol::messages::api_versions_response::{ApiVersion, ApiVersionsResponse};
use ottla_protocol::messages::heartbeat_request::HeartbeatRequest;
use ottla_protocol::messages::heartbeat_response::HeartbeatResponse;

use super::*;

const START: Instant = Instant::ZERO;

fn connection() -> Connection {
    Connection::new(ConnectionConfig::new("test"), Jitter::seeded(1), START)
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
        created: START,
        role: Role::Consumer,
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
    connection.submit(START, heartbeat(1, 30));
    connection.submit(START, heartbeat(2, 30));
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
    connection.submit(START, outgoing);
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
    connection.submit(START, heartbeat(1, 30));
    connection.submit(START, heartbeat(2, 30));
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
    connection.submit(START, heartbeat(1, 30));
    connection.on_frame(START, &frame(&ApiVersionsResponse::default(), 0, 7));
    let completions = completions(&mut connection);
    let [(1, Err(RequestError::Connect(error)))] = &completions[..] else { panic!("{completions:?}") };
    assert_eq!(error.kind(), ConnectErrorKind::NotKafka);
    assert!(connection.is_closed());
}

#[test]
fn a_request_without_an_answer_in_time_takes_the_connection_with_it() {
    let mut connection = ready();
    connection.submit(START, heartbeat(1, 5));
    connection.submit(START, heartbeat(2, 60));
    assert_eq!(connection.next_timeout(), Some(START + Duration::from_secs(5)));
    connection.handle_timeout(START + Duration::from_secs(4));
    assert!(completions(&mut connection).is_empty());
    connection.handle_timeout(START + Duration::from_secs(5));
    assert_eq!(
        completions(&mut connection),
        [(1, Err(RequestError::Timeout)), (2, Err(RequestError::Timeout))]
    );
    connection.submit(START, heartbeat(3, 90));
    let unsent = RequestError::Disconnected { sent: false, reason: "no answer in time".into() };
    assert_eq!(completions(&mut connection), [(3, Err(unsent))]);
}

#[test]
fn a_peer_that_answers_something_else_does_not_speak_kafka() {
    let mut connection = connection();
    connection.submit(START, heartbeat(1, 30));
    connection.on_frame(START, &Bytes::from_static(b"HTTP/1.1 400 Bad Request"));
    let completions = completions(&mut connection);
    let [(1, Err(RequestError::Connect(error)))] = &completions[..] else { panic!("{completions:?}") };
    assert_eq!(error.kind(), ConnectErrorKind::NotKafka);
}

#[test]
fn the_edges_are_these() {
    let expected = [
        "xxx..x Negotiating",
        "..x..x Authenticating",
        "...xxx Ready",
        "..x.xx Throttled",
        "..xx.x Reauthenticating",
        "...... Closed",
    ];
    assert_eq!(EDGES.picture(), expected);
}

const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: u64) -> Instant {
    START + Duration::from_secs(seconds)
}

/// The answer to the Heartbeat of that number, with a throttle time.
fn throttling(correlation: i32, ms: i32) -> Bytes {
    let mut response = HeartbeatResponse::default();
    response.throttle_time_ms = ms;
    frame(&response, 3, correlation)
}

/// How many frames are to be written.
fn written(connection: &mut Connection) -> usize {
    let mut count = 0;
    while let Some(action) = connection.poll_action() {
        if let Action::Write(frames) = action {
            let mut frames = bytes::BytesMut::from(frames.into_bytes());
            while let Ok(Some(_)) = ottla_protocol::frame::split_frame(&mut frames, 1000) {
                count += 1;
            }
        }
    }
    count
}

#[test]
fn what_is_sent_at_a_time_is_written_at_a_time_and_a_request_that_cannot_be_written_leaves_no_trace() {
    let mut connection = ready();
    connection.submit(START, heartbeat(1, 30));
    let mut too_new = HeartbeatRequest::default();
    too_new.group_instance_id = Some("static".into());
    let mut unwritable = heartbeat(2, 30);
    (unwritable.request, unwritable.versions) = (Box::new(too_new), VersionRange::new(0, 2));
    connection.submit(START, unwritable);
    connection.submit(START, heartbeat(3, 30));
    assert!(matches!(connection.actions[1], Action::Complete(Token(2), Err(RequestError::Encode(_)))));
    assert_eq!(written(&mut connection), 2);
    for correlation in [1, 2] {
        connection.on_frame(START, &throttling(correlation, 0));
    }
    assert_eq!(completions(&mut connection), [(1, Ok(3)), (3, Ok(3))]);
}

#[test]
fn while_the_broker_throttles_requests_wait_and_their_deadlines_count_on() {
    let mut connection = ready();
    connection.submit(START, heartbeat(1, 30));
    connection.submit(START, heartbeat(2, 30));
    connection.on_frame(at(1), &throttling(1, 5000));
    // A shorter time said later does not end it sooner.
    connection.on_frame(at(2), &throttling(2, 1000));
    assert_eq!(completions(&mut connection).len(), 2);
    connection.submit(at(2), heartbeat(3, 4));
    connection.submit(at(2), heartbeat(4, 30));
    assert_eq!(written(&mut connection), 0);
    assert_eq!(connection.next_timeout(), Some(at(4)));
    connection.handle_timeout(at(4));
    let late = RequestError::NotSent { reason: "the broker throttles this client" };
    assert!(late.is_retriable() && !late.is_perhaps_applied());
    assert_eq!(completions(&mut connection), [(3, Err(late))]);
    assert_eq!(connection.next_timeout(), Some(at(6)));
    connection.handle_timeout(at(6));
    assert_eq!(written(&mut connection), 1);
    connection.on_frame(at(7), &throttling(3, 0));
    assert_eq!(completions(&mut connection), [(4, Ok(3))]);
}

#[test]
fn a_throttle_time_without_end_or_below_zero_breaks_nothing() {
    for (ms, waits) in [(i32::MAX, true), (-1, false), (i32::MIN, false)] {
        let mut connection = ready();
        connection.submit(START, heartbeat(1, 30));
        connection.on_frame(START, &throttling(1, ms));
        connection.submit(START, heartbeat(2, 30));
        connection.handle_timeout(at(29));
        assert_eq!(written(&mut connection) == 1, waits, "{ms}");
        assert!(!connection.is_closed());
    }
}

#[test]
fn a_connection_that_nobody_uses_is_closed() {
    let mut connection = ready();
    assert_eq!(connection.next_timeout(), Some(at(540)));
    connection.submit(at(500), heartbeat(1, 2000));
    connection.handle_timeout(at(1900));
    assert!(!connection.is_closed());
    connection.on_frame(at(1900), &throttling(1, 0));
    assert_eq!(connection.next_timeout(), Some(at(2440)));
    connection.handle_timeout(at(2439));
    assert!(!connection.is_closed());
    connection.handle_timeout(at(2440));
    assert!(connection.is_closed());
    completions(&mut connection);
    connection.submit(at(2440), heartbeat(2, 3000));
    let [(2, Err(error))] = &completions(&mut connection)[..] else { panic!("it ended") };
    assert!(error.is_retriable() && !error.is_perhaps_applied(), "{error}");
}

#[test]
fn a_broker_that_closes_at_the_first_request_may_want_sasl() {
    let closed = || RequestError::Disconnected { sent: true, reason: "closed".to_owned() };
    for (answered, hints) in [(0, true), (1, false)] {
        let mut connection = ready();
        for token in 1..=answered + 1 {
            connection.submit(START, heartbeat(token, 30));
        }
        (0..answered).for_each(|nth| connection.on_frame(START, &throttling(1 + nth as i32, 0)));
        connection.on_broken(closed());
        let completions = completions(&mut connection);
        let Some((_, Err(RequestError::Disconnected { sent: true, reason }))) = completions.last() else {
            panic!("{completions:?}")
        };
        assert_eq!(reason.contains("does this port require sasl?"), hints, "{reason}");
    }
}

#[test]
fn whoever_listens_hears_of_every_request() {
    let mut connection = ready();
    connection.tell();
    connection.submit(START, heartbeat(1, 30));
    connection.on_frame(at(2), &throttling(1, 3000));
    connection.submit(at(3), heartbeat(2, 30));
    connection.handle_timeout(at(5));
    connection.handle_timeout(at(30));
    let told: Vec<Told> = std::iter::from_fn(|| connection.poll_action())
        .filter_map(|action| match action {
            Action::Tell(told) => Some(told),
            _ => None,
        })
        .collect();
    let request = |correlation_id, sent| RequestTold {
        correlation_id,
        api: ApiKey::HEARTBEAT,
        version: 3,
        role: Role::Consumer,
        created: START,
        sent,
    };
    let expected = [
        Told::Answered { request: request(1, START), at: at(2), size: 10 },
        Told::Throttled { role: Role::Consumer, api: ApiKey::HEARTBEAT, time: 3 * SECOND },
        Told::Waiting { role: Role::Consumer, count: 1 },
        Told::Waiting { role: Role::Consumer, count: 0 },
        Told::TimedOut(request(2, at(5))),
    ];
    assert_eq!(told, expected);
    assert_eq!(connection.throttle_time(), 3 * SECOND);
}

#[test]
fn a_broker_that_speaks_no_version_of_ours_is_refused_with_both_ranges() {
    let mut connection = connection();
    connection.submit(START, heartbeat(1, 30));
    let ranges = [(ApiKey::API_VERSIONS, 20, 21)];
    connection.on_frame(START, &versions_frame(&ranges, ErrorCode::UNSUPPORTED_VERSION, 0, 0));
    let completions = completions(&mut connection);
    let [(1, Err(error))] = &completions[..] else { panic!("{completions:?}") };
    let text = error.to_string();
    assert_eq!(text, "no common version of ApiVersions: the broker speaks 20 to 21, this client 0 to 4");
    assert!(!error.is_retriable() && !error.is_perhaps_applied());
}
