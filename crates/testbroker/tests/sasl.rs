//! Logins as clients see them: what is answered, what ends the connection, and when.

mod rig;

use std::time::Duration;

use bytes::Bytes;
use ottla_protocol::api::ApiKey;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::frame::decode_response_header;
use ottla_protocol::message::Message;
use ottla_protocol::messages::api_versions_request::ApiVersionsRequest;
use ottla_protocol::messages::metadata_request::MetadataRequest;
use ottla_protocol::messages::sasl_authenticate_request::SaslAuthenticateRequest;
use ottla_protocol::messages::sasl_authenticate_response::SaslAuthenticateResponse;
use ottla_protocol::messages::sasl_handshake_request::SaslHandshakeRequest;
use ottla_protocol::messages::sasl_handshake_response::SaslHandshakeResponse;
use ottla_testbroker::{
    CloseReason, Cluster, ConnectionId, ListenerConfig, Mechanism, SaslConfig, ScramMechanism, TokenPolicy,
};
use rig::{Rig, START_MS};

const DELAY: Duration = Duration::from_millis(100);
const ALICE: &[u8] = b"\0alice\0secret";

fn plain() -> SaslConfig {
    SaslConfig::new()
        .plain_user("alice", "secret")
        .plain_user("bob", "secret")
        .tokens(TokenPolicy::unsecured())
}

fn rig(sasl: SaslConfig) -> (Rig, ConnectionId) {
    let mut rig = Rig::new(Cluster::builder().listener(ListenerConfig::new("LOGIN").sasl(sasl)));
    let connection = rig.connect(1);
    (rig, connection)
}

fn named() -> ApiVersionsRequest {
    let mut request = ApiVersionsRequest::default();
    request.client_software_name = "rig".into();
    request.client_software_version = "1".into();
    request
}

fn handshake(mechanism: &str) -> SaslHandshakeRequest {
    let mut request = SaslHandshakeRequest::default();
    request.mechanism = mechanism.into();
    request
}

fn token(bytes: &[u8]) -> SaslAuthenticateRequest {
    let mut request = SaslAuthenticateRequest::default();
    request.auth_bytes = Bytes::copy_from_slice(bytes);
    request
}

fn log_in(rig: &mut Rig, connection: ConnectionId, bytes: &[u8]) -> SaslAuthenticateResponse {
    assert_eq!(rig.call(connection, 1, &handshake("PLAIN")).error_code, 0);
    rig.call(connection, 2, &token(bytes))
}

/// The answer that a connection ended with, after the delay.
fn last<M: Message>(rig: &mut Rig, connection: ConnectionId, header_version: i16, version: i16) -> M {
    assert!(!rig.cut.contains_key(&connection), "it takes its time");
    rig.run_for(DELAY);
    let frame = rig.cut.remove(&connection).expect("an answer, and the end").slice(4..);
    let (_, body) = decode_response_header(&frame, header_version).expect("a header");
    M::decode(&body, version).expect("an answer")
}

fn refused(rig: &mut Rig, connection: ConnectionId) -> (ErrorCode, String) {
    let answer: SaslAuthenticateResponse = last(rig, connection, 1, 2);
    (ErrorCode(answer.error_code), answer.error_message.unwrap_or_default().to_string())
}

#[test]
fn a_login_lets_in_and_says_who_it_is() {
    let (mut rig, connection) = rig(plain());
    assert_eq!(rig.call(connection, 4, &named()).error_code, 0);
    let shaken = rig.call(connection, 1, &handshake("PLAIN"));
    assert_eq!((shaken.error_code, &shaken.mechanisms[..]), (0, &["PLAIN".into(), "OAUTHBEARER".into()][..]));
    assert_eq!(rig.cluster.authenticated(connection), None);
    for version in 0..=2 {
        let other = rig.connect(1);
        assert_eq!(rig.call(other, 1, &handshake("PLAIN")).error_code, 0);
        let answer = rig.call(other, version, &token(ALICE));
        assert_eq!((answer.error_code, &answer.auth_bytes[..], answer.session_lifetime_ms), (0, &b""[..], 0));
    }
    assert_eq!(rig.call(connection, 2, &token(ALICE)).error_code, 0);
    let who = rig.cluster.authenticated(connection).expect("in");
    assert_eq!((who.mechanism(), who.name()), (Mechanism::Plain, "alice"));
    assert_eq!(rig.call(connection, 12, &MetadataRequest::default()).brokers.len(), 1);
    assert_eq!(rig.call(connection, 4, &named()).error_code, 0);
}

