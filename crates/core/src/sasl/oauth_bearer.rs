//! OAUTHBEARER (RFC 7628; in Kafka KIP-255, extensions KIP-342): a bearer token, so over TLS only.
//!
//! A server that refuses says why in JSON, waits for a byte, and only then ends the exchange. The byte is sent, since
//! without it the connection would hang; the text is kept for [`Exchange::refusal`].
//!
//! | state | event | next state | output |
//! |---|---|---|---|
//! | Opening | `next(None)` | AwaitingOutcome | token and extensions |
//! | AwaitingOutcome | an empty message | Over | Done |
//! | AwaitingOutcome | any other: it is the refusal | Refused | the byte 0x01 |
//! | Refused | any message | Refused | an error with the server's text |
//! | any | anything else | Over | an error |
//!
//! Not here: where the token comes from. Kafka takes no authorization id but the token's own principal, so none is sent.

use std::mem;

use bytes::Bytes;

use super::error::{SaslError, SaslErrorKind, shown};
use super::mechanism::{Exchange, Mechanism, Start, Step};
use super::secret::Secret;
use super::unsecured_token::UnsecuredToken;

const NAME: &str = "OAUTHBEARER";
/// Ends each pair of the message, and the message.
const SEPARATOR: u8 = 1;
/// The pair that holds the token; no extension may be called so.
const AUTH: &str = "auth";

/// The mechanism OAUTHBEARER.
#[derive(Clone, Debug)]
pub struct OAuthBearer {
    token: Token,
    extensions: Vec<(String, String)>,
}

#[derive(Clone, Debug)]
enum Token {
    Given(Secret),
    Unsecured(UnsecuredToken),
}

impl OAuthBearer {
    /// With this token, until it expires; then a mechanism with another is needed.
    ///
    /// # Errors
    /// A text that is no bearer token (RFC 6750).
    pub fn new(token: &str) -> Result<Self, SaslError> {
        if is_bearer_token(token) {
            let token = Token::Given(Secret::new(token.as_bytes()));
            return Ok(Self { token, extensions: Vec::new() });
        }
        let text =
            "the token is no bearer token, which has letters, digits and -._~+/ only, and `=` at its end";
        Err(SaslError::new(SaslErrorKind::CredentialsInvalid, text))
    }

    /// With tokens that nobody signed, a new one for each exchange. For development.
    pub fn unsecured(token: UnsecuredToken) -> Self {
        Self { token: Token::Unsecured(token), extensions: Vec::new() }
    }

    /// Adds an extension (KIP-342), which the broker may look at. Extensions are not secret.
    ///
    /// # Errors
    /// A name that is not of ASCII letters, is `auth` or is there already; a value that is empty or holds more than
    /// printable ASCII, tabs and line ends.
    pub fn extension(mut self, name: &str, value: &str) -> Result<Self, SaslError> {
        let is_allowed = |byte: u8| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n');
        let problem = if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            "its name must be of ascii letters"
        } else if name == AUTH {
            "its name is that of the token"
        } else if self.extensions.iter().any(|(other, _)| other == name) {
            "it is there already"
        } else if value.is_empty() || !value.bytes().all(is_allowed) {
            "its value must be of printable ascii"
        } else {
            self.extensions.push((name.to_owned(), value.to_owned()));
            return Ok(self);
        };
        let text = format!("the {NAME} extension {name:?} cannot be sent: {problem}");
        Err(SaslError::new(SaslErrorKind::CredentialsInvalid, text))
    }
}

/// What Kafka's server takes, which is RFC 6750's `b64token`.
fn is_bearer_token(token: &str) -> bool {
    let body = token.trim_end_matches('=');
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    !body.is_empty() && body.bytes().all(is_allowed)
}

impl Mechanism for OAuthBearer {
    fn name(&self) -> &str {
        NAME
    }

