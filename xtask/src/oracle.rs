//! `cargo xtask oracle FILE…`: builds and runs the tests package's `oracle` binary, which compares our codec with
//! bytes that Apache Kafka made. Only the way to it: xtask links none of our crates.

use crate::workspace;
use anyhow::{Context, Result};
use std::path::PathBuf;
use std::process::ExitCode;

/// What to compare with.
#[derive(clap::Args)]
pub struct Arguments {
    /// Files of fixtures (.jsonl.gz).
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// Runs it.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    // Cargo runs in the workspace's root, and the files are named from where the user is.
    let files = arguments.files.iter().map(std::path::absolute);
    let files = files.collect::<std::io::Result<Vec<_>>>().context("cannot tell where a file is")?;
    let mut command = workspace::cargo();
    command
        .args(["run", "--quiet", "--release", "--package", "ottla-tests", "--bin", "oracle", "--"])
        .args(files);
    let status = command.status().context("cannot run cargo")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