#[test]
fn a_wrong_password_is_told_after_the_delay_and_ends_the_connection() {
    let (mut rig, connection) = rig(plain());
    rig.call(connection, 1, &handshake("PLAIN"));
    rig.send(connection, 2, &token(b"\0alice\0wrong"));
    // What comes behind it is not heard.
    rig.send(connection, 12, &MetadataRequest::default());
    rig.advance(DELAY - Duration::from_micros(1));
    let expected = "Authentication failed: Invalid username or password".to_owned();
    assert_eq!(refused(&mut rig, connection), (ErrorCode::SASL_AUTHENTICATION_FAILED, expected));
    let (mut rig, connection) = self::rig(plain().failed_authentication_delay(Duration::ZERO));
    rig.call(connection, 1, &handshake("PLAIN"));
    rig.send(connection, 2, &token(b"alice"));
    assert!(rig.cut.contains_key(&connection), "at once");
    assert_eq!(rig.cluster.next_timeout(), None);
}

#[test]
fn a_mechanism_that_is_not_offered_is_answered_with_those_that_are() {
    let (mut rig, connection) = rig(plain().scram_user(ScramMechanism::Sha512, "alice", "s"));
    rig.send(connection, 1, &handshake("SCRAM-SHA-256"));
    let answer: SaslHandshakeResponse = last(&mut rig, connection, 0, 1);
    assert_eq!(answer.error_code, ErrorCode::UNSUPPORTED_SASL_MECHANISM.0);
    assert_eq!(answer.mechanisms, ["PLAIN", "OAUTHBEARER", "SCRAM-SHA-512"]);
}

#[test]
fn what_comes_before_a_login_is_over_ends_the_connection() {
    let close = |act: &dyn Fn(&mut Rig, ConnectionId)| {
        let (mut rig, connection) = rig(plain());
        act(&mut rig, connection);
        rig.closed.remove(&connection)
    };
    let unknown = |key| Some(CloseReason::NotAuthenticated(key));
    let metadata = |rig: &mut Rig, connection| {
        rig.send(connection, 12, &MetadataRequest::default());
    };
    assert_eq!(close(&metadata), unknown(ApiKey::METADATA));
    let token_first = |rig: &mut Rig, connection| {
        rig.send(connection, 2, &token(ALICE));
    };
    assert_eq!(close(&token_first), unknown(ApiKey::SASL_AUTHENTICATE));
    let versions_twice = |rig: &mut Rig, connection| {
        rig.call(connection, 0, &ApiVersionsRequest::default());
        rig.send(connection, 0, &ApiVersionsRequest::default());
    };
    assert_eq!(close(&versions_twice), unknown(ApiKey::API_VERSIONS));
    let garbage = |rig: &mut Rig, connection| {
        rig.cluster.handle(rig.now, connection, Bytes::from_static(b"GET"));
        rig.drain();
    };
    assert!(matches!(close(&garbage), Some(CloseReason::Undecodable(_))));
    let large = |rig: &mut Rig, connection| {
        rig.cluster.handle(rig.now, connection, vec![0; 512 * 1024 + 1].into());
        rig.run_for(DELAY);
    };
    assert!(matches!(close(&large), Some(CloseReason::AuthenticationFailed(_))));
    let in_between = |rig: &mut Rig, connection| {
        rig.call(connection, 1, &handshake("PLAIN"));
        rig.send(connection, 12, &MetadataRequest::default());
        rig.run_for(DELAY);
    };
    assert!(matches!(close(&in_between), Some(CloseReason::AuthenticationFailed(_))));
}

#[test]
fn a_version_that_is_not_known_may_be_asked_for_again() {
    let (mut rig, connection) = rig(plain());
    let mut nameless = ApiVersionsRequest::default();
    nameless.client_software_name = "-".into();
    assert_eq!(rig.call(connection, 3, &nameless).error_code, ErrorCode::INVALID_REQUEST.0);
    assert_eq!(rig.call(connection, 0, &ApiVersionsRequest::default()).error_code, 0);
    assert_eq!(log_in(&mut rig, connection, ALICE).error_code, 0);
}

#[test]
fn a_second_handshake_in_an_exchange_is_illegal() {
    let (mut rig, connection) = rig(plain());
    rig.call(connection, 1, &handshake("PLAIN"));
    rig.send(connection, 1, &handshake("PLAIN"));
    let answer: SaslHandshakeResponse = last(&mut rig, connection, 0, 1);
    assert_eq!(answer.error_code, ErrorCode::ILLEGAL_SASL_STATE.0);
}

#[test]
fn logins_where_none_are_needed_are_illegal_and_do_no_harm() {
    let mut rig = Rig::new(Cluster::builder());
    let open = rig.connect(1);
    let (mut closed_rig, connection) = self::rig(plain());
    log_in(&mut closed_rig, connection, ALICE);
    for (rig, connection) in [(&mut rig, open), (&mut closed_rig, connection)] {
        assert_eq!(rig.call(connection, 1, &handshake("PLAIN")).error_code, ErrorCode::ILLEGAL_SASL_STATE.0);
        let answer = rig.call(connection, 2, &token(ALICE));
        assert_eq!(answer.error_code, ErrorCode::ILLEGAL_SASL_STATE.0);
        assert_eq!(rig.call(connection, 12, &MetadataRequest::default()).brokers.len(), 1);
    }
}

