//! A run again from its journal: the file says which world it was and which faults struck where, and the world is the
//! same to the byte with these alone, whatever chance or time had brought them.
//!
//! The first line is the world: scenario and seed, from which everything but the faults is drawn again, and what is left
//! of it where a shrunk world was written down. The other lines are what happened; faults are taken from them.

use std::collections::BTreeMap;

use ottla_testbroker::faults::FaultPlan;
use serde_json::{Value, json};

use super::plan::{Plan, Scenario};

/// The first line of a journal.
pub fn header(plan: &Plan) -> String {
    let records: BTreeMap<_, _> =
        plan.producers.iter().map(|producer| (producer.name.as_str(), producer.records)).collect();
    let consumers: Vec<_> = plan.consumers.iter().map(|consumer| consumer.name.as_str()).collect();
    let mut drawn = Plan::draw(plan.scenario, plan.seed).network.into_iter().enumerate();
    let network = plan.network.iter().filter_map(|fault| drawn.find(|(_, other)| other == fault));
    let network: Vec<usize> = network.map(|(nth, _)| nth).collect();
    let world = json!({
        "scenario": plan.scenario.name(),
        "seed": plan.seed,
        "records": records,
        "consumers": consumers,
        "wanderers": plan.wanderers.len(),
        "network": network,
    });
    json!({ "world": world }).to_string()
}

/// The world of a journal, with the faults that struck in it.
///
/// # Errors
/// It is no journal of a world.
pub fn plan_of(journal: &str) -> Result<Plan, String> {
    let first = journal.lines().next().unwrap_or_default();
    let first: Value = serde_json::from_str(first).map_err(|error| format!("the first line: {error}"))?;
    let world = &first["world"];
    let missing = |what: &str| format!("the first line says no {what}");
    let scenario = world["scenario"].as_str().and_then(Scenario::from_name);
    let scenario = scenario.ok_or_else(|| missing("scenario"))?;
    let mut plan = Plan::draw(scenario, world["seed"].as_u64().ok_or_else(|| missing("seed"))?);
    let records = world["records"].as_object().ok_or_else(|| missing("records"))?;
    let consumers = world["consumers"].as_array().ok_or_else(|| missing("consumers"))?;
    let network = world["network"].as_array().ok_or_else(|| missing("network"))?;
    plan.producers.retain_mut(|producer| {
        let left = records.get(&producer.name).and_then(Value::as_u64);
        producer.records = left.unwrap_or(producer.records);
        left.is_some()
    });
    plan.consumers.retain(|consumer| consumers.iter().any(|name| *name == consumer.name.as_str()));
    let wanderers = world["wanderers"].as_u64().ok_or_else(|| missing("wanderers"))?;
    plan.wanderers.truncate(usize::try_from(wanderers).unwrap_or(usize::MAX));
    let mut nth = 0_u64;
    plan.network.retain(|_| {
        nth += 1;
        network.iter().any(|kept| kept.as_u64() == Some(nth - 1))
    });
    plan.faults = FaultPlan::from_journal_lines(journal).map_err(|error| error.to_string())?;
    plan.spare = FaultPlan::default();
    Ok(plan)
}

/// The first line in which two journals differ, but for the selectors and numbers of the rules that fired: those of a
/// replay name one request each.
pub fn difference(first: &str, second: &str) -> Option<String> {
    let mut lines = (first.lines().map(without_rule)).zip(second.lines().map(without_rule)).enumerate();
    if let Some((number, (first, second))) = lines.find(|(_, (first, second))| first != second) {
        return Some(format!("line {}: {first} is then {second}", number + 1));
    }
    let (first, second) = (first.lines().count(), second.lines().count());
    (first != second).then(|| format!("{first} lines are then {second}"))
}

fn without_rule(line: &str) -> String {
    if !line.contains("\"event\":\"fault") {
        return line.to_owned();
    }
    let Ok(mut fired) = serde_json::from_str::<Value>(line) else { return line.to_owned() };
    if let Some(fields) = fired.as_object_mut() {
        fields.remove("rule");
        if let Some(what) = fields.get_mut("what") {
            *what = what["action"].take();
        }
    }
    fired.to_string()
}
