//! SCRAM-SHA-256 and SCRAM-SHA-512 (RFC 5802, RFC 7677; in Kafka KIP-84, delegation tokens KIP-48).
//!
//! The password is not sent, and the server proves that it knows it. As in Kafka's Java client, user name and password
//! are not normalised (no SASLprep), `,` and `=` of the name are escaped, there is no channel binding (`n,,`), and
//! extensions of the server are ignored. Unlike there, what the server sent is hashed as it came, so an exchange with
//! extensions works; a nonce must be longer than ours, and iterations are bounded above.
//!
//! | state | event | next state | output |
//! |---|---|---|---|
//! | Opening | `next(None)` | AwaitingServerFirst | client-first-message |
//! | AwaitingServerFirst | server-first-message | AwaitingServerFinal | client-final-message |
//! | AwaitingServerFinal | server-final-message with the right signature | Over | Done |
//! | any | anything else | Over | an error |
//!
//! No salted password is kept from one exchange to the next: Java keeps none either, and a few milliseconds a connection
//! do not pay for a secret that stays in memory.

mod keys;
mod messages;

use std::mem;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;

use self::keys::SaltedPassword;
use self::messages::{ServerFinal, ServerFirst};
use super::error::{SaslError, SaslErrorKind, shown};
use super::mechanism::{Exchange, Mechanism, Start, Step};
use super::secret::Secret;

/// Fewer iterations than this are refused: RFC 7677 has it, and Kafka's brokers and clients.
pub const MIN_ITERATIONS: u32 = 4096;
/// More iterations than this are refused, since each costs the client time: sixteen times what Kafka lets a user have,
/// and still about a tenth of a second.
pub const MAX_ITERATIONS: u32 = 16 * 16_384;
/// The largest message of a server that is read, in bytes. Kafka's have some 200.
pub const MAX_SERVER_MESSAGE_SIZE: usize = 4096;

/// The header that says: no channel binding, no authorization id.
const GS2_HEADER: &str = "n,,";

/// Which hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScramMechanism {
    /// SCRAM-SHA-256.
    Sha256,
    /// SCRAM-SHA-512.
    Sha512,
}

impl ScramMechanism {
    /// The registered name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "SCRAM-SHA-256",
            Self::Sha512 => "SCRAM-SHA-512",
        }
    }
}

/// The mechanisms SCRAM-SHA-256 and SCRAM-SHA-512.
#[derive(Clone, Debug)]
pub struct Scram {
    mechanism: ScramMechanism,
    username: String,
    password: Secret,
    is_delegation_token: bool,
}

impl Scram {
    /// For this user.
    ///
    /// # Errors
    /// A user name or password that is empty, or a name that holds the character NUL.
    pub fn new(mechanism: ScramMechanism, username: &str, password: &str) -> Result<Self, SaslError> {
        let problem = match (username, password) {
            ("", _) => "the user name is empty",
            (_, "") => "the password is empty",
            (name, _) if name.contains('\0') => "the user name holds the character nul",
            _ => {
                let (username, password) = (username.to_owned(), Secret::new(password.as_bytes()));
                return Ok(Self { mechanism, username, password, is_delegation_token: false });
            }
        };
        let text = format!("no credentials for {}: {problem}", mechanism.name());
        Err(SaslError::new(SaslErrorKind::CredentialsInvalid, text))
    }

    /// For a delegation token: its id, and its HMAC in Base64 as Kafka's tools show it.
    ///
    /// # Errors
    /// As [`Scram::new`].
    pub fn delegation_token(
        mechanism: ScramMechanism,
        token_id: &str,
        hmac: &str,
    ) -> Result<Self, SaslError> {
        Ok(Self { is_delegation_token: true, ..Self::new(mechanism, token_id, hmac)? })
    }

    /// An exchange with a nonce that the caller chose, to replay one that was recorded. An exchange with a server needs
    /// a nonce that nobody can guess: [`Mechanism::start`] makes it.
    ///
    /// # Errors
    /// A nonce that is empty, or holds more than printable ASCII without commas.
    pub fn replay(&self, nonce: &str) -> Result<Box<dyn Exchange>, SaslError> {
        if !messages::is_nonce(nonce) {
            let text = "the nonce must be of printable ascii without commas";
            return Err(SaslError::new(SaslErrorKind::Misuse, text));
        }
        let name = self.username.replace('=', "=3D").replace(',', "=2C");
        let extension = if self.is_delegation_token { ",tokenauth=true" } else { "" };
        Ok(Box::new(ScramExchange {
            mechanism: self.mechanism,
            password: self.password.clone(),
            nonce: nonce.to_owned(),
            client_first_bare: format!("n={name},r={nonce}{extension}"),
            state: State::Opening,
        }))
    }
}

impl Mechanism for Scram {
    fn name(&self) -> &str {
        self.mechanism.name()
    }

