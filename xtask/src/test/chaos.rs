//! The part of a test run in which nodes of a real Kafka are killed under load (`tests/tests/chaos.rs`): the short form
//! for `cargo xtask test`, the long one for `cargo xtask soak`. The test kills by `cargo xtask kafka kill` and `start`,
//! as it links nothing of ours.

use super::section::Section;
use super::tally::Tally;
use crate::kafka::Temporary;
use anyhow::{Context, Result};

/// Starts a cluster of three and runs the test on it: for so many minutes, or for as long as the short form takes.
/// Java and Maven must be there.
pub fn run(filters: &[String], minutes: Option<u64>) -> Result<Tally> {
    println!("\n== starting Kafka: a cluster of three whose nodes are killed");
    let cluster = Temporary::up("test-chaos", 3)?;
    println!("{}, logs in {}", cluster.bootstrap_servers(), cluster.logs());
    let xtask = std::env::current_exe().context("cannot tell which program this is")?;
    let mut environment = vec![
        ("OTTLA_TEST_KAFKA_CHAOS", cluster.bootstrap_servers()),
        ("OTTLA_TEST_KAFKA_CHAOS_NAME", cluster.name().to_owned()),
        ("OTTLA_TEST_XTASK", xtask.display().to_string()),
    ];
    environment.extend(minutes.map(|minutes| ("OTTLA_SOAK_MINUTES", minutes.to_string())));
    section(filters, minutes.is_some(), environment).run()
}

fn section<'a>(
    filters: &'a [String],
    is_long: bool,
    environment: Vec<(&'static str, String)>,
) -> Section<'a> {
    let mut arguments = vec!["test", "--package", "ottla-tests", "--test", "chaos", "--no-fail-fast"];
    if is_long {
        arguments.push("--release");
    }
    // What it measured is worth reading when it passes, too.
    arguments.extend(["--", "--include-ignored", "--nocapture"]);
    arguments.extend(filters.iter().map(String::as_str));
    Section { title: "chaos", arguments, environment }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_long_form_is_a_release_build() {
        assert!(!section(&[], false, Vec::new()).arguments.contains(&"--release"));
        assert!(section(&[], true, Vec::new()).arguments.contains(&"--release"));
    }
}
