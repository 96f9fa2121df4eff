//! Checks against what Apache Kafka's own classes say, one JSON line at a time.
//!
//! The lines are those of the oracle's fixture files; each kind has its module, whose `check` takes a
//! parsed line. Not here: reading files and counting, which the `oracle` binary does.

mod any;
pub mod assignors;
pub mod batches;
mod codec;
pub mod messages;
pub mod mutations;
pub mod primitives;
pub mod scram;

use serde_json::Value;

/// What came of one line.
#[derive(Debug)]
pub enum Verdict {
    /// We agree with Apache Kafka.
    Passed,
    /// We do not, with the difference.
    Failed(String),
    /// A kind of line that no check takes.
    Skipped,
}

/// Which file a line is from, told by its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `batches`: record sets.
    Batches,
    /// `misc`: hashes, varints and more, by their own `kind`.
    Primitives,
    /// `fixtures`: one message each.
    Fixtures,
    /// `mutations`: damaged messages.
    Mutations,
    /// `downgrade`: messages encoded at a lower version.
    Downgrade,
    /// `assignors`: group assignments.
    Assignors,
    /// None of these.
    Unknown,
}

/// Tells a line's kind.
#[must_use]
pub fn kind_of(line: &Value) -> Kind {
    let has = |key: &str| line.get(key).is_some();
    if has("batches") {
        Kind::Batches
    } else if has("assignor") {
        Kind::Assignors
    } else if has("op") {
        Kind::Mutations
    } else if has("jsonVersion") {
        Kind::Downgrade
    } else if matches!(line["kind"].as_str(), Some("request" | "response" | "header" | "data")) {
        Kind::Fixtures
    } else if has("kind") {
        Kind::Primitives
    } else {
        Kind::Unknown
    }
}

/// Checks one line of any kind. A new kind of check gets its arm here.
#[must_use]
pub fn check(line: &Value) -> Verdict {
    let result = match kind_of(line) {
        Kind::Batches => batches::check(line),
        Kind::Primitives if primitives::handles(line) => primitives::check(line),
        Kind::Primitives if scram::handles(line) => scram::check(line),
        Kind::Fixtures => messages::check_fixture(line),
        Kind::Mutations => mutations::check(line),
        Kind::Downgrade => messages::check_downgrade(line),
        Kind::Primitives | Kind::Assignors if assignors::handles(line) => assignors::check(line),
        Kind::Primitives | Kind::Assignors | Kind::Unknown => return Verdict::Skipped,
    };
    match result {
        Ok(()) => Verdict::Passed,
        Err(difference) => Verdict::Failed(difference),
    }
}

/// The bytes of a lower-case hex string.
///
/// # Errors
/// If it is none.
pub fn unhex(text: &str) -> Result<Vec<u8>, String> {
    let digit = |byte: u8| (byte as char).to_digit(16).ok_or_else(|| format!("not hex: {text}"));
    if !text.len().is_multiple_of(2) {
        return Err(format!("odd length of hex: {text}"));
    }
    text.as_bytes().chunks_exact(2).map(|pair| Ok((digit(pair[0])? << 4 | digit(pair[1])?) as u8)).collect()
}

/// The bytes as lower-case hex.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The string at `key`, unhexed.
fn hex_field(line: &Value, key: &str) -> Result<Vec<u8>, String> {
    unhex(text_field(line, key)?)
}

/// The string at `key`.
fn text_field<'a>(line: &'a Value, key: &str) -> Result<&'a str, String> {
    line[key].as_str().ok_or_else(|| format!("no string: {key}"))
}

/// The integer at `key`.
fn int_field(line: &Value, key: &str) -> Result<i64, String> {
    line[key].as_i64().ok_or_else(|| format!("no integer: {key}"))
}

/// An error that names the field if the two differ.
fn same<T: PartialEq + std::fmt::Debug>(what: &str, ours: T, kafkas: T) -> Result<(), String> {
    if ours == kafkas { Ok(()) } else { Err(format!("{what}: {ours:?}, Kafka has {kafkas:?}")) }
}
