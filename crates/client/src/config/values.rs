//! The values that were given, by the table's names, and the table's defaults for the rest.

use std::collections::BTreeMap;
use std::time::Duration;

use super::key::{Key, Status};
use super::keys;
use super::password::Password;
use super::properties::Properties;
use super::suggestion;
use super::value::{self, Value};
use crate::config_error::ConfigError;

/// Values that were read by what their keys hold.
#[derive(Clone)]
pub(super) struct Values {
    given: BTreeMap<&'static str, Given>,
    replaced: Vec<Given>,
}

/// One that was given.
#[derive(Clone)]
pub(super) struct Given {
    pub(super) key: &'static Key,
    /// The name it was given under.
    pub(super) name: String,
    pub(super) line: Option<usize>,
    pub(super) value: Value,
    /// As it was written, for keys that take some values only.
    text: String,
    order: usize,
}

impl Given {
    /// An error about it.
    pub(super) fn error(&self, reason: impl Into<String>) -> ConfigError {
        ConfigError::new(self.name.clone(), reason).at_line(self.line)
    }

    /// Refuses a value with which the program would do something else than is meant.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let Status::Only(values, reason) = self.key.status() else { return Ok(()) };
        if values.iter().any(|value| value.eq_ignore_ascii_case(&self.text)) {
            return Ok(());
        }
        let possible: Vec<&str> = values.iter().copied().filter(|value| !value.is_empty()).collect();
        Err(self.error(match (values, possible.len()) {
            ([], _) => reason.to_owned(),
            (_, 0) => format!("must stay empty, as {reason}: {}", self.text),
            (_, 1) => format!("only {} is possible, as {reason}: {}", possible[0], self.text),
            _ => format!("only one of {} is possible, as {reason}: {}", possible.join(", "), self.text),
        }))
    }
}

impl Values {
    /// Reads all of them.
    pub(super) fn new(properties: &Properties) -> Result<Self, ConfigError> {
        let mut values = Self { given: BTreeMap::new(), replaced: Vec::new() };
        let mut first_unknown: Option<(Option<usize>, &str)> = None;
        for (name, entry) in properties.entries() {
            let Some(key) = keys::find(name) else {
                if first_unknown.is_none_or(|(line, _)| entry.line < line) {
                    first_unknown = Some((entry.line, name));
                }
                continue;
            };
            let value = value::parse(key, &entry.value)
                .map_err(|reason| ConfigError::new(name.to_owned(), reason).at_line(entry.line))?;
            let text = entry.value.trim().to_owned();
            let given =
                Given { key, name: name.to_owned(), line: entry.line, value, text, order: entry.order };
            match values.given.get_mut(key.name()) {
                Some(other) if other.order > given.order => values.replaced.push(given),
                Some(other) => values.replaced.push(std::mem::replace(other, given)),
                None => drop(values.given.insert(key.name(), given)),
            }
        }
        match first_unknown {
            Some((line, name)) => Err(unknown(name).at_line(line)),
            None => Ok(values),
        }
    }

    /// All that hold.
    pub(super) fn all(&self) -> impl Iterator<Item = &Given> {
        self.given.values()
    }

    /// Those for which another name of the same key was given later.
    pub(super) fn replaced(&self) -> impl Iterator<Item = (&Given, &Given)> {
        self.replaced.iter().filter_map(|old| Some((old, self.given(old.key.name())?)))
    }

    /// What was given for a key.
    pub(super) fn given(&self, name: &str) -> Option<&Given> {
        debug_assert!(keys::find(name).is_some_and(|key| key.name() == name), "not in the table: {name}");
        self.given.get(name)
    }

    /// The value of a key, given or by default.
    pub(super) fn value(&self, name: &str) -> Option<Value> {
        if let Some(given) = self.given(name) {
            return Some(given.value.clone());
        }
        let key = keys::find(name)?;
        value::parse(key, key.default()?).ok()
    }

    /// The text of a key, given or by default.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        match self.value(name)? {
            Value::Text(text) => Some(text),
            Value::List(items) => Some(items.join(",")),
            _ => None,
        }
    }

    pub(super) fn password(&self, name: &str) -> Option<Password> {
        self.text(name).map(Password::new)
    }

    pub(super) fn list(&self, name: &str) -> Vec<String> {
        match self.value(name) {
            Some(Value::List(items)) => items,
            _ => Vec::new(),
        }
    }

    pub(super) fn boolean(&self, name: &str) -> bool {
        matches!(self.value(name), Some(Value::Boolean(true)))
    }

    /// The time of a key that has a default.
    pub(super) fn duration(&self, name: &str) -> Duration {
        match self.value(name) {
            Some(Value::Duration(duration)) => duration,
            _ => Duration::ZERO,
        }
    }

    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        match self.value(name)? {
            Value::Integer(number) => Some(number),
            _ => None,
        }
    }

    pub(super) fn decimal(&self, name: &str) -> f64 {
        match self.value(name) {
            Some(Value::Decimal(number)) => number,
            _ => 0.0,
        }
    }

    /// The size of a key that has a default. What is too large to hold is too large for builders too.
    pub(super) fn size(&self, name: &str) -> usize {
        usize::try_from(self.integer(name).unwrap_or_default()).unwrap_or(usize::MAX)
    }
}

fn unknown(name: &str) -> ConfigError {
    let reason = match suggestion::nearest(name, keys::names()) {
        Some(known) => format!("unknown key, did you mean {known}?"),
        None if matches!(
            name,
            "username" | "password" | "required" | "clientId" | "clientSecret" | "scope"
        ) =>
        {
            "unknown key; if it is a part of sasl.jaas.config, the line before needs a backslash at its end"
                .to_owned()
        }
        None => {
            "unknown key, neither of Java's clients nor of librdkafka: take out what is the application's own"
                .to_owned()
        }
    };
    ConfigError::new(name.to_owned(), reason)
}

impl std::fmt::Debug for Values {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = self.given.values().map(|given| match given.key.is_secret() {
            true => (given.key.name(), "hidden"),
            false => (given.key.name(), given.text.as_str()),
        });
        f.debug_map().entries(shown).finish()
    }
}
