//! The server's side of OAUTHBEARER (RFC 7628) with the extensions of KIP-342. A bad token is refused in two steps: a
//! challenge in JSON says why, and what the client then sends is answered with an error.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::exchange::{Refusal, Step, Surroundings};
use super::scram_message::unescape;
use super::token::BadToken;

/// What ends a field.
const SEPARATOR: char = '\u{1}';
/// What a client says to a challenge, which is always a refusal.
const DUMMY: &[u8] = b"\x01";

/// One login.
#[derive(Debug, Default)]
pub(crate) struct OauthBearerExchange {
    /// What was said of the token that was not good.
    challenge: Option<String>,
}

/// `gs2-header kvsep *kvpair kvsep`.
#[derive(Debug, PartialEq, Eq)]
struct ClientFirst<'a> {
    authzid: String,
    token: &'a str,
    extensions: BTreeMap<String, String>,
}

impl OauthBearerExchange {
    pub(crate) fn on_token(&mut self, token: &[u8], around: &Surroundings<'_>) -> Result<Step, Refusal> {
        match self.challenge.take() {
            Some(challenge) if token == DUMMY => return Err(Refusal::Told(challenge)),
            // Kafka takes anything else for another first message.
            _ => {}
        }
        let first = ClientFirst::parse(token)?;
        let policy = around.authority.tokens();
        let mut identity = match policy.validate(first.token, around.now_unix_ms) {
            Ok(identity) => identity,
            Err(bad) => {
                let challenge = challenge(&bad);
                self.challenge = Some(challenge.clone());
                return Ok(Step::Continue(challenge.into()));
            }
        };
        if !first.authzid.is_empty() && first.authzid != identity.name {
            return Err(Refusal::Told(format!(
                "Authentication failed: Client requested an authorization id ({}) that is different from the token's \
                 principal name ({})",
                first.authzid, identity.name
            )));
        }
        let refused: Vec<&str> = first
            .extensions
            .keys()
            .filter(|name| policy.refuses_extension(name))
            .map(String::as_str)
            .collect();
        if !refused.is_empty() {
            return Err(Refusal::Told(format!(
                "Authentication failed: {} extensions are invalid! They are: {}",
                refused.len(),
                refused.join(", ")
            )));
        }
        identity.extensions = first.extensions;
        Ok(Step::Done(Bytes::new(), identity))
    }
}

fn challenge(bad: &BadToken) -> String {
    match bad {
        BadToken::Invalid(_) => r#"{"status":"invalid_token"}"#.to_owned(),
        BadToken::InsufficientScope(scope) => {
            let scope = serde_json::Value::from(scope.as_str());
            format!(r#"{{"status":"insufficient_scope", "scope":{scope}}}"#)
        }
    }
}

impl<'a> ClientFirst<'a> {
    fn parse(token: &'a [u8]) -> Result<Self, Refusal> {
        const BAD: Refusal = Refusal::Credentials("not a first message of OAUTHBEARER");
        let text = std::str::from_utf8(token).map_err(|_| BAD)?;
        let (header, pairs) = text.split_once(SEPARATOR).ok_or(BAD)?;
        let authzid = match header.strip_prefix("n,").and_then(|rest| rest.strip_suffix(',')).ok_or(BAD)? {
            "" => String::new(),
            authzid => unescape(authzid.strip_prefix("a=").ok_or(BAD)?)?,
        };
        // Each pair ends with a separator, and another one ends them all.
        let pairs =
            pairs.strip_suffix(SEPARATOR).and_then(|pairs| pairs.strip_suffix(SEPARATOR)).ok_or(BAD)?;
        let mut token = None;
        let mut extensions = BTreeMap::new();
        for pair in pairs.split(SEPARATOR) {
            let (key, value) = pair.split_once('=').ok_or(BAD)?;
            if !is_key(key) || !is_value(value) {
                return Err(BAD);
            }
            if key == "auth" {
                token = Some(bearer(value).ok_or(BAD)?);
            } else {
                extensions.insert(key.to_owned(), value.to_owned());
            }
        }
        Ok(Self { authzid, token: token.ok_or(BAD)?, extensions })
    }
}

/// The token of `Bearer TOKEN`, whose scheme may be written in capitals or not.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim_start_matches(' ');
    let in_token = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let is_token = !token.is_empty() && token.bytes().all(in_token);
    (scheme.eq_ignore_ascii_case("bearer") && is_token).then_some(token)
}

fn is_key(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn is_value(value: &str) -> bool {
    let is_allowed = |byte: u8| matches!(byte, 0x20..=0x7e | b'\t' | b'\r' | b'\n');
    !value.is_empty() && value.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_message_is_taken_apart() {
        // The example of RFC 7628, section 4.1, with its host and port as extensions.
        let token = b"n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg\x01\x01";
        let first = ClientFirst::parse(token).expect("a message");
        assert_eq!(first.authzid, "user@example.com");
        assert_eq!(first.token, "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg");
        assert_eq!(first.extensions["port"], "143");
        let first = ClientFirst::parse(b"n,,\x01auth=bearer  t\x01\x01").expect("a message");
        assert_eq!((first.token, first.extensions.len()), ("t", 0));
    }

    #[test]
    fn what_is_no_first_message_is_refused() {
        for bad in [
            "",
            "n,,",
            "n,,\x01\x01",
            "n,,\x01auth=Bearer t\x01",
            "n,,auth=Bearer t\x01\x01",
            "y,,\x01auth=Bearer t\x01\x01",
            "n,x,\x01auth=Bearer t\x01\x01",
            "n,,\x01auth=Basic t\x01\x01",
            "n,,\x01auth=Bearer t=\x01\x01",
            "n,,\x01auth=Bearer\x01\x01",
            "n,,\x01k1=v\x01auth=Bearer t\x01\x01",
            "n,,\x01k=\x01auth=Bearer t\x01\x01",
            "n,,\x01k=ü\x01auth=Bearer t\x01\x01",
            "n,,\x01k=v\x01\x01",
        ] {
            assert!(ClientFirst::parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }
}
