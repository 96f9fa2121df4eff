//! The rules that are in force, with how often each has matched and fired.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ottla_protocol::api::ApiKey;

use super::fate::Fate;
use super::{FaultPlan, FaultRule, MAX_RULES, PlanError, PlanErrorKind};
use crate::cluster::Call;
use crate::now::Instant;
use crate::random::Random;
use crate::subject::Part;

/// The rules in force, in the order in which they are asked.
#[derive(Debug, Default)]
pub(crate) struct ArmedRules {
    rules: Vec<Armed>,
    next_id: u64,
}

#[derive(Debug)]
struct Armed {
    id: u64,
    rule: FaultRule,
    matched: u64,
    /// Shared with the handle that a test holds.
    fired: Arc<AtomicU64>,
    random: Random,
}

/// A rule that fired for a request.
#[derive(Clone, Debug)]
pub(crate) struct Fired {
    pub(crate) rule_id: u64,
    pub(crate) rule: FaultRule,
}

impl ArmedRules {
    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Puts a plan's rules behind those in force. Gives the id and the counter of each.
    pub(crate) fn add(&mut self, plan: &FaultPlan) -> Result<Vec<(u64, Arc<AtomicU64>)>, PlanError> {
        plan.validate()?;
        let rules = self.rules.len() + plan.rules.len();
        if rules > MAX_RULES {
            return Err(PlanError::new(PlanErrorKind::TooManyRules { rules }));
        }
        let mut seeds = Random::new(plan.seed);
        let mut added = Vec::new();
        for rule in &plan.rules {
            let fired = Arc::new(AtomicU64::new(0));
            added.push((self.next_id, fired.clone()));
            let random = Random::new(seeds.next_u64());
            self.rules.push(Armed { id: self.next_id, rule: rule.clone(), matched: 0, fired, random });
            self.next_id += 1;
        }
        Ok(added)
    }

    pub(crate) fn remove(&mut self, id: u64) {
        self.rules.retain(|armed| armed.id != id);
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    /// When the next rule fires by itself.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.rules.iter().filter_map(Armed::due).min()
    }

    /// Takes a rule that is to fire by itself by now.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<Fired> {
        let first = self.rules.iter().enumerate().filter_map(|(at, armed)| Some((armed.due()?, at))).min();
        let (_, at) = first.filter(|(due, _)| *due <= now)?;
        let armed = self.rules.remove(at);
        armed.fired.fetch_add(1, Ordering::Relaxed);
        Some(Fired { rule_id: armed.id, rule: armed.rule })
    }

    /// Asks every rule; `None` if none fires.
    pub(crate) fn judge(&mut self, call: &Call, api: ApiKey, parts: &[Part]) -> Option<(Fate, Vec<Fired>)> {
        let (mut fate, mut fired) = (Fate::default(), Vec::new());
        self.rules.retain_mut(|armed| {
            let rule = &armed.rule;
            if rule.is_for(call, api)
                && fate.has_room_for(&rule.on, &rule.action, parts)
                && armed.comes_true()
            {
                fate.add(&armed.rule.on, &armed.rule.action);
                fired.push(Fired { rule_id: armed.id, rule: armed.rule.clone() });
            }
            !armed.is_spent()
        });
        (!fired.is_empty()).then_some((fate, fired))
    }
}

impl Armed {
    fn due(&self) -> Option<Instant> {
        self.rule.at.map(|at| Instant::default() + at)
    }

    /// Counts a match and says whether the rule fires for it.
    fn comes_true(&mut self) -> bool {
        self.matched += 1;
        if self.matched <= u64::from(self.rule.skip) {
            return false;
        }
        if let Some(probability) = self.rule.probability
            && self.random.unit() >= probability
        {
            return false;
        }
        self.fired.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// Whether it can never fire again.
    fn is_spent(&self) -> bool {
        self.rule.times.is_some_and(|times| self.fired.load(Ordering::Relaxed) >= u64::from(times))
    }
}

impl FaultRule {
    /// Whether it is for such a request at all, whatever the request is about.
    fn is_for(&self, call: &Call, api: ApiKey) -> bool {
        let on = &self.on;
        let elapsed = call.now.instant.saturating_since(Instant::default());
        self.at.is_none()
            && self.from.is_none_or(|from| elapsed >= from)
            && self.to.is_none_or(|to| elapsed < to)
            && on.api.is_none_or(|wanted| wanted == api)
            && on.min_version.is_none_or(|min| call.version >= min)
            && on.max_version.is_none_or(|max| call.version <= max)
            && on.node.is_none_or(|node| node == call.node)
            && on.client_id.as_deref().is_none_or(|id| id == call.client_id.as_str())
            && on.connection.is_none_or(|connection| connection == call.id.connection.0)
            && on.request.is_none_or(|request| request == call.id.sequence)
    }
}
