//! What all mechanisms have in common: tokens come in, answers go out, until it is known who the client is.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::config::Authority;
use super::mechanism::Mechanism;
use super::oauthbearer::OauthBearerExchange;
use super::plain;
use super::scram::ScramExchange;
use crate::random::Random;

/// One authentication by one mechanism.
#[derive(Debug)]
pub(crate) enum Exchange {
    Plain,
    Scram(ScramExchange),
    OauthBearer(OauthBearerExchange),
}

/// What comes of a token.
#[derive(Debug, PartialEq)]
pub(crate) enum Step {
    /// More tokens are needed.
    Continue(Bytes),
    /// The client is known.
    Done(Bytes, Identity),
}

/// Who a client is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) name: String,
    /// When its credentials are worth nothing any more.
    pub(crate) expires_unix_ms: Option<i64>,
    /// What it said of itself beside (KIP-342), or how (`tokenauth`).
    pub(crate) extensions: BTreeMap<String, String>,
}

/// Why a client is not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// For the client, which gets a general text, so as not to learn whether there is such a user.
    Credentials(&'static str),
    /// Told to the client as it is.
    Told(String),
}

/// What an exchange may ask for.
pub(crate) struct Surroundings<'a> {
    pub(crate) authority: &'a Authority,
    pub(crate) random: &'a mut Random,
    pub(crate) now_unix_ms: i64,
}

impl Identity {
    pub(crate) fn named(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }
}

impl Exchange {
    pub(crate) fn new(mechanism: Mechanism) -> Self {
        match mechanism {
            Mechanism::Plain => Self::Plain,
            Mechanism::Scram(mechanism) => Self::Scram(ScramExchange::new(mechanism)),
            Mechanism::OauthBearer => Self::OauthBearer(OauthBearerExchange::default()),
        }
    }

    pub(crate) fn on_token(&mut self, token: &[u8], around: &mut Surroundings<'_>) -> Result<Step, Refusal> {
        match self {
            Self::Plain => plain::on_token(token, around.authority),
            Self::Scram(exchange) => exchange.on_token(token, around),
            Self::OauthBearer(exchange) => exchange.on_token(token, around),
        }
    }
}
