//! What must hold of every world, one rule a file, each with the reason why Kafka's contract demands it. A checker sees
//! only the finished [`Outcome`].
//!
//! What the rules take for granted of a world: producers use `acks=all`, leaders are elected among replicas in sync,
//! groups begin at the earliest offset and a consumer's `client.id` is its name in the history.

mod acknowledged_is_kept;
mod acknowledged_is_not_written_over;
#[cfg(test)]
mod by_hand;
mod commits_do_not_go_back;
mod committed_by_its_owner;
mod committed_was_given_back;
mod committed_was_handed_out;
mod converges;
mod failed_is_not_written;
mod handed_back_once;
mod handed_out_at_least_once;
mod handed_out_by_its_owner;
mod handed_out_in_order;
mod handed_out_is_stored;
mod holdings;
mod invalid_for_a_reason;
mod joins_with_empty_hands;
mod leader_epochs_rise;
mod leaders_do_not_go_back;
mod lost_for_a_reason;
mod memory_within_budget;
mod one_owner;
mod one_owner_in_a_generation;
mod reading;
mod rebalances_in_time;
mod resolved_once;
mod sequences_have_no_gap;
mod told_in_turn;
mod too_large_alone;
mod written_in_order;
mod written_once;

use super::history::Outcome;
use super::losses;

/// A rule about histories.
#[derive(Clone, Copy, Debug)]
pub struct Checker {
    /// The rule's name, as reports show it: `acknowledged-is-kept`.
    pub name: &'static str,
    /// Says how the rule is broken, if it is.
    pub check: fn(&Outcome) -> Result<(), String>,
}

impl Checker {
    /// Holds the rule against a world, without what the world may lose.
    ///
    /// # Errors
    /// How the rule is broken.
    pub fn judge(&self, outcome: &Outcome) -> Result<(), String> {
        (self.check)(&losses::seen_by(self.name, outcome))
    }
}

/// Every rule.
pub const CHECKERS: &[Checker] = &[
    acknowledged_is_kept::CHECKER,
    acknowledged_is_not_written_over::CHECKER,
    commits_do_not_go_back::CHECKER,
    committed_by_its_owner::CHECKER,
    committed_was_given_back::CHECKER,
    committed_was_handed_out::CHECKER,
    converges::CHECKER,
    failed_is_not_written::CHECKER,
    handed_back_once::CHECKER,
    handed_out_at_least_once::CHECKER,
    handed_out_by_its_owner::CHECKER,
    handed_out_in_order::CHECKER,
    handed_out_is_stored::CHECKER,
    invalid_for_a_reason::CHECKER,
    joins_with_empty_hands::CHECKER,
    leader_epochs_rise::CHECKER,
    leaders_do_not_go_back::CHECKER,
    lost_for_a_reason::CHECKER,
    memory_within_budget::CHECKER,
    one_owner::CHECKER,
    one_owner_in_a_generation::CHECKER,
    rebalances_in_time::CHECKER,
    resolved_once::CHECKER,
    sequences_have_no_gap::CHECKER,
    told_in_turn::CHECKER,
    too_large_alone::CHECKER,
    written_in_order::CHECKER,
    written_once::CHECKER,
];
