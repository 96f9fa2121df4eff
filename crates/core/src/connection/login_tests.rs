//! The rules of authentication, played through on a connection with a mechanism made up for it.

use std::sync::OnceLock;
use std::time::Duration;

use bytes::BytesMut;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::frame::{decode_request_header, encode_response, split_frame};
use ottla_protocol::message::Response;
use ottla_protocol::messages::api_versions_response::{ApiVersion, ApiVersionsResponse};
use ottla_protocol::messages::heartbeat_request::HeartbeatRequest;
use ottla_protocol::messages::heartbeat_response::HeartbeatResponse;
use ottla_protocol::messages::sasl_authenticate_response::SaslAuthenticateResponse;
use ottla_protocol::messages::sasl_handshake_response::SaslHandshakeResponse;

use super::login::EDGES as LOGIN_EDGES;
use super::*;
use crate::random::Entropy;
use crate::sasl::{Exchange, SaslErrorKind, Start, Step};
use crate::time::Now;

const SECOND: Duration = Duration::from_secs(1);

/// Says these messages, then is done.
#[derive(Debug)]
struct Scripted {
    messages: &'static [&'static str],
    host: OnceLock<String>,
}

impl Scripted {
    fn with(messages: &'static [&'static str]) -> Arc<Self> {
        Arc::new(Self { messages, host: OnceLock::new() })
    }
}

#[derive(Debug)]
struct ScriptedExchange {
    messages: std::slice::Iter<'static, &'static str>,
    refusal: Option<SaslError>,
}

impl Mechanism for Scripted {
    fn name(&self) -> &str {
        "SCRIPTED"
    }

    fn start(&self, start: Start<'_>) -> Result<Box<dyn Exchange>, SaslError> {
        self.host.get_or_init(|| start.host().to_owned());
        Ok(Box::new(ScriptedExchange { messages: self.messages.iter(), refusal: None }))
    }
}

impl Exchange for ScriptedExchange {
    fn next(&mut self, challenge: Option<&[u8]>) -> Result<Step, SaslError> {
        match challenge {
            Some(b"never") => Err(SaslError::new(SaslErrorKind::WrongServerSignature, "not the server")),
            Some(b"no") => {
                self.refusal = Some(SaslError::new(SaslErrorKind::CredentialsRefused, "it said no"));
                Ok(Step::Respond(Bytes::from_static(b"\x01")))
            }
            _ => Ok(self.messages.next().map_or(Step::Done, |message| Step::Respond((*message).into()))),
        }
    }

    fn refusal(&self) -> Option<SaslError> {
        self.refusal.clone()
    }
}

/// A connection and the broker's end of it, on a clock moved by hand.
struct Hand {
    connection: Connection,
    now: Instant,
    /// Written, not yet answered: correlation id, API, version, body.
    written: VecDeque<(i32, ApiKey, i16, Bytes)>,
    wants_mechanism: bool,
    ready: usize,
    completed: Vec<(u64, Result<i16, RequestError>)>,
}

impl Hand {
    fn new() -> Self {
        let mut config = ConnectionConfig::new("test");
        config.authentication_timeout = Some(5 * SECOND);
        config.max_idle = None;
        let connection = Connection::new(config, Jitter::seeded(7), Instant::ZERO);
        let mut hand = Self {
            connection,
            now: Instant::ZERO,
            written: VecDeque::new(),
            wants_mechanism: false,
            ready: 0,
            completed: Vec::new(),
        };
        hand.perform();
        hand
    }

    /// The versions are known, and a mechanism is wanted.
    fn negotiated(ranges: &[(ApiKey, i16, i16)]) -> Self {
        let mut hand = Self::new();
        let mut response = ApiVersionsResponse::default();
        for &(key, min, max) in ranges {
            let mut api = ApiVersion::default();
            (api.api_key, api.min_version, api.max_version) = (key.0, min, max);
            response.api_keys.push(api);
        }
        hand.answer(ApiKey::API_VERSIONS, &response);
        hand
    }

    fn at_a_broker() -> Self {
        Self::negotiated(&[
            (ApiKey::API_VERSIONS, 0, 4),
            (ApiKey::SASL_HANDSHAKE, 0, 1),
            (ApiKey::SASL_AUTHENTICATE, 0, 2),
            (ApiKey::HEARTBEAT, 0, 4),
        ])
    }