#[test]
fn after_the_first_handshake_version_tokens_are_bare() {
    let (mut rig, connection) = rig(plain());
    assert_eq!(rig.call(connection, 0, &handshake("PLAIN")).error_code, 0);
    rig.cluster.handle(rig.now, connection, Bytes::from_static(ALICE));
    let answer = rig.cluster.poll_action().expect("an answer");
    let ottla_testbroker::Action::Respond(_, frame) = answer else { panic!("{answer:?}") };
    assert_eq!(frame.into_bytes(), [0; 4][..]);
    assert_eq!(rig.call(connection, 12, &MetadataRequest::default()).brokers.len(), 1);
    // A refusal has no words there.
    let other = rig.connect(1);
    rig.call(other, 0, &handshake("PLAIN"));
    rig.cluster.handle(rig.now, other, Bytes::from_static(b"\0alice\0wrong"));
    rig.run_for(DELAY);
    assert!(matches!(rig.closed.get(&other), Some(CloseReason::AuthenticationFailed(_))));
}

#[test]
fn a_session_ends_when_its_lifetime_is_over() {
    let lifetime = Duration::from_secs(5);
    let (mut rig, connection) = rig(plain().connections_max_reauth(lifetime));
    assert_eq!(log_in(&mut rig, connection, ALICE).session_lifetime_ms, 5000);
    rig.run_for(lifetime);
    assert_eq!(rig.call(connection, 12, &MetadataRequest::default()).brokers.len(), 1);
    rig.run_for(Duration::from_millis(1));
    assert!(rig.closed.is_empty(), "an idle connection is left alone");
    rig.send(connection, 12, &MetadataRequest::default());
    assert_eq!(rig.closed.get(&connection), Some(&CloseReason::SessionExpired));
}

#[test]
fn authenticating_again_prolongs_a_session_even_when_it_is_over() {
    let (mut rig, connection) = rig(plain().connections_max_reauth(Duration::from_secs(5)));
    log_in(&mut rig, connection, ALICE);
    for wait in [4, 6, 4] {
        rig.run_for(Duration::from_secs(wait));
        assert_eq!(log_in(&mut rig, connection, ALICE).session_lifetime_ms, 5000);
        assert_eq!(rig.call(connection, 12, &MetadataRequest::default()).brokers.len(), 1);
    }
    // Twice within a second is once too often.
    let code = rig.call(connection, 1, &handshake("PLAIN")).error_code;
    assert_eq!(code, ErrorCode::ILLEGAL_SASL_STATE.0);
    rig.run_for(Duration::from_secs(6));
    rig.call(connection, 1, &handshake("PLAIN"));
    rig.send(connection, 12, &MetadataRequest::default());
    rig.run_for(DELAY);
    assert!(matches!(rig.closed.get(&connection), Some(CloseReason::AuthenticationFailed(_))));
}

#[test]
fn authenticating_again_as_another_or_otherwise_is_refused() {
    let config = plain().connections_max_reauth(Duration::from_secs(5));
    let (mut rig, connection) = rig(config.clone());
    log_in(&mut rig, connection, ALICE);
    rig.call(connection, 1, &handshake("PLAIN"));
    rig.send(connection, 2, &token(b"\0bob\0secret"));
    let expected = "Cannot change principals during re-authentication from User.alice: User.bob".to_owned();
    assert_eq!(refused(&mut rig, connection), (ErrorCode::SASL_AUTHENTICATION_FAILED, expected));

    let (mut rig, connection) = self::rig(config.clone());
    log_in(&mut rig, connection, ALICE);
    rig.call(connection, 1, &handshake("PLAIN"));
    rig.send(connection, 2, &token(b"alice"));
    let expected =
        "Authentication failed during re-authentication due to invalid credentials with SASL mechanism PLAIN";
    assert_eq!(refused(&mut rig, connection).1, expected);

    let (mut rig, connection) = self::rig(config);
    log_in(&mut rig, connection, ALICE);
    assert_eq!(rig.call(connection, 1, &handshake("OAUTHBEARER")).error_code, 0);
    rig.send(connection, 2, &token(b"anything"));
    assert!(rig.closed.is_empty());
    rig.run_for(DELAY);
    assert!(matches!(rig.closed.get(&connection), Some(CloseReason::AuthenticationFailed(_))));
}

