//! Signed tokens: what a key has signed is good, and nothing else.

mod rig;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ottla_protocol::messages::sasl_authenticate_request::SaslAuthenticateRequest;
use ottla_protocol::messages::sasl_handshake_request::SaslHandshakeRequest;
use ottla_testbroker::{Cluster, KeySet, ListenerConfig, SaslConfig, TokenPolicy};
use rig::{Rig, START_MS};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};

const NOW: i64 = START_MS / 1000;

/// The key set and the token of RFC 7515, appendix A.2: RS256, issued by "joe", expired in 2011.
const RFC_KEYS: &str = r#"{"keys":[{"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}]}"#;
const RFC_TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";

/// What the client is told of every bad token.
fn refused() -> Result<String, String> {
    Err(r#"{"status":"invalid_token"}"#.to_owned())
}

struct Signer(EcdsaKeyPair);

impl Signer {
    fn new() -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random);
        Self(key.expect("a key"))
    }

    fn keys(&self, id: &str) -> String {
        let (x, y) = self.0.public_key().as_ref()[1..].split_at(32);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        format!(
            r#"{{"keys":[{{"kty":"oct"}},{{"kty":"EC","crv":"P-256","kid":"{id}","x":"{x}","y":"{y}"}}]}}"#
        )
    }

    fn sign(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).expect("signed");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// What comes of a token: the name, or what the client is told.
fn log_in(policy: &TokenPolicy, start_ms: i64, token: &str) -> Result<String, String> {
    let sasl = SaslConfig::new().tokens(policy.clone());
    let mut rig = Rig::new(Cluster::builder().listener(ListenerConfig::new("LOGIN").sasl(sasl)));
    rig.now.unix_ms = start_ms;
    let connection = rig.connect(1);
    let mut handshake = SaslHandshakeRequest::default();
    handshake.mechanism = "OAUTHBEARER".into();
    assert_eq!(rig.call(connection, 1, &handshake).error_code, 0);
    let mut request = SaslAuthenticateRequest::default();
    request.auth_bytes = format!("n,,\x01auth=Bearer {token}\x01\x01").into_bytes().into();
    let answer = rig.call(connection, 2, &request);
    match rig.cluster.authenticated(connection) {
        Some(who) => Ok(who.name().to_owned()),
        None => Err(String::from_utf8_lossy(&answer.auth_bytes).into_owned()),
    }
}

#[test]
fn the_example_of_rfc_7515_is_good_until_it_expires() {
    let policy = TokenPolicy::signed(KeySet::from_json(RFC_KEYS).expect("keys")).principal_claim("iss");
    let expiry_ms = 1_300_819_380_000;
    assert_eq!(log_in(&policy, expiry_ms - 1, RFC_TOKEN).as_deref(), Ok("joe"));
    assert_eq!(log_in(&policy, expiry_ms + 29_999, RFC_TOKEN).as_deref(), Ok("joe"), "clocks differ");
    assert_eq!(log_in(&policy, expiry_ms + 30_000, RFC_TOKEN), refused());
    let damaged = RFC_TOKEN.replacen(".cC4h", ".cC5h", 1);
    assert_eq!(log_in(&policy, expiry_ms - 1, &damaged), refused());
}

#[test]
fn what_another_key_or_nobody_has_signed_is_refused() {
    let (signer, other) = (Signer::new(), Signer::new());
    let policy = TokenPolicy::signed(KeySet::from_json(&signer.keys("k1")).expect("keys"))
        .expected_issuer("i")
        .expected_audience("kafka");
    let claims = |issuer: &str, audience: &str| {
        format!(r#"{{"sub":"alice","iss":"{issuer}","aud":"{audience}","iat":{NOW},"exp":{}}}"#, NOW + 60)
    };
    let good = claims("i", "kafka");
    let header = r#"{"alg":"ES256","kid":"k1"}"#;
    for header in [header, r#"{"alg":"ES256"}"#] {
        assert_eq!(log_in(&policy, START_MS, &signer.sign(header, &good)).as_deref(), Ok("alice"));
    }
    for bad in [
        other.sign(header, &good),
        signer.sign(r#"{"alg":"ES256","kid":"k2"}"#, &good),
        signer.sign(r#"{"alg":"RS256","kid":"k1"}"#, &good),
        signer.sign(r#"{"alg":"none"}"#, &good),
        signer.sign(r#"{"alg":"HS256"}"#, &good),
        signer.sign(header, &claims("j", "kafka")),
        signer.sign(header, &claims("i", "other")),
        format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), URL_SAFE_NO_PAD.encode(&good)),
    ] {
        assert_eq!(log_in(&policy, START_MS, &bad), refused(), "{bad}");
    }
}

#[test]
fn a_key_set_without_a_usable_key_is_refused() {
    for bad in
        ["", "{}", r#"{"keys":[]}"#, r#"{"keys":[{"kty":"oct","k":"AA"}]}"#, r#"{"keys":[{"kty":"RSA"}]}"#]
    {
        assert!(KeySet::from_json(bad).is_err(), "{bad}");
    }
}
