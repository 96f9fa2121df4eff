//! A broker of a few lines that knows `AWS_MSK_IAM`: it checks the message as Amazon's documentation describes it, with
//! Signature Version 4 written out by hand, and lets the client in or not.

use aws_credential_types::Credentials;
use bytes::{Bytes, BytesMut};
use hmac::{Hmac, Mac as _};
use ottla_client::Client;
use ottla_example_msk_iam::{MskIam, MskIamCredentials};
use ottla_protocol::api::ApiKey;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::frame::{FrameBuf, decode_request_header, encode_response, split_frame};
use ottla_protocol::message::{Message as _, Response};
use ottla_protocol::messages::api_versions_response::{ApiVersion, ApiVersionsResponse};
use ottla_protocol::messages::metadata_response::{MetadataResponse, MetadataResponseBroker};
use ottla_protocol::messages::sasl_authenticate_request::SaslAuthenticateRequest;
use ottla_protocol::messages::sasl_authenticate_response::SaslAuthenticateResponse;
use ottla_protocol::messages::sasl_handshake_response::SaslHandshakeResponse;
use ottla_protocol::types::NodeId;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const REGION: &str = "eu-west-1";

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key will do");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What Amazon's broker does with the message; the text says what it dislikes.
fn judge(message: &[u8]) -> Result<(), String> {
    let message: Value = serde_json::from_slice(message).map_err(|error| error.to_string())?;
    let text = |name: &str| message[name].as_str().ok_or_else(|| format!("no {name}"));
    for (name, expected) in [
        ("version", "2020_10_22"),
        ("action", "kafka-cluster:Connect"),
        ("x-amz-algorithm", "AWS4-HMAC-SHA256"),
        ("x-amz-signedheaders", "host"),
        ("x-amz-expires", "900"),
        ("host", "127.0.0.1"),
    ] {
        if text(name)? != expected {
            return Err(format!("{name} is {}", message[name]));
        }
    }
    text("user-agent")?;
    let (date, credential) = (text("x-amz-date")?, text("x-amz-credential")?);
    let scope = format!("{}/{REGION}/kafka-cluster/aws4_request", &date[..8]);
    if credential != format!("{ID}/{scope}") {
        return Err(format!("the credential is {credential}"));
    }
    let query = format!(
        "Action=kafka-cluster%3AConnect&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={}&X-Amz-Date={date}\
         &X-Amz-Expires=900&X-Amz-SignedHeaders=host",
        credential.replace('/', "%2F")
    );
    let request = format!("GET\n/\n{query}\nhost:127.0.0.1\n\nhost\n{}", hex(&Sha256::digest(b"")));
    let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex(&Sha256::digest(&request)));
    let mut key = format!("AWS4{SECRET}").into_bytes();
    for part in [&date[..8], REGION, "kafka-cluster", "aws4_request"] {
        key = mac(&key, part);
    }
    let expected = hex(&mac(&key, &to_sign));
    if text("x-amz-signature")? == expected { Ok(()) } else { Err("the signature is wrong".to_owned()) }
}

fn frame<R: Response>(response: &R, version: i16, correlation_id: i32) -> Bytes {
    let mut out = FrameBuf::new();
    encode_response(&mut out, response, version, correlation_id).expect("it can be written");
    out.into_bytes()
}

fn versions() -> ApiVersionsResponse {
    let mut response = ApiVersionsResponse::default();
    let served = [
        (ApiKey::API_VERSIONS, 0, 3),
        (ApiKey::METADATA, 1, 9),
        (ApiKey::SASL_HANDSHAKE, 1, 1),
        (ApiKey::SASL_AUTHENTICATE, 0, 2),
    ];
    for (key, min, max) in served {
        let mut row = ApiVersion::default();
        (row.api_key, row.min_version, row.max_version) = (key.0, min, max);
        response.api_keys.push(row);
    }
    response
}

fn answer(request: &Bytes, port: u16) -> Bytes {
    let (header, body) = decode_request_header(request).expect("a header");
    let (version, id) = (header.request_api_version, header.correlation_id);
    match ApiKey(header.request_api_key) {
        ApiKey::API_VERSIONS => frame(&versions(), version, id),
        ApiKey::SASL_HANDSHAKE => {
            let mut response = SaslHandshakeResponse::default();
            response.mechanisms.push("AWS_MSK_IAM".into());
            frame(&response, version, id)
        }
        ApiKey::SASL_AUTHENTICATE => {
            let request = SaslAuthenticateRequest::decode(&body, version).expect("a request");
            let mut response = SaslAuthenticateResponse::default();
            match judge(&request.auth_bytes) {
                Ok(()) => {
                    response.auth_bytes = Bytes::from_static(br#"{"version":"2020_10_22","request-id":"1"}"#);
                }
                Err(what) => {
                    response.error_code = ErrorCode::SASL_AUTHENTICATION_FAILED.0;
                    response.error_message = Some(what.into());
                }
            }
            frame(&response, version, id)
        }
        ApiKey::METADATA => {
            let mut broker = MetadataResponseBroker::default();
            (broker.node_id, broker.host, broker.port) = (NodeId(1), "127.0.0.1".into(), port.into());
            let mut response = MetadataResponse::default();
            (response.controller_id, response.brokers) = (NodeId(1), vec![broker]);
            frame(&response, version, id)
        }
        other => panic!("not served: {other}"),
    }
}

async fn serve(mut stream: TcpStream, port: u16) {
    let mut buffer = BytesMut::new();
    while stream.read_buf(&mut buffer).await.is_ok_and(|read| read > 0) {
        while let Some(request) = split_frame(&mut buffer, 1 << 20).expect("frames") {
            if stream.write_all(&answer(&request, port)).await.is_err() {
                return;
            }
        }
    }
}

/// Where it listens.
async fn broker() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, address.port()));
        }
    });
    address.to_string()
}

#[tokio::test]
async fn a_broker_that_checks_the_signature_lets_the_client_in() {
    let credentials = || Credentials::new(ID, SECRET, None, None, "test");
    let provider = MskIamCredentials::new(REGION, move || Box::pin(async move { Ok(credentials()) }));
    let client = Client::builder(broker().await).sasl_provider(provider).connect().await;
    let client = client.expect("it is let in");
    assert_eq!(client.snapshot().brokers.len(), 1);
    client.close().await;
}

#[tokio::test]
async fn who_signs_with_another_secret_or_for_another_region_is_refused() {
    for (region, secret, reason) in
        [(REGION, "another", "the signature is wrong"), ("us-east-1", SECRET, "the credential is")]
    {
        let mechanism = MskIam::new(region, Credentials::new(ID, secret, None, None, "test"));
        let error = Client::builder(broker().await).sasl(mechanism).connect().await.expect_err("refused");
        let shown = format!("{error:?}");
        assert!(shown.contains(reason) && !shown.contains(secret), "{shown}");
    }
}
