//! Runs the oracle checks over fixture files: `oracle FILE.jsonl.gz…`.
//!
//! Prints the first 20 failures, how often reading was lenient and why, and closes with `N passed, N failed, N skipped`; a kind of line that no
//! check takes is skipped. Exit code 0 only if nothing failed and every file could be read.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use flate2::read::MultiGzDecoder;
use ottla_tests::oracle::mutations::{Leniency, leniencies};
use ottla_tests::oracle::{Kind, Verdict, check, kind_of};
use serde_json::Value;

const PRINTED_FAILURES: usize = 20;

#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
    skipped: usize,
    /// In the order of [`Leniency::ALL`].
    lenient: [usize; Leniency::ALL.len()],
}

fn main() -> ExitCode {
    let files: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if files.is_empty() {
        eprintln!("usage: oracle FILE.jsonl.gz...");
        return ExitCode::from(2);
    }
    let mut tally = Tally::default();
    for file in &files {
        if let Err(error) = run(file, &mut tally) {
            tally.fail(&format!("{}: {error}", file.display()));
        }
    }
    for (leniency, count) in Leniency::ALL.iter().zip(tally.lenient).filter(|(_, count)| *count > 0) {
        println!("lenient: {count} {}", leniency.name());
    }
    println!("{} passed, {} failed, {} skipped", tally.passed, tally.failed, tally.skipped);
    if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run(path: &Path, tally: &mut Tally) -> std::io::Result<()> {
    let lines = BufReader::new(MultiGzDecoder::new(File::open(path)?)).lines();
    for (number, line) in lines.enumerate() {
        let place = format!("{}:{}", path.display(), number + 1);
        let line: Result<Value, _> = serde_json::from_str(&line?);
        if let Ok(line) = &line {
            tally.count_leniencies(line);
        }
        match line.map(|line| check(&line)) {
            Ok(Verdict::Passed) => tally.passed += 1,
            Ok(Verdict::Skipped) => tally.skipped += 1,
            Ok(Verdict::Failed(difference)) => tally.fail(&format!("{place}: {difference}")),
            Err(error) => tally.fail(&format!("{place}: {error}")),
        }
    }
    Ok(())
}

impl Tally {
    fn count_leniencies(&mut self, line: &Value) {
        if kind_of(line) == Kind::Mutations {
            let found = leniencies(line).unwrap_or_default();
            for (leniency, count) in Leniency::ALL.iter().zip(&mut self.lenient) {
                *count += usize::from(found.contains(leniency));
            }
        }
    }

    fn fail(&mut self, what: &str) {
        self.failed += 1;
        if self.failed <= PRINTED_FAILURES {
            println!("{what}");
        }
    }
}
