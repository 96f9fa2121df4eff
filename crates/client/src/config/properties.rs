//! Properties: names with values, as in Java's `.properties` files and in those of librdkafka's users.
//!
//! [`Properties::parse`] reads what `java.util.Properties` reads, character by character (the tests hold a table of texts
//! that Java was asked about), with three differences: text is UTF-8, as every editor writes it, where Java takes
//! ISO 8859-1; a `\u` escape that is half of a character is an error; and a backslash alone in the last line is
//! nothing, where Java makes an empty key of it.
//!
//! Not here: what a key means.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::keys;
use crate::config_error::ConfigError;

mod lines;

/// The longest text that is read, in bytes: room for certificates, and an end for a file that is no configuration.
pub const MAX_TEXT_BYTES: usize = 1 << 20;
/// The most keys that are held; all clients together know some 300.
pub const MAX_KEYS: usize = 4096;

/// Names with their values. A name that comes again replaces the earlier value.
///
/// `Debug` and `Display` show values only of keys that are known and not secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Properties {
    entries: BTreeMap<String, Entry>,
    /// How many values were set, replaced ones included.
    set: usize,
}

/// A value, and where it came from.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) value: String,
    pub(super) line: Option<usize>,
    /// Of two names for one setting, the one that was set later holds.
    pub(super) order: usize,
}

impl Properties {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the text of a Java `.properties` file: `key=value`, `key: value` or `key value`; lines that begin with `#`
    /// or `!` are comments, a backslash at the end of a line joins it with the next, and `\t`, `\n`, `\r`, `\f` and
    /// `\uXXXX` stand for characters.
    ///
    /// # Errors
    /// A malformed escape; more than [`MAX_TEXT_BYTES`] or [`MAX_KEYS`].
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        check_size(text)?;
        let mut properties = Self::new();
        for line in lines::logical_lines(text) {
            let (key, value) = lines::split(&line.text);
            let key = lines::unescape(key).map_err(|reason| malformed(line.number, "", reason))?;
            let value = lines::unescape(value).map_err(|reason| malformed(line.number, &key, reason))?;
            properties.insert(key, value, Some(line.number))?;
        }
        Ok(properties)
    }

    /// Reads `key=value` lines without escapes, as librdkafka's tools do: lines that begin with `#` are comments, and
    /// a backslash is a character like others.
    ///
    /// # Errors
    /// A line without `=`; more than [`MAX_TEXT_BYTES`] or [`MAX_KEYS`].
    pub fn parse_plain(text: &str) -> Result<Self, ConfigError> {
        check_size(text)?;
        let mut properties = Self::new();
        for (index, line) in text.lines().enumerate() {
            let (line, number) = (line.trim(), index + 1);
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let Some((key, value)) = line.split_once('=') else {
                return Err(malformed(number, "", "no `=` in this line, which should be key=value"));
            };
            properties.insert(key.trim_end().to_owned(), value.trim_start().to_owned(), Some(number))?;
        }
        Ok(properties)
    }

    /// Takes pairs of keys and values, such as a map of settings that came from elsewhere.
    ///
    /// # Errors
    /// More than [`MAX_KEYS`].
    pub fn from_pairs<K: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, ConfigError> {
        let mut properties = Self::new();
        for (key, value) in pairs {
            properties.insert(key.into(), value.into(), None)?;
        }
        Ok(properties)
    }

    /// Sets a value, over an earlier one.
    ///
    /// # Errors
    /// More than [`MAX_KEYS`].
    pub fn set(&mut self, key: impl Into<String>, value: impl Into<String>) -> Result<(), ConfigError> {
        self.insert(key.into(), value.into(), None)
    }

    /// The value of a key.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.entries.get(key).map(|entry| entry.value.as_str())
    }

    /// Takes a key out, such as one that the application has in the same file.
    pub fn remove(&mut self, key: &str) -> Option<String> {
        self.entries.remove(key).map(|entry| entry.value)
    }

    /// The keys, sorted.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(key, entry)| (key.as_str(), entry))
    }

    fn insert(&mut self, key: String, value: String, line: Option<usize>) -> Result<(), ConfigError> {
        if self.entries.len() >= MAX_KEYS && !self.entries.contains_key(&key) {
            return Err(ConfigError::new("properties", format!("more than {MAX_KEYS} keys")).at_line(line));
        }
        self.set += 1;
        self.entries.insert(key, Entry { value, line, order: self.set });
        Ok(())
    }
}

fn check_size(text: &str) -> Result<(), ConfigError> {
    if text.len() > MAX_TEXT_BYTES {
        let reason = format!("{} bytes of text, at most {MAX_TEXT_BYTES} are read", text.len());
        return Err(ConfigError::new("properties", reason));
    }
    Ok(())
}

fn malformed(line: usize, key: &str, reason: &'static str) -> ConfigError {
    let key = if key.is_empty() { "properties".to_owned() } else { key.to_owned() };
    ConfigError::new(key, reason).at_line(Some(line))
}

impl FromStr for Properties {
    type Err = ConfigError;

    /// As [`Properties::parse`].
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        Self::parse(text)
    }
}

/// `key=value` lines, values hidden as in `Debug`: something to log, nothing to read again.
impl fmt::Display for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (key, entry) in &self.entries {
            writeln!(f, "{key}={}", shown(key, &entry.value))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.entries.iter().map(|(key, entry)| (key, shown(key, &entry.value))))
            .finish()
    }
}

/// A key that nobody knows may hold a secret too.
fn shown<'a>(key: &str, value: &'a str) -> &'a str {
    match keys::find(key) {
        Some(known) if !known.is_secret() => value,
        _ => "hidden",
    }
}

#[cfg(test)]
mod tests;
