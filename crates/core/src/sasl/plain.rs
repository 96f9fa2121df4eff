//! PLAIN (RFC 4616): user name and password as they are, so over TLS only.
//!
//! No authorization id: Kafka takes none but the user's own name.
//!
//! | state | event | next state | output |
//! |---|---|---|---|
//! | Opening | `next(None)` | AwaitingOutcome | `\0user\0password` |
//! | AwaitingOutcome | any message: the server says no by an error code, and else means yes | Over | Done |
//! | any | anything else | Over | an error |

use std::mem;

use bytes::Bytes;

use super::error::{SaslError, SaslErrorKind};
use super::mechanism::{Exchange, Mechanism, Start, Step};
use super::secret::Secret;

const NAME: &str = "PLAIN";

/// The mechanism PLAIN.
#[derive(Clone, Debug)]
pub struct Plain {
    username: String,
    password: Secret,
}

impl Plain {
    /// For this user.
    ///
    /// # Errors
    /// A user name or password that is empty or holds the character NUL.
    pub fn new(username: &str, password: &str) -> Result<Self, SaslError> {
        for (what, value) in [("user name", username), ("password", password)] {
            let problem = match value {
                "" => "is empty",
                value if value.contains('\0') => "holds the character nul",
                _ => continue,
            };
            let text = format!("the {what} for {NAME} {problem}");
            return Err(SaslError::new(SaslErrorKind::CredentialsInvalid, text));
        }
        Ok(Self { username: username.to_owned(), password: Secret::new(password.as_bytes()) })
    }
}

impl Mechanism for Plain {
    fn name(&self) -> &str {
        NAME
    }

    fn start(&self, _: Start<'_>) -> Result<Box<dyn Exchange>, SaslError> {
        let mut message = Vec::with_capacity(2 + self.username.len() + self.password.expose().len());
        message.push(0);
        message.extend_from_slice(self.username.as_bytes());
        message.push(0);
        message.extend_from_slice(self.password.expose());
        Ok(Box::new(PlainExchange { state: State::Opening(Secret::new(message)) }))
    }
}

#[derive(Debug)]
struct PlainExchange {
    state: State,
}

#[derive(Debug)]
enum State {
    Opening(Secret),
    AwaitingOutcome,
    Over,
}

impl Exchange for PlainExchange {
    fn next(&mut self, challenge: Option<&[u8]>) -> Result<Step, SaslError> {
        match (mem::replace(&mut self.state, State::Over), challenge) {
            (State::Opening(message), None) => {
                self.state = State::AwaitingOutcome;
                Ok(Step::Respond(Bytes::copy_from_slice(message.expose())))
            }
            (State::AwaitingOutcome, Some(_)) => Ok(Step::Done),
            (State::Opening(_), Some(_)) => Err(SaslError::misuse(NAME, "has not been opened")),
            (State::AwaitingOutcome, None) => Err(SaslError::misuse(NAME, "is open")),
            (State::Over, _) => Err(SaslError::misuse(NAME, "is over")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Entropy;
    use crate::sasl::mechanism::assert_ends_in_misuse;
    use crate::time::Now;

    fn start(plain: &Plain) -> Box<dyn Exchange> {
        let start = Start::new("broker", Now::default(), Entropy::from_bytes([0; 32]));
        plain.start(start).expect("it starts")
    }

    fn alice() -> Plain {
        Plain::new("alice", "pä$$, w=rd").expect("they can be sent")
    }

    #[test]
    fn name_and_password_are_sent_as_they_are() {
        let opening = start(&alice()).next(None).expect("a message");
        assert_eq!(opening, Step::Respond(Bytes::from("\0alice\0pä$$, w=rd")));
    }

    #[test]
    fn any_answer_without_an_error_code_is_a_yes() {
        for answer in [&b""[..], b"welcome", &[0xff; 100_000]] {
            let mut exchange = start(&alice());
            exchange.next(None).expect("a message");
            assert_eq!(exchange.next(Some(answer)), Ok(Step::Done));
        }
    }

    #[test]
    fn steps_out_of_order_are_misuse_and_end_the_exchange() {
        let steps: [&[Option<&[u8]>]; 4] =
            [&[Some(b"")], &[None, None], &[None, Some(b""), None], &[None, Some(b""), Some(b"")]];
        for steps in steps {
            assert_ends_in_misuse(start(&alice()), steps);
        }
    }

    #[test]
    fn what_cannot_be_sent_is_refused_and_not_shown() {
        for (username, password) in [("", "secret"), ("alice", ""), ("a\0b", "secret"), ("alice", "sec\0ret")]
        {
            let error = Plain::new(username, password).expect_err("it is refused");
            assert_eq!(error.kind(), SaslErrorKind::CredentialsInvalid);
            assert!(!error.to_string().contains("sec"), "{error}");
        }
    }

    #[test]
    fn the_password_is_in_no_debug_output() {
        let mut exchange = start(&alice());
        let mut shown = format!("{:?} {exchange:?}", alice());
        shown += &format!("{:?} {exchange:?}", exchange.next(None));
        assert!(!shown.contains("$$") && !shown.contains("36, 36"), "{shown}");
    }
}
