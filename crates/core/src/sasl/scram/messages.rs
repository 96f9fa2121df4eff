//! A server's messages in SCRAM (RFC 5802, section 7), taken apart. What they ask for is judged elsewhere.

use std::str;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::MAX_SERVER_MESSAGE_SIZE;
use crate::sasl::error::{SaslError, SaslErrorKind};

/// `r=NONCE,s=SALT,i=ITERATIONS` and extensions.
#[derive(Debug)]
pub(super) struct ServerFirst<'a> {
    /// All of it, which is part of what is signed.
    pub(super) text: &'a str,
    pub(super) nonce: &'a str,
    pub(super) salt: Vec<u8>,
    /// `None` if the number does not fit.
    pub(super) iterations: Option<u32>,
}

/// `v=SIGNATURE` or `e=ERROR`, and extensions.
#[derive(Debug)]
pub(super) enum ServerFinal<'a> {
    Signature(Vec<u8>),
    Error(&'a str),
}

impl<'a> ServerFirst<'a> {
    pub(super) fn parse(mechanism: &str, message: &'a [u8]) -> Result<Self, SaslError> {
        let malformed = |what| SaslError::malformed(mechanism, what);
        let text = text_of(mechanism, message)?;
        let mut attributes = text.split(',');
        let first = attributes.next().unwrap_or_default();
        if first.starts_with("m=") {
            // RFC 5802, section 5.1: who does not know a mandatory extension must give up.
            return Err(malformed("it needs an extension that is unknown here (m=)"));
        }
        let nonce = first.strip_prefix("r=").filter(|nonce| is_nonce(nonce));
        let nonce = nonce.ok_or_else(|| malformed("no nonce at its start (r=)"))?;
        let salt = attributes.next().and_then(|salt| decoded(salt.strip_prefix("s=")?));
        let salt = salt.ok_or_else(|| malformed("no salt in base64 behind the nonce (s=)"))?;
        let digits = attributes.next().and_then(|digits| digits.strip_prefix("i="));
        let digits = digits.filter(|digits| is_number(digits));
        let digits = digits.ok_or_else(|| malformed("no count of iterations behind the salt (i=)"))?;
        check_extensions(mechanism, attributes)?;
        Ok(Self { text, nonce, salt, iterations: digits.parse().ok() })
    }
}

impl<'a> ServerFinal<'a> {
    pub(super) fn parse(mechanism: &str, message: &'a [u8]) -> Result<Self, SaslError> {
        let text = text_of(mechanism, message)?;
        let mut attributes = text.split(',');
        let first = attributes.next().unwrap_or_default();
        let message = match first.split_once('=') {
            Some(("e", value)) if !value.is_empty() => Self::Error(value),
            Some(("v", value)) => match decoded(value) {
                Some(signature) => Self::Signature(signature),
                None => return Err(SaslError::malformed(mechanism, "its signature is no base64 (v=)")),
            },
            _ => {
                return Err(SaslError::malformed(
                    mechanism,
                    "no signature and no error at its start (v=, e=)",
                ));
            }
        };
        check_extensions(mechanism, attributes)?;
        Ok(message)
    }
}

/// Printable ASCII without commas.
pub(super) fn is_nonce(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',')
}

/// Digits without a sign, which `parse` would take.
fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn decoded(base64: &str) -> Option<Vec<u8>> {
    STANDARD.decode(base64).ok().filter(|bytes| !bytes.is_empty())
}

fn text_of<'a>(mechanism: &str, message: &'a [u8]) -> Result<&'a str, SaslError> {
    if message.len() > MAX_SERVER_MESSAGE_SIZE {
        let size = message.len();
        let text = format!(
            "the server's {mechanism} message is larger than {MAX_SERVER_MESSAGE_SIZE} bytes, check that the peer is a \
             kafka broker: {size}"
        );
        return Err(SaslError::new(SaslErrorKind::MessageTooLarge, text));
    }
    str::from_utf8(message).map_err(|_| SaslError::malformed(mechanism, "it is not text"))
}

/// They are ignored, but must be some: a letter name and a value.
fn check_extensions<'a>(
    mechanism: &str,
    mut attributes: impl Iterator<Item = &'a str>,
) -> Result<(), SaslError> {
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_one = |attribute: &str| {
        attribute
            .split_once('=')
            .is_some_and(|(name, value)| is_name(name) && !value.is_empty() && !value.contains('\0'))
    };
    match attributes.all(is_one) {
        true => Ok(()),
        false => Err(SaslError::malformed(mechanism, "what follows is no extension")),
    }
}
