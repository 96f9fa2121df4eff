//! Times every case with Criterion, ours and theirs in turn, and closes with the ratios of the medians.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use ottla_benches::cases;
use serde_json::Value;

const OURS: &str = "ottla";
const THEIRS: &str = "kafka-protocol";

fn main() {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("criterion");
    // What an earlier run has left would be taken for this one's.
    _ = fs::remove_dir_all(&directory);
    let mut criterion = Criterion::default()
        .output_directory(&directory)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let mut table = Vec::new();
    for (number, case) in cases().into_iter().enumerate() {
        let (mut ours, mut theirs) = (case.ottla, case.kafka_protocol);
        // Criterion's folders must not depend on how a case is described.
        let folder = format!("case-{number}");
        let mut group = criterion.benchmark_group(&folder);
        group.throughput(Throughput::Bytes(case.size_bytes as u64));
        group.bench_function(BenchmarkId::new(OURS, case.name), |bencher| bencher.iter(&mut ours));
        group.bench_function(BenchmarkId::new(THEIRS, case.name), |bencher| bencher.iter(&mut theirs));
        group.finish();
        table.push((case.name, folder));
    }
    println!("{:<55} {:>12} {:>15} {:>6}", "median, ns", OURS, THEIRS, "ratio");
    for (name, folder) in table {
        let median = |who: &str| median_ns(&directory.join(&folder).join(who));
        match (median(OURS), median(THEIRS)) {
            (Some(ours), Some(theirs)) => {
                println!("{name:<55} {ours:>12.0} {theirs:>15.0} {:>6.2}", ours / theirs);
            }
            _ => println!("{name:<55} {:>12} {:>15} {:>6}", "-", "-", "-"),
        }
    }
}

/// What Criterion found last for the one benchmark below `folder`.
fn median_ns(folder: &Path) -> Option<f64> {
    let benchmark = folder.read_dir().ok()?.next()?.ok()?.path();
    let estimates = File::open(benchmark.join("new/estimates.json")).ok()?;
    let estimates: Value = serde_json::from_reader(estimates).ok()?;
    estimates.pointer("/median/point_estimate")?.as_f64()
}