    fn start(&self, start: Start<'_>) -> Result<Box<dyn Exchange>, SaslError> {
        let token = match &self.token {
            Token::Given(token) => token.clone(),
            Token::Unsecured(token) => Secret::new(token.issue(start.now()).into_bytes()),
        };
        let mut extensions = Vec::new();
        for (name, value) in &self.extensions {
            extensions.extend_from_slice(name.as_bytes());
            extensions.push(b'=');
            extensions.extend_from_slice(value.as_bytes());
            extensions.push(SEPARATOR);
        }
        let parts: [&[u8]; 5] =
            [b"n,,\x01auth=Bearer ", token.expose(), &[SEPARATOR], &extensions, &[SEPARATOR]];
        let state = State::Opening(Secret::new(parts.concat()));
        Ok(Box::new(OAuthBearerExchange { state }))
    }
}

#[derive(Debug)]
struct OAuthBearerExchange {
    state: State,
}

#[derive(Debug)]
enum State {
    Opening(Secret),
    AwaitingOutcome,
    /// With what the server said.
    Refused(String),
    Over,
}

impl Exchange for OAuthBearerExchange {
    fn next(&mut self, challenge: Option<&[u8]>) -> Result<Step, SaslError> {
        match (mem::replace(&mut self.state, State::Over), challenge) {
            (State::Opening(message), None) => {
                self.state = State::AwaitingOutcome;
                Ok(Step::Respond(Bytes::copy_from_slice(message.expose())))
            }
            (State::AwaitingOutcome, Some([])) => Ok(Step::Done),
            (State::AwaitingOutcome, Some(refusal)) => {
                self.state = State::Refused(shown(refusal));
                Ok(Step::Respond(Bytes::from_static(&[SEPARATOR])))
            }
            (State::Refused(text), Some(_)) => {
                let error = refused(&text);
                self.state = State::Refused(text);
                Err(error)
            }
            (State::Opening(_), Some(_)) => Err(SaslError::misuse(NAME, "has not been opened")),
            (State::AwaitingOutcome | State::Refused(_), None) => Err(SaslError::misuse(NAME, "is open")),
            (State::Over, _) => Err(SaslError::misuse(NAME, "is over")),
        }
    }

    fn refusal(&self) -> Option<SaslError> {
        match &self.state {
            State::Refused(text) => Some(refused(text)),
            _ => None,
        }
    }
}

