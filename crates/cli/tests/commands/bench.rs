//! `ottla bench`.

use serde_json::Value;

use crate::command::{BrokerProcess, ottla, unused_address};

const FIELDS: [&str; 8] = ["n", "secs", "cpu", "errs", "bytes", "checksum", "wire_bytes", "rss_mb"];

fn measure(arguments: &str) -> Value {
    let finished = ottla(&format!("bench {arguments} --json"));
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert_eq!(finished.stdout.lines().count(), 1, "{}", finished.stdout);
    let line: Value = serde_json::from_str(&finished.stdout).expect("json");
    for field in FIELDS.into_iter().filter(|field| *field != "rss_mb" || cfg!(target_os = "linux")) {
        assert!(line.get(field).is_some(), "{field} in {line}");
    }
    line
}

#[test]
fn what_is_consumed_has_the_checksum_of_what_was_produced() {
    let broker = BrokerProcess::start("--nodes 2 --partitions 4");
    for compression in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let at = format!("--bootstrap-server {} --topic {compression}", broker.bootstrap_servers);
        let options = format!("--records 20_000 --record-size 123 --compression {compression} --linger-ms 1");
        let produced = measure(&format!("produce {at} {options}"));
        let consumed = measure(&format!("consume {at} --records 20_000"));
        for field in ["n", "errs", "bytes", "checksum"] {
            assert_eq!(produced[field], consumed[field], "{field}, {compression}");
        }
        assert_eq!(produced["n"], 20_000);
        assert_eq!(produced["bytes"], 20_000 * 123);
        let wire_bytes = produced["wire_bytes"].as_u64().expect("a number");
        assert_eq!(wire_bytes > 20_000 * 123, compression == "none", "{produced}");
    }
}

#[test]
fn values_come_from_the_file() {
    let broker = BrokerProcess::start("");
    let file = env!("CARGO_BIN_EXE_ottla");
    let at = format!("--bootstrap-server {} --records 1000 --record-size 1000", broker.bootstrap_servers);
    let from_file = measure(&format!("produce {at} --topic file --payload-file {file} --threads 2"));
    let made_up = measure(&format!("produce {at} --topic made-up --rate 10000"));
    assert_ne!(from_file["checksum"], made_up["checksum"]);
    assert_eq!(measure(&format!("consume {at} --topic file"))["checksum"], from_file["checksum"]);
}

#[test]
fn latencies_are_measured() {
    let broker = BrokerProcess::start("--partitions 2");
    for operation in ["latency", "e2e"] {
        let at = format!("--bootstrap-server {} --topic t --rate 2000", broker.bootstrap_servers);
        let line = measure(&format!("{operation} {at} --records 200"));
        assert_eq!((&line["n"], &line["errs"]), (&Value::from(200), &Value::from(0)));
        let times = ["p50", "p99", "p999"].map(|field| line[field].as_f64().expect(field));
        assert!(times[0] > 0.0 && times.is_sorted(), "{line}");
    }
}

#[test]
fn a_server_that_nobody_runs_is_named() {
    let address = unused_address();
    let finished = ottla(&format!("bench produce --bootstrap-server {address} --topic t --json"));
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(1), ""));
    assert!(
        finished.stderr.starts_with("error: ") && finished.stderr.contains(&address),
        "{}",
        finished.stderr
    );
}

#[test]
fn records_that_are_too_large_are_named() {
    let broker = BrokerProcess::start("");
    let at = format!("--bootstrap-server {} --topic t", broker.bootstrap_servers);
    let finished = ottla(&format!("bench produce {at} --records 1 --record-size 5_000_000"));
    assert_eq!(finished.code, Some(1));
    assert!(finished.stderr.contains("max.request.size"), "{}", finished.stderr);
}
