//! Runs worlds on all cores: `sim [--scenario NAME|all] [--first S] [--seeds N] [--minutes M] [--twice]`, or one world
//! with `--seed S [--journal FILE]`, or one that was written down with `--replay FILE`.
//!
//! A world that fails is named with the command that runs it again, then shrunk and shown. Exit code 0 only if none
//! failed.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use ottla_tests::sim::campaign::Campaign;
use ottla_tests::sim::coverage;
use ottla_tests::sim::plan::{Plan, Scenario};
use ottla_tests::sim::replay;
use ottla_tests::sim::world::run;

/// How many seeds are run unless it is said.
const SEEDS: u64 = 100;

const USAGE: &str =
    "usage: sim [--scenario NAME|all] [--first S] [--seeds N] [--minutes M] [--twice] [--threads T]
       sim --seed S [--scenario NAME] [--journal FILE] [--twice] [--no-shrink]
       sim --replay FILE";

struct Options {
    campaign: Campaign,
    seed: Option<u64>,
    replay: Option<String>,
}

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let failed = match (options.seed, &options.replay) {
        (_, Some(file)) => options.replay(file),
        (Some(seed), _) => options.run_one(seed),
        (None, None) => {
            let tally = options.campaign.run();
            println!("\n{}\n{tally}", coverage::table(&tally.answers));
            tally.failed > 0
        }
    };
    ExitCode::from(u8::from(failed))
}

impl Options {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let campaign = Campaign::new(&[Scenario::Mixed], 1, SEEDS);
        let mut options = Self { campaign, seed: None, replay: None };
        while let Some(name) = arguments.next() {
            match name.as_str() {
                "--twice" => options.campaign.twice = true,
                "--no-shrink" => options.campaign.shrinks = false,
                _ => {
                    let value = arguments.next().ok_or(format!("{name} needs a value"))?;
                    options.set(&name, value)?;
                }
            }
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: String) -> Result<(), String> {
        let number = || value.parse::<u64>().map_err(|_| format!("not a number: {name} {value}"));
        let campaign = &mut self.campaign;
        match name {
            "--scenario" if value == "all" => campaign.scenarios = Scenario::ALL.to_vec(),
            "--scenario" => {
                let known = || Scenario::ALL.map(Scenario::name).join(", ");
                let found = Scenario::from_name(&value);
                campaign.scenarios =
                    vec![found.ok_or_else(|| format!("no such scenario: {value}; there are {}", known()))?];
            }
            "--first" => campaign.first = number()?,
            "--seeds" => campaign.seeds = number()?,
            "--minutes" => {
                campaign.until = Some(Instant::now() + Duration::from_secs(60 * number()?));
                campaign.seeds = u64::MAX;
            }
            "--threads" => campaign.threads = number()?.max(1) as usize,
            "--seed" => self.seed = Some(number()?),
            "--journal" => campaign.journal = Some(value.into()),
            "--replay" => self.replay = Some(value),
            _ => return Err(format!("no such option: {name}")),
        }
        Ok(())
    }

    /// Says whether any failed.
    fn run_one(&self, seed: u64) -> bool {
        let mut failed = false;
        for scenario in &self.campaign.scenarios {
            let plan = Plan::draw(*scenario, seed);
            self.campaign.write_journal(&plan);
            match self.campaign.run_one(&plan) {
                Ok(ended) => {
                    let (name, faults, weather) = (scenario.name(), ended.faults, ended.weather);
                    println!(
                        "seed {seed}, {name}: passed; {faults} faults of the cluster, {weather} of networks"
                    );
                }
                Err(_) => failed = true,
            }
        }
        failed
    }

    /// Says whether it failed, or was another run.
    fn replay(&self, file: &str) -> bool {
        let recorded = std::fs::read_to_string(file).map_err(|error| error.to_string());
        let planned = recorded.and_then(|text| Ok((replay::plan_of(&text)?, text)));
        let (plan, recorded) = match planned {
            Ok(planned) => planned,
            Err(error) => {
                println!("cannot replay {file}: {error}");
                return true;
            }
        };
        let (name, seed, faults) = (plan.scenario.name(), plan.seed, plan.faults.rules.len());
        println!("seed {seed}, {name}, with the {faults} faults that struck");
        let is_other = match run(&plan).map(|ended| replay::difference(&recorded, &ended.text)) {
            Ok(None) => {
                println!("the same run to the byte: {} lines", recorded.lines().count());
                false
            }
            Ok(Some(difference)) => {
                println!("another run: {difference}");
                true
            }
            // What panics has no journal.
            Err(_) => true,
        };
        match self.campaign.run_one(&plan) {
            Ok(_) => println!("it passes"),
            Err(_) => return true,
        }
        is_other
    }
}
