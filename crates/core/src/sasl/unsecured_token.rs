//! Bearer tokens that nobody signed (RFC 7515, algorithm `none`): for development, on brokers that take them.
//!
//! The claims are those that Kafka's validator of unsecured tokens reads: `sub`, `iat`, `exp` and `scope`.
//!
//! Not here: other claims, signed tokens, and where real tokens come from.

use std::fmt::Write as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::error::{SaslError, SaslErrorKind};
use crate::time::Now;

/// As long as Kafka's own unsecured tokens live.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(3600);

/// What goes into a token that nobody signed. Anyone can make one: never a protection.
#[derive(Clone, Debug)]
pub struct UnsecuredToken {
    principal: String,
    scopes: Vec<String>,
    lifetime: Duration,
}

impl UnsecuredToken {
    /// For this principal, for an hour, without scopes.
    ///
    /// # Errors
    /// A blank principal, which no broker takes.
    pub fn new(principal: &str) -> Result<Self, SaslError> {
        if principal.trim().is_empty() {
            let text = "the principal of the unsecured token is blank";
            return Err(SaslError::new(SaslErrorKind::CredentialsInvalid, text));
        }
        Ok(Self { principal: principal.to_owned(), scopes: Vec::new(), lifetime: DEFAULT_LIFETIME })
    }

    /// Adds a scope.
    #[must_use]
    pub fn scope(mut self, scope: &str) -> Self {
        self.scopes.push(scope.to_owned());
        self
    }

    /// How long each token is valid, in whole seconds. An hour by default.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// The token issued `now`, in compact form.
    pub fn issue(&self, now: Now) -> String {
        let issued = now.unix_ms.div_euclid(1000);
        let expires = issued.saturating_add_unsigned(self.lifetime.as_secs());
        let mut claims = format!("{{\"sub\":{},\"iat\":{issued},\"exp\":{expires}", quoted(&self.principal));
        if !self.scopes.is_empty() {
            // A list: Kafka takes a string for one scope, whatever spaces it holds.
            let scopes: Vec<_> = self.scopes.iter().map(|scope| quoted(scope)).collect();
            claims += &format!(",\"scope\":[{}]", scopes.join(","));
        }
        claims.push('}');
        let [header, claims] = [r#"{"alg":"none"}"#, &claims].map(|part| URL_SAFE_NO_PAD.encode(part));
        format!("{header}.{claims}.")
    }
}

/// As a string of JSON.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\0'..='\x1f' => write!(out, "\\u{:04x}", u32::from(c)).expect("a string takes any text"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims_of(token: &str) -> String {
        let parts: Vec<_> = token.split('.').collect();
        let decoded = |part| {
            let bytes = URL_SAFE_NO_PAD.decode(part).expect("it is base64url");
            String::from_utf8(bytes).expect("it is UTF-8")
        };
        assert_eq!((parts.len(), decoded(parts[0]).as_str(), parts[2]), (3, r#"{"alg":"none"}"#, ""));
        decoded(parts[1])
    }

    #[test]
    fn the_claims_are_those_that_kafka_reads() {
        let now = Now { unix_ms: 1_700_000_000_999, ..Now::default() };
        let check = |token: UnsecuredToken, claims: &str| assert_eq!(claims_of(&token.issue(now)), claims);
        let alice = UnsecuredToken::new("alice").expect("a principal");
        check(alice.clone(), r#"{"sub":"alice","iat":1700000000,"exp":1700003600}"#);
        check(
            alice.lifetime(Duration::from_secs(5)).scope("read").scope("write all"),
            r#"{"sub":"alice","iat":1700000000,"exp":1700000005,"scope":["read","write all"]}"#,
        );
        let odd = UnsecuredToken::new("a\"\\\n\u{fc}").expect("a principal");
        check(odd, r#"{"sub":"a\"\\\u000aü","iat":1700000000,"exp":1700003600}"#);
    }

    #[test]
    fn a_lifetime_without_end_does_not_overflow() {
        let token = UnsecuredToken::new("alice").expect("a principal").lifetime(Duration::MAX);
        let claims = claims_of(&token.issue(Now { unix_ms: 1_700_000_000_000, ..Now::default() }));
        assert!(claims.ends_with("\"exp\":9223372036854775807}"), "{claims}");
    }

    #[test]
    fn a_blank_principal_is_refused() {
        for principal in ["", " \t"] {
            let error = UnsecuredToken::new(principal).expect_err("it is refused");
            assert_eq!(error.kind(), SaslErrorKind::CredentialsInvalid);
        }
    }
}
