//! Faults as data: rules that say which requests meet with what. Plans are made by hand, read from JSON or taken from
//! a journal ([`FaultPlan`]), or set rule by rule ([`Faults`]); `docs/faults.md` describes them.
//!
//! Not here: what an API answers with an error. Handlers ask (`Call::fault`) at the
//! places where they find errors of their own.

mod action;
mod armed;
mod control;
mod fate;
mod held;
mod injection;
#[cfg(feature = "json")]
pub(crate) mod json;
mod plan;
mod plan_error;
mod rewrite;
mod rule_builder;

pub use action::{FaultAction, When};
#[cfg(feature = "json")]
pub use json::MAX_PLAN_BYTES;
pub use plan::{FaultPlan, FaultRule, MAX_DELAY, MAX_NAME_BYTES, MAX_RULES, Selector};
pub use plan_error::{PlanError, PlanErrorKind};
pub use rule_builder::{Fault, FaultRuleBuilder, Faults};

/// What an injected error says of itself, where the API has room for a message.
pub(crate) const FAULT_MESSAGE: &str = "A fault rule of the test broker refuses it.";

pub(crate) use armed::ArmedRules;
pub(crate) use control::Recoveries;
pub(crate) use fate::{At, Ending, Fate};
pub(crate) use held::{HeldUp, Reply};
pub(crate) use rule_builder::Place;
