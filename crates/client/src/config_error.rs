//! Settings that make no sense.

use std::borrow::Cow;
use std::fmt;

/// A setting was refused. The text never holds the value of a setting that is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    key: Cow<'static, str>,
    line: Option<usize>,
    reason: String,
}

impl ConfigError {
    pub(crate) fn new(key: impl Into<Cow<'static, str>>, reason: impl Into<String>) -> Self {
        Self { key: key.into(), line: None, reason: reason.into() }
    }

    /// With the line of the text that the setting came from.
    #[cfg(feature = "properties")]
    pub(crate) fn at_line(mut self, line: Option<usize>) -> Self {
        self.line = line;
        self
    }

    /// The setting, by the name it was given under: `batch.size`.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Where the setting stands in the text it came from, the first line being 1.
    pub fn line(&self) -> Option<usize> {
        self.line
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{} (line {line}): {}", self.key, self.reason),
            None => write!(f, "{}: {}", self.key, self.reason),
        }
    }
}

impl std::error::Error for ConfigError {}
