//! What a JSON web token says of itself. Nothing is verified: that is the broker's part.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// The claims of a token that is a JSON web token in compact form.
pub(crate) fn claims_of(token: &str) -> Option<Value> {
    let mut parts = token.split('.');
    let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
    // Some issuers pad.
    let claims = URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    (claims.is_object() && parts.next().is_none()).then_some(claims)
}

/// When it expires, in milliseconds since 1970.
pub(crate) fn expiry_ms(claims: &Value) -> Option<i64> {
    let seconds = claims.get("exp")?.as_f64()?;
    // Beyond the year 10000 nothing expires; the cast saturates anyway.
    (seconds > 0.0).then_some((seconds * 1000.0) as i64)
}

/// Whom it is for.
pub(crate) fn subject(claims: &Value) -> Option<&str> {
    claims.get("sub")?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jwt(claims: &str) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn claims_are_read() {
        let check = |claims: &str, exp: Option<i64>, sub: Option<&str>| {
            let claims = claims_of(&jwt(claims)).expect("they are claims");
            assert_eq!((expiry_ms(&claims), subject(&claims)), (exp, sub));
        };
        check(r#"{"exp":1700000000,"sub":"alice"}"#, Some(1_700_000_000_000), Some("alice"));
        check(r#"{"exp":1700000000.5}"#, Some(1_700_000_000_500), None);
        check(r#"{"exp":"soon","sub":1}"#, None, None);
        check(r#"{"exp":-1}"#, None, None);
        check(r#"{"exp":1e300}"#, Some(i64::MAX), None);
    }

    #[test]
    fn what_is_no_json_web_token_has_no_claims() {
        let deep = jwt(&"[".repeat(100_000));
        for token in ["", "opaque", "a.b", "a.!.c", "e30.e30.c.d", &jwt("[]"), &jwt("{"), &deep] {
            assert_eq!(claims_of(token), None);
        }
    }
}
