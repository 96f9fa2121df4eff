//! One section of a test run: a heading, one `cargo test` whose output is shown as it comes, and its tally.

use super::tally::Tally;
use crate::process::{Group, TICK};
use crate::{interrupt, workspace};
use anyhow::{Context, Result};
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::time::Instant;

/// A `cargo test` with its arguments.
pub struct Section<'a> {
    /// What the heading says.
    pub title: &'a str,
    /// Cargo's arguments.
    pub arguments: Vec<&'a str>,
    /// Variables that the tests read.
    pub environment: Vec<(&'a str, String)>,
}

impl Section<'_> {
    /// Runs it. Failing tests are in the tally; an error means that there is no result.
    pub fn run(&self) -> Result<Tally> {
        let began = Instant::now();
        println!("\n== {}: cargo {}", self.title, self.arguments.join(" "));
        let mut command = workspace::cargo();
        command.args(&self.arguments).envs(self.environment.iter().cloned());
        let mut group = Group::start(command.stdout(Stdio::piped()))?;
        let output = group.child.stdout.take().context("a piped output is there")?;
        let reader = std::thread::spawn(move || show_and_count(output));
        let status = loop {
            interrupt::check()?;
            match group.child.try_wait().context("cannot wait for cargo")? {
                Some(status) => break status,
                None => std::thread::sleep(TICK),
            }
        };
        let mut tally = reader.join().expect("reading output does not panic");
        if !status.success() && tally.failed == 0 {
            println!("cargo failed without naming a test ({status})");
            tally.failed = 1;
        }
        println!("== {}: {tally}, {} s", self.title, began.elapsed().as_secs());
        Ok(tally)
    }
}

fn show_and_count(output: impl Read) -> Tally {
    let mut tally = Tally::default();
    let mut lines = BufReader::new(output);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        let text = String::from_utf8_lossy(&line);
        print!("{text}");
        tally += Tally::of_line(text.trim_end());
        line.clear();
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_result_in_an_output_counts() {
        let output = b"test result: ok. 2 passed; 0 failed\n\xff\n\ntest result: FAILED. 0 passed; 1 failed";
        assert_eq!(show_and_count(&output[..]), Tally { passed: 2, failed: 1 });
    }
}
