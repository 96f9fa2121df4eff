//! `ottla bench`.

use serde_json::Value;

use crate::command::{BrokerProcess, ottla, unused_address};

const FIELDS: [&str; 8] = ["n", "secs", "cpu", "errs", "bytes", "checksum", "wire_bytes", "rss_mb"];

fn measure(arguments: &str) -> Value {
    let [line] = &measure_all(arguments)[..] else { panic!("one run has one line") };
    assert!(line.get("round").is_none(), "{line}");
    line.clone()
}

fn measure_all(arguments: &str) -> Vec<Value> {
    let finished = ottla(&format!("bench {arguments} --json"));
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let lines = finished.stdout.lines().map(|line| serde_json::from_str(line).expect("json"));
    let lines: Vec<Value> = lines.collect();
    for line in &lines {
        for field in FIELDS.into_iter().filter(|field| *field != "rss_mb" || cfg!(target_os = "linux")) {
            assert!(line.get(field).is_some(), "{field} in {line}");
        }
    }
    lines
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
fn what_the_producer_is_told_changes_no_record() {
    let broker = BrokerProcess::start("--nodes 2 --partitions 4");
    let at = |topic: &str| {
        format!("--bootstrap-server {} --topic {topic} --records 5_000", broker.bootstrap_servers)
    };
    let expected = measure(&format!("produce {}", at("plain")))["checksum"].clone();
    let cases = [
        "--acks 1",
        "--acks 0",
        "--no-idempotence --max-in-flight 20",
        "--compression gzip --compression-level 9 --buffer-memory 1_000_000 --batch-size 20_000",
        "--tasks 3 --threads 2",
        "--tasks 7 --rate 100_000",
        "--keys 100 --key-size 10",
    ];
    for (number, options) in cases.into_iter().enumerate() {
        let topic = format!("case-{number}");
        let line = measure(&format!("produce {} {options}", at(&topic)));
        let bytes = 5_000 * (100 + if options.contains("--keys") { 10 } else { 0 });
        assert_eq!((&line["n"], &line["bytes"]), (&Value::from(5_000), &Value::from(bytes)), "{options}");
        assert_eq!(line["checksum"], expected, "{options}");
        let consumed = measure(&format!("consume {}", at(&topic)));
        assert_eq!((&consumed["checksum"], &consumed["bytes"]), (&expected, &line["bytes"]), "{options}");
    }
}

#[test]
fn latencies_of_several_tasks_are_those_of_all_records() {
    let broker = BrokerProcess::start("");
    let at = format!("--bootstrap-server {} --topic t --records 101", broker.bootstrap_servers);
    let one = measure(&format!("latency {at}"));
    let four = measure(&format!("latency {at} --tasks 4 --keys 3"));
    assert_eq!((&one["n"], &four["n"]), (&Value::from(101), &Value::from(101)));
    assert_eq!(one["checksum"], four["checksum"]);
}

#[test]
fn settings_are_measured_in_turns_and_compared() {
    let broker = BrokerProcess::start("");
    let at = format!("--bootstrap-server {} --topic t --records 300", broker.bootstrap_servers);
    let lines = measure_all(&format!("produce {at} --linger-ms 0,2 --rounds 2"));
    let turns: Vec<_> =
        lines.iter().map(|line| (line["round"].as_u64(), line["linger_ms"].as_u64())).collect();
    let expected = [(1, 0), (1, 2), (2, 2), (2, 0)].map(|(round, linger)| (Some(round), Some(linger)));
    assert_eq!(turns, expected);

    for operation in ["produce", "latency", "e2e"] {
        let finished = ottla(&format!("bench {operation} {at} --compression none,lz4"));
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        for part in ["300 records", "uncompressed", "lz4", "CPU us a record"] {
            assert!(finished.stdout.contains(part), "{part} in {}", finished.stdout);
        }
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
