//! We agree with Apache Kafka on every line of the committed fixtures.
//!
//! Each file's numbers are asserted, so that no line is skipped unnoticed. Skipped for now: the two sticky assignors.

use std::fs::File;
use std::io::Read;
use std::num::NonZero;
use std::path::Path;
use std::thread;

use flate2::read::MultiGzDecoder;
use ottla_protocol::error_code::ErrorCode;
use ottla_tests::oracle::mutations::{Leniency, leniencies};
use ottla_tests::oracle::{Verdict, check};

const SHOWN_FAILURES: usize = 5;

#[derive(Debug, Default, PartialEq)]
struct Tally {
    passed: usize,
    skipped: usize,
    failures: Vec<String>,
}

fn lines_of(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/oracle").join(file);
    let mut text = String::new();
    let packed = File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    MultiGzDecoder::new(packed).read_to_string(&mut text).expect("it is gzip of UTF-8");
    text
}

fn run<'a>(lines: impl Iterator<Item = &'a str>) -> Tally {
    let mut tally = Tally::default();
    for line in lines {
        match check(&serde_json::from_str(line).expect("it is JSON")) {
            Verdict::Passed => tally.passed += 1,
            Verdict::Skipped => tally.skipped += 1,
            Verdict::Failed(difference) => {
                let start: String = line.chars().take(200).collect();
                tally.failures.push(format!("{difference} in {start}"));
            }
        }
    }
    tally
}

fn all_pass(file: &str, passed: usize, skipped: usize) {
    let text = lines_of(file);
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let mut all = Tally::default();
    thread::scope(|scope| {
        let text = &text;
        let workers: Vec<_> =
            (0..threads).map(|at| scope.spawn(move || run(text.lines().skip(at).step_by(threads)))).collect();
        for worker in workers {
            let part = worker.join().expect("no check panics");
            all.passed += part.passed;
            all.skipped += part.skipped;
            all.failures.extend(part.failures);
        }
    });
    let shown = &all.failures[..all.failures.len().min(SHOWN_FAILURES)];
    assert!(shown.is_empty(), "{file}: {} failed: {shown:#?}", all.failures.len());
    assert_eq!((all.passed, all.skipped), (passed, skipped), "{file}: passed and skipped");
}

#[test]
fn every_message_of_every_version_is_read_and_written_as_kafka_does() {
    all_pass("fixtures.jsonl.gz", 5582, 0);
}

/// Each of these is read by its API's key too, not only by its type (`tests/src/oracle/any.rs`).
#[test]
fn most_of_those_messages_are_requests_and_responses() {
    let text = lines_of("fixtures.jsonl.gz");
    let of_kind = |kind: &str| {
        let text_of_kind = format!(r#""kind":"{kind}""#);
        text.lines().filter(|line| line.contains(&text_of_kind)).count()
    };
    assert_eq!(["request", "response", "header", "data"].map(of_kind), [2651, 2760, 34, 137]);
}

#[test]
fn damaged_messages_are_refused_where_kafka_refuses_them() {
    all_pass("mutations.jsonl.gz", 1827, 0);
}

#[test]
fn each_leniency_of_reading_is_as_often_as_documented() {
    let text = lines_of("mutations.jsonl.gz");
    let found: Vec<_> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("it is JSON"))
        .flat_map(|line| leniencies(&line).expect("a reason"))
        .collect();
    let document = include_str!("../../docs/decisions/0003-lenient-decoding.md");
    for leniency in Leniency::ALL {
        let count = found.iter().filter(|found| **found == leniency).count();
        let row = format!("| `{}` | {count} |", leniency.name());
        assert!(document.contains(&row), "the document has no row {row}");
    }
}

#[test]
fn record_sets_of_every_magic_and_compression_are_read_as_kafka_reads_them() {
    all_pass("batches.jsonl.gz", 653, 0);
}

#[test]
fn hashes_varints_uuids_error_codes_group_blobs_and_scram_are_kafkas() {
    all_pass("misc.jsonl.gz", 1497, 0);
}

#[test]
fn range_and_roundrobin_assign_as_kafka_does() {
    all_pass("assignors.jsonl.gz", 120, 480);
}

#[test]
fn what_a_lower_version_lacks_is_dropped_or_refused_as_kafka_does() {
    all_pass("downgrade.jsonl.gz", 870, 0);
}

#[test]
fn there_are_no_error_codes_but_kafkas() {
    let kafkas =
        lines_of("misc.jsonl.gz").lines().filter(|line| line.contains(r#""kind":"errorCode""#)).count();
    let ours = (i16::MIN..=i16::MAX).filter(|&code| ErrorCode(code).name().is_some()).count();
    assert_eq!((ours, kafkas), (135, 135));
}
