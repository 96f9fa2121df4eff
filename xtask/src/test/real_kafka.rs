//! The part of a test run that needs other programs: end-to-end tests on a real Kafka (`tests/tests/kafka.rs`), and
//! ottla beside other clients (`tests/tests/interop.rs`). Their tests are marked `#[ignore = "needs …: cargo xtask
//! test"]`. One broker and a cluster of three serve both. A cluster of its own has its nodes killed.

use super::peers::{Peer, Peers};
use super::section::Section;
use super::tally::Tally;
use super::{chaos, kerberos};
use crate::kafka::Temporary;
use crate::maven;
use anyhow::{Result, bail};

const PACKAGE: &str = "ottla-tests";

/// The newest of each age that protocols have changed in.
const OLD_RELEASES: [&str; 4] = ["2.1.1", "2.8.2", "3.3.2", "3.9.1"];

/// Runs these tests, or says which it leaves out and why.
pub fn run(filters: &[String]) -> Result<Tally> {
    if let Some(missing) = maven::missing(&maven::TOOLS) {
        if is_ci() {
            bail!("{missing}");
        }
        println!("\n== end-to-end tests and interop: skipped: {missing}");
        return Ok(Tally::default());
    }
    println!("\n== starting Kafka: one broker, and a cluster of three");
    let one = Temporary::up("test-1", 1)?;
    let three = Temporary::up("test-3", 3)?;
    println!("{}, logs in {}", one.bootstrap_servers(), one.logs());
    println!("{}, logs in {}", three.bootstrap_servers(), three.logs());
    let kafka =
        vec![("OTTLA_TEST_KAFKA", one.bootstrap_servers()), ("OTTLA_TEST_KAFKA3", three.bootstrap_servers())];
    let mut tally = section("end-to-end tests", "kafka", filters, &[], kafka.clone()).run()?;

    // In a process of its own, whose open files and tasks are counted.
    tally += section("cut connections", "cut_connections", filters, &["no_request"], kafka.clone()).run()?;

    tally += chaos::run(filters, None)?;

    println!("\n== starting Kafka with every listener");
    let (secured, missing) = Temporary::secured("test-secured")?;
    println!("{}, logs in {}", secured.bootstrap_servers(), secured.logs());
    if let Some(reason) = &missing {
        println!("without GSSAPI: {reason}");
    }
    let environment = vec![("OTTLA_TEST_KAFKA_SECURED", secured.security_file().display().to_string())];
    tally += section("ways in", "security", filters, &[], environment).run()?;
    match missing.or_else(kerberos::missing) {
        Some(reason) => println!("\n== Kerberos: skipped: {reason}"),
        None => {
            let environment = kerberos::environment(&secured.security_file())?;
            let mut section = section("Kerberos", "security", filters, &[], environment);
            section.arguments.splice(1..1, ["--features", "gssapi"]);
            if filters.is_empty() {
                section.arguments.push("kerberos");
            }
            tally += section.run()?;
        }
    }
    drop(secured);

    for version in OLD_RELEASES {
        println!("\n== starting Kafka {version}");
        let old = Temporary::of_release("test-old", version)?;
        let environment = vec![
            ("OTTLA_TEST_KAFKA_OF_AGE", old.bootstrap_servers()),
            ("OTTLA_TEST_KAFKA_OF_AGE_LIBS", old.libs()?.display().to_string()),
        ];
        tally += section(&format!("Kafka {version}"), "versions", filters, &[], environment).run()?;
    }

    let peers = Peers::find(&one)?;
    for (peer, reason) in &peers.missing {
        println!(
            "\n== interop with {}: {}: {reason}",
            peer.name(),
            if is_ci() { "FAILED" } else { "skipped" }
        );
        tally.failed += u64::from(is_ci());
    }
    let skipped: Vec<_> = peers.missing.iter().map(|(peer, _)| peer.name()).collect();
    let environment = [kafka, peers.environment].concat();
    tally += section("interop", "interop", filters, &skipped, environment).run()?;
    Ok(tally)
}

/// The tests of one target. A peer's name is a part of the names of all tests that need it.
fn section<'a>(
    title: &'a str,
    target: &'a str,
    filters: &'a [String],
    skipped: &[&'a str],
    environment: Vec<(&'a str, String)>,
) -> Section<'a> {
    let mut arguments =
        vec!["test", "-p", PACKAGE, "--test", target, "--no-fail-fast", "--", "--include-ignored"];
    for peer in skipped {
        arguments.extend(["--skip", peer]);
    }
    arguments.extend(filters.iter().map(String::as_str));
    Section { title, arguments, environment }
}

fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|ci| ci == "true")
}

impl Peer {
    /// What its tests have in their names.
    fn name(self) -> &'static str {
        match self {
            Peer::Kcat => "kcat",
            Peer::KafkaJs => "kafkajs",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_with_a_missing_peer_are_left_out() {
        let filters = ["gzip".to_owned()];
        let section = section("interop", "interop", &filters, &["kcat"], Vec::new());
        let behind = section.arguments.iter().skip_while(|argument| **argument != "--").copied();
        assert_eq!(behind.collect::<Vec<_>>(), ["--", "--include-ignored", "--skip", "kcat", "gzip"]);
    }
}