/// `{"alg":"none"}` and `{"sub":"alice","exp":…}`.
fn unsecured(subject: &str, expires_ms: i64) -> String {
    use base64::Engine;
    let part = |text: String| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let claims = format!(r#"{{"sub":"{subject}","exp":{}}}"#, expires_ms as f64 / 1000.0);
    format!("{}.{}.", part(r#"{"alg":"none"}"#.to_owned()), part(claims))
}

#[test]
fn a_token_logs_in_until_it_expires() {
    let (mut rig, connection) = rig(plain());
    rig.call(connection, 1, &handshake("OAUTHBEARER"));
    let first = format!("n,,\x01auth=Bearer {}\x01team=blue\x01\x01", unsecured("alice", START_MS + 3000));
    let answer = rig.call(connection, 2, &token(first.as_bytes()));
    assert_eq!((answer.error_code, &answer.auth_bytes[..], answer.session_lifetime_ms), (0, &b""[..], 3000));
    let who = rig.cluster.authenticated(connection).expect("in");
    assert_eq!((who.name(), who.extensions()["team"].as_str()), ("alice", "blue"));
    rig.run_for(Duration::from_millis(3001));
    rig.send(connection, 12, &MetadataRequest::default());
    assert_eq!(rig.closed.get(&connection), Some(&CloseReason::SessionExpired));
}

#[test]
fn a_bad_token_is_challenged_and_then_refused() {
    let policy = TokenPolicy::unsecured().required_scope("kafka read").refused_extension("team");
    let check = |policy: &TokenPolicy, expires_ms, challenge: &str| {
        let (mut rig, connection) = rig(SaslConfig::new().tokens(policy.clone()));
        rig.call(connection, 1, &handshake("OAUTHBEARER"));
        let first = format!("n,,\x01auth=Bearer {}\x01\x01", unsecured("alice", expires_ms));
        let answer = rig.call(connection, 2, &token(first.as_bytes()));
        assert_eq!((answer.error_code, &answer.auth_bytes[..]), (0, challenge.as_bytes()));
        rig.send(connection, 2, &token(b"\x01"));
        assert_eq!(
            refused(&mut rig, connection),
            (ErrorCode::SASL_AUTHENTICATION_FAILED, challenge.to_owned())
        );
    };
    check(&policy, START_MS + 1, r#"{"status":"insufficient_scope", "scope":"kafka read"}"#);
    check(&TokenPolicy::unsecured(), START_MS, r#"{"status":"invalid_token"}"#);

    let (mut rig, connection) =
        rig(SaslConfig::new().tokens(TokenPolicy::unsecured().refused_extension("team")));
    rig.call(connection, 1, &handshake("OAUTHBEARER"));
    let first = format!("n,,\x01auth=Bearer {}\x01team=blue\x01\x01", unsecured("alice", START_MS + 1));
    rig.send(connection, 2, &token(first.as_bytes()));
    assert!(refused(&mut rig, connection).1.ends_with("They are: team"));
}

#[test]
fn users_change_while_the_cluster_runs() {
    let (mut rig, connection) = rig(plain());
    let next = SaslConfig::new().plain_user("alice", "changed");
    rig.cluster.set_sasl("LOGIN", &next).expect("it has SASL");
    rig.call(connection, 1, &handshake("PLAIN"));
    rig.send(connection, 2, &token(ALICE));
    assert_eq!(refused(&mut rig, connection).0, ErrorCode::SASL_AUTHENTICATION_FAILED);
    assert!(rig.cluster.set_sasl("OTHER", &next).is_err());
    let other = rig.connect(1);
    assert_eq!(log_in(&mut rig, other, b"\0alice\0changed").error_code, 0);
}

#[test]
fn rules_make_logins_fail_too() {
    let (mut rig, connection) = rig(plain());
    rig.cluster
        .faults()
        .on(ApiKey::SASL_AUTHENTICATE)
        .times(1)
        .error(ErrorCode::ILLEGAL_SASL_STATE)
        .expect("a rule");
    rig.call(connection, 1, &handshake("PLAIN"));
    rig.send(connection, 2, &token(ALICE));
    assert_eq!(refused(&mut rig, connection).0, ErrorCode::ILLEGAL_SASL_STATE);
    let other = rig.connect(1);
    assert_eq!(log_in(&mut rig, other, ALICE).error_code, 0);
}

#[test]
fn the_same_seed_makes_the_same_challenges() {
    let challenge = |seed| {
        let sasl = SaslConfig::new().scram_user_with_iterations(ScramMechanism::Sha256, "alice", "secret", 2);
        let mut rig =
            Rig::new(Cluster::builder().seed(seed).listener(ListenerConfig::new("LOGIN").sasl(sasl)));
        let connection = rig.connect(1);
        rig.call(connection, 1, &handshake("SCRAM-SHA-256"));
        rig.call(connection, 2, &token(b"n,,n=alice,r=abc")).auth_bytes
    };
    assert_eq!(challenge(1), challenge(1));
    assert_ne!(challenge(1), challenge(2));
}