    fn start(&self, start: Start<'_>) -> Result<Box<dyn Exchange>, SaslError> {
        self.replay(&URL_SAFE_NO_PAD.encode(start.into_entropy().into_bytes()))
    }
}

#[derive(Debug)]
struct ScramExchange {
    mechanism: ScramMechanism,
    password: Secret,
    nonce: String,
    client_first_bare: String,
    state: State,
}

#[derive(Debug)]
enum State {
    Opening,
    AwaitingServerFirst,
    AwaitingServerFinal { salted_password: SaltedPassword, auth_message: String },
    Over,
}

impl Exchange for ScramExchange {
    fn next(&mut self, challenge: Option<&[u8]>) -> Result<Step, SaslError> {
        let name = self.mechanism.name();
        match (mem::replace(&mut self.state, State::Over), challenge) {
            (State::Opening, None) => {
                self.state = State::AwaitingServerFirst;
                Ok(Step::Respond(Bytes::from(format!("{GS2_HEADER}{}", self.client_first_bare))))
            }
            (State::AwaitingServerFirst, Some(challenge)) => self.on_server_first(challenge),
            (State::AwaitingServerFinal { salted_password, auth_message }, Some(challenge)) => {
                match ServerFinal::parse(name, challenge)? {
                    ServerFinal::Signature(signature)
                        if salted_password.is_server_signature(&signature, &auth_message) =>
                    {
                        Ok(Step::Done)
                    }
                    ServerFinal::Signature(_) => Err(wrong_signature(name)),
                    ServerFinal::Error(value) => Err(refused(name, value)),
                }
            }
            (State::Opening, Some(_)) => Err(SaslError::misuse(name, "has not been opened")),
            (State::AwaitingServerFirst | State::AwaitingServerFinal { .. }, None) => {
                Err(SaslError::misuse(name, "is open"))
            }
            (State::Over, _) => Err(SaslError::misuse(name, "is over")),
        }
    }
}

impl ScramExchange {
    fn on_server_first(&mut self, challenge: &[u8]) -> Result<Step, SaslError> {
        let name = self.mechanism.name();
        let server_first = ServerFirst::parse(name, challenge)?;
        let nonce = server_first.nonce;
        if nonce.len() <= self.nonce.len() || !nonce.starts_with(&self.nonce) {
            let text = format!("the server's nonce does not extend the client's in {name}: {UNTRUSTED}");
            return Err(SaslError::new(SaslErrorKind::WrongNonce, text));
        }
        let iterations = checked_iterations(name, server_first.iterations)?;
        let salted_password =
            SaltedPassword::new(self.mechanism, self.password.expose(), &server_first.salt, iterations);
        let without_proof = format!("c={},r={nonce}", STANDARD.encode(GS2_HEADER));
        let auth_message = format!("{},{},{without_proof}", self.client_first_bare, server_first.text);
        let proof = STANDARD.encode(salted_password.client_proof(&auth_message).expose());
        self.state = State::AwaitingServerFinal { salted_password, auth_message };
        Ok(Step::Respond(Bytes::from(format!("{without_proof},p={proof}"))))
    }
}

const UNTRUSTED: &str = "check that the address is the cluster's and that nothing sits in between";

fn checked_iterations(name: &str, iterations: Option<u32>) -> Result<u32, SaslError> {
    // A number that does not fit is `None`.
    match iterations {
        Some(few) if few < MIN_ITERATIONS => {
            let text = format!(
                "the server asks for too few iterations in {name}, at least {MIN_ITERATIONS} are safe, {UNTRUSTED}: \
                 {few}"
            );
            Err(SaslError::new(SaslErrorKind::TooFewIterations, text))
        }
        Some(iterations) if iterations <= MAX_ITERATIONS => Ok(iterations),
        many => {
            let many = many.map_or_else(|| "more than 32 bits".to_owned(), |many| many.to_string());
            let text = format!(
                "the server asks for too many iterations in {name}, at most {MAX_ITERATIONS} are done, {UNTRUSTED}: \
                 {many}"
            );
            Err(SaslError::new(SaslErrorKind::TooManyIterations, text))
        }
    }
}

fn wrong_signature(name: &str) -> SaslError {
    let text =
        format!("the server's signature in {name} is wrong, it does not know the password: {UNTRUSTED}");
    SaslError::new(SaslErrorKind::WrongServerSignature, text)
}

/// RFC 5802, section 7, `server-error-value`.
fn refused(name: &str, value: &str) -> SaslError {
    let (kind, what) = match value {
        "invalid-proof" | "unknown-user" | "invalid-username-encoding" => (
            SaslErrorKind::CredentialsRefused,
            "the credentials, check user name and password, and that the user has credentials for this mechanism",
        ),
        _ => (SaslErrorKind::ExchangeRefused, "the exchange"),
    };
    SaslError::new(kind, format!("the server refuses {what}, in {name}: {}", shown(value.as_bytes())))
}

#[cfg(test)]
mod tests;
