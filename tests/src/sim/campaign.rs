//! Many worlds on all cores: what `cargo xtask sim` and the soak do.

use std::fmt;
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::judge::{Failure, judge, judge_twice};
use super::plan::{Plan, Scenario};
use super::shrink::shrink;

/// How many worlds that fail are shown; the others are only named.
const SHOWN_FAILURES: u64 = 10;
/// How many worlds shrinking may try.
const SHRINKING: usize = 200;
/// How long a world may take of a machine's time; one that takes longer turns in circles.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often it says how far it is.
const PROGRESS: Duration = Duration::from_secs(10);

/// Which worlds to run.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// Of each seed, one world of each of these.
    pub scenarios: Vec<Scenario>,
    /// The first seed.
    pub first: u64,
    /// How many seeds.
    pub seeds: u64,
    /// No more worlds begin from then on.
    pub until: Option<Instant>,
    /// Whether each world is run twice, and must be the same.
    pub twice: bool,
    /// Whether what fails is shrunk.
    pub shrinks: bool,
    /// How many run at a time.
    pub threads: usize,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// How many worlds passed.
    pub passed: u64,
    /// How many failed.
    pub failed: u64,
    /// In how many less went wrong than their scenario promises.
    pub too_calm: u64,
    /// How many faults struck in those that passed.
    pub faults: u64,
    /// How long it took.
    pub took: Duration,
    threads: usize,
}

type Running = Mutex<Option<(u64, Scenario, Instant)>>;

#[derive(Debug, Default)]
struct Counters {
    next: AtomicU64,
    passed: AtomicU64,
    failed: AtomicU64,
    too_calm: AtomicU64,
    faults: AtomicU64,
    /// Held while something of several lines is printed.
    printing: Mutex<()>,
}

impl Campaign {
    /// One seed after the other on all cores.
    pub fn new(scenarios: &[Scenario], first: u64, seeds: u64) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let scenarios = scenarios.to_vec();
        Self { scenarios, first, seeds, until: None, twice: false, shrinks: true, threads }
    }

    /// Runs them, and shows what fails. A world that hangs ends the process.
    pub fn run(&self) -> Tally {
        let names: Vec<_> = self.scenarios.iter().map(|scenario| scenario.name()).collect();
        println!("worlds from seed {} on: {}; {} at a time", self.first, names.join(", "), self.threads);
        let (counters, began) = (Counters::default(), Instant::now());
        let running: Vec<Running> = (0..self.threads).map(|_| Mutex::default()).collect();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let (counters, done) = (&counters, &done);
            let worker = |running| scope.spawn(move || self.work(counters, running));
            let workers: Vec<_> = running.iter().map(worker).collect();
            let running = &running[..];
            scope.spawn(move || watch(running, done, counters, began));
            for worker in workers {
                worker.join().expect("panics of worlds are caught within");
            }
            done.store(true, Ordering::Release);
        });
        let count = |counter: &AtomicU64| counter.load(Ordering::Acquire);
        Tally {
            passed: count(&counters.passed),
            failed: count(&counters.failed),
            too_calm: count(&counters.too_calm),
            faults: count(&counters.faults),
            took: began.elapsed(),
            threads: self.threads,
        }
    }

    /// Runs one world, and shows it if it fails.
    pub fn run_one(&self, plan: &Plan) -> Result<usize, Failure> {
        let result = self.judge(plan);
        if let Err(failure) = &result {
            self.show(plan, failure);
        }
        result
    }

    fn judge(&self, plan: &Plan) -> Result<usize, Failure> {
        let ended = if self.twice { judge_twice(plan)? } else { judge(plan)? };
        Ok(ended.faults)
    }

    fn work(&self, counters: &Counters, running: &Running) {
        let set_running = |now| *running.lock().expect("nobody panics while holding it") = now;
        loop {
            let nth = counters.next.fetch_add(1, Ordering::AcqRel);
            let kinds = self.scenarios.len() as u64;
            if nth / kinds >= self.seeds || self.until.is_some_and(|until| Instant::now() >= until) {
                return set_running(None);
            }
            let scenario = self.scenarios[(nth % kinds) as usize];
            let plan = Plan::draw(scenario, self.first + nth / kinds);
            set_running(Some((plan.seed, scenario, Instant::now())));
            match self.judge(&plan) {
                Ok(faults) => {
                    counters.passed.fetch_add(1, Ordering::AcqRel);
                    counters.faults.fetch_add(faults as u64, Ordering::AcqRel);
                    if faults < scenario.least_faults() {
                        counters.too_calm.fetch_add(1, Ordering::AcqRel);
                    }
                }
                Err(failure) => {
                    set_running(None);
                    let nth = counters.failed.fetch_add(1, Ordering::AcqRel);
                    let _printing = counters.printing.lock().expect("nobody panics while holding it");
                    if nth < SHOWN_FAILURES {
                        self.show(&plan, &failure);
                    } else {
                        println!("{}", head(&plan, &failure));
                    }
                }
            }
        }
    }

    fn show(&self, plan: &Plan, failure: &Failure) {
        println!("{}", head(plan, failure));
        if !self.shrinks || failure.rule == "determinism" {
            return;
        }
        let shrunk = shrink(plan, failure, SHRINKING);
        println!("  shrunk by {} runs: {}", shrunk.tried, shrunk.failure);
        shrunk.plan.parts().iter().for_each(|part| println!("    {part}"));
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passed, failed, too_calm, faults, took, threads } = self;
        let minutes = took.as_secs_f64() / 60.0 * *threads as f64;
        let rate = (passed + failed) as f64 / minutes;
        let faults = *faults as f64 / (*passed).max(1) as f64;
        writeln!(f, "{rate:.0} worlds a minute and core, {faults:.1} faults a world, {too_calm} too calm")?;
        write!(f, "{passed} passed, {failed} failed")
    }
}

/// Shows how far it is, and ends everything when a world hangs.
fn watch(running: &[Running], done: &AtomicBool, counters: &Counters, began: Instant) {
    let mut said = Instant::now();
    while !done.load(Ordering::Acquire) {
        std::thread::sleep(Duration::from_millis(20));
        for world in running {
            let world = *world.lock().expect("nobody panics while holding it");
            if let Some((seed, scenario, since)) = world
                && since.elapsed() > PATIENCE
            {
                let reason = "it turns in circles without time going on".to_owned();
                let failure = Failure { rule: "hangs", reason };
                println!("{}", head(&Plan::draw(scenario, seed), &failure));
                std::process::exit(1);
            }
        }
        if said.elapsed() > PROGRESS {
            said = Instant::now();
            let count = |counter: &AtomicU64| counter.load(Ordering::Acquire);
            let (passed, failed) = (count(&counters.passed), count(&counters.failed));
            println!("{:.0} s: {passed} passed, {failed} failed", began.elapsed().as_secs_f64());
            _ = std::io::stdout().flush();
        }
    }
}

fn head(plan: &Plan, failure: &Failure) -> String {
    let (seed, scenario) = (plan.seed, plan.scenario.name());
    format!(
        "FAILED: seed {seed}, {scenario}: {failure}\n  again: cargo xtask sim --scenario {scenario} --seed {seed}"
    )
}
