//! Why a plan is not taken.

use std::fmt;
use std::time::Duration;

use ottla_protocol::api::ApiKey;

use super::{MAX_DELAY, MAX_NAME_BYTES, MAX_RULES};

/// Why a plan is not taken.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanError {
    rule: Option<usize>,
    kind: PlanErrorKind,
}

/// What is wrong with a plan.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum PlanErrorKind {
    /// More rules than [`MAX_RULES`], with those in force already.
    TooManyRules {
        /// How many it would be.
        rules: usize,
    },
    /// The cluster has no such API, so the rule could never fire.
    ApiNotServed {
        /// The API.
        api: ApiKey,
    },
    /// A name longer than [`MAX_NAME_BYTES`].
    NameTooLong {
        /// Its length.
        bytes: usize,
    },
    /// A range of versions with none in it.
    NoVersions {
        /// Its lowest version.
        min: i16,
        /// Its highest version.
        max: i16,
    },
    /// A rule that may fire 0 times.
    NeverFires,
    /// A probability that is not from 0 to 1.
    Probability {
        /// What it is.
        probability: f64,
    },
    /// A time window that ends before it begins.
    EmptyWindow,
    /// A time at which the rule fires by itself, with an action or with fields that need a request.
    NotByItself,
    /// The error code 0, which is none.
    NoError,
    /// `misdirect` for another API than Produce: only its answers name leaders so.
    NotForProduce,
    /// A delay longer than [`MAX_DELAY`].
    DelayTooLong {
        /// How long.
        by: Duration,
    },
    /// Text longer than `MAX_PLAN_BYTES` (feature `json`).
    TooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// Text that is not a plan in JSON (feature `json`); with the place.
    Json(String),
}

impl PlanError {
    pub(crate) fn new(kind: PlanErrorKind) -> Self {
        Self { rule: None, kind }
    }

    pub(crate) fn of_rule(rule: usize, kind: PlanErrorKind) -> Self {
        Self { rule: Some(rule), kind }
    }

    /// The rule at fault, by its index; `None` if it is the plan as a whole.
    pub fn rule(&self) -> Option<usize> {
        self.rule
    }

    /// What is wrong.
    pub fn kind(&self) -> &PlanErrorKind {
        &self.kind
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(rule) = self.rule {
            write!(f, "rule {rule}: ")?;
        }
        match &self.kind {
            PlanErrorKind::TooManyRules { rules } => {
                write!(f, "more fault rules than {MAX_RULES}: {rules}")
            }
            PlanErrorKind::ApiNotServed { api } => write!(f, "the cluster does not serve the API: {api}"),
            PlanErrorKind::NameTooLong { bytes } => {
                write!(f, "a name of more than {MAX_NAME_BYTES} bytes: {bytes}")
            }
            PlanErrorKind::NoVersions { min, max } => write!(f, "no version is in the range: {min} to {max}"),
            PlanErrorKind::NeverFires => f.write_str("times must be at least 1: 0"),
            PlanErrorKind::Probability { probability } => {
                write!(f, "probability must be from 0 to 1: {probability}")
            }
            PlanErrorKind::EmptyWindow => f.write_str("the time window ends before it begins"),
            PlanErrorKind::NotByItself => {
                f.write_str("only what is done to the cluster can happen at a time by itself, and nothing else can be set")
            }
            PlanErrorKind::NotForProduce => {
                f.write_str("only the answers to Produce name a wrong leader: set its api to Produce")
            }
            PlanErrorKind::NoError => f.write_str("code 0 is no error"),
            PlanErrorKind::DelayTooLong { by } => {
                write!(f, "a delay of more than {} ms: {}", MAX_DELAY.as_millis(), by.as_millis())
            }
            PlanErrorKind::TooLong { bytes } => write!(f, "a plan this long is not read, in bytes: {bytes}"),
            PlanErrorKind::Json(error) => write!(f, "not a fault plan in JSON: {error}"),
        }
    }
}

impl std::error::Error for PlanError {}
