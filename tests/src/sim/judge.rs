//! Runs a world and says what is wrong with it.

use std::fmt;

use super::checkers::CHECKERS;
use super::plan::Plan;
use super::world::{Ended, run};

/// What is wrong with a world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The rule that does not hold: a checker's name, or `panic`, `trouble` or `determinism`.
    pub rule: &'static str,
    /// How it is broken.
    pub reason: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.reason)
    }
}

/// Runs a world and holds it against every rule.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn judge(plan: &Plan) -> Result<Ended, Failure> {
    let ended = run(plan).map_err(|reason| Failure { rule: "panic", reason })?;
    if let Some(trouble) = ended.troubles.first() {
        return Err(Failure { rule: "trouble", reason: trouble.clone() });
    }
    for checker in CHECKERS {
        if let Err(reason) = (checker.check)(&ended.outcome) {
            return Err(Failure { rule: checker.name, reason });
        }
    }
    Ok(ended)
}

/// As [`judge`], twice: both runs must be the same to the byte.
///
/// # Errors
/// The first thing that is wrong with it, or the first line in which the runs differ.
pub fn judge_twice(plan: &Plan) -> Result<Ended, Failure> {
    let ended = judge(plan)?;
    let again = run(plan).map_err(|reason| Failure { rule: "determinism", reason })?;
    if ended.text == again.text {
        return Ok(ended);
    }
    let lines = || ended.text.lines().zip(again.text.lines()).enumerate();
    let reason = match lines().find(|(_, (first, second))| first != second) {
        Some((number, (first, second))) => format!("line {}: {first} is then {second}", number + 1),
        None => "one run is longer".to_owned(),
    };
    Err(Failure { rule: "determinism", reason })
}
