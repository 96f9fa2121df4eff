//! `cargo xtask soak`: the long forms of tests that find more the longer they run, in release builds and with their
//! output shown, closing with `N passed, N failed`. The short forms are among `cargo xtask test`.

use crate::test::{Section, Tally, chaos};
use crate::{interrupt, maven};
use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use std::process::ExitCode;

/// What to run, and for how long.
#[derive(Args)]
pub struct Arguments {
    /// How long each part runs, in minutes.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,
    /// Only this part; may be given several times.
    #[arg(long, value_enum)]
    only: Vec<Part>,
}

/// A part: one row in `PARTS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// A real Kafka of three nodes that are killed in turn under load.
    Chaos,
    /// Connections that are cut, and a broker that is killed, all the time.
    Connections,
    /// Random and damaged bytes for everything that reads a peer's bytes.
    Hostile,
    /// Simulated worlds.
    Sim,
}

/// Every part but chaos, which needs a cluster, with its target among the tests package's; each runs for
/// `OTTLA_SOAK_MINUTES`.
const PARTS: [(Part, &str, &str); 3] = [
    (Part::Connections, "connections that are cut", "cut_connections"),
    (Part::Hostile, "hostile bytes", "hostile"),
    (Part::Sim, "simulated worlds", "sim"),
];

/// Runs the parts, one after the other.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    interrupt::install()?;
    let mut tally = Tally::default();
    for (part, title, target) in PARTS {
        if arguments.only.is_empty() || arguments.only.contains(&part) {
            tally += section(title, target, arguments.minutes).run()?;
        }
    }
    if arguments.only.is_empty() || arguments.only.contains(&Part::Chaos) {
        tally += chaos(arguments)?;
    }
    println!("\n{tally}");
    Ok(ExitCode::from(u8::from(tally.failed > 0)))
}

/// Left out where Java is missing, unless it was asked for.
fn chaos(arguments: &Arguments) -> Result<Tally> {
    match maven::missing(&maven::TOOLS) {
        None => chaos::run(&[], Some(arguments.minutes)),
        Some(missing) if arguments.only.is_empty() => {
            println!("\n== chaos: skipped: {missing}");
            Ok(Tally::default())
        }
        Some(missing) => bail!("{missing}"),
    }
}

fn section(title: &'static str, target: &'static str, minutes: u64) -> Section<'static> {
    let arguments =
        vec!["test", "--release", "--package", "ottla-tests", "--test", target, "--", "--nocapture"];
    Section { title, arguments, environment: vec![("OTTLA_SOAK_MINUTES", minutes.to_string())] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_on_the_test_broker_has_a_row() {
        for part in Part::value_variants().iter().filter(|part| **part != Part::Chaos) {
            assert!(PARTS.iter().any(|(row, _, _)| row == part), "{part:?}");
        }
    }
}
