//! Plans: rules as data, with the bounds of everything in them. They come from users, so each is checked before it is
//! used.

use std::time::Duration;

use ottla_protocol::api::ApiKey;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::types::NodeId;

use super::{FaultAction, PlanError, PlanErrorKind};
use crate::journal::{JournalEntry, JournalEvent};
use crate::versions;

/// The most rules that a plan may have, and that may be in force at a time: every request is held against each.
pub const MAX_RULES: usize = 1000;
/// The longest delay of one rule: longer than any timeout of a client.
pub const MAX_DELAY: Duration = Duration::from_secs(3600);
/// The longest name of a topic, group or client that a rule may select, in bytes: what a string of the older versions
/// can be.
pub const MAX_NAME_BYTES: usize = i16::MAX as usize;

/// Faults that are to happen, as data: made by hand, read from JSON, or taken from a journal.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(
    feature = "json",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "camelCase", deny_unknown_fields)
)]
pub struct FaultPlan {
    /// Where the probabilities draw from; each rule has a generator of its own, which nothing else draws from.
    #[cfg_attr(feature = "json", serde(default))]
    pub seed: u64,
    /// The rules, asked in this order.
    pub rules: Vec<FaultRule>,
}

/// One rule: which requests, how often, and what happens to them.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[cfg_attr(
    feature = "json",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "camelCase", deny_unknown_fields)
)]
pub struct FaultRule {
    /// The requests it is for.
    #[cfg_attr(feature = "json", serde(default, skip_serializing_if = "Selector::is_default"))]
    pub on: Selector,
    /// So many of the selected requests go by first.
    #[cfg_attr(feature = "json", serde(default, skip_serializing_if = "super::json::is_zero"))]
    pub skip: u32,
    /// It fires at most so many times. Default: without an end.
    #[cfg_attr(feature = "json", serde(default, skip_serializing_if = "Option::is_none"))]
    pub times: Option<u32>,
    /// How likely it fires for each selected request, from 0 to 1. Default: always.
    #[cfg_attr(feature = "json", serde(default, skip_serializing_if = "Option::is_none"))]
    pub probability: Option<f64>,
    /// It fires from this time on, by the clock that the cluster is handed, which a `TestBroker` starts at zero.
    #[cfg_attr(
        feature = "json",
        serde(
            default,
            rename = "fromMs",
            with = "super::json::optional_millis",
            skip_serializing_if = "Option::is_none"
        )
    )]
    pub from: Option<Duration>,
    /// It fires before this time.
    #[cfg_attr(
        feature = "json",
        serde(
            default,
            rename = "toMs",
            with = "super::json::optional_millis",
            skip_serializing_if = "Option::is_none"
        )
    )]
    pub to: Option<Duration>,
    /// It fires by itself at this time, once, and not for requests: only for actions that are done to the cluster,
    /// and with none of the fields above.
    #[cfg_attr(
        feature = "json",
        serde(
            default,
            rename = "atMs",
            with = "super::json::optional_millis",
            skip_serializing_if = "Option::is_none"
        )
    )]
    pub at: Option<Duration>,
    /// What happens.
    pub action: FaultAction,
}

/// The requests that a rule is for; what is not set selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(
    feature = "json",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, rename_all = "camelCase", deny_unknown_fields)
)]
pub struct Selector {
    /// Requests of this API.
    #[cfg_attr(
        feature = "json",
        serde(with = "super::json::api_key", skip_serializing_if = "Option::is_none")
    )]
    pub api: Option<ApiKey>,
    /// Requests of this version and later ones.
    #[cfg_attr(feature = "json", serde(skip_serializing_if = "Option::is_none"))]
    pub min_version: Option<i16>,
    /// Requests of this version and earlier ones.
    #[cfg_attr(feature = "json", serde(skip_serializing_if = "Option::is_none"))]
    pub max_version: Option<i16>,
    /// Requests to this node.
    #[cfg_attr(
        feature = "json",
        serde(with = "super::json::node_id", skip_serializing_if = "Option::is_none")
    )]
    pub node: Option<NodeId>,
    /// Requests about this topic; errors are for it alone.
    #[cfg_attr(feature = "json", serde(skip_serializing_if = "Option::is_none"))]
    pub topic: Option<String>,
    /// Requests about a partition with this index; errors are for it alone.
    #[cfg_attr(feature = "json", serde(skip_serializing_if = "Option::is_none"))]
    pub partition: Option<i32>,
    /// Requests about this group; errors are for it alone.
    #[cfg_attr(feature = "json", serde(skip_serializing_if = "Option::is_none"))]
    pub group: Option<String>,
    /// Requests with this `client.id`.
    #[cfg_attr(feature = "json", serde(skip_serializing_if = "Option::is_none"))]
    pub client_id: Option<String>,
    /// Requests of the connection that was the cluster's nth, from 0.
    #[cfg_attr(feature = "json", serde(skip_serializing_if = "Option::is_none"))]
    pub connection: Option<u64>,
    /// The connection's nth request, from 0.
    #[cfg_attr(feature = "json", serde(skip_serializing_if = "Option::is_none"))]
    pub request: Option<u64>,
}

