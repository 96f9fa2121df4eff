//! Which tokens of OAUTHBEARER are good: JSON web tokens (RFC 7519), unsecured ones as Kafka's default validator takes
//! them (`OAuthBearerUnsecuredValidatorCallbackHandler`), signed ones with the feature `signed-tokens`.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::exchange::Identity;
#[cfg(feature = "signed-tokens")]
use super::signed_token::KeySet;

/// Kafka's `sasl.oauthbearer.clock.skew.seconds`.
#[cfg(feature = "signed-tokens")]
const SIGNED_CLOCK_SKEW: Duration = Duration::from_secs(30);

/// What is asked of a token.
#[derive(Clone, Debug)]
pub struct TokenPolicy {
    principal_claim: String,
    scope_claim: String,
    required_scope: Vec<String>,
    issuer: Option<String>,
    audience: Option<String>,
    clock_skew: Duration,
    refused_extensions: BTreeSet<String>,
    #[cfg(feature = "signed-tokens")]
    keys: Option<KeySet>,
}

/// Why a token is not good; the client learns its status and the scope that is missing (RFC 7628, section 3.2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BadToken {
    Invalid(&'static str),
    InsufficientScope(String),
}

impl Default for TokenPolicy {
    fn default() -> Self {
        Self::unsecured()
    }
}

impl TokenPolicy {
    /// Unsecured tokens (`"alg":"none"`): anyone can make one. As Kafka does without further configuration.
    pub fn unsecured() -> Self {
        Self {
            principal_claim: "sub".to_owned(),
            scope_claim: "scope".to_owned(),
            required_scope: Vec::new(),
            issuer: None,
            audience: None,
            clock_skew: Duration::ZERO,
            refused_extensions: BTreeSet::new(),
            #[cfg(feature = "signed-tokens")]
            keys: None,
        }
    }

    /// Tokens that one of these keys has signed, with a clock skew of 30 s. Unsecured ones are refused.
    #[cfg(feature = "signed-tokens")]
    pub fn signed(keys: KeySet) -> Self {
        Self { keys: Some(keys), clock_skew: SIGNED_CLOCK_SKEW, ..Self::unsecured() }
    }

    /// The claim that names the client (`sasl.oauthbearer.sub.claim.name`). Default `sub`.
    #[must_use]
    pub fn principal_claim(mut self, claim: &str) -> Self {
        claim.clone_into(&mut self.principal_claim);
        self
    }

    /// The claim with the scope, a text with spaces or a list (`sasl.oauthbearer.scope.claim.name`). Default `scope`.
    #[must_use]
    pub fn scope_claim(mut self, claim: &str) -> Self {
        claim.clone_into(&mut self.scope_claim);
        self
    }

    /// What must be in the scope, with spaces between (`unsecuredValidatorRequiredScope`). Default: nothing.
    #[must_use]
    pub fn required_scope(mut self, scope: &str) -> Self {
        self.required_scope = scope.split_ascii_whitespace().map(str::to_owned).collect();
        self
    }

    /// What `iss` must be (`sasl.oauthbearer.expected.issuer`). Default: anything.
    #[must_use]
    pub fn expected_issuer(mut self, issuer: &str) -> Self {
        self.issuer = Some(issuer.to_owned());
        self
    }

    /// What `aud` must be or have in it (`sasl.oauthbearer.expected.audience`). Default: anything.
    #[must_use]
    pub fn expected_audience(mut self, audience: &str) -> Self {
        self.audience = Some(audience.to_owned());
        self
    }

    /// How much clocks may differ. Default: not at all for unsecured tokens.
    #[must_use]
    pub fn clock_skew(mut self, skew: Duration) -> Self {
        self.clock_skew = skew;
        self
    }

    /// An extension (KIP-342) with which no login succeeds. Default: all are taken.
    #[must_use]
    pub fn refused_extension(mut self, name: &str) -> Self {
        self.refused_extensions.insert(name.to_owned());
        self
    }

    pub(crate) fn refuses_extension(&self, name: &str) -> bool {
        self.refused_extensions.contains(name)
    }

    /// Says whose token it is, and until when.
    pub(crate) fn validate(&self, token: &str, now_unix_ms: i64) -> Result<Identity, BadToken> {
        let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else {
            return Err(BadToken::Invalid("not three parts"));
        };
        let claims = object(payload)?;
        self.check_signature(token, &object(header)?, signature)?;
        let name = claims.get(&self.principal_claim).and_then(Value::as_str).filter(|name| !name.is_empty());
        let name = name.ok_or(BadToken::Invalid("it names nobody"))?;
        let skew = i64::try_from(self.clock_skew.as_millis()).unwrap_or(i64::MAX);
        let issued = time(&claims, "iat")?;
        if issued.is_some_and(|issued| issued.saturating_sub(skew) > now_unix_ms) {
            return Err(BadToken::Invalid("it is issued in the future"));
        }
        let not_before = time(&claims, "nbf")?;
        if not_before.is_some_and(|from| from.saturating_sub(skew) > now_unix_ms) {
            return Err(BadToken::Invalid("it is not valid yet"));
        }
        let expires = time(&claims, "exp")?.ok_or(BadToken::Invalid("it never expires"))?;
        if now_unix_ms.saturating_sub(skew) >= expires {
            return Err(BadToken::Invalid("it has expired"));
        }
        if issued.is_some_and(|issued| expires <= issued) {
            return Err(BadToken::Invalid("it expires before it is issued"));
        }
        self.check_parties(&claims)?;
        let scope = texts(claims.get(&self.scope_claim));
        if !self.required_scope.iter().all(|required| scope.contains(&required.as_str())) {
            return Err(BadToken::InsufficientScope(self.required_scope.join(" ")));
        }
        Ok(Identity { expires_unix_ms: Some(expires), ..Identity::named(name) })
    }