    fn perform(&mut self) {
        while let Some(action) = self.connection.poll_action() {
            match action {
                Action::Write(frames) => {
                    let mut frames = BytesMut::from(frames.into_bytes());
                    while let Some(frame) = split_frame(&mut frames, 10_000).expect("frames") {
                        let (header, body) = decode_request_header(&frame).expect("a header");
                        let (api, version) = (ApiKey(header.request_api_key), header.request_api_version);
                        self.written.push_back((header.correlation_id, api, version, body));
                    }
                }
                Action::Complete(token, result) => {
                    self.completed.push((token.0, result.map(|answer| answer.version)));
                }
                Action::Authenticate => self.wants_mechanism = true,
                Action::Ready => self.ready += 1,
                Action::Tell(told) => panic!("nobody listens: {told:?}"),
            }
        }
    }

    fn answer<R: Response>(&mut self, api: ApiKey, response: &R) {
        let (correlation_id, asked, version, _) = self.written.pop_front().expect("a request");
        assert_eq!(asked, api);
        let mut out = FrameBuf::new();
        encode_response(&mut out, response, version, correlation_id).expect("a response");
        self.connection.on_frame(self.now, &out.into_bytes().slice(4..));
        self.perform();
    }

    fn give(&mut self, mechanism: Result<Arc<dyn Mechanism>, SaslError>) {
        assert!(std::mem::take(&mut self.wants_mechanism), "nobody asked");
        let now = Now { instant: self.now, unix_ms: 0 };
        let login = Login { host: "broker-1", now, entropy: Entropy::from_bytes([1; 32]) };
        self.connection.authenticate(mechanism, login);
        self.perform();
    }

