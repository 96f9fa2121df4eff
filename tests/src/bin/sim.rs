//! Runs worlds on all cores: `sim [--scenario NAME] [--first S] [--seeds N] [--minutes M] [--twice]`, or one world with
//! `--seed S [--journal FILE]`.
//!
//! A world that fails is named with the command that runs it again, then shrunk and shown. Exit code 0 only if none
//! failed and in each so much went wrong as its scenario promises.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ottla_tests::sim::judge::{Failure, judge, judge_twice};
use ottla_tests::sim::plan::{Plan, Scenario};
use ottla_tests::sim::shrink::shrink;
use ottla_tests::sim::world::run;

/// How many worlds that fail are shown; the others are counted.
const SHOWN_FAILURES: u64 = 10;
/// How many worlds shrinking may try.
const SHRINKING: usize = 200;
/// How long a world may take of a machine's time; one that takes longer turns in circles.
const PATIENCE: Duration = Duration::from_secs(120);

const USAGE: &str =
    "usage: sim [--scenario NAME|all] [--first S] [--seeds N] [--minutes M] [--twice] [--threads T]
       sim --seed S [--scenario NAME] [--journal FILE] [--no-shrink]";

struct Options {
    scenarios: Vec<Scenario>,
    first: u64,
    seeds: Option<u64>,
    until: Option<Instant>,
    seed: Option<u64>,
    journal: Option<String>,
    twice: bool,
    shrinks: bool,
    threads: usize,
}

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let failed = match options.seed {
        Some(seed) => run_one(&options, seed),
        None => run_many(&options),
    };
    ExitCode::from(u8::from(failed))
}