fn refused(text: &str) -> SaslError {
    let text = format!("the server refuses the token, check its expiry, issuer, audience and scope: {text}");
    SaslError::new(SaslErrorKind::CredentialsRefused, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Entropy;
    use crate::sasl::mechanism::assert_ends_in_misuse;
    use crate::time::Now;

    const OPEN: Option<&[u8]> = None;

    fn exchange_of(mechanism: &OAuthBearer, unix_ms: i64) -> Box<dyn Exchange> {
        let now = Now { unix_ms, ..Now::default() };
        mechanism.start(Start::new("broker", now, Entropy::from_bytes([0; 32]))).expect("it starts")
    }

    fn opening_of(mechanism: &OAuthBearer, unix_ms: i64) -> String {
        match exchange_of(mechanism, unix_ms).next(OPEN) {
            Ok(Step::Respond(message)) => String::from_utf8(message.to_vec()).expect("it is text"),
            step => panic!("no opening: {step:?}"),
        }
    }

    fn mechanism() -> OAuthBearer {
        OAuthBearer::new("vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==").expect("a token")
    }

    #[test]
    fn the_opening_holds_the_token_and_the_extensions() {
        let opening = "n,,\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01";
        assert_eq!(opening_of(&mechanism(), 0), opening);
        let extended = mechanism().extension("logicalCluster", "lkc-1").expect("an extension");
        let extended = extended.extension("traceId", "a b=c").expect("an extension");
        let opening = opening.trim_end_matches('\x01').to_owned();
        let opening = opening + "\x01logicalCluster=lkc-1\x01traceId=a b=c\x01\x01";
        assert_eq!(opening_of(&extended, 0), opening);
    }

    #[test]
    fn an_unsecured_token_is_new_in_each_exchange() {
        let mechanism = OAuthBearer::unsecured(UnsecuredToken::new("alice").expect("a principal"));
        let (first, second) = (opening_of(&mechanism, 1_000_000), opening_of(&mechanism, 2_000_000));
        assert!(first.starts_with("n,,\x01auth=Bearer eyJhbGciOiJub25lIn0."), "{first:?}");
        assert!(first.ends_with(".\x01\x01"), "{first:?}");
        assert_ne!(first, second);
    }

    #[test]
    fn an_empty_answer_is_a_yes() {
        let mut exchange = exchange_of(&mechanism(), 0);
        exchange.next(OPEN).expect("an opening");
        assert_eq!(exchange.next(Some(b"")), Ok(Step::Done));
        assert_eq!(exchange.refusal(), None);
    }

    #[test]
    fn a_refusal_is_answered_and_its_text_kept() {
        let mut exchange = exchange_of(&mechanism(), 0);
        exchange.next(OPEN).expect("an opening");
        let refusal = br#"{"status":"invalid_token"}"#;
        assert_eq!(exchange.next(Some(refusal)), Ok(Step::Respond(Bytes::from_static(b"\x01"))));
        let error = exchange.refusal().expect("the server said why");
        assert_eq!(error.kind(), SaslErrorKind::CredentialsRefused);
        assert!(error.to_string().ends_with(r#": {"status":"invalid_token"}"#), "{error}");
        // A server that goes on is answered with the same.
        for challenge in [&b""[..], b"again"] {
            assert_eq!(exchange.next(Some(challenge)), Err(error.clone()));
        }
    }

    #[test]
    fn a_refusal_without_end_is_kept_in_part() {
        let mut exchange = exchange_of(&mechanism(), 0);
        exchange.next(OPEN).expect("an opening");
        exchange.next(Some(&vec![b'x'; 1 << 20])).expect("the byte");
        assert!(exchange.refusal().expect("the server said why").to_string().len() < 1000);
    }

    #[test]
    fn steps_out_of_order_are_misuse() {
        let steps: [&[Option<&[u8]>]; 5] = [
            &[Some(b"")],
            &[OPEN, OPEN],
            &[OPEN, Some(b"no"), OPEN],
            &[OPEN, Some(b""), OPEN],
            &[OPEN, Some(b""), Some(b"")],
        ];
        for steps in steps {
            assert_ends_in_misuse(exchange_of(&mechanism(), 0), steps);
        }
    }

    #[test]
    fn what_is_no_token_is_refused_and_not_shown() {
        for token in ["", "=", "sec ret", "sec\x01ret", "sec=ret", "secrét"] {
            let error = OAuthBearer::new(token).expect_err("it is refused");
            assert_eq!(error.kind(), SaslErrorKind::CredentialsInvalid);
            assert!(!error.to_string().contains("sec"), "{error}");
        }
    }

    #[test]
    fn an_extension_that_kafka_does_not_take_is_refused() {
        let names = ["", "a1", "a b", "a=b", "ü", "auth", "there"];
        let values = ["", "a\x01b", "ü", "\0", "\x7f"];
        let bad = names.map(|name| (name, "x")).into_iter().chain(values.map(|value| ("name", value)));
        for (name, value) in bad {
            let extended = mechanism().extension("there", "x").expect("an extension");
            let error = extended.extension(name, value).expect_err("it is refused");
            assert_eq!(error.kind(), SaslErrorKind::CredentialsInvalid, "{name:?} {value:?}");
        }
        mechanism().extension("name", " \t\r\n~=,").expect("these are allowed");
    }

    #[test]
    fn the_token_is_in_no_debug_output() {
        let mut exchange = exchange_of(&mechanism(), 0);
        let mut shown = format!("{:?} {exchange:?}", mechanism());
        shown += &format!("{:?} {exchange:?}", exchange.next(OPEN));
        assert!(!shown.contains("vF9") && !shown.contains("118, 70"), "{shown}");
    }
}
