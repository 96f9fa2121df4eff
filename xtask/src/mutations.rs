//! `cargo xtask sim --mutations [NAME…]`: whether each rule of the simulated world can fail. Every mutation of
//! `tests/mutations` is applied to a copy of the workspace, built there, and tried world by world until a checker that
//! it names reports it. Without the mutation none of them may report those worlds. Closes with a table of what caught
//! what, and `N passed, N failed`.
//!
//! Not mutation testing at large: mutations are few, and each is there for a rule.

mod copy;
mod mutation;

use crate::interrupt;
use crate::process;
use crate::workspace;
use anyhow::{Context, Result, bail, ensure};
use copy::Copy;
use mutation::Mutation;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

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

/// Tries mutations, one after the other: those of these names, or all.
pub fn run(names: &[String]) -> Result<ExitCode> {
    interrupt::install()?;
    let mutations = picked(mutation::load(&workspace::root())?, names)?;
    let copy = Copy::of_workspace()?;
    println!("== without a mutation");
    copy.refresh()?;
    build(&copy, "none")?;
    copy.keep()?;
    let mut rows = Vec::new();
    for mutation in &mutations {
        println!("== {}: {}", mutation.name, mutation.breaks);
        let verdict = try_out(mutation, &copy);
        interrupt::check()?;
        let row = row(mutation, &verdict);
        println!("{row}");
        rows.push((row, matches!(verdict, Ok(Verdict::Caught { .. }))));
    }
    println!("\n| mutation | what it breaks | caught by | in world |\n|---|---|---|---|");
    rows.iter().for_each(|(row, _)| println!("{row}"));
    let passed = rows.iter().filter(|(_, is_caught)| *is_caught).count();
    let failed = rows.len() - passed;
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

fn try_out(mutation: &Mutation, copy: &Copy) -> Result<Verdict> {
    copy.refresh()?;
    copy.mutate(mutation)?;
    let Mutation { name, scenario, worlds, caught_by, .. } = mutation;
    build(copy, name)?;
    let verdict = run_worlds(copy.judge(), &copy.log(name), (scenario, *worlds), caught_by)?;
    // A rule that is broken without the mutation shows nothing with it.
    if let Verdict::Caught { by, world } = &verdict {
        let log = copy.log("none");
        let without = run_worlds(copy.kept(), &log, (scenario, *world), caught_by)?;
        ensure!(matches!(without, Verdict::Missed { .. }), "{by} is broken without a mutation too");
    }
    Ok(verdict)
}

fn build(copy: &Copy, name: &str) -> Result<()> {
    let log = copy.log(name);
    let status = process::run(&mut copy.build(), &log, BUILD_LIMIT)?;
    ensure!(status.success(), "the copy does not build: {}", log.display());
    Ok(())
}

fn run_worlds(
    mut judge: Command,
    log: &Path,
    (scenario, worlds): (&str, u64),
    rules: &[String],
) -> Result<Verdict> {
    judge.args(["--scenario", scenario, "--seeds", &worlds.to_string(), "--until"]).args(rules);
    if let Err(error) = process::run(&mut judge, log, WORLDS_LIMIT) {
        interrupt::check()?;
        println!("{error:#}");
    }
    read_verdict(log, rules)
}

fn read_verdict(log: &Path, expected: &[String]) -> Result<Verdict> {
    let text = std::fs::read_to_string(log).with_context(|| format!("cannot read {}", log.display()))?;
    let reports = text.lines().filter_map(|line| {
        let (world, report) = line.strip_prefix("world ")?.split_once(": ")?;
        Some((world.parse::<u64>().ok()?, report.split_once(": ")?.0.to_owned()))
    });
    let mut instead = Vec::new();
    for (world, by) in reports {
        if expected.contains(&by) {
            return Ok(Verdict::Caught { by, world });
        }
        if !instead.contains(&by) {
            instead.push(by);
        }
    }
    Ok(Verdict::Missed { instead })
}

fn row(mutation: &Mutation, verdict: &Result<Verdict>) -> String {
    let Mutation { name, breaks, scenario, worlds, .. } = mutation;
    let outcome = match verdict {
        Ok(Verdict::Caught { by, world }) => format!("{by} | {world} of {scenario}"),
        Ok(Verdict::Missed { instead }) if instead.is_empty() => format!("NOTHING | {worlds} of {scenario}"),
        Ok(Verdict::Missed { instead }) => {
            format!("only {} | {worlds} of {scenario}", instead.join(", "))
        }
        Err(error) => format!("{error:#} |"),
    };
    format!("| {name} | {breaks} | {outcome} |")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_world_that_an_expected_checker_reports_counts() {
        let log = std::env::temp_dir().join(format!("mutations-{}.log", std::process::id()));
        let check = |text: &str, expected: Verdict| {
            std::fs::write(&log, text).expect("a temporary file");
            assert_eq!(read_verdict(&log, &["b".to_owned()]).expect("a log"), expected);
        };
        let caught = Verdict::Caught { by: "b".to_owned(), world: 3 };
        check("world 1: a: b: it\nworld 3: b: it\nworld 5: b: it\n", caught);
        check("world 1: a: x\nworld 2: a: y\nbuilt\n", Verdict::Missed { instead: vec!["a".to_owned()] });
        std::fs::remove_file(&log).expect("it was just written");
    }
}
