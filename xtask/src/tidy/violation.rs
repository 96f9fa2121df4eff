//! One place where the workspace breaks a rule.

use std::fmt;

/// A broken rule: where, which, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The file, from the workspace's root.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
    /// The rule's name.
    pub rule: &'static str,
    /// The function or dependency inside the file that an exception can name.
    pub item: Option<String>,
    /// What is wrong and what to do instead.
    pub message: String,
}

impl Violation {
    /// A violation of a rule on a line.
    pub fn new(rule: &'static str, path: &str, line: usize, message: impl Into<String>) -> Violation {
        Violation { path: path.to_owned(), line, rule, item: None, message: message.into() }
    }

    /// The same, inside an item that has a name.
    pub fn of_item(self, item: &str) -> Violation {
        Violation { item: Some(item.to_owned()), ..self }
    }

    /// What an exception to it names: `path` or `path::item`.
    pub fn subject(&self) -> String {
        self.item.as_ref().map_or_else(|| self.path.clone(), |item| format!("{}::{item}", self.path))
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.path, self.line, self.rule, self.message)
    }
}
