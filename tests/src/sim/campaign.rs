//! Many worlds on all cores: what `cargo xtask sim` and the soak do.

use std::fmt;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::answers::Answers;
use super::history::Happened;
use super::judge::{Failure, HANGS, TOO_CALM, judge, judge_twice};
use super::plan::{Plan, Scenario};
use super::shrink::shrink;
use super::world::{self, Ended};

/// How many worlds that fail are shown; the others are only named.
const SHOWN_FAILURES: u64 = 10;
/// How many worlds shrinking may try.
const SHRINKING: usize = 200;
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
    /// Where the journal of the first world that fails is written.
    pub journal: Option<PathBuf>,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many worlds passed.
    pub passed: u64,
    /// How many failed.
    pub failed: u64,
    /// How many of those failed because too little happened in them.
    pub too_calm: u64,
    /// How many faults of the cluster struck in those that passed.
    pub faults: u64,
    /// How many struck at least in each of them.
    pub fewest_faults: Option<u64>,
    /// How many faults of the networks there were in those that passed.
    pub weather: u64,
    /// What brokers have answered in those that passed.
    pub answers: Answers,
    /// How long it took.
    pub took: Duration,
    threads: usize,
}

#[derive(Debug, Default)]
struct Shared {
    next: AtomicU64,
    tally: Mutex<Tally>,
    /// Held while something of several lines is printed.
    printing: Mutex<()>,
}

impl Campaign {
    /// One seed after the other on all cores.
    pub fn new(scenarios: &[Scenario], first: u64, seeds: u64) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let scenarios = scenarios.to_vec();
        Self { scenarios, first, seeds, until: None, twice: false, shrinks: true, threads, journal: None }
    }

    /// Runs them, and shows what fails.
    pub fn run(&self) -> Tally {
        let names: Vec<_> = self.scenarios.iter().map(|scenario| scenario.name()).collect();
        println!("worlds from seed {} on: {}; {} at a time", self.first, names.join(", "), self.threads);
        let (shared, began) = (Shared::default(), Instant::now());
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let (shared, done) = (&shared, &done);
            let workers: Vec<_> = (0..self.threads).map(|_| scope.spawn(move || self.work(shared))).collect();
            scope.spawn(move || say_progress(shared, done, began));
            for worker in workers {
                worker.join().expect("panics of worlds are caught within");
            }
            done.store(true, Ordering::Release);
        });
        let tally = shared.tally.into_inner().expect("nobody panics while holding it");
        Tally { took: began.elapsed(), threads: self.threads, ..tally }
    }

    /// Runs one world, and shows it if it fails.
    pub fn run_one(&self, plan: &Plan) -> Result<Ended, Failure> {
        let result = self.judge(plan);
        if let Err(failure) = &result {
            self.show(plan, failure);
        }
        result
    }

    fn judge(&self, plan: &Plan) -> Result<Ended, Failure> {
        if self.twice { judge_twice(plan) } else { judge(plan) }
    }

    fn work(&self, shared: &Shared) {
        loop {
            let nth = shared.next.fetch_add(1, Ordering::AcqRel);
            let kinds = self.scenarios.len() as u64;
            if nth / kinds >= self.seeds || self.until.is_some_and(|until| Instant::now() >= until) {
                return;
            }
            let scenario = self.scenarios[(nth % kinds) as usize];
            let plan = Plan::draw(scenario, self.first + nth / kinds);
            match self.judge(&plan) {
                Ok(ended) => {
                    let answers = Answers::of(ended.outcome.history.iter().filter_map(Happened::as_journal));
                    shared.lock().count(&ended, &answers);
                }
                Err(failure) => {
                    let nth = shared.lock().count_failure(&failure);
                    let _printing = shared.printing.lock().expect("nobody panics while holding it");
                    if nth == 0 {
                        self.write_journal(&plan);
                    }
                    if nth < SHOWN_FAILURES {
                        self.show(&plan, &failure);
                    } else {
                        println!("{}", head(&plan, &failure));
                    }
                }
            }
        }
    }

    /// Writes down what happens in a world, if that is wanted.
    pub fn write_journal(&self, plan: &Plan) {
        let Some(file) = &self.journal else { return };
        let written = world::run(plan)
            .and_then(|ended| std::fs::write(file, ended.text).map_err(|error| error.to_string()));
        let file = file.display();
        match written {
            Ok(()) => println!("what happened is in {file}; again: cargo xtask sim --replay {file}"),
            Err(error) => println!("what happened is not in {file}: {error}"),
        }
    }

    fn show(&self, plan: &Plan, failure: &Failure) {
        println!("{}", head(plan, failure));
        if !self.shrinks || ["determinism", TOO_CALM, HANGS].contains(&failure.rule) {
            return;
        }
        let shrunk = shrink(plan, failure, SHRINKING);
        println!("  shrunk by {} runs: {}", shrunk.tried, shrunk.failure);
        shrunk.plan.parts().iter().for_each(|part| println!("    {part}"));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().expect("nobody panics while holding it")
    }
}

impl Tally {
    fn count(&mut self, ended: &Ended, answers: &Answers) {
        let faults = ended.faults as u64;
        self.passed += 1;
        self.faults += faults;
        self.fewest_faults = Some(self.fewest_faults.map_or(faults, |fewest| fewest.min(faults)));
        self.weather += ended.weather as u64;
        self.answers.add(answers);
    }

    /// Gives how many failed before.
    fn count_failure(&mut self, failure: &Failure) -> u64 {
        self.failed += 1;
        self.too_calm += u64::from(failure.rule == TOO_CALM);
        self.failed - 1
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passed, failed, too_calm, took, threads, .. } = self;
        let minutes = took.as_secs_f64() / 60.0 * *threads as f64;
        let rate = (passed + failed) as f64 / minutes;
        let of_each = |sum: u64| sum as f64 / (*passed).max(1) as f64;
        let fewest = self.fewest_faults.unwrap_or(0);
        writeln!(f, "{rate:.0} worlds a minute and core")?;
        writeln!(
            f,
            "{:.1} faults of the cluster struck in a world, at least {fewest}, beside {:.1} of networks; {too_calm} \
             too calm",
            of_each(self.faults),
            of_each(self.weather)
        )?;
        write!(f, "{passed} passed, {failed} failed")
    }
}

/// Says now and then how far it is.
fn say_progress(shared: &Shared, done: &AtomicBool, began: Instant) {
    let mut said = Instant::now();
    while !done.load(Ordering::Acquire) {
        std::thread::sleep(Duration::from_millis(20));
        if said.elapsed() > PROGRESS {
            said = Instant::now();
            let tally = shared.lock().clone();
            let (seconds, passed, failed) = (began.elapsed().as_secs_f64(), tally.passed, tally.failed);
            println!("{seconds:.0} s: {passed} passed, {failed} failed");
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
