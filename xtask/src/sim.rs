//! `cargo xtask sim`: builds and runs the tests package's `sim` binary, which runs simulated worlds. Only the way to it:
//! xtask links none of our crates.

use crate::{mutations, workspace};
use anyhow::{Context, Result};
use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// Which worlds.
#[derive(clap::Args)]
pub struct Arguments {
    /// What mostly goes wrong; `all` for each kind.
    #[arg(long, default_value = "mixed")]
    scenario: String,
    /// How many seeds.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// For so many minutes instead of so many seeds.
    #[arg(long, conflicts_with = "seeds")]
    minutes: Option<u64>,
    /// Run each world twice, and fail where the runs differ.
    #[arg(long)]
    twice: bool,
    /// Only this seed.
    #[arg(long, conflicts_with_all = ["seeds", "first", "minutes"])]
    seed: Option<u64>,
    /// Write down what happens in that one world, or in the first one that fails, as JSON lines.
    #[arg(long)]
    journal: Option<PathBuf>,
    /// Run the world of such a file again, with the faults that struck in it, and compare.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seed", "seeds", "first", "minutes", "scenario", "journal"])]
    replay: Option<PathBuf>,
    /// Do not look for the cause of what fails.
    #[arg(long)]
    no_shrink: bool,
    /// Show that each rule can fail: run worlds of mutated clients and clusters, of all mutations or of these.
    #[arg(long, num_args = 0.., value_name = "NAME", exclusive = true)]
    mutations: Option<Vec<String>>,
}

/// Runs them.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    if let Some(names) = &arguments.mutations {
        return mutations::run(names);
    }
    let mut command = workspace::cargo();
    command.args(["run", "--quiet", "--release", "--package", "ottla-tests", "--bin", "sim", "--"]);
    // Cargo runs in the workspace's root, and files are named from where the user is.
    let absolute = |file| std::path::absolute(file).context("cannot tell where the file is");
    if let Some(file) = &arguments.replay {
        command.arg("--replay").arg(absolute(file)?);
        return exit_code_of(command);
    }
    command.args(["--scenario", &arguments.scenario]);
    match (arguments.seed, arguments.minutes) {
        (Some(seed), _) => command.args(["--seed", &seed.to_string()]),
        (None, Some(minutes)) => command.args(["--minutes", &minutes.to_string()]),
        (None, None) => command.args(["--seeds", &arguments.seeds.to_string()]),
    };
    command.args(["--first", &arguments.first.to_string()]);
    if let Some(journal) = &arguments.journal {
        command.arg("--journal").arg(absolute(journal)?);
    }
    for (is_set, flag) in [(arguments.twice, "--twice"), (arguments.no_shrink, "--no-shrink")] {
        if is_set {
            command.arg(flag);
        }
    }
    exit_code_of(command)
}

fn exit_code_of(mut command: Command) -> Result<ExitCode> {
    let status = command.status().context("cannot run cargo")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
