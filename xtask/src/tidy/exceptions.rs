//! `xtask/tidy-exceptions.txt`: violations that stay for a reason. Lines of `rule path # reason` or
//! `rule path::item # reason`; the list may only shrink.

use super::violation::Violation;
use crate::workspace;
use anyhow::{Context, Result, bail};
use std::fs;

const PATH: &str = "xtask/tidy-exceptions.txt";

/// The list, and which of it was needed.
pub struct Exceptions {
    entries: Vec<Entry>,
}

struct Entry {
    line: usize,
    rule: String,
    subject: String,
    used: bool,
}

impl Exceptions {
    /// Reads the workspace's list.
    pub fn load() -> Result<Exceptions> {
        let text = fs::read_to_string(workspace::root().join(PATH))
            .with_context(|| format!("cannot read {PATH}"))?;
        Exceptions::parse(&text).with_context(|| format!("in {PATH}"))
    }

    /// Reads a list.
    pub fn parse(text: &str) -> Result<Exceptions> {
        let mut entries = Vec::new();
        for (line, content) in (1..).zip(text.lines()) {
            if content.trim().is_empty() || content.starts_with('#') {
                continue;
            }
            let Some((entry, reason)) = content.split_once('#') else {
                bail!("line {line}: no reason: write `rule path # reason`");
            };
            let [rule, subject] = entry.split_whitespace().collect::<Vec<_>>()[..] else {
                bail!("line {line}: not an exception: write `rule path # reason`");
            };
            if reason.trim().is_empty() {
                bail!("line {line}: the reason is empty");
            }
            entries.push(Entry { line, rule: rule.to_owned(), subject: subject.to_owned(), used: false });
        }
        Ok(Exceptions { entries })
    }

    /// Whether the list names this violation.
    pub fn allow(&mut self, violation: &Violation) -> bool {
        let subject = violation.subject();
        let mut allowed = false;
        for entry in &mut self.entries {
            if entry.rule == violation.rule && entry.subject == subject {
                entry.used = true;
                allowed = true;
            }
        }
        allowed
    }

    /// The entries that named no violation.
    pub fn unused(&self) -> Vec<Violation> {
        let unused = self.entries.iter().filter(|entry| !entry.used);
        let violation = |entry: &Entry| {
            let message = format!("no longer needed: {} {}: remove it", entry.rule, entry.subject);
            Violation::new("exceptions", PATH, entry.line, message)
        };
        unused.map(violation).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_without_a_reason_is_refused() {
        for text in ["unwrap crates/core/src/lib.rs\n", "unwrap crates/core/src/lib.rs #\n", "unwrap # why\n"]
        {
            assert!(Exceptions::parse(text).is_err(), "{text}");
        }
    }
}
