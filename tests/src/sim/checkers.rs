//! What must hold of every world, one rule a file. A checker sees only the finished [`Outcome`].

use super::history::Outcome;

/// A rule about histories.
#[derive(Clone, Copy, Debug)]
pub struct Checker {
    /// The rule's name, as reports show it: `acknowledged-is-kept`.
    pub name: &'static str,
    /// Says how the rule is broken, if it is.
    pub check: fn(&Outcome) -> Result<(), String>,
}

/// Every rule.
pub const CHECKERS: &[Checker] = &[];