impl Options {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let mut options = Self {
            scenarios: vec![Scenario::Mixed],
            first: 1,
            seeds: None,
            until: None,
            seed: None,
            journal: None,
            twice: false,
            shrinks: true,
            threads,
        };
        while let Some(name) = arguments.next() {
            match name.as_str() {
                "--twice" => options.twice = true,
                "--no-shrink" => options.shrinks = false,
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
        match name {
            "--scenario" if value == "all" => self.scenarios = Scenario::ALL.to_vec(),
            "--scenario" => {
                let known = || Scenario::ALL.map(Scenario::name).join(", ");
                let scenario = Scenario::from_name(&value);
                let scenario =
                    scenario.ok_or_else(|| format!("no such scenario: {value}; there are {}", known()))?;
                self.scenarios = vec![scenario];
            }
            "--first" => self.first = number()?,
            "--seeds" => self.seeds = Some(number()?),
            "--seed" => self.seed = Some(number()?),
            "--minutes" => self.until = Some(Instant::now() + Duration::from_secs(60 * number()?)),
            "--threads" => self.threads = number()?.max(1) as usize,
            "--journal" => self.journal = Some(value),
            _ => return Err(format!("no such option: {name}")),
        }
        Ok(())
    }

    fn judge(&self, plan: &Plan) -> Result<usize, Failure> {
        let ended = if self.twice { judge_twice(plan)? } else { judge(plan)? };
        Ok(ended.faults)
    }
}

/// Says whether it failed.
fn run_one(options: &Options, seed: u64) -> bool {
    let plan = Plan::draw(options.scenarios[0], seed);
    if let Some(file) = &options.journal {
        let written = match run(&plan) {
            Ok(ended) => std::fs::write(file, ended.text).map_err(|error| error.to_string()),
            Err(panic) => Err(panic),
        };
        match written {
            Ok(()) => println!("what happened is in {file}"),
            Err(error) => println!("what happened is not in {file}: {error}"),
        }
    }
    match options.judge(&plan) {
        Ok(faults) => {
            println!("seed {seed}, {}: passed, {faults} faults struck", plan.scenario.name());
            false
        }
        Err(failure) => {
            show(&plan, &failure, options.shrinks);
            true
        }
    }
}

/// What all threads count.
#[derive(Default)]
struct Tally {
    next: AtomicU64,
    passed: AtomicU64,
    failed: AtomicU64,
    too_calm: AtomicU64,
    faults: AtomicU64,
}

/// Says whether any failed.
fn run_many(options: &Options) -> bool {
    let seeds = options.seeds.unwrap_or(if options.until.is_some() { u64::MAX } else { 100 });
    let names = options.scenarios.iter().map(|scenario| scenario.name()).collect::<Vec<_>>().join(", ");
    println!("worlds from seed {} on, {names}, on {} threads", options.first, options.threads);
    let (tally, began) = (Tally::default(), Instant::now());
    let running: Vec<Mutex<Option<(u64, &str, Instant)>>> =
        (0..options.threads).map(|_| Mutex::default()).collect();
    let (done, printing) = (AtomicBool::new(false), Mutex::new(()));
    std::thread::scope(|scope| {
        let workers: Vec<_> = running
            .iter()
            .map(|running| scope.spawn(|| work(options, seeds, &tally, running, &printing)))
            .collect();
        scope.spawn(|| watch(&running, &done, &tally, began));
        for worker in workers {
            // Panics of worlds are caught within; one of this binary ends it.
            worker.join().expect("a worker does not panic");
        }
        done.store(true, Ordering::Release);
    });
    let count = |counter: &AtomicU64| counter.load(Ordering::Acquire);
    let (passed, failed, too_calm) = (count(&tally.passed), count(&tally.failed), count(&tally.too_calm));
    let minutes = began.elapsed().as_secs_f64() / 60.0 * options.threads as f64;
    println!(
        "{:.0} worlds a minute and core, {:.1} faults a world, {too_calm} too calm",
        (passed + failed) as f64 / minutes,
        count(&tally.faults) as f64 / passed.max(1) as f64,
    );
    println!("{passed} passed, {failed} failed");
    failed > 0
}

fn work(
    options: &Options,
    seeds: u64,
    tally: &Tally,
    running: &Mutex<Option<(u64, &'static str, Instant)>>,
    printing: &Mutex<()>,
) {
    let set_running = |now| *running.lock().expect("nobody panics while holding it") = now;
    loop {
        let nth = tally.next.fetch_add(1, Ordering::AcqRel);
        let kinds = options.scenarios.len() as u64;
        if nth / kinds >= seeds || options.until.is_some_and(|until| Instant::now() >= until) {
            return set_running(None);
        }
        let (seed, scenario) = (options.first + nth / kinds, options.scenarios[(nth % kinds) as usize]);
        set_running(Some((seed, scenario.name(), Instant::now())));
        let plan = Plan::draw(scenario, seed);
        match options.judge(&plan) {
            Ok(faults) => {
                tally.passed.fetch_add(1, Ordering::AcqRel);
                tally.faults.fetch_add(faults as u64, Ordering::AcqRel);
                if faults < scenario.least_faults() {
                    tally.too_calm.fetch_add(1, Ordering::AcqRel);
                }
            }
            Err(failure) => {
                set_running(None);
                let nth = tally.failed.fetch_add(1, Ordering::AcqRel);
                let _printing = printing.lock().expect("nobody panics while holding it");
                if nth < SHOWN_FAILURES {
                    show(&plan, &failure, options.shrinks);
                } else {
                    println!("FAILED: {}", head(&plan, &failure));
                }
            }
        }
    }
}

/// Shows how far it is, and ends everything when a world hangs.
fn watch(running: &[Mutex<Option<(u64, &str, Instant)>>], done: &AtomicBool, tally: &Tally, began: Instant) {
    let mut said = Instant::now();
    while !done.load(Ordering::Acquire) {
        std::thread::sleep(Duration::from_millis(100));
        for world in running {
            let world = *world.lock().expect("nobody panics while holding it");
            if let Some((seed, scenario, since)) = world
                && since.elapsed() > PATIENCE
            {
                println!("FAILED: seed {seed}, {scenario}: hangs: it turns in circles without time going on");
                println!("  again: cargo xtask sim --scenario {scenario} --seed {seed}");
                std::process::exit(1);
            }
        }
        if said.elapsed() > Duration::from_secs(10) {
            said = Instant::now();
            let (passed, failed) =
                (tally.passed.load(Ordering::Acquire), tally.failed.load(Ordering::Acquire));
            println!("{:.0} s: {passed} passed, {failed} failed", began.elapsed().as_secs_f64());
            _ = std::io::stdout().flush();
        }
    }
}

fn head(plan: &Plan, failure: &Failure) -> String {
    let (seed, scenario) = (plan.seed, plan.scenario.name());
    format!(
        "seed {seed}, {scenario}: {failure}\n  again: cargo xtask sim --scenario {scenario} --seed {seed}"
    )
}

fn show(plan: &Plan, failure: &Failure, shrinks: bool) {
    println!("FAILED: {}", head(plan, failure));
    if !shrinks || failure.rule == "determinism" {
        return;
    }
    let shrunk = shrink(plan, failure, SHRINKING);
    println!("  shrunk by {} runs: {}", shrunk.tried, shrunk.failure);
    let plan = &shrunk.plan;
    for producer in &plan.producers {
        println!("    {producer:?}");
    }
    for consumer in &plan.consumers {
        println!("    {consumer:?}");
    }
    println!("    {:?}", plan.cluster);
    for rule in &plan.faults.rules {
        println!("    {rule:?}");
    }
    for fault in &plan.network {
        println!("    {fault:?}");
    }
}
