//! The end-to-end part of a test run: tests marked `#[ignore = "needs a real Kafka: cargo xtask test"]` in
//! `tests/tests/kafka.rs`, on one broker and on three.

use super::section::Section;
use super::tally::Tally;
use crate::kafka::Temporary;
use crate::{maven, workspace};
use anyhow::{Result, bail};
use serde_json::Value;

const PACKAGE: &str = "ottla-tests";
const TARGET: &str = "kafka";

/// Runs the end-to-end tests, or says why it does not.
pub fn run(filters: &[String]) -> Result<Tally> {
    if let Some(reason) = reason_to_skip()? {
        println!("\n== end-to-end tests: skipped: {reason}");
        return Ok(Tally::default());
    }
    println!("\n== starting Kafka: one broker, and a cluster of three");
    let one = Temporary::up("test-1", 1)?;
    let three = Temporary::up("test-3", 3)?;
    println!("{}, logs in {}", one.bootstrap_servers(), one.logs());
    println!("{}, logs in {}", three.bootstrap_servers(), three.logs());
    let mut arguments =
        vec!["test", "-p", PACKAGE, "--test", TARGET, "--no-fail-fast", "--", "--include-ignored"];
    arguments.extend(filters.iter().map(String::as_str));
    let environment =
        vec![("OTTLA_TEST_KAFKA", one.bootstrap_servers()), ("OTTLA_TEST_KAFKA3", three.bootstrap_servers())];
    Section { title: "end-to-end tests", arguments, environment }.run()
}

fn reason_to_skip() -> Result<Option<String>> {
    if !has_target(&workspace::metadata(&["--no-deps"])?) {
        return Ok(Some(format!("{PACKAGE} has no test target `{TARGET}`")));
    }
    match maven::missing(&maven::TOOLS) {
        Some(missing) if std::env::var_os("CI").is_some_and(|ci| ci == "true") => bail!("{missing}"),
        missing => Ok(missing),
    }
}

fn has_target(metadata: &Value) -> bool {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let targets =
        packages.filter(|package| package["name"] == PACKAGE).filter_map(|p| p["targets"].as_array());
    let is_test = |target: &Value| target["kind"][0] == "test" && target["name"] == TARGET;
    targets.flatten().any(is_test)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_a_test_target_of_the_tests_package_counts() {
        let package = |name: &str, kind: &str, target: &str| json!({"packages": [{"name": name, "targets": [{"kind": [kind], "name": target}]}]});
        assert!(has_target(&package("ottla-tests", "test", "kafka")));
        for other in [
            package("ottla-tests", "lib", "kafka"),
            package("ottla-tests", "test", "interop"),
            package("ottla-client", "test", "kafka"),
        ] {
            assert!(!has_target(&other), "{other}");
        }
    }
}
