//! Runs worlds of one scenario and says which rules each of them breaks, until one of some rules is among them:
//! `judge --scenario NAME --seeds N --until RULE…`. What `cargo xtask sim --mutations` runs on mutated clients.
//!
//! Not for looking into a failure: `sim` is that.

use std::process::ExitCode;

use ottla_tests::sim::checkers::CHECKERS;
use ottla_tests::sim::plan::{Plan, Scenario};
use ottla_tests::sim::world;

const USAGE: &str = "usage: judge --scenario NAME --seeds N --until RULE…";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((scenario, seeds, until)) = read(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let mut code = ExitCode::SUCCESS;
    for seed in 1..=seeds {
        let broken = broken_rules(&Plan::draw(scenario, seed));
        for (rule, reason) in &broken {
            println!("world {seed}: {rule}: {}", reason.replace('\n', " "));
            code = ExitCode::FAILURE;
        }
        if broken.iter().any(|(rule, _)| until.iter().any(|wanted| wanted == rule)) {
            break;
        }
    }
    code
}

fn read(arguments: &[String]) -> Option<(Scenario, u64, &[String])> {
    let [scenario_key, scenario, seeds_key, seeds, until_key, until @ ..] = arguments else { return None };
    let keys = [scenario_key.as_str(), seeds_key, until_key];
    if keys != ["--scenario", "--seeds", "--until"] {
        return None;
    }
    Some((Scenario::from_name(scenario)?, seeds.parse().ok()?, until))
}

/// The broken rules with the reasons; what panics or cannot go on breaks one as well.
fn broken_rules(plan: &Plan) -> Vec<(&'static str, String)> {
    let ended = match world::run(plan) {
        Ok(ended) => ended,
        Err(panic) => return vec![("panic", panic)],
    };
    let broken = CHECKERS.iter().filter_map(|checker| {
        let reason = checker.judge(&ended.outcome).err()?;
        Some((checker.name, reason))
    });
    broken.chain(ended.troubles.iter().map(|trouble| ("trouble", trouble.clone()))).collect()
}
