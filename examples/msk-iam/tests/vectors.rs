//! Signatures at a fixed time, as botocore 1.43.11 (`SigV4QueryAuth`) makes them of the same request.

use aws_credential_types::Credentials;
use ottla_client::sasl::{Exchange, Mechanism, SaslErrorKind, Step};
use ottla_core::random::Entropy;
use ottla_core::sasl::Start;
use ottla_core::time::Now;
use ottla_example_msk_iam::MskIam;
use serde_json::{Value, json};

/// 2026-01-02T03:04:05Z
const TIME_MS: i64 = 1_767_323_045_000;

fn exchange(session_token: Option<&str>) -> Box<dyn Exchange> {
    let credentials = Credentials::new(
        "AKIDEXAMPLE",
        "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        session_token.map(str::to_owned),
        None,
        "test",
    );
    let now = Now { unix_ms: TIME_MS, ..Now::default() };
    let start = Start::new("b-1.msk.example.com", now, Entropy::from_bytes([0; 32]));
    MskIam::new("eu-west-1", credentials).start(start).expect("it can be signed")
}

fn message(session_token: Option<&str>) -> Value {
    let Ok(Step::Respond(message)) = exchange(session_token).next(None) else { panic!("it opens") };
    serde_json::from_slice(&message).expect("it is json")
}

#[test]
fn the_message_is_that_of_amazons_clients() {
    let expected = json!({
        "version": "2020_10_22",
        "host": "b-1.msk.example.com",
        "user-agent": concat!("ottla/", env!("CARGO_PKG_VERSION")),
        "action": "kafka-cluster:Connect",
        "x-amz-algorithm": "AWS4-HMAC-SHA256",
        "x-amz-credential": "AKIDEXAMPLE/20260102/eu-west-1/kafka-cluster/aws4_request",
        "x-amz-date": "20260102T030405Z",
        "x-amz-expires": "900",
        "x-amz-signedheaders": "host",
        "x-amz-signature": "bd5d6554acaedf5ce6012842aed93799b7ecb840fb59c6cceb8ff9fadd0681d3",
    });
    assert_eq!(message(None), expected);
}

#[test]
fn a_session_token_is_signed_too() {
    let message = message(Some("session/token+=="));
    assert_eq!(message["x-amz-security-token"], "session/token+==");
    let expected = "e33fad5890df456b92e51d929ee677201a1aaf2129d2bcc4818a1e76c5650b6a";
    assert_eq!(message["x-amz-signature"], expected);
}

#[test]
fn only_an_answer_of_this_version_is_a_yes() {
    let answered = |answer: &[u8]| {
        let mut exchange = exchange(None);
        exchange.next(None).expect("it opens");
        exchange.next(Some(answer)).map_err(|error| error.kind())
    };
    assert_eq!(answered(br#"{"version":"2020_10_22","request-id":"1"}"#), Ok(Step::Done));
    for answer in [&b""[..], b"{}", b"[1]", b"null", br#"{"version":"2021"}"#, b"\xff"] {
        assert_eq!(answered(answer), Err(SaslErrorKind::MalformedMessage));
    }
    assert_eq!(answered(&vec![b' '; 1 << 20]), Err(SaslErrorKind::MessageTooLarge));
}

#[test]
fn no_secret_is_in_debug_output() {
    let credentials = Credentials::new("AKIDEXAMPLE", "s3cr3t", None, None, "test");
    let mechanism = MskIam::new("eu-west-1", credentials);
    let shown = format!("{mechanism:?} {:?}", exchange(Some("t0k3n")));
    assert!(!shown.contains("s3cr3t") && !shown.contains("t0k3n"), "{shown}");
}
