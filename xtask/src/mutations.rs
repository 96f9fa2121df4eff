//! `cargo xtask sim --mutations [NAME…]`: whether each rule of the simulated world can fail. Every mutation of
//! `tests/mutations` is applied to a copy of the workspace, built there, and tried world by world until a checker that
//! it names reports it. Without a mutation none of them may report those worlds. Closes with a table of what caught
//! what, and `N passed, N failed`.
//!
//! Not mutation testing at large: mutations are few, and each is there for a rule.

mod copy;
mod mutation;

use crate::interrupt;
use crate::process;
use crate::workspace;
use anyhow::{Context, Result, anyhow, bail, ensure};
use copy::Copy;
use mutation::Mutation;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// What one build may take: the first one builds every dependency too.
const BUILD_LIMIT: Duration = Duration::from_secs(1800);
/// What the worlds of one mutation may take: it may well make a client spin.
const WORLDS_LIMIT: Duration = Duration::from_secs(300);

/// What became of a mutation.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Caught { by: String, world: u64 },
    Missed { instead: Vec<String> },
}

/// A mutation that was tried.
struct Tried {
    mutation: Mutation,
    verdict: Result<Verdict>,
    building: Duration,
    running: Duration,
}

/// Tries mutations, one after the other: those of these names, or all.
pub fn run(names: &[String]) -> Result<ExitCode> {
    interrupt::install()?;
    let mut mutations = picked(mutation::load(&workspace::root())?, names)?;
    // What is near together in the sources shares most of its build.
    mutations.sort_by(|a, b| (&a.file, &a.name).cmp(&(&b.file, &b.name)));
    let copy = Copy::of_workspace()?;
    let mut all = Vec::new();
    for mutation in mutations {
        let tried = try_out(mutation, &copy);
        interrupt::check()?;
        println!("{}", tried.row());
        all.push(tried);
    }
    println!("the same worlds without a mutation");
    compare(&mut all, &copy)?;
    all.sort_by(|a, b| a.mutation.name.cmp(&b.mutation.name));
    println!(
        "\n| mutation | what it breaks | caught by | in world | seconds: build, worlds |\n|---|---|---|---|---|"
    );
    all.iter().for_each(|tried| println!("{}", tried.row()));
    let passed = all.iter().filter(|tried| tried.is_caught()).count();
    let failed = all.len() - passed;
    println!("\n{passed} passed, {failed} failed");
    Ok(ExitCode::from(u8::from(failed > 0)))
}

fn picked(all: Vec<Mutation>, names: &[String]) -> Result<Vec<Mutation>> {
    if let Some(unknown) = names.iter().find(|name| all.iter().all(|mutation| mutation.name != **name)) {
        let known: Vec<_> = all.iter().map(|mutation| mutation.name.as_str()).collect();
        bail!("no mutation {unknown}; there are {}", known.join(", "));
    }
    let is_picked = |mutation: &Mutation| names.is_empty() || names.contains(&mutation.name);
    Ok(all.into_iter().filter(is_picked).collect())
}

fn try_out(mutation: Mutation, copy: &Copy) -> Tried {
    let log = copy.log(&mutation.name);
    let began = Instant::now();
    let built = copy.refresh().and_then(|()| copy.mutate(&mutation)).and_then(|()| build(copy.build(), &log));
    let building = began.elapsed();
    let run = |()| {
        run_worlds(copy.judge(), &log, (&mutation.scenario, mutation.worlds), &mutation.caught_by)?;
        Ok(verdict(&read_reports(&log)?, &mutation.caught_by))
    };
    let verdict = built.and_then(run);
    let running = began.elapsed().saturating_sub(building);
    Tried { mutation, verdict, building, running }
}

