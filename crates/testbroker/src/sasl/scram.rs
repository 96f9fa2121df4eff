//! The server's side of SCRAM (RFC 5802, RFC 7677), without channel binding. Kafka never sends `e=…`: what is wrong is
//! told by the answer around the token.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::exchange::{Identity, Refusal, Step, Surroundings};
use super::mechanism::ScramMechanism;
use super::plain::OTHER_IDENTITY;
use super::scram_credential::ScramCredential;
use super::scram_message::{ClientFinal, ClientFirst};
use crate::random::Random;

/// How Kafka's clients say that name and password are a delegation token's id and HMAC (KIP-48).
const TOKEN_EXTENSION: &str = "tokenauth";
/// As many as there are in Kafka's nonces, about.
const NONCE_CHARACTERS: usize = 24;

/// One login.
#[derive(Debug)]
pub(crate) struct ScramExchange {
    mechanism: ScramMechanism,
    challenge: Option<Challenge>,
}

/// What was sent, and is to be answered.
#[derive(Debug)]
struct Challenge {
    credential: ScramCredential,
    identity: Identity,
    gs2_header: Vec<u8>,
    nonce: String,
    /// `client-first-message-bare "," server-first-message`.
    so_far: String,
}

impl ScramExchange {
    pub(crate) fn new(mechanism: ScramMechanism) -> Self {
        Self { mechanism, challenge: None }
    }

    pub(crate) fn on_token(&mut self, token: &[u8], around: &mut Surroundings<'_>) -> Result<Step, Refusal> {
        match self.challenge.take() {
            None => {
                let server_nonce = nonce(around.random);
                self.on_first(token, around, &server_nonce)
            }
            Some(challenge) => self.on_final(token, challenge),
        }
    }

    fn on_first(
        &mut self,
        token: &[u8],
        around: &Surroundings<'_>,
        server_nonce: &str,
    ) -> Result<Step, Refusal> {
        const UNKNOWN: Refusal = Refusal::Credentials("no such user");
        let first = ClientFirst::parse(token)?;
        let (credential, mut identity) = if first
            .extensions
            .get(TOKEN_EXTENSION)
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
        {
            let (token, credential) =
                around.authority.delegation_token(self.mechanism, &first.name).ok_or(UNKNOWN)?;
            let mut identity = Identity::named(token.owner());
            identity.expires_unix_ms = token.expiry();
            if token.expiry().is_some_and(|expiry| expiry <= around.now_unix_ms) {
                return Err(Refusal::Credentials("the delegation token has expired"));
            }
            (credential, identity)
        } else {
            let credential = around.authority.scram(self.mechanism, &first.name).ok_or(UNKNOWN)?;
            (credential, Identity::named(&first.name))
        };
        if !first.authzid.is_empty() && first.authzid != first.name {
            return Err(Refusal::Told(OTHER_IDENTITY.to_owned()));
        }
        identity.extensions = first.extensions;
        let nonce = format!("{}{server_nonce}", first.nonce);
        let answer = format!("r={nonce},s={},i={}", STANDARD.encode(&credential.salt), credential.iterations);
        self.challenge = Some(Challenge {
            credential: credential.clone(),
            identity,
            gs2_header: first.gs2_header.as_bytes().to_vec(),
            nonce,
            so_far: format!("{},{answer}", first.bare),
        });
        Ok(Step::Continue(answer.into()))
    }

    fn on_final(&self, token: &[u8], challenge: Challenge) -> Result<Step, Refusal> {
        let last = ClientFinal::parse(token)?;
        if last.nonce != challenge.nonce {
            return Err(Refusal::Credentials("another nonce"));
        }
        if last.channel_binding != challenge.gs2_header {
            return Err(Refusal::Credentials("another channel binding"));
        }
        let signed = format!("{},{}", challenge.so_far, last.without_proof);
        let ScramCredential { stored_key, server_key, .. } = &challenge.credential;
        let signature = self.mechanism.hmac(stored_key, signed.as_bytes());
        if last.proof.len() != signature.len() {
            return Err(Refusal::Credentials("a proof of another length"));
        }
        let client_key: Vec<u8> =
            last.proof.iter().zip(&signature).map(|(proof, sign)| proof ^ sign).collect();
        if self.mechanism.hash(&client_key) != *stored_key {
            return Err(Refusal::Credentials("a wrong proof"));
        }
        let answer = STANDARD.encode(self.mechanism.hmac(server_key, signed.as_bytes()));
        Ok(Step::Done(Bytes::from(format!("v={answer}")), challenge.identity))
    }
}

fn nonce(random: &mut Random) -> String {
    const DIGITS: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let digit = |_| char::from(DIGITS[(random.next_u64() % DIGITS.len() as u64) as usize]);
    (0..NONCE_CHARACTERS).map(digit).collect()
}

#[cfg(test)]
#[path = "scram/tests.rs"]
mod tests;
