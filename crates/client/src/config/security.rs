//! How connections are secured: `security.protocol`, and what it calls for.

use super::sasl::SaslSettings;
use super::tls::TlsSettings;
use super::values::Values;
use crate::config_error::ConfigError;

/// How connections are secured.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SecuritySettings {
    /// Encryption: with `SSL` and `SASL_SSL`.
    pub tls: Option<TlsSettings>,
    /// Authentication: with `SASL_PLAINTEXT` and `SASL_SSL`.
    pub sasl: Option<SaslSettings>,
}

impl SecuritySettings {
    pub(super) fn new(values: &Values) -> Result<Self, ConfigError> {
        let protocol = values.text("security.protocol").unwrap_or_default();
        let tls = protocol.ends_with("SSL").then(|| TlsSettings::new(values)).transpose()?;
        let sasl = protocol.starts_with("SASL").then(|| SaslSettings::new(values)).transpose()?;
        Ok(Self { tls, sasl })
    }

    /// `security.protocol`.
    pub fn protocol(&self) -> &'static str {
        match (&self.tls, &self.sasl) {
            (None, None) => "PLAINTEXT",
            (Some(_), None) => "SSL",
            (None, Some(_)) => "SASL_PLAINTEXT",
            (Some(_), Some(_)) => "SASL_SSL",
        }
    }
}

#[cfg(test)]
mod tests;
