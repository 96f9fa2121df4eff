//! What a token endpoint answers: RFC 6749 sections 5.1 and 5.2.

use hyper::StatusCode;
use ottla_core::sasl::{BearerToken, SaslError, SaslErrorKind};
use ottla_core::time::Now;
use serde_json::Value;

use crate::tokens::{claims_of, expiry_ms, subject};

/// The token of an answer.
pub(super) fn token_of(
    status: StatusCode,
    body: &[u8],
    now: Now,
    secrets: &[&str],
) -> Result<BearerToken, SaslError> {
    if status.is_success() { granted(body, now) } else { Err(refusal(status, body, secrets)) }
}

fn granted(body: &[u8], now: Now) -> Result<BearerToken, SaslError> {
    // Nothing of this body may be shown: it may be the token.
    let answer: Value = serde_json::from_slice(body).map_err(|_| malformed("it is no json"))?;
    let token = answer.get("access_token").and_then(Value::as_str);
    let token = token.ok_or_else(|| malformed("it has no access_token"))?;
    let kind = answer.get("token_type").and_then(Value::as_str);
    if kind.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err(malformed("its token_type is not Bearer"));
    }
    let claims = claims_of(token);
    let expires_at = match answer.get("expires_in") {
        // By our own clock, so that the issuer's need not agree with it.
        Some(lifetime) => now.unix_ms.saturating_add(lifetime_ms(lifetime)?),
        None => claims.as_ref().and_then(expiry_ms).ok_or_else(|| {
            malformed("it has no expires_in and the token no claim exp, so nobody knows when it expires")
        })?,
    };
    let granted = BearerToken::new(token, expires_at)?;
    Ok(match claims.as_ref().and_then(subject) {
        Some(subject) => granted.principal(subject),
        None => granted,
    })
}

/// Seconds, as a number; some issuers write them as text.
fn lifetime_ms(lifetime: &Value) -> Result<i64, SaslError> {
    let seconds = match lifetime {
        Value::String(text) => text.parse().ok(),
        other => other.as_f64(),
    };
    let seconds: f64 = seconds.ok_or_else(|| malformed("its expires_in is no number"))?;
    if seconds.is_nan() || seconds <= 0.0 {
        return Err(malformed("its expires_in is not above zero"));
    }
    Ok((seconds * 1000.0) as i64)
}

fn malformed(what: &str) -> SaslError {
    let text = format!("the answer cannot be used, check the url: {what}");
    SaslError::new(SaslErrorKind::CredentialsUnavailable, text)
}

fn refusal(status: StatusCode, body: &[u8], secrets: &[&str]) -> SaslError {
    let number = status.as_u16();
    if status.is_server_error()
        || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
    {
        let text = format!("it has no token at the moment: status {number}");
        return SaslError::new(SaslErrorKind::CredentialsUnavailable, text);
    }
    if !status.is_client_error() {
        let text = format!("it gives no token, check the url (redirects are not followed): status {number}");
        return SaslError::new(SaslErrorKind::CredentialsRefused, text);
    }
    let text = format!("it refuses the credentials with status {number}");
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let words = |name| answer.get(name).and_then(Value::as_str);
    let said: Vec<_> = ["error", "error_description"].into_iter().filter_map(words).collect();
    if said.is_empty() {
        return SaslError::new(SaslErrorKind::CredentialsRefused, text);
    }
    let mut said = said.join(", ");
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        said = said.replace(secret, "(hidden)");
    }
    SaslError::quoting(SaslErrorKind::CredentialsRefused, &text, said.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Now = Now { instant: ottla_core::time::Instant::ZERO, unix_ms: 1_000_000 };

    fn answered(status: u16, body: &str) -> Result<BearerToken, SaslError> {
        let status = StatusCode::from_u16(status).expect("a status");
        token_of(status, body.as_bytes(), NOW, &["s3cr3t", ""])
    }

    #[test]
    fn the_lifetime_is_counted_from_the_question() {
        // {"exp":1700000000,"sub":"alice"}
        let jwt = "e30.eyJleHAiOjE3MDAwMDAwMDAsInN1YiI6ImFsaWNlIn0.c2ln";
        for (body, expires_at, principal) in [
            (r#"{"access_token":"t","expires_in":300}"#.to_owned(), 1_300_000, None),
            (r#"{"access_token":"t","expires_in":"300","token_type":"bearer"}"#.to_owned(), 1_300_000, None),
            (r#"{"access_token":"t","expires_in":0.5,"token_type":"Bearer"}"#.to_owned(), 1_000_500, None),
            (r#"{"access_token":"t","expires_in":1e300}"#.to_owned(), i64::MAX, None),
            (format!(r#"{{"access_token":"{jwt}","expires_in":300}}"#), 1_300_000, Some("alice")),
            (format!(r#"{{"access_token":"{jwt}"}}"#), 1_700_000_000_000, Some("alice")),
        ] {
            let token = answered(200, &body).expect("a token");
            assert_eq!(
                (token.expires_at_unix_ms(), token.principal_name()),
                (expires_at, principal),
                "{body}"
            );
        }
    }

    #[test]
    fn an_answer_that_is_none_is_not_shown() {
        let deep = "[".repeat(200_000);
        for body in [
            "",
            "<html>s3cr3t</html>",
            "{}",
            "[]",
            r#"{"access_token":7}"#,
            r#"{"access_token":"s3cr3t"}"#,
            r#"{"access_token":"s3cr3t","expires_in":"soon"}"#,
            r#"{"access_token":"s3cr3t","expires_in":"NaN"}"#,
            r#"{"access_token":"s3cr3t","expires_in":0}"#,
            r#"{"access_token":"s3cr3t","expires_in":-5}"#,
            r#"{"access_token":"s3cr3t","expires_in":300,"token_type":"mac"}"#,
            r#"{"access_token":"s3cr 3t\u0000","expires_in":300}"#,
            &deep,
        ] {
            let error = answered(200, body).expect_err("it is no token");
            assert!(!error.to_string().contains("s3c"), "{error}");
        }
    }

    #[test]
    fn a_status_says_whether_another_attempt_makes_sense() {
        for (status, kind) in [
            (400, SaslErrorKind::CredentialsRefused),
            (401, SaslErrorKind::CredentialsRefused),
            (404, SaslErrorKind::CredentialsRefused),
            (302, SaslErrorKind::CredentialsRefused),
            (408, SaslErrorKind::CredentialsUnavailable),
            (429, SaslErrorKind::CredentialsUnavailable),
            (500, SaslErrorKind::CredentialsUnavailable),
            (503, SaslErrorKind::CredentialsUnavailable),
        ] {
            let error = answered(status, "no").expect_err("it is refused");
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.to_string().contains(&status.to_string()), "{error}");
        }
    }

    #[test]
    fn a_refusal_says_what_the_endpoint_said_without_secrets() {
        let body = r#"{"error":"invalid_client","error_description":"no \u001b[2J client with s3cr3t"}"#;
        let error = answered(401, body).expect_err("it is refused").to_string();
        assert!(error.ends_with(": invalid_client, no \u{fffd}[2J client with (hidden)"), "{error}");
        let long = format!(r#"{{"error":"{}"}}"#, "x".repeat(10_000));
        assert!(answered(400, &long).expect_err("it is refused").to_string().len() < 700);
        let error = answered(400, r#"{"error":7}"#).expect_err("it is refused").to_string();
        assert!(error.ends_with("status 400"), "{error}");
    }
}