#[cfg(feature = "json")]
impl Selector {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl FaultPlan {
    /// A plan of these rules.
    pub fn new(seed: u64, rules: Vec<FaultRule>) -> Self {
        Self { seed, rules }
    }

    /// The plan that repeats what fired, each fault at the very request it fired for: the nth of the nth connection.
    /// That is exact where connections and requests come in the same order again.
    pub fn from_journal(entries: &[JournalEntry]) -> Self {
        let rules = entries.iter().filter_map(|entry| {
            let JournalEvent::FaultFired { request, api, what, .. } = &entry.event else { return None };
            Some(what.again(request.map(|place| (place.connection.0, place.request)).zip(*api)))
        });
        Self { seed: 0, rules: rules.collect() }
    }

    /// Whether everything in it is within its bounds.
    ///
    /// # Errors
    /// The first rule that is not, and why.
    pub fn validate(&self) -> Result<(), PlanError> {
        if self.rules.len() > MAX_RULES {
            return Err(PlanError::new(PlanErrorKind::TooManyRules { rules: self.rules.len() }));
        }
        for (index, rule) in self.rules.iter().enumerate() {
            rule.validate().map_err(|kind| PlanError::of_rule(index, kind))?;
        }
        Ok(())
    }
}

impl FaultRule {
    /// A rule that does this to every request, until its fields say less.
    pub fn new(action: FaultAction) -> Self {
        Self {
            on: Selector::default(),
            skip: 0,
            times: None,
            probability: None,
            from: None,
            to: None,
            at: None,
            action,
        }
    }

    /// The rule that does the same to one request, the nth of the nth connection; without one, at the rule's own time.
    pub(super) fn again(&self, request: Option<((u64, u64), ApiKey)>) -> Self {
        let mut rule = Self::new(self.action.clone());
        let Some(((connection, request), api)) = request else {
            rule.at = self.at;
            return rule;
        };
        rule.on.topic.clone_from(&self.on.topic);
        rule.on.partition = self.on.partition;
        rule.on.group.clone_from(&self.on.group);
        rule.on.api = Some(api);
        rule.on.connection = Some(connection);
        rule.on.request = Some(request);
        rule.times = Some(1);
        rule
    }

    pub(crate) fn validate(&self) -> Result<(), PlanErrorKind> {
        let on = &self.on;
        if let Some(api) = on.api
            && !versions::SERVED.iter().any(|(served, _)| *served == api)
        {
            return Err(PlanErrorKind::ApiNotServed { api });
        }
        for name in [on.topic.as_ref(), on.group.as_ref(), on.client_id.as_ref(), self.action.name()]
            .into_iter()
            .flatten()
        {
            if name.len() > MAX_NAME_BYTES {
                return Err(PlanErrorKind::NameTooLong { bytes: name.len() });
            }
        }
        if let (Some(min), Some(max)) = (on.min_version, on.max_version)
            && min > max
        {
            return Err(PlanErrorKind::NoVersions { min, max });
        }
        if self.times == Some(0) {
            return Err(PlanErrorKind::NeverFires);
        }
        // NaN is in no range.
        if let Some(probability) = self.probability.filter(|p| !(0.0..=1.0).contains(p)) {
            return Err(PlanErrorKind::Probability { probability });
        }
        if self.to.is_some_and(|to| to <= self.from.unwrap_or_default()) {
            return Err(PlanErrorKind::EmptyWindow);
        }
        let is_by_itself = Self { at: self.at, ..Self::new(self.action.clone()) };
        if self.at.is_some() && (!self.action.is_control() || *self != is_by_itself) {
            return Err(PlanErrorKind::NotByItself);
        }
        if let Some(by) = self.action.time().filter(|time| *time > MAX_DELAY) {
            return Err(PlanErrorKind::DelayTooLong { by });
        }
        match &self.action {
            FaultAction::Error { code: ErrorCode::NONE, .. } => Err(PlanErrorKind::NoError),
            FaultAction::Misdirect { .. } if on.api != Some(ApiKey::PRODUCE) => {
                Err(PlanErrorKind::NotForProduce)
            }
            _ => Ok(()),
        }
    }
}