    fn check_parties(&self, claims: &Map<String, Value>) -> Result<(), BadToken> {
        let issuer = claims.get("iss").and_then(Value::as_str);
        if self.issuer.is_some() && self.issuer.as_deref() != issuer {
            return Err(BadToken::Invalid("another issuer"));
        }
        let audience = match claims.get("aud") {
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
            one => one.and_then(Value::as_str).into_iter().collect::<Vec<_>>(),
        };
        if self.audience.as_ref().is_some_and(|wanted| !audience.contains(&wanted.as_str())) {
            return Err(BadToken::Invalid("another audience"));
        }
        Ok(())
    }

    fn check_signature(
        &self,
        token: &str,
        header: &Map<String, Value>,
        signature: &str,
    ) -> Result<(), BadToken> {
        let algorithm = header.get("alg").and_then(Value::as_str).unwrap_or_default();
        #[cfg(feature = "signed-tokens")]
        if let Some(keys) = &self.keys {
            let signed = &token[..token.len() - signature.len() - 1];
            let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| BadToken::Invalid("not base64"))?;
            let id = header.get("kid").and_then(Value::as_str);
            let is_good = keys.has_signed(algorithm, id, signed.as_bytes(), &signature);
            return is_good.then_some(()).ok_or(BadToken::Invalid("no key has signed it"));
        }
        let _ = token;
        match (algorithm, signature) {
            ("none", "") => Ok(()),
            _ => Err(BadToken::Invalid("it is not unsecured")),
        }
    }
}

fn object(part: &str) -> Result<Map<String, Value>, BadToken> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| BadToken::Invalid("not base64"))?;
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err(BadToken::Invalid("not a JSON object")),
    }
}

/// A time in seconds since 1970, perhaps with a fraction, as milliseconds.
fn time(claims: &Map<String, Value>, claim: &str) -> Result<Option<i64>, BadToken> {
    let Some(value) = claims.get(claim) else { return Ok(None) };
    let seconds = value.as_f64().ok_or(BadToken::Invalid("not a time"))?;
    // Saturates at the ends of time.
    Ok(Some((seconds * 1000.0).round() as i64))
}

fn texts(claim: Option<&Value>) -> Vec<&str> {
    match claim {
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(text)) => text.split_ascii_whitespace().collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000_000;

    fn token(header: &str, claims: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.", part(header), part(claims))
    }

    fn check(policy: &TokenPolicy, claims: &str) -> Result<Identity, BadToken> {
        policy.validate(&token(r#"{"alg":"none"}"#, claims), NOW)
    }

    #[test]
    fn an_unsecured_token_says_who_and_until_when() {
        let good = r#"{"sub":"alice","iat":1700000000.5,"exp":1700000060.25,"scope":["a","b"]}"#;
        let policy = TokenPolicy::unsecured().clock_skew(Duration::from_secs(1)).required_scope("b");
        let identity = check(&policy, good).expect("good");
        assert_eq!((&identity.name[..], identity.expires_unix_ms), ("alice", Some(1_700_000_060_250)));
        let policy =
            TokenPolicy::unsecured().principal_claim("client").scope_claim("scp").required_scope("b a");
        let claims = r#"{"client":"bob","exp":1700000001,"scp":"a  b"}"#;
        assert_eq!(check(&policy, claims).expect("good").name, "bob");
    }

    #[test]
    fn claims_that_do_not_hold_are_refused() {
        let policy = TokenPolicy::unsecured().required_scope("x").expected_issuer("i").expected_audience("k");
        let good = r#"{"sub":"a","iat":1700000000,"exp":1700000001,"scope":"x","iss":"i","aud":["j","k"]}"#;
        assert!(check(&policy, good).is_ok());
        for (from, to) in [
            ("\"sub\"", "\"subject\""),
            ("\"a\"", "\"\""),
            ("\"a\"", "7"),
            ("\"iat\":1700000000", "\"iat\":1700000001"),
            ("\"exp\":1700000001", "\"exp\":1700000000"),
            ("\"exp\":1700000001", "\"exp\":\"soon\""),
            ("\"exp\":1700000001,", ""),
            ("\"iss\":\"i\"", "\"iss\":\"j\""),
            ("\"k\"", "\"l\""),
            ("\"iat\"", "\"nbf\":1700000009,\"iat\""),
        ] {
            let bad = good.replacen(from, to, 1);
            assert!(matches!(check(&policy, &bad), Err(BadToken::Invalid(_))), "{bad}");
        }
        let other = good.replace("\"x\"", "\"y z\"");
        assert_eq!(check(&policy, &other), Err(BadToken::InsufficientScope("x".to_owned())));
    }

    #[test]
    fn what_is_no_unsecured_token_is_refused() {
        let policy = TokenPolicy::unsecured();
        let claims = r#"{"sub":"a","exp":1700000001}"#;
        let good = token(r#"{"alg":"none"}"#, claims);
        assert!(policy.validate(&good, NOW).is_ok());
        let signed = token(r#"{"alg":"RS256"}"#, claims);
        let with_signature = format!("{good}AAAA");
        let without_end = good.trim_end_matches('.').to_owned();
        for bad in [signed, with_signature, without_end, "a.b.".into(), String::new(), token("[]", claims)] {
            assert!(policy.validate(&bad, NOW).is_err(), "{bad}");
        }
    }
}