    fn handshake(&mut self, code: ErrorCode, mechanisms: &[&'static str]) {
        let mut response = SaslHandshakeResponse::default();
        response.error_code = code.0;
        response.mechanisms = mechanisms.iter().map(|name| Str::from_static(name)).collect();
        self.answer(ApiKey::SASL_HANDSHAKE, &response);
    }

    fn challenge(&mut self, bytes: &'static [u8], lifetime_ms: i64) {
        let mut response = SaslAuthenticateResponse::default();
        response.auth_bytes = Bytes::from_static(bytes);
        response.session_lifetime_ms = lifetime_ms;
        self.answer(ApiKey::SASL_AUTHENTICATE, &response);
    }

    fn refuse(&mut self, code: ErrorCode, text: &'static str) {
        let mut response = SaslAuthenticateResponse::default();
        response.error_code = code.0;
        response.error_message = Some(Str::from_static(text));
        self.answer(ApiKey::SASL_AUTHENTICATE, &response);
    }

    fn submit(&mut self, token: u64, seconds: u32) {
        let outgoing = Outgoing {
            token: Token(token),
            request: Box::new(HeartbeatRequest::default()),
            versions: HeartbeatRequest::VERSIONS,
            expects_answer: true,
            deadline: self.now + seconds * SECOND,
            created: self.now,
            role: Role::Client,
        };
        self.connection.submit(self.now, outgoing);
        self.perform();
    }

    fn pass(&mut self, duration: Duration) {
        self.now = self.now + duration;
        self.connection.handle_timeout(self.now);
        self.perform();
    }

    fn waits_for(&self) -> Vec<ApiKey> {
        self.written.iter().map(|(_, api, ..)| *api).collect()
    }

    /// Logged in by two messages, with sessions that last so long.
    fn logged_in(lifetime_ms: i64) -> Self {
        let mut hand = Self::at_a_broker();
        hand.give(Ok(Scripted::with(&["first", "second"])));
        hand.handshake(ErrorCode::NONE, &["SCRIPTED"]);
        hand.challenge(b"challenge", 0);
        hand.challenge(b"", lifetime_ms);
        hand
    }

    /// The one error that the only request and those after it get.
    fn connect_error(&mut self) -> ConnectError {
        assert!(self.connection.is_closed());
        let [(1, Err(RequestError::Connect(error)))] = &self.completed[..] else {
            panic!("{:?}", self.completed)
        };
        let error = error.clone();
        self.submit(2, 1);
        assert_eq!(self.completed[1], (2, Err(RequestError::Connect(error.clone()))));
        error
    }
}

#[test]
fn requests_wait_until_the_broker_knows_who_we_are() {
    let mut hand = Hand::at_a_broker();
    hand.submit(1, 60);
    assert!(hand.wants_mechanism && hand.written.is_empty());
    let mechanism = Scripted::with(&["first", "second"]);
    hand.give(Ok(Arc::clone(&mechanism) as _));
    assert_eq!(hand.waits_for(), [ApiKey::SASL_HANDSHAKE]);
    hand.handshake(ErrorCode::NONE, &["SCRIPTED"]);
    assert_eq!(hand.waits_for(), [ApiKey::SASL_AUTHENTICATE]);
    hand.challenge(b"challenge", 0);
    assert_eq!((hand.waits_for(), hand.ready), (vec![ApiKey::SASL_AUTHENTICATE], 0));
    hand.challenge(b"", 0);
    assert_eq!((hand.waits_for(), hand.ready), (vec![ApiKey::HEARTBEAT], 1));
    hand.answer(ApiKey::HEARTBEAT, &HeartbeatResponse::default());
    assert_eq!(hand.completed, [(1, Ok(4))]);
    assert_eq!(mechanism.host.get().map(String::as_str), Some("broker-1"));
    assert_eq!(hand.connection.next_timeout(), None);
}

#[test]
fn each_refusal_has_its_kind_and_is_told_to_every_request() {
    use ConnectErrorKind as K;
    type Play = fn(&mut Hand);
    let cases: [(K, &str, Play); 8] = [
        (
            K::MechanismNotEnabled,
            "the broker has no SCRIPTED, check sasl.mechanism: it has PLAIN, B",
            |hand| {
                hand.handshake(ErrorCode::UNSUPPORTED_SASL_MECHANISM, &["PLAIN", "B"]);
            },
        ),
        (K::MechanismNotEnabled, "check security.protocol", |hand| {
            hand.handshake(ErrorCode::ILLEGAL_SASL_STATE, &[]);
        }),
        (
            K::Authentication(SaslErrorKind::CredentialsRefused),
            "check user and password or token: bad",
            |hand| {
                hand.handshake(ErrorCode::NONE, &[]);
                hand.refuse(ErrorCode::SASL_AUTHENTICATION_FAILED, "bad");
            },
        ),
        (K::Authentication(SaslErrorKind::ExchangeRefused), "UNKNOWN_SERVER_ERROR", |hand| {
            hand.handshake(ErrorCode::NONE, &[]);
            hand.refuse(ErrorCode::UNKNOWN_SERVER_ERROR, "");
        }),
        (K::Authentication(SaslErrorKind::CredentialsRefused), "it said no", |hand| {
            hand.handshake(ErrorCode::NONE, &[]);
            hand.challenge(b"no", 0);
            hand.refuse(ErrorCode::SASL_AUTHENTICATION_FAILED, "bad");
        }),
        (K::Authentication(SaslErrorKind::CredentialsRefused), "it said no", |hand| {
            hand.handshake(ErrorCode::NONE, &[]);
            hand.challenge(b"no", 0);
            hand.connection.on_broken(RequestError::Disconnected { sent: true, reason: "end".into() });
        }),
        (K::Authentication(SaslErrorKind::WrongServerSignature), "not the server", |hand| {
            hand.handshake(ErrorCode::NONE, &[]);
            hand.challenge(b"never", 0);
        }),
        (K::Unreachable, "during authentication: end", |hand| {
            hand.connection.on_broken(RequestError::Disconnected { sent: true, reason: "end".into() });
        }),
    ];
    for (kind, text, play) in cases {
        let mut hand = Hand::at_a_broker();
        hand.submit(1, 60);
        hand.give(Ok(Scripted::with(&["first", "second"])));
        play(&mut hand);
        hand.perform();
        let error = hand.connect_error();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(text), "{error}");
        assert_eq!(error.is_retriable(), kind == K::Unreachable);
    }
}

#[test]
fn credentials_that_cannot_be_had_end_the_connection_and_may_be_had_later() {
    let mut hand = Hand::at_a_broker();
    hand.submit(1, 60);
    hand.give(Err(SaslError::new(SaslErrorKind::CredentialsUnavailable, "no token")));
    let error = hand.connect_error();
    assert!(error.is_retriable());
    assert_eq!(error.kind(), ConnectErrorKind::Authentication(SaslErrorKind::CredentialsUnavailable));
}

#[test]
fn a_broker_without_sasl_in_requests_is_named() {
    for ranges in [&[(ApiKey::HEARTBEAT, 0, 1)][..], &[(ApiKey::SASL_HANDSHAKE, 0, 0)]] {
        let mut hand = Hand::negotiated(ranges);
        hand.submit(1, 60);
        hand.give(Ok(Scripted::with(&["first"])));
        let error = hand.connect_error();
        assert_eq!(error.kind(), ConnectErrorKind::MechanismNotEnabled);
        assert!(error.to_string().contains("SaslHandshake"), "{error}");
    }
}