/// A rule that is broken without the mutation shows nothing with it.
fn compare(all: &mut [Tried], copy: &Copy) -> Result<()> {
    let log = copy.log("none");
    copy.refresh()?;
    build(copy.build(), &log)?;
    let scenarios: BTreeSet<String> = all.iter().map(|tried| tried.mutation.scenario.clone()).collect();
    for scenario in scenarios {
        let of_scenario = || all.iter().filter(|tried| tried.mutation.scenario == scenario);
        let worlds = of_scenario().filter_map(Tried::world).max().unwrap_or(0);
        run_worlds(copy.judge(), &log, (&scenario, worlds), &[])?;
        let reports = read_reports(&log)?;
        for tried in all.iter_mut().filter(|tried| tried.mutation.scenario == scenario) {
            let Some(world) = tried.world() else { continue };
            let mut before = reports.iter().filter(|(at, _)| *at <= world);
            if let Some((at, rule)) = before.find(|(_, rule)| tried.mutation.caught_by.contains(rule)) {
                tried.verdict = Err(anyhow!("without a mutation, {rule} is broken too in world {at}"));
            }
        }
    }
    Ok(())
}

fn build(mut command: Command, log: &Path) -> Result<()> {
    let status = process::run(&mut command, log, BUILD_LIMIT)?;
    ensure!(status.success(), "it does not build: {}", log.display());
    Ok(())
}

/// Runs worlds until one breaks one of `rules`; what they break is in `log` then.
fn run_worlds(
    mut judge: Command,
    log: &Path,
    (scenario, worlds): (&str, u64),
    rules: &[String],
) -> Result<()> {
    judge.args(["--scenario", scenario, "--seeds", &worlds.to_string(), "--until"]).args(rules);
    if let Err(error) = process::run(&mut judge, log, WORLDS_LIMIT) {
        interrupt::check()?;
        println!("{error:#}");
    }
    Ok(())
}

/// Worlds and the rules that they break.
fn read_reports(log: &Path) -> Result<Vec<(u64, String)>> {
    let text = std::fs::read_to_string(log).with_context(|| format!("cannot read {}", log.display()))?;
    let reports = text.lines().filter_map(|line| {
        let (world, report) = line.strip_prefix("world ")?.split_once(": ")?;
        Some((world.parse::<u64>().ok()?, report.split_once(": ")?.0.to_owned()))
    });
    Ok(reports.collect())
}

fn verdict(reports: &[(u64, String)], expected: &[String]) -> Verdict {
    let mut instead = Vec::new();
    for (world, by) in reports {
        if expected.contains(by) {
            return Verdict::Caught { by: by.clone(), world: *world };
        }
        if !instead.contains(by) {
            instead.push(by.clone());
        }
    }
    Verdict::Missed { instead }
}

impl Tried {
    fn is_caught(&self) -> bool {
        matches!(self.verdict, Ok(Verdict::Caught { .. }))
    }

    /// The world that it was caught in.
    fn world(&self) -> Option<u64> {
        match &self.verdict {
            Ok(Verdict::Caught { world, .. }) => Some(*world),
            _ => None,
        }
    }

    /// As the table has it.
    fn row(&self) -> String {
        let Mutation { name, breaks, scenario, worlds, .. } = &self.mutation;
        let outcome = match &self.verdict {
            Ok(Verdict::Caught { by, world }) => format!("{by} | {world} of {scenario}"),
            Ok(Verdict::Missed { instead }) if instead.is_empty() => {
                format!("NOTHING | {worlds} of {scenario}")
            }
            Ok(Verdict::Missed { instead }) => {
                format!("only {} | {worlds} of {scenario}", instead.join(", "))
            }
            Err(error) => format!("{error:#} |"),
        };
        let (building, running) = (self.building.as_secs_f64(), self.running.as_secs_f64());
        format!("| {name} | {breaks} | {outcome} | {building:.0}, {running:.1} |")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_world_that_an_expected_checker_reports_counts() {
        let log = std::env::temp_dir().join(format!("mutations-{}.log", std::process::id()));
        let check = |text: &str, expected: Verdict| {
            std::fs::write(&log, text).expect("a temporary file");
            let reports = read_reports(&log).expect("a log");
            assert_eq!(verdict(&reports, &["b".to_owned()]), expected);
        };
        let caught = Verdict::Caught { by: "b".to_owned(), world: 3 };
        check("world 1: a: b: it\nworld 3: b: it\nworld 5: b: it\n", caught);
        check("world 1: a: x\nworld 2: a: y\nbuilt\n", Verdict::Missed { instead: vec!["a".to_owned()] });
        std::fs::remove_file(&log).expect("it was just written");
    }
}
