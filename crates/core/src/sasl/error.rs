//! Why an exchange failed.
//!
//! Not here: what the broker answers with an error code (SASL_AUTHENTICATION_FAILED and its kin); whoever sends the
//! requests maps those.

use std::fmt;

/// Of a server's text no more than this is shown, in characters.
const SHOWN_CHARACTERS: usize = 512;

/// An exchange that failed, or that cannot start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaslError {
    kind: SaslErrorKind,
    text: String,
}

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SaslErrorKind {
    /// The server does not take the credentials: wrong password, unknown user, expired token.
    CredentialsRefused,
    /// The server refuses the exchange for a reason that is not the credentials.
    ExchangeRefused,
    /// The credentials cannot be sent in this mechanism: empty, or with characters that it does not allow.
    CredentialsInvalid,
    /// The credentials cannot be had at the moment. Only mechanisms of an application say this.
    CredentialsUnavailable,
    /// The server's signature is wrong: it does not know the password, so it is not who it claims to be.
    WrongServerSignature,
    /// The server asks for so few iterations that the password could be guessed from what is sent.
    TooFewIterations,
    /// The server asks for so many iterations that it would keep the client busy.
    TooManyIterations,
    /// The server's nonce does not extend the client's: the message belongs to another exchange, or is forged.
    WrongNonce,
    /// The server's message is not one of this mechanism.
    MalformedMessage,
    /// The server's message is larger than any honest one.
    MessageTooLarge,
    /// The exchange was asked for a step that it does not have.
    Misuse,
}

impl SaslError {
    /// An error of a mechanism. `text` is lower case, without a full stop, says what to check, and holds no secret.
    pub fn new(kind: SaslErrorKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    /// An error that quotes what a peer said. Of `said` no more than 512 characters are shown, and no control characters.
    pub fn quoting(kind: SaslErrorKind, text: &str, said: &[u8]) -> Self {
        Self::new(kind, format!("{text}: {}", shown(said)))
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> SaslErrorKind {
        self.kind
    }

    /// Whether another exchange with the same mechanism may succeed.
    pub fn is_retriable(&self) -> bool {
        self.kind == SaslErrorKind::CredentialsUnavailable
    }

    /// Whether the server has failed to prove that it is the right one. The credentials may be good.
    pub fn is_server_untrusted(&self) -> bool {
        matches!(
            self.kind,
            SaslErrorKind::WrongServerSignature
                | SaslErrorKind::TooFewIterations
                | SaslErrorKind::TooManyIterations
                | SaslErrorKind::WrongNonce
        )
    }
}

#[cfg(feature = "sasl")]
impl SaslError {
    /// A step out of order.
    pub(super) fn misuse(mechanism: &str, state: &str) -> Self {
        Self::new(SaslErrorKind::Misuse, format!("no such step: the {mechanism} exchange {state}"))
    }

    /// A message that is none of the mechanism's.
    pub(super) fn malformed(mechanism: &str, what: &str) -> Self {
        let text = format!("not a {mechanism} message, check that the peer is a kafka broker: {what}");
        Self::new(SaslErrorKind::MalformedMessage, text)
    }
}

impl fmt::Display for SaslError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for SaslError {}

/// A server's text, fit to be shown: cut, and without control characters.
pub(crate) fn shown(text: &[u8]) -> String {
    // No character is longer than four bytes, so the cut is behind what is shown.
    let text = &text[..text.len().min(4 * SHOWN_CHARACTERS)];
    let text = String::from_utf8_lossy(text);
    text.chars()
        .take(SHOWN_CHARACTERS)
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_text_is_shown_in_part_and_without_control_characters() {
        assert_eq!(shown("{\"status\":\"ü\"}".as_bytes()), "{\"status\":\"ü\"}");
        assert_eq!(shown(b"a\x1b[2J\nb\xff"), "a\u{fffd}[2J\u{fffd}b\u{fffd}");
        assert_eq!(shown(&[b'x'; 5000]).len(), SHOWN_CHARACTERS);
        assert_eq!(shown("ü".repeat(5000).as_bytes()).chars().count(), SHOWN_CHARACTERS);
    }
}
