//! The mechanisms and their names.

use std::fmt;

/// A SASL mechanism that listeners can offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Mechanism {
    /// A name and a password as they are (RFC 4616).
    Plain,
    /// A proof that the password is known (RFC 5802, RFC 7677).
    Scram(ScramMechanism),
    /// A token (RFC 7628).
    OauthBearer,
}

/// The hash that SCRAM goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ScramMechanism {
    /// `SCRAM-SHA-256`.
    Sha256,
    /// `SCRAM-SHA-512`.
    Sha512,
}

impl Mechanism {
    /// Its name in `sasl.mechanism`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Scram(ScramMechanism::Sha256) => "SCRAM-SHA-256",
            Self::Scram(ScramMechanism::Sha512) => "SCRAM-SHA-512",
            Self::OauthBearer => "OAUTHBEARER",
        }
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