#[test]
fn an_authentication_has_one_timeout_wherever_it_stays() {
    type Play = fn(&mut Hand);
    let plays: [Play; 3] = [
        |_| {},
        |hand| hand.give(Ok(Scripted::with(&["first"]))),
        |hand| {
            hand.give(Ok(Scripted::with(&["first"])));
            hand.pass(SECOND);
            hand.handshake(ErrorCode::NONE, &[]);
        },
    ];
    for play in plays {
        let mut hand = Hand::at_a_broker();
        hand.submit(1, 60);
        play(&mut hand);
        assert_eq!(hand.connection.next_timeout(), Some(Instant::ZERO + 5 * SECOND));
        hand.pass(5 * SECOND);
        let error = hand.connect_error();
        assert_eq!(error.kind(), ConnectErrorKind::TimedOut);
        assert!(error.is_retriable());
    }
}

#[test]
fn a_session_is_renewed_before_it_ends_and_nothing_is_lost_or_reordered() {
    let mut hand = Hand::logged_in(10_000);
    let due = hand.connection.next_timeout().expect("a renewal").since_start();
    assert!((8.5..9.5).contains(&due.as_secs_f64()), "{due:?}");
    hand.submit(1, 60);
    hand.pass(due);
    assert!(hand.wants_mechanism);
    // What is under way is answered before, what comes now waits behind.
    hand.submit(2, 60);
    hand.give(Ok(Scripted::with(&["again"])));
    assert_eq!(hand.waits_for(), [ApiKey::HEARTBEAT, ApiKey::SASL_HANDSHAKE]);
    hand.answer(ApiKey::HEARTBEAT, &HeartbeatResponse::default());
    hand.submit(3, 60);
    hand.handshake(ErrorCode::NONE, &[]);
    hand.challenge(b"", 20_000);
    assert_eq!(hand.waits_for(), [ApiKey::HEARTBEAT, ApiKey::HEARTBEAT]);
    for _ in 0..2 {
        hand.answer(ApiKey::HEARTBEAT, &HeartbeatResponse::default());
    }
    assert_eq!(hand.completed, [(1, Ok(4)), (2, Ok(4)), (3, Ok(4))]);
    let next = hand.connection.next_timeout().expect("another renewal").since(hand.now);
    assert!((17.0..19.0).contains(&next.as_secs_f64()), "{next:?}");
}

#[test]
fn a_renewal_that_is_refused_fails_only_what_was_not_sent() {
    let mut hand = Hand::logged_in(1000);
    hand.pass(SECOND);
    hand.submit(1, 60);
    hand.give(Ok(Scripted::with(&["again"])));
    hand.handshake(ErrorCode::NONE, &[]);
    hand.refuse(ErrorCode::SASL_AUTHENTICATION_FAILED, "gone");
    let error = hand.connect_error();
    assert_eq!(error.kind(), ConnectErrorKind::Authentication(SaslErrorKind::CredentialsRefused));
}

#[test]
fn a_request_that_waits_too_long_was_certainly_not_sent() {
    let mut hand = Hand::at_a_broker();
    hand.submit(1, 2);
    hand.pass(2 * SECOND);
    let [(1, Err(error))] = &hand.completed[..] else { panic!("{:?}", hand.completed) };
    assert!(!error.is_perhaps_applied() && error.is_retriable());
    assert!(!hand.connection.is_closed());
}

#[test]
fn a_peer_that_is_not_known_yet_may_send_little() {
    let mut hand = Hand::new();
    assert_eq!(hand.connection.max_frame_size(), MAX_OPENING_FRAME_SIZE);
    hand = Hand::at_a_broker();
    assert_eq!(hand.connection.max_frame_size(), MAX_OPENING_FRAME_SIZE);
    hand = Hand::logged_in(0);
    assert_eq!(hand.connection.max_frame_size(), 100 << 20);
}

#[test]
fn tls_is_known_by_its_first_bytes() {
    for start in [&[21, 3, 3, 0, 2, 2, 10][..], &[22, 3, 1, 0]] {
        let RequestError::Connect(error) = not_frames(start, "too large") else { panic!("{start:?}") };
        assert_eq!(error.kind(), ConnectErrorKind::TlsRequired);
    }
    assert!(matches!(not_frames(b"HTTP", "too large"), RequestError::NotKafka { .. }));
}

#[test]
fn the_edges_of_authentication_are_these() {
    let expected =
        [".x... LoggedOut", "x.x.. Choosing", "x..x. Shaking", "x..xx Exchanging", ".x... LoggedIn"];
    assert_eq!(LOGIN_EDGES.picture(), expected);
}
