//! `cargo xtask test`: every test there is, fast ones first, closing with `N passed, N failed`.

pub mod chaos;
mod kerberos;
mod peers;
mod real_kafka;
mod section;
mod tally;

use crate::interrupt;
use anyhow::Result;
use clap::Args;
pub use section::Section;
use std::process::ExitCode;
pub use tally::Tally;

/// What to run.
#[derive(Args)]
pub struct Arguments {
    /// Leave out the tests that need a real Kafka.
    #[arg(long)]
    no_kafka: bool,
    /// Passed on to every test binary, such as the part of a test's name.
    #[arg(last = true)]
    filters: Vec<String>,
}

/// Runs the tests.
pub fn run(arguments: Arguments) -> Result<ExitCode> {
    interrupt::install()?;
    let mut tally = workspace_tests(&arguments.filters)?;
    if !arguments.no_kafka {
        // The count so far is worth keeping when a cluster does not start.
        match real_kafka::run(&arguments.filters) {
            Ok(real) => tally += real,
            Err(error) => {
                interrupt::check()?;
                println!("end-to-end tests did not run: {error:#}");
                tally.failed += 1;
            }
        }
    }
    println!("\n{tally}");
    Ok(ExitCode::from(u8::from(tally.failed > 0)))
}

fn workspace_tests(filters: &[String]) -> Result<Tally> {
    let mut arguments = vec!["test", "--workspace", "--no-fail-fast", "--"];
    arguments.extend(filters.iter().map(String::as_str));
    Section { title: "unit, doc and stub tests", arguments, environment: Vec::new() }.run()
}
